//! GIF: frames are drawn on a canvas as their disposal says.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit};

use super::ConvertError;
use super::animation::{Animation, Next};
use super::encode::Nature;
use super::fit::Wish;
use super::limits;
use super::pixels::{Layout, Pixels};
use super::still::Still;

/// The first frame.
///
/// # Errors
/// When the file is broken or beyond the limits.
pub fn decode(input: &[u8]) -> Result<Still, ConvertError> {
    let mut reader = Reader::new(input)?;
    reader.next()?.ok_or(ConvertError::Broken)?;
    Ok(Still::new(reader.canvas, Nature::Graphic))
}

/// All frames.
///
/// # Errors
/// When the first frame is broken, or the canvas beyond the limits. What follows the last whole frame is cut off.
pub fn convert(input: &[u8], wish: &Wish) -> Result<Vec<u8>, ConvertError> {
    let mut reader = Reader::new(input)?;
    let size = (reader.canvas.width, reader.canvas.height);
    let mut animation = Animation::new(size, wish, Nature::Graphic);
    let mut duration = reader.next()?.ok_or(ConvertError::Broken)?;
    while animation.push(&reader.canvas, duration)? == Next::Wanted {
        match reader.next() {
            Ok(Some(next)) => duration = next,
            Ok(None) | Err(_) => break,
        }
    }
    animation.finish()
}

struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    canvas: Pixels,
    /// Indices of the frame, kept for the next.
    indices: Vec<u8>,
    pending: Disposal,
}

/// What is to be done to the canvas before the next frame.
enum Disposal {
    Keep,
    Clear(Area),
    Restore(Vec<u8>),
}

/// A part of the canvas, inside it.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl<'a> Reader<'a> {
    fn new(input: &'a [u8]) -> Result<Self, ConvertError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        options.set_memory_limit(MemoryLimit::Bytes(
            NonZeroU64::new(limits::MAX_CANVAS_PIXELS).unwrap_or(NonZeroU64::MIN),
        ));
        options.allow_unknown_blocks(true);
        let decoder = options.read_info(input).map_err(|_| ConvertError::Broken)?;
        let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
        limits::check_canvas(width, height)?;
        let canvas = Pixels::new(width, height, Layout::Rgba)?;
        Ok(Self { decoder, canvas, indices: Vec::new(), pending: Disposal::Keep })
    }

    /// Draws the next frame and gives its duration in milliseconds.
    fn next(&mut self) -> Result<Option<u32>, ConvertError> {
        let Some(frame) = self.decoder.next_frame_info().map_err(|_| ConvertError::Broken)? else { return Ok(None) };
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        let (left, top, delay) = (usize::from(frame.left), usize::from(frame.top), frame.delay);
        let (dispose, transparent) = (frame.dispose, frame.transparent);
        limits::check_canvas(frame.width.into(), frame.height.into())?;
        let len = width * height;
        let colours = self.colours(transparent)?;
        self.indices.clear();
        self.indices.resize(len, transparent.unwrap_or(0));
        self.decoder.read_into_buffer(&mut self.indices).map_err(|_| ConvertError::Broken)?;
        self.dispose();
        let (canvas_width, canvas_height) = (self.canvas.width as usize, self.canvas.height as usize);
        let area = Area {
            left: left.min(canvas_width),
            top: top.min(canvas_height),
            width: width.min(canvas_width.saturating_sub(left)),
            height: height.min(canvas_height.saturating_sub(top)),
        };
        self.pending = match dispose {
            DisposalMethod::Previous => Disposal::Restore(self.canvas.data.clone()),
            DisposalMethod::Background => Disposal::Clear(area),
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
        };
        for (source, target) in self.indices.chunks_exact(width.max(1)).zip(rows(&mut self.canvas, area)) {
            for (&index, pixel) in source.iter().zip(target) {
                let colour = colours.get(usize::from(index)).copied().unwrap_or_default();
                if colour[3] != 0 {
                    *pixel = colour;
                }
            }
        }
        Ok(Some(u32::from(delay) * 10))
    }

    /// The palette of the frame: 256 colours, those that are not drawn transparent.
    fn colours(&self, transparent: Option<u8>) -> Result<Vec<[u8; 4]>, ConvertError> {
        let palette = self.decoder.palette().map_err(|_| ConvertError::Broken)?;
        let mut colours: Vec<[u8; 4]> = palette.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 255]).collect();
        colours.resize(256, [0; 4]);
        if let Some(colour) = transparent.and_then(|index| colours.get_mut(usize::from(index))) {
            *colour = [0; 4];
        }
        Ok(colours)
    }

    fn dispose(&mut self) {
        match std::mem::replace(&mut self.pending, Disposal::Keep) {
            Disposal::Keep => {}
            // To transparent, as every browser does, and not to the background colour.
            Disposal::Clear(area) => rows(&mut self.canvas, area).for_each(|row| row.fill([0; 4])),
            Disposal::Restore(data) => self.canvas.data = data,
        }
    }
}

