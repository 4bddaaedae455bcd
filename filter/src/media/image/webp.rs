//! WebP, still and animated, by libwebp.

use super::ConvertError;
use super::animation::{Animation, Next};
use super::encode::Nature;
use super::fit::Wish;
use super::libwebp::{self, AnimationDecoder, Features};
use super::limits;
use super::orient;
use super::still::Still;

/// Decodes; of an animation, the first frame.
///
/// # Errors
/// When the file is broken, cut off or beyond the limits.
pub fn decode(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
    let features = checked(input)?;
    let size = (features.width, features.height);
    let nature = if features.lossless { Nature::Graphic } else { Nature::Photo };
    let orientation = chunk(input, b"EXIF").map(orient::of_exif).unwrap_or_default();
    let pixels = if features.animation {
        AnimationDecoder::new(input)?.next()?.ok_or(ConvertError::Broken)?.0
    } else {
        let least = wish.least(size, orientation);
        // libwebp averages areas: below twice the size there is little to save and something to lose.
        let is_worthwhile = u64::from(least.0) * 4 <= u64::from(size.0) * 3 && least.0 < size.0 && least.1 < size.1;
        libwebp::decode(input, features, if is_worthwhile { least } else { size })?
    };
    let profile = chunk(input, b"ICCP").filter(|icc| icc.len() <= limits::MAX_ICC_BYTES).map(<[u8]>::to_vec);
    let extent = (f64::from(pixels.width), f64::from(pixels.height));
    Ok(Still { pixels, size, extent, orientation, profile, nature })
}

/// All frames, or the one there is.
///
/// # Errors
/// As [`decode`]. What follows the last whole frame is cut off.
pub fn convert(input: &[u8], wish: &Wish) -> Result<Option<Vec<u8>>, ConvertError> {
    let features = checked(input)?;
    if !features.animation {
        return Ok(None);
    }
    let mut decoder = AnimationDecoder::new(input)?;
    let mut animation = Animation::new((features.width, features.height), wish, Nature::Photo);
    let (mut frame, mut end) = decoder.next()?.ok_or(ConvertError::Broken)?;
    let mut begin = 0;
    while animation.push(&frame, u32::try_from(end.saturating_sub(begin)).unwrap_or(0))? == Next::Wanted {
        begin = end;
        match decoder.next() {
            Ok(Some(next)) => (frame, end) = next,
            Ok(None) | Err(_) => break,
        }
    }
    animation.finish().map(Some)
}

fn checked(input: &[u8]) -> Result<Features, ConvertError> {
    let features = libwebp::features(input)?;
    let check = if features.animation { limits::check_canvas } else { limits::check };
    check(features.width, features.height)?;
    Ok(features)
}

/// The first chunk of this name. A RIFF file is a list of names, lengths and contents.
fn chunk<'a>(input: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = input.get(12..)?;
    loop {
        let (found, after) = rest.split_first_chunk::<4>()?;
        let (len, after) = after.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        if found == name {
            return after.get(..len);
        }
        rest = after.get(len.checked_add(len & 1)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::jpeg::tests::wish;
    use super::super::libwebp::Coding;
    use super::super::pixels::{Layout, Pixels};
    use super::*;
    use crate::media::plan::Fit;

    fn sample(width: u32, height: u32, layout: Layout) -> Vec<u8> {
        let mut pixels = Pixels::new(width, height, layout).unwrap();
        pixels.data.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at / 7) as u8);
        libwebp::encode(&pixels, Coding::Lossy { sharp: false }).unwrap()
    }

    #[test]
    fn is_scaled_while_decoding() {
        let still = decode(&sample(600, 400, Layout::Rgb), &wish(Fit::Height(100))).unwrap();
        assert_eq!((still.size, still.pixels.width, still.pixels.height), ((600, 400), 225, 150));
        let still = decode(&sample(150, 100, Layout::Rgba), &wish(Fit::Height(90))).unwrap();
        assert_eq!((still.pixels.layout, still.pixels.width), (Layout::Rgba, 150));
    }

    #[test]
    fn no_prefix_is_a_picture() {
        let file = sample(32, 32, Layout::Rgba);
        for end in 0..file.len() {
            assert!(decode(&file[..end], &wish(Fit::Height(8))).is_err(), "{end}");
        }
    }
}
