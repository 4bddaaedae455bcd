//! Entity tags that also name what we made of a page: a browser that revalidates must not keep a body under the policy of another.

/// What stands before our number.
const MARK: &str = "-sk";
/// How many digits the number has: hexadecimal, all 32 bits.
const DIGITS: usize = 8;

/// The tag of a page (RFC 9110 section 8.8.3), with our number in it. `None` when it is no tag.
pub fn mark(tag: &[u8], number: u32) -> Option<String> {
    let tag = std::str::from_utf8(tag).ok()?.trim_matches([' ', '\t']);
    let inner = tag.strip_prefix("W/").unwrap_or(tag).strip_suffix('"')?;
    // Weak: what compresses behind us drops a strong one.
    is_tag(tag).then(|| format!("W/{inner}{MARK}{number:08x}\""))
}

/// The server's own tags of an `If-None-Match` that names ours; `None` when none is of this number, and nothing is left to ask.
pub fn unmark(if_none_match: &[u8], number: u32) -> Option<String> {
    let text = std::str::from_utf8(if_none_match).ok()?;
    let ours = format!("{MARK}{number:08x}\"");
    let tags = text.split(',').map(|tag| tag.trim_matches([' ', '\t']));
    let own = tags.filter(|tag| is_tag(tag)).filter_map(|tag| Some(format!("{}\"", tag.strip_suffix(&ours)?)));
    let own: Vec<String> = own.collect();
    (!own.is_empty()).then(|| own.join(", "))
}

/// Whether a tag has a number of ours in it, whichever: the page has been through us.
pub fn is_marked(tag: &[u8]) -> bool {
    let inner = tag.trim_ascii().strip_suffix(b"\"").unwrap_or_default();
    let number =
        inner.split_at_checked(inner.len().saturating_sub(DIGITS)).filter(|(rest, _)| rest.ends_with(MARK.as_bytes()));
    number.is_some_and(|(_, number)| number.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Whether a text is one entity tag. A comma within is none that anybody sends, and would make a list.
fn is_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| inner.bytes().all(|b| b != b'"' && b != b',' && b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(mark(b"\"abc\"", 0x1f).as_deref(), Some("W/\"abc-sk0000001f\""));
        assert_eq!(mark(b"W/\"abc\"", 1).as_deref(), Some("W/\"abc-sk00000001\""));
        assert_eq!(unmark(b"\"abc-sk0000001f\"", 0x1f).as_deref(), Some("\"abc\""));
        assert_eq!(unmark(b"\"x\", W/\"abc-sk0000001f\" , \"y-sk00000002\"", 0x1f).as_deref(), Some("W/\"abc\""));
        for other in ["\"abc\"", "*", "", "\"abc-sk00000002\"", "abc-sk0000001f", "\"a\"b-sk0000001f\""] {
            assert_eq!(unmark(other.as_bytes(), 0x1f), None, "{other}");
        }
        for (tag, ours) in [
            ("W/\"abc-sk0000001f\"", true),
            ("\"abc-sk0000001f\" ", true),
            ("\"abc-sk0000001F\"", false),
            ("\"abc-sk000001f\"", false),
            ("\"0000001f\"", false),
            ("\"1f\"", false),
            ("\"abc-sk0000001f-gzip\"", false),
            ("abc-sk0000001f", false),
            ("", false),
        ] {
            assert_eq!(is_marked(tag.as_bytes()), ours, "{tag}");
        }
        assert!(is_marked(mark(b"\"abc\"", u32::MAX).unwrap().as_bytes()));
        for no_tag in ["abc", "\"", "", "\"a,b\"", "\"a\"b\""] {
            assert_eq!(mark(no_tag.as_bytes(), 1), None, "{no_tag}");
        }
    }
}
