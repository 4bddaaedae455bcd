//! libwebp, made safe: the only file of `image` that calls C by hand.
#![allow(unsafe_code, reason = "libwebp is a C library")]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::{ptr, slice};

use libwebp_sys as webp;

use super::ConvertError;
use super::limits;
use super::pixels::{Layout, Pixels};

/// What the header of a WebP tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Width of the picture, or of the canvas.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Whether there is an alpha channel.
    pub alpha: bool,
    /// Whether there are several frames.
    pub animation: bool,
    /// Whether it is coded without loss.
    pub lossless: bool,
}

/// Reads the header.
pub fn features(input: &[u8]) -> Result<Features, ConvertError> {
    let mut config = webp::WebPDecoderConfig::new().map_err(|()| ConvertError::Unsupported)?;
    // SAFETY: pointer and length are of one slice; `config.input` is a valid place for the result.
    let status = unsafe { webp::WebPGetFeatures(input.as_ptr(), input.len(), &raw mut config.input) };
    if status != webp::VP8StatusCode::VP8_STATUS_OK {
        return Err(ConvertError::Broken);
    }
    let told = config.input;
    let side = |side| u32::try_from(side).map_err(|_| ConvertError::Broken);
    Ok(Features {
        width: side(told.width)?,
        height: side(told.height)?,
        alpha: told.has_alpha != 0,
        animation: told.has_animation != 0,
        lossless: told.format == 2,
    })
}

/// Decodes a still picture in this size, which is its own or a smaller one.
pub fn decode(input: &[u8], features: Features, (width, height): (u32, u32)) -> Result<Pixels, ConvertError> {
    let layout = if features.alpha { Layout::Rgba } else { Layout::Rgb };
    let mut pixels = Pixels::new(width, height, layout)?;
    let stride = int(pixels.stride())?;
    let mut config = webp::WebPDecoderConfig::new().map_err(|()| ConvertError::Unsupported)?;
    if (width, height) != (features.width, features.height) {
        config.options.use_scaling = 1;
        config.options.scaled_width = int(width)?;
        config.options.scaled_height = int(height)?;
    }
    config.output.colorspace =
        if features.alpha { webp::WEBP_CSP_MODE::MODE_RGBA } else { webp::WEBP_CSP_MODE::MODE_RGB };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = webp::WebPRGBABuffer { rgba: pixels.data.as_mut_ptr(), stride, size: pixels.data.len() };
    // SAFETY: the input is one slice; the output is `pixels.data`, whose length and stride libwebp is told and checks, and
    // which outlives the call.
    let status = unsafe { webp::WebPDecode(input.as_ptr(), input.len(), &raw mut config) };
    // SAFETY: initialised above. Frees what libwebp allocated beside our memory.
    unsafe { webp::WebPFreeDecBuffer(&raw mut config.output) };
    match status {
        webp::VP8StatusCode::VP8_STATUS_OK => Ok(pixels),
        webp::VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => Err(ConvertError::TooLarge),
        _ => Err(ConvertError::Broken),
    }
}

/// Decodes an animation, frame by frame.
pub struct AnimationDecoder<'a> {
    decoder: NonNull<webp::WebPAnimDecoder>,
    width: u32,
    height: u32,
    input: PhantomData<&'a [u8]>,
}

impl<'a> AnimationDecoder<'a> {
    /// Of a file whose canvas ([`features`]) is within the limits: the canvas is allocated here.
    pub fn new(input: &'a [u8]) -> Result<Self, ConvertError> {
        let mut options = webp::WebPAnimDecoderOptions {
            color_mode: webp::WEBP_CSP_MODE::MODE_RGBA,
            use_threads: 0,
            padding: [0; 7],
        };
        // SAFETY: a valid place for the defaults.
        if unsafe { webp::WebPAnimDecoderOptionsInit(&raw mut options) } == 0 {
            return Err(ConvertError::Unsupported);
        }
        options.color_mode = webp::WEBP_CSP_MODE::MODE_RGBA;
        options.use_threads = 0;
        let data = webp::WebPData { bytes: input.as_ptr(), size: input.len() };
        // SAFETY: the decoder keeps the pointer to the input, which outlives it by `'a`; `data` itself is copied.
        let decoder = unsafe { webp::WebPAnimDecoderNew(&raw const data, &raw const options) };
        let decoder = NonNull::new(decoder).ok_or(ConvertError::Broken)?;
        let mut this = Self { decoder, width: 0, height: 0, input: PhantomData };
        let mut info = webp::WebPAnimInfo::default();
        // SAFETY: a living decoder and a valid place.
        if unsafe { webp::WebPAnimDecoderGetInfo(this.decoder.as_ptr(), &raw mut info) } == 0 {
            return Err(ConvertError::Broken);
        }
        limits::check_canvas(info.canvas_width, info.canvas_height)?;
        (this.width, this.height) = (info.canvas_width, info.canvas_height);
        Ok(this)
    }

