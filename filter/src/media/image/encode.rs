//! Writing WebP, and what a picture needs for that.

use std::collections::HashSet;

use super::ConvertError;
use super::chroma;
use super::libwebp::{self, Coding};
use super::limits::{MAX_LOSSLESS_COLOURS, MAX_LOSSLESS_PIXELS};
use super::pixels::{Layout, Pixels};
use super::settle;

/// Pixels of a picture for which libwebp's care costs little: emoji, on which it is worth two points more than ours.
const MAX_SHARP_PIXELS: u64 = 128 * 128;

/// What kind of picture it is, as far as its format tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Possibly edges and plain areas: without loss may be smaller.
    Graphic,
    /// Of a camera, or coded with loss before.
    Photo,
}

/// Encodes a still picture.
///
/// # Errors
/// When libwebp cannot.
pub fn still(pixels: &Pixels, nature: Nature) -> Result<Vec<u8>, ConvertError> {
    let lossy = lossy(pixels)?;
    if nature == Nature::Photo || !has_few_colours(pixels) {
        return Ok(lossy);
    }
    let lossless = libwebp::encode(pixels, Coding::Lossless)?;
    Ok(if lossless.len() <= lossy.len() { lossless } else { lossy })
}

fn lossy(pixels: &Pixels) -> Result<Vec<u8>, ConvertError> {
    if !chroma::needs_care(pixels) {
        return libwebp::encode(pixels, Coding::Lossy { sharp: false });
    }
    if u64::from(pixels.width) * u64::from(pixels.height) <= MAX_SHARP_PIXELS {
        return libwebp::encode(pixels, Coding::Lossy { sharp: true });
    }
    let mut settled = pixels.clone();
    settle::settle(&mut settled);
    libwebp::encode(&settled, Coding::Lossy { sharp: false })
}

/// Whether it is worth trying without loss: a palette will do.
fn has_few_colours(pixels: &Pixels) -> bool {
    if u64::from(pixels.width) * u64::from(pixels.height) > MAX_LOSSLESS_PIXELS {
        return false;
    }
    match pixels.layout {
        Layout::Rgb => few(pixels.data.as_chunks::<3>().0),
        Layout::Rgba | Layout::Cmyk => few(pixels.data.as_chunks::<4>().0),
    }
}

fn few<const N: usize>(pixels: &[[u8; N]]) -> bool {
    let mut colours = HashSet::with_capacity(MAX_LOSSLESS_COLOURS + 1);
    // A photo in few colours has them scattered, and is slow to try and large without loss: GIFs.
    let mut changes_left = pixels.len() / 4 + 16;
    let mut last = None;
    for pixel in pixels {
        if last != Some(pixel) {
            last = Some(pixel);
            changes_left -= 1;
            if changes_left == 0 || (colours.insert(*pixel) && colours.len() > MAX_LOSSLESS_COLOURS) {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_graphic_is_lossless_and_a_photo_never() {
        let data = (0..64_u8).flat_map(|x| [if x % 8 < 4 { 255 } else { 0 }, 0, 0]).collect::<Vec<u8>>().repeat(64);
        let pixels = Pixels::from_channels(64, 64, 3, data).unwrap();
        let graphic = still(&pixels, Nature::Graphic).unwrap();
        let photo = still(&pixels, Nature::Photo).unwrap();
        assert!(libwebp::features(&graphic).unwrap().lossless);
        assert!(!libwebp::features(&photo).unwrap().lossless);
        assert!(graphic.len() < photo.len());
        let features = libwebp::features(&graphic).unwrap();
        assert_eq!(libwebp::decode(&graphic, features, (64, 64)).unwrap().data, pixels.data);
    }
}
