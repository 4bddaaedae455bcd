//! SVG, drawn by resvg: without scripts, fonts, or any access to files or the network.

mod cost;
mod embedded;
mod inflate;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, ParsingOptions};
use resvg::usvg::{Options, Tree};

use super::ConvertError;
use super::encode::Nature;
use super::fit::Wish;
use super::limits;
use super::orient::Orientation;
use super::pixels::Pixels;
use super::still::Still;
use cost::Cost;

/// Draws, in the size that is wished at once.
///
/// # Errors
/// When it is no SVG, or beyond the limits.
pub fn decode(input: &[u8], wish: &Wish) -> Result<Still, ConvertError> {
    if input.len() > limits::MAX_SVG_BYTES {
        return Err(ConvertError::TooLarge);
    }
    let inflated;
    let text = if input.starts_with(&[0x1F, 0x8B]) {
        inflated = inflate::gunzip(input, limits::MAX_SVG_BYTES).ok_or(ConvertError::Broken)?;
        &inflated[..]
    } else {
        input
    };
    let text = text_of(text)?;
    cost::check_entities(&text)?;
    let options = ParsingOptions { allow_dtd: true, nodes_limit: limits::MAX_SVG_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).map_err(|_| ConvertError::Broken)?;
    let cost = Cost::of(&document)?;
    let options = Options { image_href_resolver: embedded::resolver(), ..Options::default() };
    let tree = Tree::from_xmltree(&document, &options).map_err(|_| ConvertError::Broken)?;

    let (width, height) = (tree.size().width(), tree.size().height());
    let whole = |side: f32| (side.round().clamp(1.0, limits::MAX_SIDE as f32)) as u32;
    let size = (whole(width), whole(height));
    let (target_width, target_height) = cost.affordable(&tree, drawn(wish.target(size, Orientation::UPRIGHT)))?;
    let mut pixmap = Pixmap::new(target_width, target_height).ok_or(ConvertError::TooLarge)?;
    let scale = Transform::from_scale(target_width as f32 / width, target_height as f32 / height);
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    let data = pixmap.pixels().iter().flat_map(|pixel| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    });
    let pixels = Pixels::from_channels(target_width, target_height, 4, data.collect())?;
    Ok(Still::new(pixels, Nature::Graphic))
}

/// XML is UTF-8, or UTF-16 with its mark.
fn text_of(bytes: &[u8]) -> Result<std::borrow::Cow<'_, str>, ConvertError> {
    let utf16 = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let units = rest.as_chunks::<2>().0.iter().map(|&two| read(two));
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| ConvertError::Broken)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Into::into),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Into::into),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(Into::into).map_err(|_| ConvertError::Broken)
        }
    }
}

/// Never larger than what an SVG may become, whatever is wished.
fn drawn((width, height): (u32, u32)) -> (u32, u32) {
    let largest = width.max(height);
    if largest <= limits::MAX_SVG_SIDE {
        return (width, height);
    }
    let fit = |side: u32| {
        let side = u64::from(side) * u64::from(limits::MAX_SVG_SIDE) / u64::from(largest.max(1));
        u32::try_from(side).unwrap_or(limits::MAX_SVG_SIDE).max(1)
    };
    (fit(width), fit(height))
}

#[cfg(test)]
mod tests {
    use super::super::jpeg::tests::wish;
    use super::*;
    use crate::media::plan::Fit;

    fn draw(attributes: &str, inner: &str) -> Result<Pixels, ConvertError> {
        let text = format!("<svg xmlns='http://www.w3.org/2000/svg' {attributes}>{inner}</svg>");
        decode(text.as_bytes(), &wish(Fit::Inside(2048, 2048))).map(|still| still.pixels)
    }

    #[test]
    fn sizes() {
        let rect = "<rect width='9999' height='9999' fill='red'/>";
        for (attributes, expected) in [
            ("width='10' height='20'", (10, 20)),
            ("viewBox='0 0 300 150'", (300, 150)),
            ("width='1e9' height='1e9'", (2048, 2048)),
            ("width='4096' height='1024'", (2048, 512)),
            ("width='0.1' height='0.1'", (1, 1)),
        ] {
            let pixels = draw(attributes, rect).unwrap();
            assert_eq!((pixels.width, pixels.height), expected, "{attributes}");
        }
        assert!(draw("width='0' height='1'", rect).is_err());
    }

    #[test]
    fn alpha_is_not_premultiplied() {
        let pixels = draw("width='1' height='1'", "<rect width='1' height='1' fill='#ff8000' opacity='0.5'/>").unwrap();
        let [r, g, b, a] = pixels.data[..] else { panic!() };
        assert!(r >= 254 && g.abs_diff(128) <= 2 && b == 0 && a.abs_diff(128) <= 1, "{:?}", pixels.data);
    }

    #[test]
    fn only_pictures_that_came_along_are_drawn() {
        let png = super::super::png::tests::sample(1, 1, ::png::ColorType::Rgb, ::png::BitDepth::Eight, &[0, 255, 0]);
        let data: String = png.iter().map(|byte| format!("%{byte:02X}")).collect();
        let image = |href: &str| format!("<image width='4' height='4' href='{href}'/>");
        let pixels = draw("width='4' height='4'", &image(&format!("data:image/png,{data}"))).unwrap();
        assert_eq!(&pixels.data[..4], &[0, 255, 0, 255]);
        for href in [
            "/etc/hostname",
            "file:///etc/passwd",
            "http://127.0.0.1/a.png",
            "data:image/svg+xml,%3Csvg%3E",
            "data:,",
            "a",
        ] {
            assert!(draw("width='4' height='4'", &image(href)).unwrap().data.iter().all(|&byte| byte == 0), "{href}");
        }
    }
}
