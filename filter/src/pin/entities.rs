//! Character references in attribute values (HTML section 13.2.5.72), as far as handlers and URLs have them.

use std::borrow::Cow;

/// What is decoded. All others of the 2,231 names are answered with `None`: what cannot be read is not trusted.
const KNOWN: [(&str, char); 9] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("nbsp", '\u{a0}'),
];

/// The names that need no `;`, beside those of [`KNOWN`].
const LEGACY: [&str; 97] = [
    "AElig", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil", "ETH", "Eacute", "Ecirc",
    "Egrave", "Euml", "Iacute", "Icirc", "Igrave", "Iuml", "Ntilde", "Oacute", "Ocirc", "Ograve", "Oslash", "Otilde",
    "Ouml", "REG", "THORN", "Uacute", "Ucirc", "Ugrave", "Uuml", "Yacute", "aacute", "acirc", "acute", "aelig",
    "agrave", "aring", "atilde", "auml", "brvbar", "ccedil", "cedil", "cent", "copy", "curren", "deg", "divide",
    "eacute", "ecirc", "egrave", "eth", "euml", "frac12", "frac14", "frac34", "iacute", "icirc", "iexcl", "igrave",
    "iquest", "iuml", "laquo", "macr", "micro", "middot", "not", "ntilde", "oacute", "ocirc", "ograve", "ordf", "ordm",
    "oslash", "otilde", "ouml", "para", "plusmn", "pound", "raquo", "reg", "sect", "shy", "sup1", "sup2", "sup3",
    "szlig", "thorn", "times", "uacute", "ucirc", "ugrave", "uml", "uuml", "yacute", "yen", "yuml",
];

/// Decodes the value of an attribute; `None` if it has a reference that is not known here.
pub(super) fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains('&') {
        return Some(Cow::Borrowed(value));
    }
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let (c, used) = match after.strip_prefix('#') {
            Some(number) => numeric(number)?,
            None => named(after)?,
        };
        decoded.push(c);
        rest = after.get(used..)?;
    }
    decoded.push_str(rest);
    Some(Cow::Owned(decoded))
}

/// The character, and how many bytes after `&` make it.
fn numeric(number: &str) -> Option<(char, usize)> {
    let (digits, radix, prefix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 2),
        None => (number, 10, 1),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    if length == 0 {
        return Some(('&', 0));
    }
    let value = u32::from_str_radix(digits.get(..length)?, radix).unwrap_or(u32::MAX);
    let c = match value {
        // Read as windows-1252 by browsers. Nobody writes that.
        0x80..0xa0 => return None,
        0 => char::REPLACEMENT_CHARACTER,
        value => char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    let semicolon = usize::from(digits.get(length..)?.starts_with(';'));
    Some((c, prefix + length + semicolon))
}

fn named(after: &str) -> Option<(char, usize)> {
    let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(length)?;
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    match (known, rest.starts_with(';')) {
        (Some((_, c)), true) => Some((*c, length + 1)),
        (None, true) if name == "apos" => Some(('\'', length + 1)),
        (None, true) if !name.is_empty() => None,
        // `&copy=1` of a query is no reference; nor is `&copyright`, of which a name is only the beginning.
        _ if rest.starts_with('=') => Some(('&', 0)),
        (Some((_, c)), false) => Some((*c, length)),
        (None, _) if LEGACY.contains(&name) => None,
        (None, _) => Some(('&', 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for (value, decoded) in [
            ("a", Some("a")),
            ("a&amp;b&lt;&gt;&quot;&apos;&#39;&#x27;", Some("a&b<>\"'''")),
            ("?a=1&b=2&copy=3&amp=4&amp;c", Some("?a=1&b=2&copy=3&amp=4&c")),
            ("a&&b()&c", Some("a&&b()&c")),
            ("a&amp", Some("a&")),
            ("a&ampb", Some("a&ampb")),
            ("&#0;&#xd800;&#x110000;&#;&", Some("\u{fffd}\u{fffd}\u{fffd}&#;&")),
            ("&#65b&#13;", Some("Ab\r")),
            ("&copy;", None),
            ("a&copy", None),
            ("&rarr;", None),
            ("&#128;", None),
        ] {
            assert_eq!(decode(value).as_deref(), decoded, "{value}");
        }
    }
}
