//! ICO and CUR (image/x-icon both): of many pictures, the one that serves best.

use std::io::Cursor;

use image::codecs::ico::IcoDecoder;

use super::ConvertError;
use super::bitmap;
use super::encode::Nature;
use super::fit::Wish;
use super::limits::MAX_ICO_ENTRIES;
use super::orient::Orientation;
use super::png;
use super::still::Still;

/// What a picture begins with, if it is no PNG (`BITMAPINFOHEADER`), in bytes.
const HEADER: usize = 40;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Decodes the smallest entry that is large enough, else the largest. No other is looked into.
///
/// # Errors
/// When the directory or that entry is broken, or beyond the limits.
pub fn decode(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
    let entries = Entry::read(input)?;
    let largest = entries.iter().max_by_key(|entry| entry.rank()).ok_or(ConvertError::Broken)?;
    let target = wish.target((largest.width, largest.height), Orientation::UPRIGHT);
    let best = entries
        .iter()
        .filter(|entry| entry.width >= target.0 && entry.height >= target.1 && entry.bits >= largest.bits)
        .min_by_key(|entry| entry.rank())
        .unwrap_or(largest);
    if best.data.starts_with(PNG) {
        return png::decode(best.data, wish);
    }
    let decoder = IcoDecoder::new(Cursor::new(best.alone())).map_err(bitmap::error)?;
    let mut still = bitmap::decode(decoder)?;
    still.nature = Nature::Graphic;
    Ok(still)
}

struct Entry<'a> {
    width: u32,
    height: u32,
    /// Per pixel. A cursor has coordinates here: then all entries count as alike.
    bits: u16,
    data: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(input: &'a [u8]) -> Result<Vec<Self>, ConvertError> {
        let (header, directory) = input.split_first_chunk::<6>().ok_or(ConvertError::Broken)?;
        let [0, 0, kind @ (1 | 2), 0, low, high] = *header else { return Err(ConvertError::Broken) };
        let count = usize::from(u16::from_le_bytes([low, high])).min(MAX_ICO_ENTRIES);
        let entries = directory.as_chunks::<16>().0.iter().take(count);
        Ok(entries.filter_map(|entry| Self::of(input, entry, kind == 1)).collect())
    }

    fn of(input: &'a [u8], entry: &[u8; 16], is_icon: bool) -> Option<Self> {
        let [width, height, _, _, _, _, bits_low, bits_high, size @ .., a, b, c, d] = *entry;
        let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
        let rest = input.get(usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?..)?;
        // Writers tell too large a size for the last entry often enough, and some the size of the pixels alone, which can be less than the header takes.
        let data = rest.get(..size).filter(|data| data.len() > HEADER).unwrap_or(rest);
        let bits = if is_icon { u16::from_le_bytes([bits_low, bits_high]) } else { 0 };
        Some(Self { width: side(width), height: side(height), bits, data })
    }

    fn rank(&self) -> (u32, u16) {
        (self.width * self.height, self.bits)
    }

    /// A file with this entry only.
    fn alone(&self) -> Vec<u8> {
        let side = |side: u32| if side == 256 { 0 } else { u8::try_from(side).unwrap_or(0) };
        let size = u32::try_from(self.data.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut file = vec![0, 0, 1, 0, 1, 0, side(self.width), side(self.height), 0, 0, 1, 0];
        file.extend(self.bits.to_le_bytes());
        file.extend(size);
        file.extend(22_u32.to_le_bytes());
        file.extend_from_slice(self.data);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::super::jpeg::tests::wish;
    use super::super::png::tests::sample;
    use super::*;
    use crate::media::plan::Fit;

    fn icon(sides: &[u8]) -> Vec<u8> {
        let files: Vec<Vec<u8>> = sides
            .iter()
            .map(|&side| {
                let data = vec![side; usize::from(side) * usize::from(side)];
                sample(side.into(), side.into(), ::png::ColorType::Grayscale, ::png::BitDepth::Eight, &data)
            })
            .collect();
        let mut icon = vec![0, 0, 1, 0, sides.len() as u8, 0];
        let mut offset = 6 + 16 * sides.len();
        for (&side, file) in sides.iter().zip(&files) {
            icon.extend([side, side, 0, 0, 1, 0, 32, 0]);
            icon.extend((file.len() as u32).to_le_bytes());
            icon.extend((offset as u32).to_le_bytes());
            offset += file.len();
        }
        icon.extend(files.concat());
        icon
    }

    /// One column of four pixels, black and white (pillow's mask_1.cur, whose size is that of its pixels).
    #[test]
    fn a_cursor_whose_size_is_that_of_its_pixels() {
        let head = b"\0\0\x02\0\x01\0\x01\x04\0\0\0\0\0\0\x08\0\0\0\x16\0\0\0";
        let bitmap =
            b"\x28\0\0\0\x01\0\0\0\x08\0\0\0\x01\0\x01\0\0\0\0\0\x20\0\0\0\xc4\x0e\0\0\xc4\x0e\0\0\x02\0\0\0\x02\0\0\0";
        let pixels = [&[0, 0, 0, 0, 255, 255, 255, 0][..], &[0; 32]].concat();
        let cursor = [&head[..], bitmap, &pixels].concat();
        assert_eq!(decode(&cursor, &wish(Fit::Height(128))).unwrap().size, (1, 4));
        for end in 0..cursor.len() - 20 {
            assert!(decode(&cursor[..end], &wish(Fit::Height(128))).is_err(), "{end}");
        }
    }

    #[test]
    fn the_smallest_that_is_large_enough() {
        let icon = icon(&[16, 200, 64, 32]);
        for (height, expected) in [(10, 16), (16, 16), (17, 32), (64, 64), (65, 200), (300, 200)] {
            assert_eq!(decode(&icon, &wish(Fit::Height(height))).unwrap().size, (expected, expected), "{height}");
        }
    }
}
