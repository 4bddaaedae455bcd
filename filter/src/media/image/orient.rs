//! The orientation that EXIF tells (TIFF tag 274), and turning by it.

use super::limits::MAX_EXIF_BYTES;
use super::pixels::Pixels;

/// How a picture is to be turned: mirrored along its diagonal first, then left to right and upside down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    transpose: bool,
    mirror: bool,
    flip: bool,
}

impl Orientation {
    /// As it is.
    pub const UPRIGHT: Self = Self { transpose: false, mirror: false, flip: false };

    /// By the number of the tag. What is no number of 1 to 8 means nothing.
    #[must_use]
    pub const fn from_exif(value: u16) -> Self {
        let (transpose, mirror, flip) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transpose, mirror, flip }
    }

    /// By the `irot` and `imir` of HEIF: turned by so many quarters against the clock, then mirrored along an axis
    /// (0: upside down, 1: left to right). ISO/IEC 23008-12 section 6.5.10 and 6.5.12.
    #[must_use]
    pub const fn from_heif(quarters: u8, mirror_axis: Option<u8>) -> Self {
        let mut turned = match quarters & 3 {
            1 => Self::from_exif(8),
            2 => Self::from_exif(3),
            3 => Self::from_exif(6),
            _ => Self::UPRIGHT,
        };
        match mirror_axis {
            Some(0) => turned.flip = !turned.flip,
            Some(_) => turned.mirror = !turned.mirror,
            None => {}
        }
        turned
    }

    /// Whether width becomes height.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        self.transpose
    }

    /// The picture, turned.
    #[must_use]
    pub fn apply(self, pixels: Pixels) -> Pixels {
        if self == Self::UPRIGHT {
            return pixels;
        }
        match pixels.layout.channels() {
            3 => self.turn::<3>(pixels),
            _ => self.turn::<4>(pixels),
        }
    }

    fn turn<const N: usize>(self, pixels: Pixels) -> Pixels {
        let (width, height) = (pixels.width as usize, pixels.height as usize);
        let source = pixels.data.as_chunks::<N>().0;
        let (new_width, new_height) = if self.transpose { (height, width) } else { (width, height) };
        let mut data = Vec::with_capacity(pixels.data.len());
        for row in 0..new_height {
            let row = if self.flip { new_height - 1 - row } else { row };
            for column in 0..new_width {
                let column = if self.mirror { new_width - 1 - column } else { column };
                let from = if self.transpose { column * width + row } else { row * width + column };
                data.extend_from_slice(source.get(from).unwrap_or(&[0; N]));
            }
        }
        let (width, height) =
            if self.transpose { (pixels.height, pixels.width) } else { (pixels.width, pixels.height) };
        Pixels { width, height, layout: pixels.layout, data }
    }
}

/// The orientation in a block of EXIF, with or without its `Exif\0\0`. Only the first directory is read, and only once.
#[must_use]
pub fn of_exif(block: &[u8]) -> Orientation {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let block = block.get(..MAX_EXIF_BYTES).unwrap_or(block);
    read(block).unwrap_or_default()
}

fn read(tiff: &[u8]) -> Option<Orientation> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let entries = usize::from(u16_at(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + entry * 12)?;
        if u16_at(at)? == 0x0112 {
            // SHORT, one value: others are not the tag that the specification describes.
            let is_short = u16_at(at + 2)? == 3 && u32_at(at + 4)? == 1;
            return if is_short { u16_at(at + 8).map(Orientation::from_exif) } else { None };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    fn exif(value: u16, big: bool) -> Vec<u8> {
        let mut block = b"Exif\0\0".to_vec();
        if big {
            block.extend(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01");
            block.extend(value.to_be_bytes());
        } else {
            block.extend(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0");
            block.extend(value.to_le_bytes());
        }
        block.extend([0; 6]);
        block
    }

    #[test]
    fn both_byte_orders_and_what_is_no_orientation() {
        for big in [false, true] {
            for value in 0..=9 {
                assert_eq!(of_exif(&exif(value, big)), Orientation::from_exif(value));
            }
            for value in [0, 1, 9, 255, 65535] {
                assert_eq!(of_exif(&exif(value, big)), Orientation::UPRIGHT);
            }
            let whole = exif(6, big);
            for end in 0..whole.len() {
                let _ = of_exif(&whole[..end]);
            }
        }
    }

    #[test]
    fn turns_as_exif_says() {
        // 1 2 3
        // 4 5 6
        let pixels = Pixels {
            width: 3,
            height: 2,
            layout: Layout::Rgb,
            data: [1, 2, 3, 4, 5, 6].iter().flat_map(|&v| [v; 3]).collect(),
        };
        for (value, expected) in [
            (1, [1, 2, 3, 4, 5, 6]),
            (2, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (4, [4, 5, 6, 1, 2, 3]),
            (5, [1, 4, 2, 5, 3, 6]),
            (6, [4, 1, 5, 2, 6, 3]),
            (7, [6, 3, 5, 2, 4, 1]),
            (8, [3, 6, 2, 5, 1, 4]),
        ] {
            let turned = Orientation::from_exif(value).apply(pixels.clone());
            assert_eq!(turned.width, if value >= 5 { 2 } else { 3 });
            assert_eq!(turned.data.iter().step_by(3).copied().collect::<Vec<_>>(), expected, "{value}");
        }
    }
}
