//! What an AVIF tells of an item (ISO/IEC 23008-12 section 6.5).

use super::super::ConvertError;
use super::boxes::Bytes;

/// A property of an item, of those that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// `ispe`: width and height.
    Size(u32, u32),
    /// `colr` of `nclx`: primaries, transfer, matrix, whether the range is full.
    Nclx(u16, u16, u16, bool),
    /// `colr` of an ICC profile, and whether it is of the restricted kind.
    Icc(&'a [u8], bool),
    /// `irot`: quarters against the clock.
    Rotation(u8),
    /// `imir`: the axis.
    Mirror(u8),
    /// `clap`: not supported.
    Crop,
    /// `auxC`: whether it is alpha.
    Auxiliary(bool),
    /// `av1C`.
    Codec,
    /// Says nothing that a decoder must know.
    Other([u8; 4]),
}

/// Reads a property of this name.
pub fn read(kind: [u8; 4], mut content: Bytes<'_>) -> Result<Property<'_>, ConvertError> {
    Ok(match &kind {
        b"ispe" => {
            content.full()?;
            Property::Size(content.u32()?, content.u32()?)
        }
        b"colr" => match &content.array()? {
            b"nclx" => {
                let (primaries, transfer, matrix) = (content.u16()?, content.u16()?, content.u16()?);
                Property::Nclx(primaries, transfer, matrix, content.u8()? >> 7 == 1)
            }
            kind @ (b"prof" | b"rICC") => Property::Icc(content.0, kind == b"rICC"),
            _ => Property::Other(kind),
        },
        b"irot" => Property::Rotation(content.u8()? & 3),
        b"imir" => Property::Mirror(content.u8()? & 1),
        b"clap" => Property::Crop,
        b"auxC" => {
            content.full()?;
            let name = content.0.split(|&byte| byte == 0).next().unwrap_or_default();
            let is_alpha =
                [&b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"[..], b"urn:mpeg:hevc:2015:auxid:1"].contains(&name);
            Property::Auxiliary(is_alpha)
        }
        b"av1C" => Property::Codec,
        _ => Property::Other(kind),
    })
}

/// Whether nothing is lost where a property that must be understood is passed over.
///
/// `lsel` and `a1op` choose among layers: the decoder's own choice, the best, is as good.
pub fn is_understood(property: &Property<'_>) -> bool {
    match property {
        Property::Other(kind) => matches!(kind, b"pixi" | b"pasp" | b"a1op" | b"lsel" | b"a1lx" | b"clli" | b"mdcv"),
        _ => true,
    }
}
