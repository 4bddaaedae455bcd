//! To sRGB, by the colour profile of a picture.

use moxcms::{ColorProfile, DataColorSpace, Layout as Channels, ParsingOptions, TransformOptions};

use super::limits::{MAX_ICC_BYTES, MAX_ICC_TABLE};
use super::pixels::{Layout, Pixels};

/// The picture in sRGB. A profile that cannot be read, or is not one of this picture, is as good as none.
#[must_use]
pub fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Pixels {
    let profile = profile.filter(|icc| icc.len() <= MAX_ICC_BYTES).and_then(parse);
    match (pixels.layout, profile) {
        (Layout::Cmyk, Some(profile)) if profile.color_space == DataColorSpace::Cmyk => {
            ink_by(&pixels, &profile).unwrap_or_else(|| ink_plain(&pixels))
        }
        (Layout::Cmyk, _) => ink_plain(&pixels),
        (_, Some(profile)) => match profile.color_space {
            DataColorSpace::Rgb => light_by(&pixels, &profile),
            DataColorSpace::Gray => grey_by(&pixels, &profile),
            _ => None,
        }
        .unwrap_or(pixels),
        (_, None) => pixels,
    }
}

fn parse(icc: &[u8]) -> Option<ColorProfile> {
    let options = ParsingOptions {
        max_profile_size: MAX_ICC_BYTES + 1,
        max_allowed_clut_size: MAX_ICC_TABLE,
        ..ParsingOptions::default()
    };
    ColorProfile::new_from_slice_with_options(icc, options).ok()
}

fn light_by(pixels: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let channels = if pixels.layout == Layout::Rgba { Channels::Rgba } else { Channels::Rgb };
    let transform = profile
        .create_transform_8bit(channels, &ColorProfile::new_srgb(), channels, TransformOptions::default())
        .ok()?;
    let mut data = vec![0; pixels.data.len()];
    transform.transform(&pixels.data, &mut data).ok()?;
    Some(Pixels { data, ..*pixels })
}

/// The picture was grey, and its one channel is in all three.
fn grey_by(pixels: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let (from, to) = if pixels.layout == Layout::Rgba {
        (Channels::GrayAlpha, Channels::Rgba)
    } else {
        (Channels::Gray, Channels::Rgb)
    };
    let grey: Vec<u8> = match pixels.layout {
        Layout::Rgba => pixels.data.as_chunks::<4>().0.iter().flat_map(|&[y, _, _, a]| [y, a]).collect(),
        _ => pixels.data.as_chunks::<3>().0.iter().map(|&[y, _, _]| y).collect(),
    };
    let transform =
        profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()?;
    let mut data = vec![0; pixels.data.len()];
    transform.transform(&grey, &mut data).ok()?;
    Some(Pixels { data, ..*pixels })
}

fn ink_by(pixels: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let transform = profile
        .create_transform_8bit(Channels::Rgba, &ColorProfile::new_srgb(), Channels::Rgb, TransformOptions::default())
        .ok()?;
    let mut data = vec![0; pixels.data.len() / 4 * 3];
    transform.transform(&pixels.data, &mut data).ok()?;
    Some(Pixels { layout: Layout::Rgb, data, ..*pixels })
}

/// Without a profile nobody knows the inks: what is not printed on shines.
fn ink_plain(pixels: &Pixels) -> Pixels {
    let shine = |ink: u8, black: u8| {
        let light = u32::from(255 - ink) * u32::from(255 - black);
        u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
    };
    let data = pixels.data.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| [shine(c, k), shine(m, k), shine(y, k)]);
    Pixels { layout: Layout::Rgb, data: data.collect(), ..*pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_colour_becomes_more_vivid_and_grey_stays() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        let pixels = Pixels::from_channels(2, 1, 3, vec![200, 60, 60, 128, 128, 128]).unwrap();
        let srgb = to_srgb(pixels, Some(&profile));
        assert!(srgb.data[0] > 205, "{:?}", srgb.data);
        assert!(srgb.data[3..].iter().all(|&v| v.abs_diff(128) <= 1), "{:?}", srgb.data);
    }

    #[test]
    fn junk_is_no_profile() {
        let pixels = Pixels::from_channels(1, 1, 4, vec![1, 2, 3, 4]).unwrap();
        for junk in [&[][..], &[0; 200], &[255; 4096], &vec![0; MAX_ICC_BYTES + 1]] {
            assert_eq!(to_srgb(pixels.clone(), Some(junk)), pixels);
        }
    }

    #[test]
    fn ink() {
        let pixels = Pixels::from_data(3, 1, Layout::Cmyk, vec![0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0]).unwrap();
        let srgb = to_srgb(pixels, None);
        assert_eq!((srgb.layout, &srgb.data[..]), (Layout::Rgb, &[255, 255, 255, 0, 0, 0, 0, 255, 255][..]));
    }
}
