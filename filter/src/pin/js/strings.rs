//! What the text between quotes stands for (ECMA-262 section 12.9.4).

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Undoes the escapes. What is no escape stands for itself; half a pair of surrogates becomes U+FFFD.
pub fn cook(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['\\', '\r']) {
        return Cow::Borrowed(raw);
    }
    let mut cooked = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Only in templates: a line ends with LF there, however it was written.
            '\r' => {
                chars.next_if_eq(&'\n');
                cooked.push('\n');
            }
            '\\' => escape(&mut chars, &mut cooked),
            c => cooked.push(c),
        }
    }
    Cow::Owned(cooked)
}

fn escape(chars: &mut Peekable<Chars<'_>>, cooked: &mut String) {
    let Some(c) = chars.next() else { return };
    match c {
        'n' => cooked.push('\n'),
        't' => cooked.push('\t'),
        'r' => cooked.push('\r'),
        'b' => cooked.push('\u{8}'),
        'f' => cooked.push('\u{c}'),
        'v' => cooked.push('\u{b}'),
        // The line goes on.
        '\r' => drop(chars.next_if_eq(&'\n')),
        '\n' | '\u{2028}' | '\u{2029}' => {}
        'x' => cooked.push(digits(chars, 16, 2).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)),
        'u' => unicode(chars, cooked),
        '0'..='7' => {
            let mut value = c.to_digit(8).unwrap_or_default();
            let more = if c <= '3' { 2 } else { 1 };
            for _ in 0..more {
                let Some(digit) = chars.next_if(|c| c.is_digit(8)).and_then(|c| c.to_digit(8)) else { break };
                value = value * 8 + digit;
            }
            cooked.extend(char::from_u32(value));
        }
        c => cooked.push(c),
    }
}

fn unicode(chars: &mut Peekable<Chars<'_>>, cooked: &mut String) {
    let value = if chars.next_if_eq(&'{').is_some() {
        let text: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit)).collect();
        chars.next_if_eq(&'}');
        u32::from_str_radix(&text, 16).ok()
    } else {
        digits(chars, 16, 4)
    };
    let high = value.filter(|value| (0xd800..0xdc00).contains(value));
    if let Some(high) = high {
        let mut ahead = chars.clone();
        let low =
            (ahead.next() == Some('\\') && ahead.next() == Some('u')).then(|| digits(&mut ahead, 16, 4)).flatten();
        if let Some(low) = low.filter(|low| (0xdc00..0xe000).contains(low)) {
            *chars = ahead;
            cooked.extend(char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
            return;
        }
    }
    cooked.push(value.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
}

fn digits(chars: &mut Peekable<Chars<'_>>, radix: u32, count: usize) -> Option<u32> {
    let mut value = 0;
    for _ in 0..count {
        value = value * radix + chars.next_if(|c| c.is_digit(radix))?.to_digit(radix)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (raw, cooked) in [
            ("a", "a"),
            (r"\n\t\\\'\z", "\n\t\\'z"),
            (r"\x2fa\u002fb\u{2f}c", "/a/b/c"),
            (r"\ud83d\ude00", "\u{1f600}"),
            (r"\ud83d!\ude00", "\u{fffd}!\u{fffd}"),
            (r"\0\101\477", "\0A\u{27}7"),
            ("a\\\r\nb\r\nc", "ab\nc"),
            (r"\x2", "\u{fffd}"),
            (r"\u{110000}", "\u{fffd}"),
            ("\\", ""),
        ] {
            assert_eq!(cook(raw), cooked, "{raw}");
        }
    }
}
