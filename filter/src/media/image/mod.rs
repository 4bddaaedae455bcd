//! Pictures: bytes to bytes. Runs in a sandboxed worker; whatever it is given, it ends within its limits.
//!
//! One step per file: check (`limits`), decode (a file per format; those that can, scale while they decode, PNG by `shrink`), scale
//! (`resize`, by `fit`), to sRGB (`colour`), turn (`orient`), care for `chroma` (`settle`), encode (`encode`, `animation`, `badge`). Only `libwebp` is
//! unsafe.

mod animation;
mod avif;
mod badge;
mod bitmap;
mod chroma;
mod colour;
mod encode;
mod fit;
mod gif;
mod ico;
mod jpeg;
mod libwebp;
pub mod limits;
mod orient;
mod palette;
mod pixels;
mod png;
mod resize;
mod settle;
mod shrink;
mod still;
mod svg;
#[cfg(test)]
mod testing;
mod webp;

use super::kind::Kind;
use super::plan::{Conversion, Fit};
use fit::Wish;
use still::Still;

/// A picture that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// [`Kind::Webp`], or [`Kind::Png`] for a badge.
    pub kind: Kind,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why no picture was made. A number crosses the pipe, never a text of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertError {
    /// The file is broken.
    Broken,
    /// The file is larger, or would become larger, than the limits allow.
    TooLarge,
    /// A type, or a feature of one, that is not supported.
    Unsupported,
    /// A badge would show next to nothing.
    Blank,
    /// The picture could not be written.
    Encoding,
}

/// Makes the picture.
///
/// # Errors
/// When the file cannot be read within the limits, or the picture not written.
pub fn convert(input: &[u8], kind: Kind, conversion: &Conversion) -> Result<Converted, ConvertError> {
    if input.len() > limits::MAX_INPUT_BYTES {
        return Err(ConvertError::TooLarge);
    }
    let wish = Wish::new(conversion);
    if conversion.animated && conversion.fit != Fit::Badge {
        let animated = match kind {
            Kind::Gif => Some(gif::convert(input, &wish)?),
            Kind::Webp => webp::convert(input, &wish)?,
            _ => None,
        };
        if let Some(bytes) = animated {
            return Ok(Converted { kind: Kind::Webp, bytes });
        }
    }
    let still = decode(input, kind, &wish)?;
    let nature = still.nature;
    let pixels = still.fitted(&wish)?;
    if conversion.fit == Fit::Badge {
        return Ok(Converted { kind: Kind::Png, bytes: badge::encode(&pixels)? });
    }
    Ok(Converted { kind: Kind::Webp, bytes: encode::still(&pixels, nature)? })
}

fn decode(input: &[u8], kind: Kind, wish: &Wish) -> Result<Still, ConvertError> {
    match kind {
        Kind::Jpeg => jpeg::decode(input, wish),
        Kind::Png => png::decode(input, wish),
        Kind::Apng => png::decode_animated(input, wish),
        Kind::Gif => gif::decode(input),
        Kind::Webp => webp::decode(input, wish),
        Kind::Avif => avif::decode(input),
        Kind::Tiff => bitmap::decode_tiff(input),
        Kind::Bmp => bitmap::decode_bmp(input),
        Kind::Ico => ico::decode(input, wish),
        Kind::Svg => svg::decode(input, wish),
        Kind::Playable(_) | Kind::Unknown => Err(ConvertError::Unsupported),
    }
}
