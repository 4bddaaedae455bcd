//! PNG and APNG, by the png crate. Of an APNG only what a viewer without animation shows.

use std::io::Cursor;

use png::{BitDepth, Decoder, DecodingError, Limits, Reader, Transformations};

use super::ConvertError;
use super::encode::Nature;
use super::fit::Wish;
use super::limits;
use super::orient;
use super::pixels::Pixels;
use super::shrink::Shrinker;
use super::still::Still;

/// Decodes what a viewer without animation shows of an APNG: its own chunks may be as wrong as they like.
///
/// # Errors
/// As [`decode`].
pub fn decode_animated(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
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
    decode(&file, wish)
}

/// Decodes.
///
/// # Errors
/// When the file is broken, cut off or beyond the limits.
pub fn decode(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
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
    let factor = wish.shrink((width, height));
    // Rows of an interlaced picture come in another order.
    let (pixels, extent) = if factor < 2 || reader.info().interlaced {
        let pixels = whole(&mut reader, len)?;
        let extent = (f64::from(pixels.width), f64::from(pixels.height));
        (pixels, extent)
    } else {
        shrunk(&mut reader, factor)?
    };
    let mut still = Still { size: (width, height), extent, ..Still::new(pixels, Nature::Graphic) };
    let info = reader.info();
    still.orientation = info.exif_metadata.as_deref().map(orient::of_exif).unwrap_or_default();
    still.profile = info.icc_profile.as_deref().filter(|icc| icc.len() <= limits::MAX_ICC_BYTES).map(<[u8]>::to_vec);
    Ok(still)
}

/// The picture as it is.
fn whole(reader: &mut Reader<Cursor<&[u8]>>, len: usize) -> Result<Pixels, ConvertError> {
    let mut data = vec![0; len];
    let frame = reader.next_frame(&mut data).map_err(error)?;
    let info = reader.info();
    if (frame.width, frame.height) != (info.width, info.height) {
        return Err(ConvertError::Broken);
    }
    data.truncate(frame.buffer_size());
    Pixels::from_channels(frame.width, frame.height, frame.color_type.samples(), data)
}

/// The picture made smaller, row by row.
fn shrunk(reader: &mut Reader<Cursor<&[u8]>>, factor: u32) -> Result<(Pixels, (f64, f64)), ConvertError> {
    let info = reader.info();
    let (width, height) = info.size();
    // A frame that is smaller than the picture would leave the rest of each row as it was.
    if info.frame_control.is_some_and(|frame| (frame.width, frame.height) != (width, height)) {
        return Err(ConvertError::Broken);
    }
    let (colour, depth) = reader.output_color_type();
    let len = reader.output_line_size(width).ok_or(ConvertError::TooLarge)?;
    if depth != BitDepth::Eight || len != width as usize * colour.samples() {
        return Err(ConvertError::Unsupported);
    }
    let mut shrinker = Shrinker::new((width, height), colour.samples(), factor)?;
    let mut row = vec![0; len];
    for _ in 0..height {
        reader.read_row(&mut row).map_err(error)?.ok_or(ConvertError::Broken)?;
        shrinker.push(&row);
    }
    // What is left of the compressed data, as for a whole picture.
    if reader.read_row(&mut row).map_err(error)?.is_some() {
        return Err(ConvertError::Broken);
    }
    shrinker.finish()
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
    use super::super::jpeg::tests::wish;
    use super::super::pixels::Layout;
    use super::*;
    use crate::media::plan::Fit;

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
            let still = decode(&sample(1, 1, color, depth, data), &wish(Fit::Height(1))).unwrap();
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
        assert_eq!(decode(&file, &wish(Fit::Height(1))).map(|_| ()), Err(ConvertError::TooLarge));
    }

    #[test]
    fn a_much_larger_picture_is_shrunk_while_decoding() {
        let data: Vec<u8> = (0..101 * 67).flat_map(|at| [(at % 101) as u8 * 2, (at / 101) as u8 * 3, 128]).collect();
        let file = sample(101, 67, png::ColorType::Rgb, png::BitDepth::Eight, &data);
        let still = decode(&file, &wish(Fit::Height(11))).unwrap();
        assert_eq!((still.size, still.pixels.width, still.pixels.height), ((101, 67), 51, 34));
        assert_eq!(still.extent, (50.5, 33.5));
        assert_eq!(&still.pixels.data[..6], [1, 2, 128, 5, 2, 128]);
        let fitted = still.fitted(&wish(Fit::Height(11))).unwrap();
        assert_eq!((fitted.width, fitted.height), (17, 11));
        for end in (0..file.len() - 16).step_by(7) {
            assert!(decode(&file[..end], &wish(Fit::Height(11))).is_err(), "{end} of {}", file.len());
        }
    }
}
