//! AV1 data to planes of 8 bits, and those to pixels.

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, PixelLayout, PlanarImageComponent, Settings};
use yuv::{YuvGrayImage, YuvPlanarImage, YuvRange, YuvStandardMatrix};

use super::super::ConvertError;
use super::super::limits;
use super::super::pixels::{Layout, Pixels};

/// A decoded frame. Rows have no padding.
pub struct Planes {
    width: u32,
    height: u32,
    layout: PixelLayout,
    luma: Vec<u8>,
    chroma: Option<[Vec<u8>; 2]>,
    /// What the AV1 data tells: matrix (ISO/IEC 23091-2), whether the range is full.
    coding: (u16, bool),
}

/// Decodes the frame, of at most this size.
pub fn decode(data: &[u8], (width, height): (u32, u32)) -> Result<Planes, ConvertError> {
    limits::check(width, height)?;
    if data.is_empty() {
        return Err(ConvertError::Broken);
    }
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(width.saturating_mul(height));
    let mut decoder = Decoder::with_settings(&settings).map_err(|_| ConvertError::Unsupported)?;
    match decoder.send_data(data.to_vec(), None, None, None) {
        Ok(()) => {}
        Err(error) if error.is_again() => {}
        Err(_) => return Err(ConvertError::Broken),
    }
    let picture = decoder.get_picture().map_err(|_| ConvertError::Broken)?;
    let (width, height) = (picture.width(), picture.height());
    limits::check(width, height)?;
    let bits = picture.bits_per_component().ok_or(ConvertError::Unsupported)?.0;
    let layout = picture.pixel_layout();
    let plane = |component, width, height| {
        let stride = picture.stride(component) as usize;
        eight_bits(picture.plane(component).as_ref(), stride, width as usize, height as usize, bits)
    };
    let chroma = match layout {
        PixelLayout::I400 => None,
        _ => {
            let width = if layout == PixelLayout::I444 { width } else { width.div_ceil(2) };
            let height = if layout == PixelLayout::I420 { height.div_ceil(2) } else { height };
            Some([plane(PlanarImageComponent::U, width, height), plane(PlanarImageComponent::V, width, height)])
        }
    };
    let matrix = match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        _ => 2,
    };
    Ok(Planes {
        width,
        height,
        layout,
        luma: plane(PlanarImageComponent::Y, width, height),
        chroma,
        coding: (matrix, matches!(picture.color_range(), YUVRange::Full)),
    })
}

/// A plane of 8 bits without padding. rav1d gives 16 for 10 and 12.
fn eight_bits(data: &[u8], stride: usize, width: usize, height: usize, bits: usize) -> Vec<u8> {
    let mut plane = Vec::with_capacity(width * height);
    for row in data.chunks(stride.max(1)).take(height) {
        if bits == 8 {
            plane.extend_from_slice(row.get(..width).unwrap_or(row));
        } else {
            let shift = bits.saturating_sub(8);
            let round = 1_u32 << shift >> 1;
            let values = row.as_chunks::<2>().0.iter().take(width).map(|&two| u32::from(u16::from_ne_bytes(two)));
            plane.extend(values.map(|value| u8::try_from((value + round) >> shift).unwrap_or(u8::MAX)));
        }
    }
    plane.resize(width * height, 0);
    plane
}

impl Planes {
    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The luminance in full range.
    pub fn to_grey(&self) -> Vec<u8> {
        if self.coding.1 {
            return self.luma.clone();
        }
        let full = |value: u8| u8::try_from((u32::from(value.saturating_sub(16)) * 255 + 109) / 219).unwrap_or(u8::MAX);
        self.luma.iter().map(|&value| full(value)).collect()
    }

    /// In colour: by what the container tells, else by what the data tells.
    pub fn to_rgb(&self, told: Option<(u16, bool)>) -> Result<Pixels, ConvertError> {
        let (matrix, is_full) = told.unwrap_or(self.coding);
        let range = if is_full { YuvRange::Full } else { YuvRange::Limited };
        let mut pixels = Pixels::new(self.width, self.height, Layout::Rgb)?;
        let (rgb, stride) = (&mut pixels.data, self.width * 3);
        let Some([u_plane, v_plane]) = &self.chroma else {
            let image =
                YuvGrayImage { y_plane: &self.luma, y_stride: self.width, width: self.width, height: self.height };
            yuv::yuv400_to_rgb(&image, rgb, stride, range, YuvStandardMatrix::Bt601)
                .map_err(|_| ConvertError::Broken)?;
            return Ok(pixels);
        };
        let chroma_width = if self.layout == PixelLayout::I444 { self.width } else { self.width.div_ceil(2) };
        let image = YuvPlanarImage {
            y_plane: &self.luma,
            y_stride: self.width,
            u_plane,
            u_stride: chroma_width,
            v_plane,
            v_stride: chroma_width,
            width: self.width,
            height: self.height,
        };
        let done = match (self.layout, matrix) {
            (PixelLayout::I444, 0) => yuv::gbr_to_rgb(&image, rgb, stride, range),
            (_, 0) => return Err(ConvertError::Broken),
            (PixelLayout::I444, 8) => yuv::ycgco444_to_rgb(&image, rgb, stride, range),
            (PixelLayout::I422, 8) => yuv::ycgco422_to_rgb(&image, rgb, stride, range),
            (_, 8) => yuv::ycgco420_to_rgb(&image, rgb, stride, range),
            (PixelLayout::I444, _) => yuv::yuv444_to_rgb(&image, rgb, stride, range, standard(matrix)),
            (PixelLayout::I422, _) => yuv::yuv422_to_rgb(&image, rgb, stride, range, standard(matrix)),
            (_, _) => yuv::yuv420_to_rgb(&image, rgb, stride, range, standard(matrix)),
        };
        done.map_err(|_| ConvertError::Broken)?;
        Ok(pixels)
    }
}

/// By the number of the matrix (ISO/IEC 23091-2 table 4). What is not specified is BT.601, as libavif takes it.
fn standard(matrix: u16) -> YuvStandardMatrix {
    match matrix {
        1 => YuvStandardMatrix::Bt709,
        4 => YuvStandardMatrix::Fcc,
        7 => YuvStandardMatrix::Smpte240,
        9 | 10 => YuvStandardMatrix::Bt2020,
        _ => YuvStandardMatrix::Bt601,
    }
}