/// The rows of a part of the canvas.
fn rows(canvas: &mut Pixels, area: Area) -> impl Iterator<Item = &mut [[u8; 4]]> {
    let width = canvas.width as usize;
    let pixels = canvas.data.as_chunks_mut::<4>().0;
    let rows = pixels.chunks_exact_mut(width.max(1)).skip(area.top).take(area.height);
    rows.map(move |row| row.get_mut(area.left..area.left + area.width).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use gif::{Encoder, Frame, Repeat};

    use super::super::jpeg::tests::wish;
    use super::super::libwebp;
    use super::*;
    use crate::media::plan::Fit;

    /// Frames of one colour each: left, top, side, index, disposal.
    fn sample(side: u16, frames: &[(u16, u16, u16, u8, DisposalMethod)]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, side, side, &[255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]).unwrap();
        encoder.set_repeat(Repeat::Infinite).unwrap();
        for &(left, top, side, index, dispose) in frames {
            let mut frame = Frame::from_indexed_pixels(side, side, vec![index; usize::from(side * side)], Some(3));
            (frame.left, frame.top, frame.dispose, frame.delay) = (left, top, dispose, 7);
            encoder.write_frame(&frame).unwrap();
        }
        drop(encoder);
        file
    }

    fn corner_and_middle(reader: &mut Reader<'_>) -> ([u8; 4], [u8; 4]) {
        assert_eq!(reader.next(), Ok(Some(70)));
        let pixels = reader.canvas.data.as_chunks::<4>().0;
        (pixels[0], pixels[4 * 8 + 4])
    }

    #[test]
    fn disposal() {
        use DisposalMethod::{Background, Keep, Previous};
        const RED: [u8; 4] = [255, 0, 0, 255];
        const GREEN: [u8; 4] = [0, 255, 0, 255];
        const BLUE: [u8; 4] = [0, 0, 255, 255];
        const NONE: [u8; 4] = [0; 4];
        let file = sample(
            8,
            &[
                (0, 0, 8, 0, Keep),
                (4, 4, 4, 1, Previous),
                (0, 0, 2, 2, Background),
                (7, 7, 1, 3, Keep),
                (4, 4, 8, 1, Keep),
            ],
        );
        let mut reader = Reader::new(&file).unwrap();
        assert_eq!(corner_and_middle(&mut reader), (RED, RED));
        assert_eq!(corner_and_middle(&mut reader), (RED, GREEN));
        assert_eq!(corner_and_middle(&mut reader), (BLUE, RED));
        assert_eq!(corner_and_middle(&mut reader), (NONE, RED));
        // Reaches beyond the canvas.
        assert_eq!(corner_and_middle(&mut reader), (NONE, GREEN));
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn all_frames_or_the_first() {
        use DisposalMethod::Keep;
        let file = sample(16, &[(0, 0, 16, 0, Keep), (0, 0, 16, 1, Keep), (0, 0, 16, 2, Keep)]);
        let animated = convert(&file, &wish(Fit::Height(8))).unwrap();
        let features = libwebp::features(&animated).unwrap();
        assert!(features.animation);
        assert_eq!((features.width, features.height), (8, 8));
        let mut decoder = libwebp::AnimationDecoder::new(&animated).unwrap();
        let ends: Vec<i32> = std::iter::from_fn(|| decoder.next().unwrap()).map(|(_, end)| end).collect();
        assert_eq!(ends, [70, 140, 210]);
        let one = convert(&sample(16, &[(0, 0, 16, 0, Keep)]), &wish(Fit::Height(8))).unwrap();
        assert!(!libwebp::features(&one).unwrap().animation);
    }
}
