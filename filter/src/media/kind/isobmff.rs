//! Files of boxes (ISO/IEC 14496-12): AVIF, MP4 and its kin, by the brands of the `ftyp` box.

use super::Kind;

/// The type, or `None` where the first box is none that such a file begins with.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    let name = bytes.get(4..8)?;
    match name {
        b"ftyp" => Some(by_brands(bytes)),
        // QuickTime from before there were brands.
        b"moov" | b"mdat" | b"wide" | b"free" if is_size(bytes) => Some(Kind::Playable("video/quicktime")),
        _ => None,
    }
}

/// Whether it begins with the size of a box rather than with text, in which these words occur too.
fn is_size(bytes: &[u8]) -> bool {
    let [first @ ..0x20, b, c, d, ..] = bytes else { return false };
    matches!(u32::from_be_bytes([*first, *b, *c, *d]), 0 | 1 | 8..)
}

fn by_brands(bytes: &[u8]) -> Kind {
    let major = bytes.get(8..12).unwrap_or_default();
    // The minor version is between the major brand and the compatible ones.
    let compatible = || {
        let size = match bytes {
            [a, b, c, d, ..] => usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX),
            _ => 0,
        };
        bytes.get(16..size.min(bytes.len())).unwrap_or_default().chunks_exact(4)
    };
    let media_type = match major {
        b"avif" | b"avis" => return Kind::Avif,
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"jpeg" | b"jpgs" | b"j2ki"
        | b"j2is" | b"vvic" | b"vvis" | b"avci" | b"avcs" | b"jp2 " | b"jpx " | b"jpm " | b"jxl " | b"crx " => {
            return Kind::Unknown;
        }
        // The structural brands of HEIF (`mif1`) say nothing of the codec.
        _ if compatible().any(|brand| matches!(brand, b"avif" | b"avis")) => return Kind::Avif,
        b"mif1" | b"mif2" | b"mif3" | b"msf1" | b"miaf" => return Kind::Unknown,
        b"qt  " => "video/quicktime",
        b"M4V " | b"M4VH" | b"M4VP" => "video/x-m4v",
        b"M4A " => "audio/x-m4a",
        b"M4B " | b"F4A " | b"F4B " => "audio/mp4",
        [b'3', b'g', b'2', _] => "video/3gpp2",
        [b'3', b'g', _, _] => "video/3gpp",
        // There are more brands of MP4 than any list has. A brand is of printable characters.
        brand if brand.len() == 4 && brand.iter().all(|byte| matches!(byte, b' '..=b'~')) && brand != b"    " => {
            "video/mp4"
        }
        _ => return Kind::Unknown,
    };
    Kind::Playable(media_type)
}
