//! PNG, and whether it moves (PNG third edition, sections 5.3 and 11.3.6).

use super::{Kind, MAX_SNIFF_BYTES, Sniffed};

/// Goes through the chunks after the signature: `acTL` before the first `IDAT` makes it an APNG.
pub(super) fn sniff(chunks: &[u8], whole: bool) -> Sniffed {
    let mut rest = chunks;
    let mut at = 0_usize;
    loop {
        let (length, name) = match rest {
            [a, b, c, d, name @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), name.get(..4)),
            _ => (0, None),
        };
        let Some(name) = name else { break };
        match name {
            b"acTL" => return Sniffed::Kind(Kind::Apng),
            b"IDAT" | b"IEND" => return Sniffed::Kind(Kind::Png),
            _ => {}
        }
        // Length, name and checksum are four bytes each.
        at = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).saturating_add(12);
        match chunks.get(at..) {
            Some(next) => rest = next,
            None => break,
        }
    }
    let is_open = !whole && at.max(chunks.len()) < MAX_SNIFF_BYTES;
    if is_open { Sniffed::More } else { Sniffed::Kind(Kind::Png) }
}
