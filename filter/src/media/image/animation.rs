//! Animations: a frame is decoded, scaled, encoded and forgotten before the next.

use super::ConvertError;
use super::chroma;
use super::encode::{self, Nature};
use super::fit::Wish;
use super::libwebp::AnimationEncoder;
use super::limits;
use super::orient::Orientation;
use super::pixels::Pixels;
use super::resize::Scaler;
use super::settle;

/// What becomes of a frame that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The budget allows another.
    Wanted,
    /// It does not: the animation ends here.
    Enough,
}

/// Takes frames, and gives out a file.
pub struct Animation {
    scaler: Scaler,
    size: (u32, u32),
    target: (u32, u32),
    nature: Nature,
    /// Whether chroma is subsampled with care.
    is_drawn: bool,
    budget: Budget,
    /// The first frame waits: alone, it is a still picture.
    first: Option<Pixels>,
    encoder: Option<AnimationEncoder>,
    /// When the next frame begins, in milliseconds.
    time: i32,
}

impl Animation {
    /// Of frames of this size.
    #[must_use]
    pub fn new(size: (u32, u32), wish: &Wish, nature: Nature) -> Self {
        let target = wish.target(size, Orientation::UPRIGHT);
        Self {
            scaler: Scaler::default(),
            size,
            target,
            nature,
            is_drawn: false,
            budget: Budget::new(size, target),
            first: None,
            encoder: None,
            time: 0,
        }
    }

    /// Takes the next frame, shown for so many milliseconds.
    ///
    /// Durations are kept as they are: browsers show frames of 10 ms and less for 100 ms, in WebP as in GIF.
    ///
    /// # Errors
    /// When it cannot be scaled or encoded.
    pub fn push(&mut self, canvas: &Pixels, duration: u32) -> Result<Next, ConvertError> {
        let extent = (f64::from(self.size.0), f64::from(self.size.1));
        let frame = self.scaler.scale(canvas, extent, self.target)?;
        let begin = self.time;
        self.time = begin.saturating_add(i32::try_from(duration).unwrap_or(i32::MAX));
        if let Some(first) = self.first.take() {
            // The first frame decides: all are coded alike.
            self.is_drawn = chroma::needs_care(&first);
            self.encoder = Some(AnimationEncoder::new(self.target, self.is_drawn)?);
            self.add(first, 0)?;
        }
        if self.encoder.is_some() {
            self.add(frame, begin)?;
        } else {
            self.first = Some(frame);
        }
        // libwebp counts milliseconds in 24 bits per frame, and we in 31 for all.
        Ok(if self.budget.take_one() && self.time < i32::MAX >> 1 { Next::Wanted } else { Next::Enough })
    }

    fn add(&mut self, mut frame: Pixels, begin: i32) -> Result<(), ConvertError> {
        if self.is_drawn {
            settle::settle(&mut frame);
        }
        self.encoder.as_mut().ok_or(ConvertError::Encoding)?.add(&frame, begin)
    }

    /// The file.
    ///
    /// # Errors
    /// When there was no frame, or it cannot be encoded.
    pub fn finish(self) -> Result<Vec<u8>, ConvertError> {
        match (self.encoder, self.first) {
            (Some(encoder), _) => encoder.finish(self.time),
            (None, Some(first)) => encode::still(&first.without_opaque_alpha(), self.nature),
            (None, None) => Err(ConvertError::Broken),
        }
    }
}

/// How many frames more.
struct Budget {
    left: u32,
}

impl Budget {
    /// By the three limits; never less than one frame.
    fn new(size: (u32, u32), target: (u32, u32)) -> Self {
        let area = |(width, height): (u32, u32)| (u64::from(width) * u64::from(height)).max(1);
        let frames = u64::from(limits::MAX_FRAMES)
            .min(limits::MAX_TOTAL_PIXELS / area(size))
            .min(limits::MAX_ENCODED_PIXELS / area(target));
        Self { left: u32::try_from(frames).unwrap_or(limits::MAX_FRAMES).max(1) }
    }

    /// Whether there is another after this one.
    fn take_one(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        assert_eq!(Budget::new((64, 64), (64, 64)).left, limits::MAX_FRAMES);
        assert_eq!(Budget::new((8192, 8192), (128, 128)).left, 4);
        assert_eq!(Budget::new((320, 320), (320, 320)).left, 655);
        assert_eq!(Budget::new((8192, 8192), (16383, 320)).left, 4);
        let mut one = Budget { left: 1 };
        assert!(!one.take_one());
    }
}
