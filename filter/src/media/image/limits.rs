//! What a picture may cost. All of it is checked before memory is allocated or time is spent.
//!
//! The worker's address space and its deadline are the last line; these numbers keep everything legitimate clear of it.

use super::ConvertError;

/// Bytes of a file. The service fetches no more for a conversion; whoever else calls is told no.
pub const MAX_INPUT_BYTES: usize = 64 << 20;
/// Width or height of a source, in pixels.
pub const MAX_SIDE: u32 = 32_767;
/// Pixels of a source: 67 megapixels, 268 MB as RGBA.
pub const MAX_PIXELS: u64 = 1 << 26;
/// Pixels of the canvas of an animation, of which several copies are kept: 67 MB each.
pub const MAX_CANVAS_PIXELS: u64 = 1 << 24;
/// Pixels of a JPEG that needs all its coefficients in memory at once (progressive): 6 bytes per pixel at worst.
pub const MAX_PROGRESSIVE_PIXELS: u64 = 1 << 25;
/// Scans of a JPEG. Encoders write about ten; each is a pass over the whole picture.
pub const MAX_SCANS: u32 = 64;
/// Pixels that all scans of a JPEG may touch.
pub const MAX_SCAN_PIXELS: u64 = 1 << 29;
/// Frames of an animation. What comes after is cut off.
pub const MAX_FRAMES: u32 = 1024;
/// Pixels of all canvases of an animation. Frames after are cut off.
pub const MAX_TOTAL_PIXELS: u64 = 1 << 28;
/// Pixels of all frames that are written. Frames after are cut off.
pub const MAX_ENCODED_PIXELS: u64 = 1 << 26;
/// Width or height of what is written: WebP has 14 bits for each.
pub const MAX_OUTPUT_SIDE: u32 = 16_383;
/// Bytes of a colour profile. Larger ones are ignored, as if the picture had none.
pub const MAX_ICC_BYTES: usize = 1 << 20;
/// Entries of a colour profile's lookup table.
pub const MAX_ICC_TABLE: usize = 1 << 21;
/// Bytes of EXIF that are looked at.
pub const MAX_EXIF_BYTES: usize = 1 << 20;
/// Pixels of a lossless attempt, and the colours above which it is not made.
pub const MAX_LOSSLESS_PIXELS: u64 = 512 * 512;
/// See [`MAX_LOSSLESS_PIXELS`].
pub const MAX_LOSSLESS_COLOURS: usize = 256;

/// Bytes of an SVG, inflated.
pub const MAX_SVG_BYTES: usize = 1 << 20;
/// Width or height to which an SVG is drawn.
pub const MAX_SVG_SIDE: u32 = 2048;
/// XML nodes of an SVG.
pub const MAX_SVG_NODES: u32 = 50_000;
/// Depth of its elements.
pub const MAX_SVG_DEPTH: u32 = 100;
/// Elements after every reference (`use`, patterns, masks, clips) is followed.
pub const MAX_SVG_ELEMENTS: u64 = 100_000;
/// Characters that its entities may come to.
pub const MAX_SVG_ENTITY_BYTES: usize = 4 << 20;
/// Pixels that its filters, masks and layers may touch: 20 ns each. One that would touch more is drawn smaller.
pub const MAX_SVG_LAYER_PIXELS: u64 = 1 << 27;
/// Rows that the edges of its paths may cross: 100 ns each where they all cross one another. As before.
pub const MAX_SVG_PATH_ROWS: f64 = 16_777_216.0;
/// The side below which it is not drawn smaller, but refused.
pub const MIN_SVG_SIDE: u32 = 64;
/// Pictures inside an SVG (`data:` URIs).
pub const MAX_SVG_IMAGES: u32 = 16;
/// Pixels of all pictures inside an SVG.
pub const MAX_SVG_IMAGE_PIXELS: u64 = 1 << 22;

/// Entries of an ICO's directory that are looked at.
pub const MAX_ICO_ENTRIES: usize = 64;

/// Boxes of an AVIF's property container that are looked at.
pub const MAX_AVIF_PROPERTIES: usize = 256;
/// Items of an AVIF.
pub const MAX_AVIF_ITEMS: usize = 512;
/// Tiles of an AVIF grid.
pub const MAX_AVIF_TILES: usize = 64;

/// Whether a picture of these sides may be decoded.
///
/// # Errors
/// [`ConvertError::Broken`] where a side is 0, [`ConvertError::TooLarge`] beyond the limits.
pub fn check(width: u32, height: u32) -> Result<(), ConvertError> {
    if width == 0 || height == 0 {
        return Err(ConvertError::Broken);
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ConvertError::TooLarge);
    }
    Ok(())
}

/// Whether an animation on a canvas of these sides may be decoded.
///
/// # Errors
/// As [`check`].
pub fn check_canvas(width: u32, height: u32) -> Result<(), ConvertError> {
    check(width, height)?;
    if u64::from(width) * u64::from(height) > MAX_CANVAS_PIXELS { Err(ConvertError::TooLarge) } else { Ok(()) }
}

/// Bytes of a picture of so many channels of 8 bits, where it is within the limits.
///
/// # Errors
/// As [`check`].
pub fn buffer_len(width: u32, height: u32, channels: u32) -> Result<usize, ConvertError> {
    check(width, height)?;
    usize::try_from(u64::from(width) * u64::from(height) * u64::from(channels)).map_err(|_| ConvertError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_and_areas() {
        assert_eq!(check(0, 1), Err(ConvertError::Broken));
        assert_eq!(check(8192, 8192), Ok(()));
        assert_eq!(check(8193, 8192), Err(ConvertError::TooLarge));
        assert_eq!(check(MAX_SIDE, 1), Ok(()));
        assert_eq!(check(MAX_SIDE + 1, 1), Err(ConvertError::TooLarge));
        assert_eq!(check(u32::MAX, u32::MAX), Err(ConvertError::TooLarge));
        assert_eq!(check_canvas(4096, 4096), Ok(()));
        assert_eq!(check_canvas(4097, 4096), Err(ConvertError::TooLarge));
        assert_eq!(buffer_len(3, 2, 4), Ok(24));
    }
}
