//! TIFF and BMP, by the image crate.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::tiff::TiffDecoder;
use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, Limits};

use super::ConvertError;
use super::encode::Nature;
use super::limits;
use super::orient::Orientation;
use super::palette::Indexed;
use super::pixels::{Layout, Pixels};
use super::still::Still;

/// Decodes the first page of a TIFF.
///
/// # Errors
/// When the file is broken, beyond the limits or of a kind that is not supported.
pub fn decode_tiff(input: &[u8]) -> Result<Still, ConvertError> {
    let Some(indexed) = Indexed::of(input) else {
        return decode(TiffDecoder::new(Cursor::new(input)).map_err(error)?);
    };
    let still = decode(TiffDecoder::new(Cursor::new(&indexed.file)).map_err(error)?)?;
    Ok(Still { pixels: indexed.coloured(still.pixels), nature: Nature::Graphic, ..still })
}

/// Decodes a BMP.
///
/// # Errors
/// As [`decode_tiff`].
pub fn decode_bmp(input: &[u8]) -> Result<Still, ConvertError> {
    decode(BmpDecoder::new(Cursor::new(input)).map_err(error)?)
}

/// Decodes by any decoder of the image crate.
///
/// # Errors
/// As [`decode_tiff`].
pub fn decode(mut decoder: impl ImageDecoder) -> Result<Still, ConvertError> {
    let (width, height) = decoder.dimensions();
    limits::check(width, height)?;
    // 16 bits per channel take twice the memory; floats, four times.
    if decoder.total_bytes() > limits::MAX_PIXELS * 4 {
        return Err(ConvertError::TooLarge);
    }
    let mut allowed = Limits::default();
    allowed.max_image_width = Some(limits::MAX_SIDE);
    allowed.max_image_height = Some(limits::MAX_SIDE);
    allowed.max_alloc = Some(limits::MAX_PIXELS * 5);
    decoder.set_limits(allowed).map_err(error)?;
    let orientation = decoder.orientation().map(image::metadata::Orientation::to_exif).unwrap_or(1);
    let profile = decoder.icc_profile().ok().flatten().filter(|icc| icc.len() <= limits::MAX_ICC_BYTES);
    let decoded = DynamicImage::from_decoder(decoder).map_err(error)?;
    let pixels = if decoded.color().has_alpha() {
        Pixels::from_data(width, height, Layout::Rgba, decoded.into_rgba8().into_raw())?
    } else {
        Pixels::from_data(width, height, Layout::Rgb, decoded.into_rgb8().into_raw())?
    };
    let mut still = Still::new(pixels, Nature::Photo);
    still.orientation = Orientation::from_exif(u16::from(orientation));
    still.profile = profile;
    Ok(still)
}

/// The kind of error, without its text.
pub fn error(error: ImageError) -> ConvertError {
    match error {
        ImageError::Limits(_) => ConvertError::TooLarge,
        ImageError::Unsupported(_) => ConvertError::Unsupported,
        _ => ConvertError::Broken,
    }
}
