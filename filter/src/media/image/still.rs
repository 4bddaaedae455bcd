//! A decoded picture, and the way from there to what is given out.

use super::ConvertError;
use super::colour;
use super::encode::Nature;
use super::fit::Wish;
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::resize::Scaler;

/// A picture as its decoder gives it out.
#[derive(Clone, Debug)]
pub struct Still {
    /// Its pixels; fewer than the file's where the decoder scaled.
    pub pixels: Pixels,
    /// The size that the file tells.
    pub size: (u32, u32),
    /// The part of `pixels` that shows the picture, from the origin. Ends inside a pixel where the decoder scaled an odd size.
    pub extent: (f64, f64),
    /// As EXIF or the container tells.
    pub orientation: Orientation,
    /// The colour profile.
    pub profile: Option<Vec<u8>>,
    /// The kind of picture.
    pub nature: Nature,
}

impl Still {
    /// A picture in its full size, upright, in sRGB.
    #[must_use]
    pub fn new(pixels: Pixels, nature: Nature) -> Self {
        let (width, height) = (pixels.width, pixels.height);
        Self {
            pixels,
            size: (width, height),
            extent: (f64::from(width), f64::from(height)),
            orientation: Orientation::UPRIGHT,
            profile: None,
            nature,
        }
    }

    /// In the size that is wished, in sRGB, turned.
    ///
    /// # Errors
    /// Beyond the limits.
    pub fn fitted(self, wish: &Wish) -> Result<Pixels, ConvertError> {
        let target = wish.target(self.size, self.orientation);
        let scaled = Scaler::default().scale(&self.pixels, self.extent, target)?;
        drop(self.pixels);
        // Colour after scaling: fewer pixels to convert. Inks are scaled as inks.
        let scaled = colour::to_srgb(scaled, self.profile.as_deref());
        debug_assert!(scaled.layout != Layout::Cmyk);
        Ok(wish.orientation(self.orientation).apply(scaled).without_opaque_alpha())
    }
}
