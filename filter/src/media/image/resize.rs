//! Scaling, with alpha premultiplied.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::ConvertError;
use super::pixels::{Layout, Pixels};

/// Scales. Keeps its buffers for the next frame.
#[derive(Default)]
pub struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// The part of the picture from its origin to `extent`, which may end inside a pixel, in this size.
    ///
    /// # Errors
    /// When the sizes are beyond the limits.
    pub fn scale(
        &mut self,
        pixels: &Pixels,
        extent: (f64, f64),
        (width, height): (u32, u32),
    ) -> Result<Pixels, ConvertError> {
        let is_whole = extent == (f64::from(pixels.width), f64::from(pixels.height));
        if is_whole && (width, height) == (pixels.width, pixels.height) {
            return Ok(pixels.clone());
        }
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(0.0, 0.0, extent.0.min(f64::from(pixels.width)), extent.1.min(f64::from(pixels.height)))
            .use_alpha(pixels.is_translucent());
        let kind = match pixels.layout {
            Layout::Rgb => PixelType::U8x3,
            Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
        };
        let source =
            ImageRef::new(pixels.width, pixels.height, &pixels.data, kind).map_err(|_| ConvertError::Broken)?;
        let scaled = Pixels::new(width, height, pixels.layout)?;
        let mut target = Image::from_vec_u8(width, height, scaled.data, kind).map_err(|_| ConvertError::TooLarge)?;
        self.resizer.resize(&source, &mut target, &options).map_err(|_| ConvertError::Broken)?;
        Ok(Pixels { width, height, layout: pixels.layout, data: target.into_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transparent_colour_does_not_bleed() {
        // Opaque white beside transparent red: whatever is left visible is white.
        let data = [[255, 255, 255, 255], [255, 0, 0, 0]].repeat(32).concat();
        let pixels = Pixels::from_channels(8, 8, 4, data).unwrap();
        let scaled = Scaler::default().scale(&pixels, (8.0, 8.0), (3, 3)).unwrap();
        for &[r, g, b, a] in scaled.data.as_chunks::<4>().0 {
            assert!(a == 0 || (r > 250 && g > 250 && b > 250), "{r} {g} {b} {a}");
        }
    }

    #[test]
    fn the_extent_may_end_inside_a_pixel() {
        let data = (0..16_u8).flat_map(|v| [v * 16; 3]).collect();
        let pixels = Pixels::from_channels(16, 1, 3, data).unwrap();
        let scaled = Scaler::default().scale(&pixels, (8.5, 1.0), (4, 1)).unwrap();
        assert!(scaled.data[9] < 8 * 16 + 8, "{:?}", scaled.data);
    }
}
