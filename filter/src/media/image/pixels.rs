//! A picture in memory: 8 bits per channel, rows without padding.

use super::ConvertError;
use super::limits;

/// What the channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Red, green, blue.
    Rgb,
    /// The same and alpha, not premultiplied.
    Rgba,
    /// Cyan, magenta, yellow, black; 255 is full ink.
    Cmyk,
}

impl Layout {
    /// Bytes per pixel.
    #[must_use]
    pub const fn channels(self) -> u32 {
        match self {
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A picture, within the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The channels.
    pub layout: Layout,
    /// `width * height * channels` bytes.
    pub data: Vec<u8>,
}

impl Pixels {
    /// An all-zero picture.
    ///
    /// # Errors
    /// Beyond the limits.
    pub fn new(width: u32, height: u32, layout: Layout) -> Result<Self, ConvertError> {
        let data = vec![0; limits::buffer_len(width, height, layout.channels())?];
        Ok(Self { width, height, layout, data })
    }

    /// A picture of these bytes.
    ///
    /// # Errors
    /// Beyond the limits, or with another number of bytes.
    pub fn from_data(width: u32, height: u32, layout: Layout, data: Vec<u8>) -> Result<Self, ConvertError> {
        if data.len() != limits::buffer_len(width, height, layout.channels())? {
            return Err(ConvertError::Broken);
        }
        Ok(Self { width, height, layout, data })
    }

    /// From 1 (grey), 2 (grey, alpha), 3 or 4 channels.
    ///
    /// # Errors
    /// Beyond the limits, or with another number of bytes.
    pub fn from_channels(width: u32, height: u32, channels: usize, data: Vec<u8>) -> Result<Self, ConvertError> {
        match channels {
            1 => {
                let rgb = data.iter().flat_map(|&y| [y, y, y]).collect();
                Self::from_data(width, height, Layout::Rgb, rgb)
            }
            2 => {
                let rgba = data.as_chunks().0.iter().flat_map(|&[y, a]| [y, y, y, a]).collect();
                Self::from_data(width, height, Layout::Rgba, rgba)
            }
            3 => Self::from_data(width, height, Layout::Rgb, data),
            4 => Self::from_data(width, height, Layout::Rgba, data),
            _ => Err(ConvertError::Unsupported),
        }
    }

    /// Bytes of a row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.width as usize * self.layout.channels() as usize
    }

    /// Whether a pixel is not fully opaque.
    #[must_use]
    pub fn is_translucent(&self) -> bool {
        self.layout == Layout::Rgba && self.data.as_chunks::<4>().0.iter().any(|&[_, _, _, a]| a != 255)
    }

    /// Without an alpha channel that says nothing.
    #[must_use]
    pub fn without_opaque_alpha(self) -> Self {
        if self.layout != Layout::Rgba || self.is_translucent() {
            return self;
        }
        let data = self.data.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
        Self { layout: Layout::Rgb, data, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels() {
        let grey = Pixels::from_channels(2, 1, 1, vec![1, 2]).unwrap();
        assert_eq!((grey.layout, &grey.data[..]), (Layout::Rgb, &[1, 1, 1, 2, 2, 2][..]));
        let grey_alpha = Pixels::from_channels(1, 1, 2, vec![1, 2]).unwrap();
        assert_eq!((grey_alpha.layout, &grey_alpha.data[..]), (Layout::Rgba, &[1, 1, 1, 2][..]));
        assert_eq!(Pixels::from_channels(1, 1, 5, vec![0; 5]), Err(ConvertError::Unsupported));
        assert_eq!(Pixels::from_channels(2, 2, 3, vec![0; 11]), Err(ConvertError::Broken));
    }

    #[test]
    fn an_alpha_channel_that_says_nothing_goes() {
        let opaque = Pixels::from_channels(1, 1, 4, vec![1, 2, 3, 255]).unwrap().without_opaque_alpha();
        assert_eq!((opaque.layout, &opaque.data[..]), (Layout::Rgb, &[1, 2, 3][..]));
        let translucent = Pixels::from_channels(1, 1, 4, vec![1, 2, 3, 254]).unwrap().without_opaque_alpha();
        assert_eq!(translucent.layout, Layout::Rgba);
    }
}
