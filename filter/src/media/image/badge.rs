//! The badge: a 96 x 96 alpha mask, of which a phone shows only where it is light.

use super::ConvertError;
use super::fit::BADGE_SIDE;
use super::pixels::{Layout, Pixels};
use super::png;

/// Contrast, around the middle.
const CONTRAST: f64 = 1.75;
/// Bits of information per pixel, below which there is nothing to see.
const MIN_ENTROPY: f64 = 0.1;
/// Share of the pixels that become quite black, and quite white.
const CLIPPED: f64 = 0.01;

/// The mask of a picture that fits it.
///
/// # Errors
/// [`ConvertError::Blank`] where it would show next to nothing.
pub fn encode(pixels: &Pixels) -> Result<Vec<u8>, ConvertError> {
    let mask = contrasted(normalised(contained(pixels)));
    if entropy(&mask) < MIN_ENTROPY {
        return Err(ConvertError::Blank);
    }
    let data: Vec<u8> = mask.iter().flat_map(|&value| [value, value]).collect();
    png::encode_mask(BADGE_SIDE, BADGE_SIDE, &data)
}

/// In the middle of a black square, flattened on black, grey.
fn contained(pixels: &Pixels) -> Vec<u8> {
    let side = BADGE_SIDE as usize;
    let mut mask = vec![0; side * side];
    let left = side.saturating_sub(pixels.width as usize) / 2;
    let top = side.saturating_sub(pixels.height as usize) / 2;
    let grey: Vec<u8> = match pixels.layout {
        Layout::Rgba => pixels.data.as_chunks::<4>().0.iter().map(|&[r, g, b, a]| luma(r, g, b, a)).collect(),
        _ => pixels.data.as_chunks::<3>().0.iter().map(|&[r, g, b]| luma(r, g, b, 255)).collect(),
    };
    let rows = mask.chunks_exact_mut(side).skip(top);
    for (target, source) in rows.zip(grey.chunks_exact((pixels.width as usize).max(1))) {
        for (target, &source) in target.iter_mut().skip(left).zip(source) {
            *target = source;
        }
    }
    mask
}

/// ITU-R BT.709 weights, on black.
fn luma(r: u8, g: u8, b: u8, a: u8) -> u8 {
    let light = 2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b);
    u8::try_from((light * u32::from(a) + 1_275_000) / 2_550_000).unwrap_or(u8::MAX)
}

/// Stretched to the whole range, but for a few pixels at both ends.
fn normalised(mask: Vec<u8>) -> Vec<u8> {
    let counts = histogram(&mask);
    let clipped = (mask.len() as f64 * CLIPPED) as usize;
    let end = |mut values: Box<dyn Iterator<Item = usize>>| {
        let mut seen = 0;
        values.find(|&value| {
            seen += counts.get(value).copied().unwrap_or(0);
            seen > clipped
        })
    };
    let low = end(Box::new(0..256)).unwrap_or(0) as f64;
    let high = end(Box::new((0..256).rev())).unwrap_or(255) as f64;
    // A plain picture has no range to stretch.
    if high - low <= 1.0 {
        return mask;
    }
    mask.into_iter().map(|value| ((f64::from(value) - low) * 255.0 / (high - low)).round() as u8).collect()
}

fn contrasted(mask: Vec<u8>) -> Vec<u8> {
    mask.into_iter().map(|value| ((f64::from(value) - 128.0) * CONTRAST + 128.0).round() as u8).collect()
}

fn histogram(mask: &[u8]) -> Vec<usize> {
    let mut counts = vec![0; 256];
    for &value in mask {
        if let Some(count) = counts.get_mut(usize::from(value)) {
            *count += 1;
        }
    }
    counts
}

/// Shannon's, of the values.
fn entropy(mask: &[u8]) -> f64 {
    let total = mask.len() as f64;
    let shares = histogram(mask).into_iter().filter(|&count| count > 0).map(|count| count as f64 / total);
    shares.map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, of: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let data = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| of(x, y)).collect();
        Pixels::from_channels(width, height, 4, data).unwrap()
    }

    #[test]
    fn a_light_shape_is_the_mask() {
        let file = encode(&picture(96, 48, |x, _| if x < 48 { [90, 90, 90, 255] } else { [0, 0, 0, 0] })).unwrap();
        let mask = png::decode(&file, &super::super::jpeg::tests::wish(crate::media::plan::Fit::Badge)).unwrap().pixels;
        assert_eq!((mask.width, mask.height, mask.layout), (96, 96, Layout::Rgba));
        let pixels = mask.data.as_chunks::<4>().0;
        assert_eq!(pixels[48 * 96 + 10], [255; 4]);
        assert_eq!(pixels[48 * 96 + 90], [0; 4]);
        assert_eq!(pixels[2 * 96 + 10], [0; 4], "above the picture");
    }

    #[test]
    fn what_shows_nothing_is_blank() {
        for colour in [[0, 0, 0, 0], [0, 0, 0, 255], [255, 255, 255, 255], [255, 0, 0, 0]] {
            assert_eq!(encode(&picture(96, 96, |_, _| colour)), Err(ConvertError::Blank));
        }
    }
}
