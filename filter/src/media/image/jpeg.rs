//! JPEG, by libjpeg-turbo: scaled while it is decoded, to half again of what is wished.

use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use super::ConvertError;
use super::encode::Nature;
use super::fit::Wish;
use super::limits;
use super::orient::{self, Orientation};
use super::pixels::{Layout, Pixels};
use super::still::Still;

/// Decodes.
///
/// # Errors
/// When the file is broken or cut off, beyond the limits, or of a kind that libjpeg-turbo does not decode (12 bits).
pub fn decode(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
    let markers = Markers::read(input);
    let mut decoder = Decompressor::new().map_err(|_| ConvertError::Unsupported)?;
    let header = decoder.read_header(input).map_err(|_| ConvertError::Broken)?;
    let side = |side| u32::try_from(side).map_err(|_| ConvertError::TooLarge);
    let size = (side(header.width)?, side(header.height)?);
    limits::check(size.0, size.1)?;
    markers.check(size, header.is_progressive)?;

    let factor =
        if header.is_lossless { ScalingFactor::ONE } else { factor(size, wish.least(size, markers.orientation)) };
    decoder.set_scaling_factor(factor).map_err(|_| ConvertError::Unsupported)?;
    decoder.set_scan_limit(limits::MAX_SCANS).map_err(|_| ConvertError::Unsupported)?;
    let (format, layout) = match header.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => (PixelFormat::CMYK, Layout::Cmyk),
        _ => (PixelFormat::RGB, Layout::Rgb),
    };
    let scaled = header.scaled(factor);
    let mut pixels = Pixels::new(side(scaled.width)?, side(scaled.height)?, layout)?;
    let pitch = pixels.stride();
    let image = Image { pixels: &mut pixels.data[..], width: scaled.width, pitch, height: scaled.height, format };
    if let Err(error) = decoder.decompress(input, image)
        && !is_harmless(&error)
    {
        return Err(ConvertError::Broken);
    }
    if layout == Layout::Cmyk && markers.is_adobe {
        // Adobe stores how much light is left, not how much ink there is.
        pixels.data.iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    let extent = |side: u32, pixels: u32| {
        let exact = f64::from(side) * factor.num() as f64 / factor.denom() as f64;
        exact.min(f64::from(pixels))
    };
    Ok(Still {
        extent: (extent(size.0, pixels.width), extent(size.1, pixels.height)),
        pixels,
        size,
        orientation: markers.orientation,
        profile: markers.profile,
        nature: Nature::Photo,
    })
}

/// The smallest scale, in eighths, that leaves this size.
fn factor(size: (u32, u32), least: (u32, u32)) -> ScalingFactor {
    let enough = |eighths: u64, side: u32, least: u32| u64::from(side) * eighths >= u64::from(least) * 8;
    // Powers of two have SIMD in the decoder; others are slower than the next larger power.
    let eighths =
        [1, 2, 4].into_iter().find(|&n| enough(n, size.0, least.0) && enough(n, size.1, least.1)).unwrap_or(8);
    ScalingFactor::new(usize::try_from(eighths).unwrap_or(8), 8)
}

/// What decoders go on after: a picture that was not cut off.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    let turbojpeg::Error::TurboJpegError(text) = error else { return false };
    [
        "extraneous bytes before marker",
        "Unknown Adobe color transform",
        "Unsupported JFIF revision",
        "Warning: unknown JFIF",
    ]
    .iter()
    .any(|known| text.contains(known))
}

/// What is told before and between the scans.
struct Markers {
    orientation: Orientation,
    profile: Option<Vec<u8>>,
    is_adobe: bool,
    scans: u32,
}

