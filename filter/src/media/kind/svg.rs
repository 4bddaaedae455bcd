//! SVG: XML whose root is called `svg`. No XML parser is needed to find the root, and none is trusted with what is only a guess.

use super::{Kind, MAX_SNIFF_BYTES, Sniffed};

/// Whether the bytes are SVG. What is larger than [`MAX_SNIFF_BYTES`] is none.
pub(super) fn sniff(bytes: &[u8], whole: bool) -> Sniffed {
    if bytes.len() > MAX_SNIFF_BYTES {
        return Sniffed::Kind(Kind::Unknown);
    }
    match (root(bytes), whole) {
        (Root::Svg, true) => Sniffed::Kind(Kind::Svg),
        (Root::Svg | Root::Open, false) => Sniffed::More,
        (Root::Other, _) | (Root::Open, true) => Sniffed::Kind(Kind::Unknown),
    }
}

/// What is compressed by gzip is taken for SVG as long as it is small enough: only a worker may inflate it, and refuses what it finds to be something else.
pub(super) fn compressed(bytes: &[u8], whole: bool) -> Sniffed {
    match whole {
        _ if bytes.len() > MAX_SNIFF_BYTES => Sniffed::Kind(Kind::Unknown),
        true => Sniffed::Kind(Kind::Svg),
        false => Sniffed::More,
    }
}

/// What the first element is.
enum Root {
    Svg,
    Other,
    /// The bytes end before it.
    Open,
}

/// Skips the prolog (XML 1.0 section 2.8): byte order mark, space, processing instructions, comments, the document type.
fn root(bytes: &[u8]) -> Root {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        let skipped = match rest {
            [b'<', b'?', inner @ ..] => after(inner, b"?>"),
            [b'<', b'!', b'-', b'-', inner @ ..] => after(inner, b"-->"),
            _ => match rest.strip_prefix(b"<!DOCTYPE") {
                Some(inner) => after_doctype(inner),
                None => return element(rest),
            },
        };
        match skipped {
            Some(next) => rest = next,
            None => return Root::Open,
        }
    }
}

fn element(bytes: &[u8]) -> Root {
    let name = match bytes {
        [b'<', name @ ..] => name,
        [] => return Root::Open,
        _ => return Root::Other,
    };
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let Some(end) = name.iter().position(ends) else {
        // No name is so long; the beginning of a document type is one of those that are not known yet.
        return if name.len() < 64 { Root::Open } else { Root::Other };
    };
    let name = name.get(..end).unwrap_or_default();
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    if local == b"svg" { Root::Svg } else { Root::Other }
}

/// What follows the first `mark`.
fn after<'b>(bytes: &'b [u8], mark: &[u8]) -> Option<&'b [u8]> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    bytes.get(at.saturating_add(mark.len())..)
}

/// What follows a document type. Its internal subset is in brackets; what is quoted or in a comment does not count.
fn after_doctype(bytes: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut quote, mut in_subset) = (bytes, None, false);
    loop {
        let (byte, next) = rest.split_first()?;
        rest = next;
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'[') => in_subset = true,
            (None, b']') => in_subset = false,
            (None, b'>') if !in_subset => return Some(rest),
            (None, b'<') => {
                if let Some(comment) = rest.strip_prefix(b"!--") {
                    rest = after(comment, b"-->")?;
                }
            }
            (None, _) => {}
        }
    }
}
