//! Text as people read it, for comparing words.

/// Lower case, by Unicode's simple rules for each character.
pub fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

/// Takes HTML tags out and undoes character references; `None` when there are neither. A `<` that opens no tag stays.
pub fn strip_html(html: &str) -> Option<String> {
    if !html.contains(['<', '&']) {
        return None;
    }
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, special) = rest.split_at_checked(at)?;
        plain.push_str(before);
        let (replacement, length) = match special.strip_prefix('<') {
            Some(_) => match special.find('>') {
                Some(end) => (None, end.saturating_add(1)),
                None => (Some('<'), 1),
            },
            None => character_reference(special).map_or((Some('&'), 1), |(c, length)| (Some(c), length)),
        };
        plain.extend(replacement);
        rest = special.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    Some(plain)
}

/// The longest character reference that is read, in bytes.
const MAX_REFERENCE_BYTES: usize = 12;

/// The character that the reference at the start of `text` stands for, and the length of the reference.
fn character_reference(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(MAX_REFERENCE_BYTES).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((character, end.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_read() {
        assert_eq!(fold("ＡBCÉ荒らし"), "ａbcé荒らし");
        for (html, plain) in [
            ("<p>a<br/>b</p>", Some("ab")),
            ("a &amp; b &#38; &#x26; &lt;", Some("a & b & & <")),
            ("1 < 2", Some("1 < 2")),
            ("&unknown; &#xffffffff; &", Some("&unknown; &#xffffffff; &")),
            ("&é; <", Some("&é; <")),
            ("plain", None),
        ] {
            assert_eq!(strip_html(html).as_deref(), plain, "{html}");
        }
    }
}