impl Markers {
    fn read(input: &[u8]) -> Self {
        let mut this = Self { orientation: Orientation::UPRIGHT, profile: None, is_adobe: false, scans: 0 };
        let mut chunks: Vec<(u8, &[u8])> = Vec::new();
        let mut profile_len = 0;
        let mut at = 2;
        while let Some((marker, segment, next)) = segment(input, at) {
            match marker {
                0xDA => this.scans = this.scans.saturating_add(1),
                0xD9 => break,
                0xE1 if segment.starts_with(b"Exif\0\0") && this.orientation == Orientation::UPRIGHT => {
                    this.orientation = orient::of_exif(segment);
                }
                0xE2 => {
                    if let Some([number, _count, chunk @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") {
                        profile_len += chunk.len();
                        if profile_len <= limits::MAX_ICC_BYTES {
                            chunks.push((*number, chunk));
                        }
                    }
                }
                0xEE => this.is_adobe |= segment.starts_with(b"Adobe"),
                _ => {}
            }
            at = next;
        }
        if !chunks.is_empty() && profile_len <= limits::MAX_ICC_BYTES {
            chunks.sort_by_key(|&(number, _)| number);
            this.profile = Some(chunks.iter().flat_map(|&(_, chunk)| chunk).copied().collect());
        }
        this
    }

    fn check(&self, (width, height): (u32, u32), is_progressive: bool) -> Result<(), ConvertError> {
        let pixels = u64::from(width) * u64::from(height);
        let is_too_large = self.scans > limits::MAX_SCANS
            || u64::from(self.scans).saturating_mul(pixels) > limits::MAX_SCAN_PIXELS
            || (is_progressive && pixels > limits::MAX_PROGRESSIVE_PIXELS);
        if is_too_large { Err(ConvertError::TooLarge) } else { Ok(()) }
    }
}

/// The next marker at or after `at`, its segment, and where to go on. Entropy-coded data is passed over: in it, FF is
/// followed by 00 or a restart marker (ITU T.81 section B.1.1.2).
fn segment(input: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    loop {
        at += memchr::memchr(0xFF, input.get(at..)?)?;
        let marker = *input.get(at + 1)?;
        match marker {
            0xFF => at += 1,
            0x00 | 0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 => return Some((marker, &[], at + 2)),
            _ => {
                let len = usize::from(u16::from_be_bytes(input.get(at + 2..at + 4)?.try_into().ok()?));
                let end = at + 2 + len.max(2);
                return Some((marker, input.get(at + 4..end).unwrap_or_default(), end));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::plan::{Conversion, Fit};
    use super::*;

    pub fn wish(fit: Fit) -> Wish {
        Wish::new(&Conversion { fit, animated: false, oriented: true })
    }

    pub fn sample(width: usize, height: usize, progressive: bool) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 128]).collect();
        let mut encoder = turbojpeg::Compressor::new().unwrap();
        encoder.set_progressive(progressive).unwrap();
        let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
        encoder.compress_to_vec(image).unwrap()
    }

    #[test]
    fn is_scaled_while_decoding_and_the_true_extent_is_kept() {
        let file = sample(1601, 1203, false);
        let still = decode(&file, &wish(Fit::Inside(200, 200))).unwrap();
        assert_eq!(still.size, (1601, 1203));
        assert_eq!((still.pixels.width, still.pixels.height), (401, 301));
        assert_eq!(still.extent, (400.25, 300.75));
        let fitted = still.fitted(&wish(Fit::Inside(200, 200))).unwrap();
        assert_eq!((fitted.width, fitted.height), (200, 150));
    }

    #[test]
    fn a_scale_leaves_half_again_of_the_target() {
        assert_eq!(factor((1600, 1200), (747, 561)), ScalingFactor::ONE_HALF);
        assert_eq!(factor((1600, 1200), (801, 561)), ScalingFactor::ONE);
        assert_eq!(factor((1600, 1200), (200, 150)), ScalingFactor::ONE_EIGHTH);
        assert_eq!(factor((8, 8), (8, 8)), ScalingFactor::ONE);
    }

    #[test]
    fn scans_are_counted_before_they_are_decoded() {
        let file = sample(64, 64, true);
        let markers = Markers::read(&file);
        assert!((2..=12).contains(&markers.scans), "{}", markers.scans);
        assert!(decode(&file, &wish(Fit::Height(320))).is_ok());
        let scan = file.windows(2).rposition(|two| two == [0xFF, 0xDA]).unwrap();
        let mut bomb = file[..file.len() - 2].to_vec();
        for _ in 0..100 {
            bomb.extend_from_slice(&file[scan..file.len() - 2]);
        }
        bomb.extend([0xFF, 0xD9]);
        assert_eq!(decode(&bomb, &wish(Fit::Height(320))).map(|_| ()), Err(ConvertError::TooLarge));
    }

    #[test]
    fn what_is_cut_off_is_broken() {
        let file = sample(64, 64, false);
        for end in 0..file.len() - 2 {
            assert!(decode(&file[..end], &wish(Fit::Height(320))).is_err(), "{end} of {}", file.len());
        }
    }
}