    /// The next frame on its canvas, and the time of its end in milliseconds. `None` after the last.
    pub fn next(&mut self) -> Result<Option<(Pixels, i32)>, ConvertError> {
        // SAFETY: a living decoder.
        if unsafe { webp::WebPAnimDecoderHasMoreFrames(self.decoder.as_ptr()) } == 0 {
            return Ok(None);
        }
        let len = limits::buffer_len(self.width, self.height, 4)?;
        let (mut canvas, mut end) = (ptr::null_mut(), 0);
        // SAFETY: a living decoder and valid places.
        let done = unsafe { webp::WebPAnimDecoderGetNext(self.decoder.as_ptr(), &raw mut canvas, &raw mut end) };
        if done == 0 || canvas.is_null() {
            return Err(ConvertError::Broken);
        }
        // SAFETY: libwebp's canvas is width * height * 4 bytes and lives until the next call; it is copied here.
        let data = unsafe { slice::from_raw_parts(canvas, len) }.to_vec();
        Ok(Some((Pixels::from_data(self.width, self.height, Layout::Rgba, data)?, end)))
    }
}

impl Drop for AnimationDecoder<'_> {
    fn drop(&mut self) {
        // SAFETY: made by WebPAnimDecoderNew, deleted once.
        unsafe { webp::WebPAnimDecoderDelete(self.decoder.as_ptr()) };
    }
}

/// How to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// With loss. Twice the time, and no coloured fringes, with `sharp` chroma.
    Lossy {
        /// Whether chroma is subsampled with care.
        sharp: bool,
    },
    /// Without loss.
    Lossless,
}

/// 192 levels of alpha. The 95 of Misskey's own proxy come to 216: from 193 on, libwebp codes alpha twice, with its filter and without, and keeps the
/// smaller. A percent of the bytes for a third of the time of a translucent animation.
const ALPHA_QUALITY: i32 = 92;

/// For animations that were settled, above the 77 of Misskey's own proxy: frames that look like libwebp's with its care for chroma. ssimulacra2 beside
/// sharp's, and bytes, of a GIF sticker as emoji (128 px) and avatar (256 px): at 77 -1.1 and -1.5, 0.97 and 0.96; at 78 -1.0 and -1.1, 0.99 and 0.98;
/// at 79 -0.1 and -0.6, 1.00 and 1.01; at 80 0.0 and -0.1, 1.02 and 1.04. Less than -0.5 is too little.
const DRAWN_QUALITY: f32 = 80.0;

fn config(coding: Coding) -> Result<webp::WebPConfig, ConvertError> {
    let mut config = webp::WebPConfig::new().map_err(|()| ConvertError::Encoding)?;
    config.method = 2;
    config.quality = 77.0;
    config.alpha_quality = ALPHA_QUALITY;
    match coding {
        Coding::Lossy { sharp } => config.use_sharp_yuv = i32::from(sharp),
        Coding::Lossless => {
            config.lossless = 1;
            config.alpha_quality = 100;
        }
    }
    // SAFETY: a valid config.
    if unsafe { webp::WebPValidateConfig(&raw const config) } == 0 {
        return Err(ConvertError::Encoding);
    }
    Ok(config)
}

/// A picture in libwebp's memory.
struct Picture(webp::WebPPicture);

impl Picture {
    /// `argb`: as it is, for lossless, for sharp chroma and for animations; else in YUV at once.
    fn new(pixels: &Pixels, argb: bool) -> Result<Self, ConvertError> {
        let stride = int(pixels.stride())?;
        let len = limits::buffer_len(pixels.width, pixels.height, pixels.layout.channels())?;
        if pixels.data.len() != len || pixels.width > limits::MAX_OUTPUT_SIDE || pixels.height > limits::MAX_OUTPUT_SIDE
        {
            return Err(ConvertError::TooLarge);
        }
        let mut this = Self(webp::WebPPicture::new().map_err(|()| ConvertError::Encoding)?);
        this.0.use_argb = i32::from(argb);
        this.0.width = int(pixels.width)?;
        this.0.height = int(pixels.height)?;
        // SAFETY: an initialised picture of this width and height; the data has `height` rows of `stride` bytes, as checked.
        let done = unsafe {
            match pixels.layout {
                Layout::Rgb => webp::WebPPictureImportRGB(&raw mut this.0, pixels.data.as_ptr(), stride),
                Layout::Rgba => webp::WebPPictureImportRGBA(&raw mut this.0, pixels.data.as_ptr(), stride),
                Layout::Cmyk => 0,
            }
        };
        if done == 0 { Err(ConvertError::Encoding) } else { Ok(this) }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: initialised; frees what the import allocated.
        unsafe { webp::WebPPictureFree(&raw mut self.0) };
    }
}

/// libwebp's growing buffer.
struct Writer(Box<webp::WebPMemoryWriter>);

