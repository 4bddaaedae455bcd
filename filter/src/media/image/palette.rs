//! TIFF with a palette (TIFF 6.0 section 5), which the image crate does not read: it is decoded as if its indices were greys, and each is then looked up.

use super::pixels::{Layout, Pixels};

const PHOTOMETRIC: u16 = 262;
const BITS: u16 = 258;
const COLOUR_MAP: u16 = 320;
const SHORT: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// A file that says that it is grey, and the colours of its 256 greys.
pub struct Indexed {
    /// The file.
    pub file: Vec<u8>,
    colours: Vec<[u8; 3]>,
}

impl Indexed {
    /// Of a TIFF whose first page has a palette, for indices of 8 bits. None for all others.
    #[must_use]
    pub fn of(input: &[u8]) -> Option<Self> {
        let tiff = Tiff::of(input)?;
        let photometric = tiff.entry(PHOTOMETRIC)?;
        if tiff.short(photometric)? != PALETTE || tiff.short(tiff.entry(BITS)?)? != 8 {
            return None;
        }
        let colours = tiff.colours(tiff.entry(COLOUR_MAP)?)?;
        let mut file = input.to_vec();
        let value = file.get_mut(photometric + 8..photometric + 10)?;
        value.copy_from_slice(&if tiff.big { BLACK_IS_ZERO.to_be_bytes() } else { BLACK_IS_ZERO.to_le_bytes() });
        Some(Self { file, colours })
    }

    /// The picture, of greys that are indices.
    #[must_use]
    pub fn coloured(&self, mut greys: Pixels) -> Pixels {
        if greys.layout == Layout::Rgb {
            for pixel in greys.data.as_chunks_mut::<3>().0 {
                let [index, ..] = *pixel;
                *pixel = self.colours.get(usize::from(index)).copied().unwrap_or_default();
            }
        }
        greys
    }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let big = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            // BigTIFF is for pictures beyond any limit.
            _ => return None,
        };
        Some(Self { bytes, big })
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32_at(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }).ok()
    }

    /// Where the first directory has the entry of a tag.
    fn entry(&self, tag: u16) -> Option<usize> {
        let directory = self.u32_at(4)?;
        let entries = usize::from(self.u16_at(directory)?);
        let mut places = (0..entries).map_while(|entry| directory.checked_add(2 + entry * 12));
        places.find(|at| self.u16_at(*at) == Some(tag))
    }

    /// The value of an entry, where it is one number of 16 bits.
    fn short(&self, entry: usize) -> Option<u16> {
        let is_short = self.u16_at(entry + 2)? == SHORT && self.u32_at(entry + 4)? == 1;
        self.u16_at(entry + 8).filter(|_| is_short)
    }

    /// All reds, all greens, all blues, of 16 bits each.
    fn colours(&self, entry: usize) -> Option<Vec<[u8; 3]>> {
        const COUNT: usize = 256;
        if self.u16_at(entry + 2)? != SHORT || self.u32_at(entry + 4)? != 3 * COUNT {
            return None;
        }
        let map = self.u32_at(entry + 8)?;
        let upper = |at: usize| self.u16_at(map.checked_add(2 * at)?).map(|value| value.to_be_bytes()[0]);
        (0..COUNT).map(|n| Some([upper(n)?, upper(COUNT + n)?, upper(2 * COUNT + n)?])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConvertError;
    use super::super::bitmap::decode_tiff;
    use super::*;

    /// Two rows of two indices.
    fn file(big: bool, bits: u16, colours: u16) -> Vec<u8> {
        let two = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let four = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut file = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        let entries =
            [(256, 2), (257, 2), (258, bits), (259, 1), (262, PALETTE), (273, 134), (277, 1), (278, 2), (279, 4)];
        file.extend(four(8));
        file.extend(two(10));
        for (tag, value) in entries {
            file.extend([two(tag), two(SHORT)].concat());
            file.extend(four(1));
            file.extend([two(value), two(0)].concat());
        }
        file.extend([two(COLOUR_MAP), two(SHORT)].concat());
        file.extend(four(u32::from(colours) * 3));
        file.extend([four(138), four(0)].concat());
        file.extend([0, 1, 2, 255]);
        for plane in 0..3_u16 {
            (0..colours).for_each(|n| file.extend(two((n.wrapping_mul(plane + 1) % 256) << 8 | 0x7f)));
        }
        file
    }

    #[test]
    fn indices_become_colours() {
        for big in [false, true] {
            let still = decode_tiff(&file(big, 8, 256)).unwrap();
            assert_eq!(still.size, (2, 2));
            assert_eq!(still.pixels.data, [[0, 0, 0], [1, 2, 3], [2, 4, 6], [255, 254, 253]].concat());
        }
    }

    #[test]
    fn other_palettes_are_refused_for_one_reason() {
        for (bits, colours) in [(4, 16), (8, 255), (8, 16), (16, 256)] {
            assert_eq!(
                decode_tiff(&file(false, bits, colours)).err(),
                Some(ConvertError::Unsupported),
                "{bits} {colours}"
            );
        }
        let whole = file(true, 8, 256);
        for end in 0..whole.len() {
            assert!(decode_tiff(&whole[..end]).is_err(), "{end}");
        }
    }
}
