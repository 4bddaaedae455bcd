//! MPEG sound: frames that begin with twelve ones (ISO/IEC 11172-3), AAC in ADTS (ISO/IEC 13818-7), and ID3 tags before either.

use super::Kind;

/// The type of what begins with an ID3 tag or eleven ones.
pub(super) fn sound(bytes: &[u8]) -> Kind {
    let Some(length) = tag_length(bytes) else { return frames(bytes) };
    match bytes.get(length..) {
        Some([b'f', b'L', b'a', b'C', ..]) => Kind::Playable("audio/flac"),
        Some(rest) if frames(rest) != Kind::Unknown => frames(rest),
        // A cover picture may be larger than what is looked at, and some tags are followed by padding.
        _ => Kind::Playable("audio/mpeg"),
    }
}

/// The length of an ID3v2 tag with its head, whose size has seven bits a byte.
fn tag_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            let size = [a, b, c, d].into_iter().fold(0_usize, |size, byte| (size << 7) | usize::from(byte & 0x7f));
            size.checked_add(10)
        }
        [b'I', b'D', b'3', ..] => Some(usize::MAX),
        _ => None,
    }
}

/// Two frames in a row, or as much of them as there is: eleven ones alone are too common.
fn frames(bytes: &[u8]) -> Kind {
    let Some((length, media_type)) = frame(bytes) else { return Kind::Unknown };
    let follows = match bytes.get(length..) {
        Some(next) if next.len() >= 7 => frame(next).is_some_and(|(_, next)| next == media_type),
        _ => true,
    };
    if follows { Kind::Playable(media_type) } else { Kind::Unknown }
}

/// The length and the type of the frame at the start.
fn frame(bytes: &[u8]) -> Option<(usize, &'static str)> {
    let [0xff, second @ 0xe0..=0xff, third, fourth, rest @ ..] = bytes else { return None };
    // FF FE is the byte order mark of UTF-16 rather than Layer I.
    if *second == 0xfe {
        return None;
    }
    match (second & 0xf6, rest) {
        (0xf0, [fifth, sixth, ..]) => {
            let frequency = (third >> 2) & 0x0f;
            let length = usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
            (frequency < 13 && length >= 7).then_some((length, "audio/aac"))
        }
        (0xf0, _) => None,
        _ => Some((layer_length(*second, *third)?, "audio/mpeg")),
    }
}

/// Kilobits a second of MPEG-1 layers I, II and III, and of MPEG-2 layers I, and II and III, by the index in the head less one.
const KILOBITS: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

fn layer_length(second: u8, third: u8) -> Option<usize> {
    let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
    // 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5; 3 is layer I, 2 II, 1 III.
    let (row, halving) = match (version, layer) {
        (1, _) | (_, 0) => return None,
        (3, layer) => (3_usize.checked_sub(usize::from(layer))?, 0),
        (_, 3) => (3, if version == 2 { 1 } else { 2 }),
        (_, _) => (4, if version == 2 { 1 } else { 2 }),
    };
    let index = usize::from(third >> 4).checked_sub(1)?;
    let bits = usize::from(*KILOBITS.get(row)?.get(index)?).checked_mul(1000)?;
    let hertz = [44_100_usize, 48_000, 32_000].get(usize::from((third >> 2) & 3))? >> halving;
    let padding = usize::from((third >> 1) & 1);
    let length = match (layer, version) {
        (3, _) => (bits.checked_mul(12)?.checked_div(hertz)?.checked_add(padding)?).checked_mul(4)?,
        (1, 0 | 2) => bits.checked_mul(72)?.checked_div(hertz)?.checked_add(padding)?,
        _ => bits.checked_mul(144)?.checked_div(hertz)?.checked_add(padding)?,
    };
    Some(length)
}
