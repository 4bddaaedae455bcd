//! Texts of a stranger's page. Frontends write them as text; what is left to do is what text itself can do.

use std::borrow::Cow;

/// The longest text that is kept, in characters. Summaly cuts titles at 100 and descriptions at 300, but not names of sites.
const MAX_CHARS: usize = 1000;

/// What stands where the rest was left out.
const CUT: char = '…';

/// The longest name of a user with its host, in bytes: 64 and 253, and two `@`.
const MAX_ACCT_BYTES: usize = 319;

/// The longest word, in bytes.
const MAX_WORD_BYTES: usize = 32;

/// A text without control characters, and without the two characters that turn the order of all that follows. Direction marks and isolates stay: names
/// in Arabic and Hebrew need them, and they reach no further than their paragraph.
pub fn text(text: &str) -> Cow<'_, str> {
    let is_fit = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || matches!(c, '\u{202d}' | '\u{202e}'));
    // Bytes are no fewer than characters.
    let is_short = text.len() <= MAX_CHARS || text.chars().nth(MAX_CHARS).is_none();
    if is_short && text.chars().all(is_fit) {
        return Cow::Borrowed(text);
    }
    let mut kept: String = text.chars().filter(|c| is_fit(*c)).take(MAX_CHARS.saturating_add(1)).collect();
    if kept.chars().nth(MAX_CHARS).is_some() {
        let end = kept.char_indices().nth(MAX_CHARS.saturating_sub(1)).map_or(0, |(at, _)| at);
        kept.truncate(end);
        kept.push(CUT);
    }
    Cow::Owned(kept)
}

/// Whether a text is the name of a user: `@alice@a.example`, with or without the first `@`, or with a name alone.
pub fn is_acct(text: &str) -> bool {
    let rest = text.strip_prefix('@').unwrap_or(text);
    let (name, host) = rest.split_once('@').map_or((rest, None), |(name, host)| (name, Some(host)));
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_host = |host: &str| !host.is_empty() && host.chars().all(|c| is_name(c) || c == ':');
    text.len() <= MAX_ACCT_BYTES && !name.is_empty() && name.chars().all(is_name) && host.is_none_or(is_host)
}

/// Whether a text is a single word, such as `summary_large_image`.
pub fn is_word(text: &str) -> bool {
    (1..=MAX_WORD_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether a browser could take a text for a URL: an absolute one, or one to another place on some host.
pub fn may_be_url(text: &str) -> bool {
    // What the URL parser leaves out (WHATWG URL, basic URL parser, steps 1 and 3).
    let text: String =
        text.trim_start_matches(|c| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).take(64).collect();
    let Some((scheme, rest)) = text.split_once(':') else { return text.starts_with(['/', '\\']) };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let runs = ["javascript", "data", "vbscript"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    // `Error: it failed` is a text.
    text.starts_with(['/', '\\']) || (is_scheme && (runs || !rest.starts_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (given, expected) in [
            ("", ""),
            ("a\n\tb é 😀 <b>'\"", "a\n\tb é 😀 <b>'\""),
            ("a\0b\u{7f}c\u{85}d\u{1b}[31m\r", "abcd[31m"),
            ("\u{202e}gpj.exe\u{202d}", "gpj.exe"),
            ("\u{2067}שלום\u{2069}\u{200f}", "\u{2067}שלום\u{2069}\u{200f}"),
        ] {
            assert_eq!(text(given), expected);
        }
        let exact = "é".repeat(MAX_CHARS);
        assert!(matches!(text(&exact), Cow::Borrowed(_)));
        let long = text(&format!("{exact}x")).into_owned();
        assert_eq!((long.chars().count(), long.ends_with("é…")), (MAX_CHARS, true));
        assert!(matches!(text(&long), Cow::Borrowed(_)));
        let controls = format!("{}\0{}", "a".repeat(MAX_CHARS), "b".repeat(10));
        assert_eq!(text(&controls).chars().count(), MAX_CHARS);
    }

    #[test]
    fn users() {
        for good in [
            "@test@example.com",
            "alice@a.example",
            "@alice",
            "a.b_c-d@xn--931a.moe",
            "@a@例え.jp",
            "@a@a.example:8443",
        ] {
            assert!(is_acct(good), "{good}");
        }
        for bad in [
            "",
            "@",
            "@@a.example",
            "@a@",
            "@a@b@c",
            "https://a.example/@a",
            "@a b@c",
            "@a@b/c",
            "@a@b\n",
            "@a@b?c",
            "<b>",
        ] {
            assert!(!is_acct(bad), "{bad}");
        }
        assert!(!is_acct(&"a".repeat(MAX_ACCT_BYTES + 1)));
    }

    #[test]
    fn urls() {
        for url in [
            "https://a",
            "HTTPS:a",
            "//a",
            "/a",
            "\\\\a",
            " \u{1}/a",
            "java\nscript:1",
            "javascript: 1",
            "data: x",
            "x-app:y",
            "mailto:a@b",
            "\t/x",
        ] {
            assert!(may_be_url(url), "{url:?}");
        }
        for text in ["", "a", "a/b", "Error: it failed", "12:30", "é:x", "a b:c", ":x", "see https://a.example"] {
            assert!(!may_be_url(text), "{text:?}");
        }
    }
}