impl Writer {
    fn new() -> Self {
        let mut writer = Box::new(webp::WebPMemoryWriter { mem: ptr::null_mut(), size: 0, max_size: 0, pad: [0] });
        // SAFETY: a valid place.
        unsafe { webp::WebPMemoryWriterInit(&raw mut *writer) };
        Self(writer)
    }

    fn bytes(&self) -> Vec<u8> {
        if self.0.mem.is_null() {
            return Vec::new();
        }
        // SAFETY: libwebp wrote `size` bytes at `mem`.
        unsafe { slice::from_raw_parts(self.0.mem, self.0.size) }.to_vec()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: initialised; cleared once.
        unsafe { webp::WebPMemoryWriterClear(&raw mut *self.0) };
    }
}

/// Encodes a still picture.
pub fn encode(pixels: &Pixels, coding: Coding) -> Result<Vec<u8>, ConvertError> {
    let config = config(coding)?;
    let mut picture = Picture::new(pixels, coding != Coding::Lossy { sharp: false })?;
    let mut writer = Writer::new();
    picture.0.writer = Some(webp::WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut *writer.0).cast();
    // SAFETY: config, picture and the writer behind `custom_ptr` are valid and outlive the call.
    if unsafe { webp::WebPEncode(&raw const config, &raw mut picture.0) } == 0 {
        return Err(ConvertError::Encoding);
    }
    Ok(writer.bytes())
}

/// Encodes an animation that loops for ever, frame by frame.
pub struct AnimationEncoder {
    encoder: NonNull<webp::WebPAnimEncoder>,
    config: webp::WebPConfig,
    size: (u32, u32),
}

impl AnimationEncoder {
    /// For frames of this size; `is_drawn`: which are settled.
    pub fn new((width, height): (u32, u32), is_drawn: bool) -> Result<Self, ConvertError> {
        let mut options = webp::WebPAnimEncoderOptions {
            anim_params: webp::WebPMuxAnimParams { bgcolor: 0, loop_count: 0 },
            minimize_size: 0,
            kmin: 0,
            kmax: 0,
            allow_mixed: 0,
            verbose: 0,
            padding: [0; 4],
        };
        let abi = int(webp::WEBP_MUX_ABI_VERSION)?;
        // SAFETY: a valid place for the defaults.
        if unsafe { webp::WebPAnimEncoderOptionsInitInternal(&raw mut options, abi) } == 0 {
            return Err(ConvertError::Encoding);
        }
        options.anim_params = webp::WebPMuxAnimParams { bgcolor: 0, loop_count: 0 };
        let mut config = config(Coding::Lossy { sharp: false })?;
        if is_drawn {
            config.quality = DRAWN_QUALITY;
        }
        // SAFETY: valid options, which are copied.
        let encoder = unsafe { webp::WebPAnimEncoderNewInternal(int(width)?, int(height)?, &raw const options, abi) };
        let encoder = NonNull::new(encoder).ok_or(ConvertError::Encoding)?;
        Ok(Self { encoder, config, size: (width, height) })
    }

    /// A frame, and the time at which it begins in milliseconds.
    pub fn add(&mut self, pixels: &Pixels, begin: i32) -> Result<(), ConvertError> {
        if (pixels.width, pixels.height) != self.size {
            return Err(ConvertError::Encoding);
        }
        let mut picture = Picture::new(pixels, true)?;
        // SAFETY: a living encoder, a valid picture of its size and a valid config; the frame is copied.
        let done = unsafe {
            webp::WebPAnimEncoderAdd(self.encoder.as_ptr(), &raw mut picture.0, begin, &raw const self.config)
        };
        if done == 0 { Err(ConvertError::Encoding) } else { Ok(()) }
    }

    /// The file, of which the last frame ends at this time.
    pub fn finish(self, end: i32) -> Result<Vec<u8>, ConvertError> {
        // SAFETY: a living encoder; no frame says that it was the last.
        if unsafe { webp::WebPAnimEncoderAdd(self.encoder.as_ptr(), ptr::null_mut(), end, ptr::null()) } == 0 {
            return Err(ConvertError::Encoding);
        }
        let mut data = webp::WebPData::default();
        // SAFETY: a living encoder and a valid place.
        if unsafe { webp::WebPAnimEncoderAssemble(self.encoder.as_ptr(), &raw mut data) } == 0 || data.bytes.is_null() {
            return Err(ConvertError::Encoding);
        }
        // SAFETY: libwebp's allocation of this size, copied, then freed once.
        unsafe {
            let bytes = slice::from_raw_parts(data.bytes, data.size).to_vec();
            webp::WebPDataClear(&mut data);
            Ok(bytes)
        }
    }
}

impl Drop for AnimationEncoder {
    fn drop(&mut self) {
        // SAFETY: made by WebPAnimEncoderNewInternal, deleted once.
        unsafe { webp::WebPAnimEncoderDelete(self.encoder.as_ptr()) };
    }
}

fn int<T: TryInto<i32>>(value: T) -> Result<i32, ConvertError> {
    value.try_into().map_err(|_| ConvertError::TooLarge)
}
