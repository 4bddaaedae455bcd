//! Text as people read it, for comparing words.

use std::borrow::Cow;

/// Lower case by Unicode's simple rules for each character, without the characters that nobody sees.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect()
    }
}

/// Soft hyphens, joiners, direction marks, variation selectors and the like (Unicode's default ignorable code points, as far as they are
/// used to break words apart).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The ways to read what may be HTML: as it stands, with its character references undone, and without its tags too.
pub fn readings(html: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let as_is = std::iter::once(Cow::Borrowed(html));
    let decoded = html.contains('&').then(|| Cow::Owned(undo_references(html)));
    let plain = html.contains('<').then(|| Cow::Owned(undo_references(&strip_tags(html))));
    as_is.chain(decoded).chain(plain)
}

/// Takes tags and comments out. A `<` that opens none stays. Takes time in proportion to the length.
fn strip_tags(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    // Where one tag or comment does not end, none after it is looked for.
    let (mut tags_end, mut comments_end) = (true, true);
    while let Some((before, special)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        plain.push_str(before);
        let length = if special.starts_with("<!--") {
            let length = if comments_end { comment_length(special) } else { None };
            comments_end = length.is_some();
            length
        } else if tags_end && opens_tag(special) {
            let length = tag_length(special);
            tags_end = length.is_some();
            length
        } else {
            None
        };
        if length.is_none() {
            plain.push('<');
        }
        rest = special.get(length.unwrap_or(1)..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The length of the comment at the start of `text`, in bytes. It ends at `-->` or `--!>`.
fn comment_length(text: &str) -> Option<usize> {
    let mut at = 0_usize;
    while let Some(dashes) = text.get(at..).and_then(|rest| rest.find("--")) {
        at = at.saturating_add(dashes).saturating_add(1);
        let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
        let end = if rest.starts_with('>') { 2 } else { 3 };
        if rest.starts_with('>') || rest.starts_with("!>") {
            return Some(at.saturating_add(end));
        }
    }
    None
}

/// Whether a `<` at the start of `text` opens a tag or a declaration (HTML, tag open state).
fn opens_tag(text: &str) -> bool {
    let next = text.as_bytes().get(1);
    next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?'))
}

/// The length of the tag at the start of `text`, in bytes. A `>` in a quoted attribute value does not end it.
fn tag_length(text: &str) -> Option<usize> {
    let (mut quote, mut after_equals) = (None, false);
    let end = text.bytes().position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, b'>') => return true,
            _ => {}
        }
        after_equals = byte == b'=' || (after_equals && byte.is_ascii_whitespace());
        false
    });
    end.map(|end| end.saturating_add(1))
}

/// Undoes character references, with or without their semicolon.
fn undo_references(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, special)) = rest.find('&').and_then(|at| rest.split_at_checked(at)) {
        plain.push_str(before);
        let (character, length) = character_reference(special).unwrap_or(('&', 1));
        plain.push(character);
        rest = special.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The longest character reference that is read, in bytes.
const MAX_REFERENCE_BYTES: usize = 32;

/// Named references that matter to words and links. The others of HTML's two thousand stay as they are.
const NAMED: [(&str, char); 16] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("period", '.'),
    ("comma", ','),
    ("colon", ':'),
    ("sol", '/'),
    ("commat", '@'),
    ("num", '#'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("shy", '\u{ad}'),
    ("ZeroWidthSpace", '\u{200b}'),
];

/// The character that the reference at the start of `text` stands for, and the length of the reference.
fn character_reference(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    let length = name.bytes().take(MAX_REFERENCE_BYTES).take_while(allowed).count();
    let mut name = name.get(..length)?;
    let character = match name.strip_prefix('#') {
        None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)?,
        Some(number) => {
            let (digits, radix) = match number.strip_prefix(['x', 'X']) {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            let count = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
            let prefix = name.len().saturating_sub(digits.len());
            name = name.get(..prefix.saturating_add(count))?;
            char::from_u32(u32::from_str_radix(digits.get(..count)?, radix).ok()?)?
        }
    };
    let end = name.len().saturating_add(1);
    let semicolon = usize::from(text.get(end..).is_some_and(|rest| rest.starts_with(';')));
    Some((character, end.saturating_add(semicolon)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_read() {
        assert_eq!(fold("ＡBCÉ荒らし"), "ａbcé荒らし");
        assert_eq!(fold("s\u{200b}p\u{ad}am\u{feff}"), "spam");
        for (html, plain) in [
            ("<p>a<br/>b</p>", "ab"),
            ("a &amp; b &#38; &#x26; &lt;", "a & b & & <"),
            ("1 < 2", "1 < 2"),
            ("&unknown; &#xffffffff; &", "&unknown; &#xffffffff; &"),
            ("&é; <", "&é; <"),
            ("a < b &#67;> c<b", "a < b C> c<b"),
            ("a<!-- > -->b<!-- c", "ab<!-- c"),
            ("a<p title=it's>x</p>b<b'>c</b/\">d", "axbcd"),
            ("a<!-- x --!>b<!-->c--><!--->d", "abc-->d"),
            ("a<b title=\">\" x='>'>c", "ac"),
            ("&#46org &#0000000000000046; &#xg;", ".org . &#xg;"),
            ("plain", "plain"),
        ] {
            assert_eq!(readings(html).last().as_deref(), Some(plain), "{html}");
        }
    }

    #[test]
    fn time_grows_with_the_length_only() {
        for piece in ["<", "<a ", "<!--", "<a \"", "&", "&#", "<>", "<a'"] {
            let text = piece.repeat(1_000_000 / piece.len());
            assert!(readings(&text).map(|reading| reading.len()).sum::<usize>() > 0, "{piece}");
        }
    }
}
