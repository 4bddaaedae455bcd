//! PNG and APNG, by the png crate. Of an APNG only what a viewer without animation shows.

use std::io::Cursor;

use png::{Decoder, DecodingError, Limits, Transformations};

use super::ConvertError;
use super::encode::Nature;
use super::limits;
use super::orient;
use super::pixels::Pixels;
use super::still::Still;

/// Decodes what a viewer without animation shows of an APNG: its own chunks may be as wrong as they like.
///
/// # Errors
/// As [`decode`].
pub fn decode_animated(input: &[u8]) -> Result<Still, ConvertError> {
    const SIGNATURE: usize = 8;
    let (mut file, mut rest) =
        input.split_at_checked(SIGNATURE).map(|(head, rest)| (head.to_vec(), rest)).ok_or(ConvertError::Broken)?;
    while let Some((&[a, b, c, d, ref name @ ..], _)) = rest.split_first_chunk::<8>() {
        // Length, name and checksum come on top of the content.
        let len = u64::from(u32::from_be_bytes([a, b, c, d])) + 12;
        let Some((chunk, after)) = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)) else { break };
        if !matches!(name, b"acTL" | b"fcTL" | b"fdAT") {
            file.extend_from_slice(chunk);
        }
        rest = after;
    }
    file.extend_from_slice(rest);
    decode(&file)
}

/// Decodes.
///
/// # Errors
/// When the file is broken, cut off or beyond the limits.
pub fn decode(input: &[u8]) -> Result<Still, ConvertError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(input), Limits { bytes: limits::MAX_ICC_BYTES * 4 });
    // Compressed text is never looked at; it would be kept.
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(error)?.size();
    limits::check(width, height)?;
    // Rows of up to 16 bits times four channels; the picture itself is our allocation.
    let rows = limits::buffer_len(width, 1, 32)?;
    decoder.set_limits(Limits { bytes: limits::MAX_ICC_BYTES * 4 + limits::MAX_EXIF_BYTES + rows });
    let mut reader = decoder.read_info().map_err(error)?;
    let len = reader.output_buffer_size().ok_or(ConvertError::TooLarge)?;
    if len > limits::buffer_len(width, height, 4)? {
        return Err(ConvertError::TooLarge);
    }
    let mut data = vec![0; len];
    let frame = reader.next_frame(&mut data).map_err(error)?;
    if (frame.width, frame.height) != (width, height) {
        return Err(ConvertError::Broken);
    }
    data.truncate(frame.buffer_size());
    let pixels = Pixels::from_channels(width, height, frame.color_type.samples(), data)?;
    let mut still = Still::new(pixels, Nature::Graphic);
    let info = reader.info();
    still.orientation = info.exif_metadata.as_deref().map(orient::of_exif).unwrap_or_default();
    still.profile = info.icc_profile.as_deref().filter(|icc| icc.len() <= limits::MAX_ICC_BYTES).map(<[u8]>::to_vec);
    Ok(still)
}

fn error(error: DecodingError) -> ConvertError {
    match error {
        DecodingError::LimitsExceeded => ConvertError::TooLarge,
        _ => ConvertError::Broken,
    }
}

/// Writes a mask: grey and alpha.
///
/// # Errors
/// When the encoder fails.
pub fn encode_mask(width: u32, height: u32, data: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|_| ConvertError::Encoding)?;
    writer.write_image_data(data).map_err(|_| ConvertError::Encoding)?;
    writer.finish().map_err(|_| ConvertError::Encoding)?;
    Ok(file)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::pixels::Layout;
    use super::*;

    pub fn sample(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![255, 0, 0, 0, 255, 0]);
            encoder.set_trns(vec![255, 0]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        file
    }

    #[test]
    fn every_colour_type_becomes_eight_bits() {
        use png::{BitDepth, ColorType};
        for (color, depth, data, layout, expected) in [
            (ColorType::Grayscale, BitDepth::One, &[0x80][..], Layout::Rgb, &[255, 255, 255][..]),
            (ColorType::Grayscale, BitDepth::Sixteen, &[0x80, 0x01], Layout::Rgb, &[128, 128, 128]),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, &[7, 9], Layout::Rgba, &[7, 7, 7, 9]),
            (ColorType::Rgb, BitDepth::Eight, &[1, 2, 3], Layout::Rgb, &[1, 2, 3]),
            (ColorType::Rgba, BitDepth::Sixteen, &[1, 0, 2, 0, 3, 0, 4, 0], Layout::Rgba, &[1, 2, 3, 4]),
            (ColorType::Indexed, BitDepth::Eight, &[1], Layout::Rgba, &[0, 255, 0, 0]),
        ] {
            let still = decode(&sample(1, 1, color, depth, data)).unwrap();
            assert_eq!((still.pixels.layout, &still.pixels.data[..]), (layout, expected), "{color:?} {depth:?}");
        }
    }

    #[test]
    fn a_huge_header_is_refused_before_anything_is_allocated() {
        let mut file = sample(1, 1, png::ColorType::Grayscale, png::BitDepth::One, &[0]);
        file[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
        // The checksum of the header.
        let crc = super::super::testing::crc32(&file[12..29]);
        file[29..33].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(decode(&file).map(|_| ()), Err(ConvertError::TooLarge));
    }
}
