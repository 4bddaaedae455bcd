//! Pictures inside an SVG: raster ones of `data:` URIs, decoded by us within what is left of a budget. Nothing is ever fetched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use resvg::usvg::{ImageHrefResolver, ImageKind};

use super::super::fit::Wish;
use super::super::limits;
use super::super::pixels::{Layout, Pixels};
use super::super::{jpeg, png, webp};
use crate::media::plan::{Conversion, Fit};

/// Resolves what may be resolved.
pub fn resolver() -> ImageHrefResolver<'static> {
    let budget =
        Budget { images: AtomicU32::new(limits::MAX_SVG_IMAGES), pixels: AtomicU64::new(limits::MAX_SVG_IMAGE_PIXELS) };
    ImageHrefResolver {
        resolve_data: Box::new(move |_, data, _| budget.picture(&data)),
        // A path or an address.
        resolve_string: Box::new(|_, _| None),
    }
}

/// Counted down over the whole document: an element that is used twice is resolved twice.
struct Budget {
    images: AtomicU32,
    pixels: AtomicU64,
}

impl Budget {
    /// As a PNG of ours: the drawer's own decoders see nothing of the file. Its type is told by its bytes.
    fn picture(&self, data: &[u8]) -> Option<ImageKind> {
        take(&self.images, 1)?;
        let (width, height) = size(data)?;
        limits::check(width, height).ok()?;
        self.pixels
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(u64::from(width) * u64::from(height))
            })
            .ok()?;
        let whole = Wish::new(&Conversion { fit: Fit::Inside(width, height), animated: false, oriented: true });
        let still = if data.starts_with(b"\xFF\xD8") {
            jpeg::decode(data, &whole)
        } else if data.starts_with(b"\x89PNG") {
            png::decode(data, &whole)
        } else {
            webp::decode(data, &whole)
        };
        let pixels = still.ok()?.fitted(&whole).ok()?;
        encode(pixels).map(|file| ImageKind::PNG(Arc::new(file)))
    }
}

fn take(left: &AtomicU32, count: u32) -> Option<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count)).ok().map(|_| ())
}

/// Width and height by the header. GIFs and SVGs inside SVGs are not drawn.
fn size(data: &[u8]) -> Option<(u32, u32)> {
    if data.starts_with(b"\xFF\xD8") {
        let header = turbojpeg::read_header(data).ok()?;
        Some((u32::try_from(header.width).ok()?, u32::try_from(header.height).ok()?))
    } else if data.starts_with(b"\x89PNG\r\n\x1a\n") {
        let sides = data.get(16..24)?.as_chunks::<4>().0;
        let [width, height] = *sides else { return None };
        Some((u32::from_be_bytes(width), u32::from_be_bytes(height)))
    } else if data.starts_with(b"RIFF") {
        let features = super::super::libwebp::features(data).ok()?;
        Some((features.width, features.height))
    } else {
        None
    }
}

fn encode(pixels: Pixels) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, pixels.width, pixels.height);
    encoder.set_color(if pixels.layout == Layout::Rgba { ::png::ColorType::Rgba } else { ::png::ColorType::Rgb });
    encoder.set_compression(::png::Compression::Fastest);
    encoder.write_header().ok()?.write_image_data(&pixels.data).ok()?;
    Some(file)
}
