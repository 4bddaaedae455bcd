//! The size of what is made, by the size of what came.

use super::super::plan::{Conversion, Fit};
use super::limits::MAX_OUTPUT_SIDE;
use super::orient::Orientation;

/// Side of a badge.
pub const BADGE_SIDE: u32 = 96;

/// What the decoder may know of the wish, so that it need not decode more than is shown.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    fit: Fit,
    oriented: bool,
}

impl Wish {
    /// The wish of a conversion.
    #[must_use]
    pub fn new(conversion: &Conversion) -> Self {
        // The mask is turned upright too: it goes into a notification, beside text.
        Self { fit: conversion.fit, oriented: conversion.oriented || conversion.fit == Fit::Badge }
    }

    /// How the picture is to be turned, where it tells this orientation.
    #[must_use]
    pub fn orientation(&self, told: Orientation) -> Orientation {
        if self.oriented { told } else { Orientation::UPRIGHT }
    }

    /// The size to scale to, before turning, of a picture of this size.
    #[must_use]
    pub fn target(&self, (width, height): (u32, u32), told: Orientation) -> (u32, u32) {
        if self.orientation(told).swaps_sides() {
            let (width, height) = scaled(self.fit, (height, width));
            (height, width)
        } else {
            scaled(self.fit, (width, height))
        }
    }

    /// The least size in which a decoder that scales may give the picture out.
    ///
    /// Half again the target: the resize that follows needs the detail (measured: 1.0 costs points, 2.0 gains none).
    #[must_use]
    pub fn least(&self, size: (u32, u32), told: Orientation) -> (u32, u32) {
        let (width, height) = self.target(size, told);
        (width.saturating_mul(3).div_ceil(2), height.saturating_mul(3).div_ceil(2))
    }

    /// By how much a decoder that averages may divide the sides. Averages are softer than what a scaling decoder gives out: twice the target is left, whichever way
    /// the picture is turned, as some tell that at their end.
    #[must_use]
    pub fn shrink(&self, size: (u32, u32)) -> u32 {
        [Orientation::UPRIGHT, Orientation::from_exif(6)]
            .into_iter()
            .flat_map(|told| {
                let target = self.target(size, told);
                [size.0 / target.0.saturating_mul(2).max(1), size.1 / target.1.saturating_mul(2).max(1)]
            })
            .min()
            .unwrap_or(1)
    }
}

/// The size to scale to.
fn scaled(fit: Fit, (width, height): (u32, u32)) -> (u32, u32) {
    let (box_width, box_height, enlarge) = match fit {
        Fit::Height(h) => (MAX_OUTPUT_SIDE, h.min(MAX_OUTPUT_SIDE), false),
        Fit::Inside(w, h) => (w.min(MAX_OUTPUT_SIDE), h.min(MAX_OUTPUT_SIDE), false),
        Fit::Badge => (BADGE_SIDE, BADGE_SIDE, true),
    };
    if !enlarge && width <= box_width && height <= box_height {
        return (width, height);
    }
    let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (bw, bh) = (u64::from(box_width.max(1)), u64::from(box_height.max(1)));
    // Compared and divided in integers: no rounding error can leave the box. Halves are rounded up, as sharp does.
    if bw * h <= bh * w {
        let other = ((2 * h * bw + w) / (2 * w)).clamp(1, bh);
        (box_width.max(1), u32::try_from(other).unwrap_or(box_height))
    } else {
        let other = ((2 * w * bh + h) / (2 * h)).clamp(1, bw);
        (u32::try_from(other).unwrap_or(box_width), box_height.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(fit: Fit, size: (u32, u32)) -> (u32, u32) {
        Wish::new(&Conversion { fit, animated: false, oriented: false }).target(size, Orientation::UPRIGHT)
    }

    #[test]
    fn fits_and_never_enlarges() {
        for (fit, size, expected) in [
            (Fit::Height(128), (512, 512), (128, 128)),
            (Fit::Height(128), (64, 64), (64, 64)),
            (Fit::Height(128), (1000, 128), (1000, 128)),
            (Fit::Height(320), (1600, 1200), (427, 320)),
            (Fit::Height(128), (1, 30_000), (1, 128)),
            (Fit::Height(128), (32_000, 129), (16_383, 66)),
            (Fit::Inside(498, 422), (1600, 1200), (498, 374)),
            (Fit::Inside(498, 422), (1200, 1600), (317, 422)),
            (Fit::Inside(200, 200), (30_000, 2), (200, 1)),
            (Fit::Inside(200, 200), (200, 200), (200, 200)),
            (Fit::Badge, (10, 20), (48, 96)),
            (Fit::Badge, (1000, 10), (96, 1)),
        ] {
            assert_eq!(target(fit, size), expected, "{fit:?} {size:?}");
        }
    }

    #[test]
    fn a_turned_picture_is_fitted_as_it_is_shown() {
        let wish = Wish::new(&Conversion { fit: Fit::Inside(498, 422), animated: false, oriented: true });
        let turned = Orientation::from_exif(6);
        assert_eq!(wish.target((1200, 1600), turned), (374, 498));
        let unturned = Wish::new(&Conversion { fit: Fit::Inside(498, 422), animated: false, oriented: false });
        assert_eq!(unturned.target((1200, 1600), turned), (317, 422));
    }
}
