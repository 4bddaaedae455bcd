//! WebM: a Matroska file (RFC 9559) whose `DocType` says so. EBML (RFC 8794) is elements of an id, a size and a body.

use super::Kind;

const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;

/// The type. Sound only when all tracks are known to be; other Matroska is not what browsers play.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    let Some((head, rest)) = element(bytes) else { return Kind::Unknown };
    let doc_type = Elements(head.body).find(|inner| inner.id == DOC_TYPE);
    // The text may be padded with NUL (RFC 8794 section 13).
    let is_webm = doc_type.is_some_and(|found| found.body.split(|byte| *byte == 0).next() == Some(b"webm"));
    if !is_webm {
        return Kind::Unknown;
    }
    let is_sound = only_sound(rest).unwrap_or(false);
    Kind::Playable(if is_sound { "audio/webm" } else { "video/webm" })
}

/// Whether all tracks are sound, if the bytes reach so far.
fn only_sound(bytes: &[u8]) -> Option<bool> {
    let segment = Elements(bytes).find(|found| found.id == SEGMENT)?;
    let tracks = Elements(segment.body).find(|found| found.id == TRACKS)?;
    if !tracks.is_whole {
        return None;
    }
    let mut types = Elements(tracks.body)
        .filter(|entry| entry.id == TRACK_ENTRY)
        .map(|entry| Elements(entry.body).find(|field| field.id == TRACK_TYPE).map(|field| field.body));
    let first = types.next()?;
    Some(std::iter::once(first).chain(types).all(|body| body == Some(&[2])))
}

struct Element<'b> {
    id: u32,
    /// As much of it as there is.
    body: &'b [u8],
    is_whole: bool,
}

/// Elements in a row, up to the first that cannot be read.
struct Elements<'b>(&'b [u8]);

impl<'b> Iterator for Elements<'b> {
    type Item = Element<'b>;

    fn next(&mut self) -> Option<Element<'b>> {
        let (found, rest) = element(self.0)?;
        self.0 = rest;
        Some(found)
    }
}

fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (id, rest) = number(bytes, 4)?;
    let (size, rest) = number(rest, 8)?;
    let width = 8_u32.saturating_sub(size.bits_of_marker);
    // All ones is a size that is not known: the element goes on to the end.
    let unknown = size.value == (1_u64 << (7 * width)).wrapping_sub(1);
    let length = if unknown { usize::MAX } else { usize::try_from(size.value).unwrap_or(usize::MAX) };
    let (body, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    let is_whole = body.len() == length;
    Some((Element { id: u32::try_from(id.raw).ok()?, body, is_whole }, rest))
}

struct Number {
    /// With the marker, as ids are written.
    raw: u64,
    /// Without.
    value: u64,
    /// Eight less its length in bytes.
    bits_of_marker: u32,
}

/// A number of a variable length of at most eight bytes, which the zeros before the first one tell.
fn number(bytes: &[u8], max_bytes: u32) -> Option<(Number, &[u8])> {
    let first = *bytes.first()?;
    let length = first.leading_zeros().checked_add(1).filter(|length| *length <= max_bytes)?;
    let (digits, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    let raw = digits.iter().fold(0_u64, |number, digit| (number << 8) | u64::from(*digit));
    let value = raw & !(1_u64 << (7 * length));
    Some((Number { raw, value, bits_of_marker: 8_u32.saturating_sub(length) }, rest))
}
