//! Boxes and numbers of ISO/IEC 14496-12.

use super::super::ConvertError::{self, Broken};

/// The name of a box, and its content.
pub type Named<'a> = ([u8; 4], &'a [u8]);

/// A list of boxes.
pub struct Boxes<'a>(pub &'a [u8]);

impl<'a> Boxes<'a> {
    pub fn next(&mut self) -> Result<Option<Named<'a>>, ConvertError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut bytes = Bytes(self.0);
        let size = u64::from(bytes.u32()?);
        let kind = bytes.array()?;
        let (size, header) = match size {
            0 => (self.0.len() as u64, 8),
            1 => (bytes.uint(8)?, 16),
            _ => (size, 8),
        };
        let size = usize::try_from(size).map_err(|_| Broken)?;
        let content = self.0.get(header..size).ok_or(Broken)?;
        self.0 = self.0.get(size..).unwrap_or_default();
        Ok(Some((kind, content)))
    }
}

/// Numbers, big end first.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    /// Bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(Broken)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, ConvertError> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, ConvertError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, ConvertError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Of 0 to 8 bytes.
    pub fn uint(&mut self, bytes: usize) -> Result<u64, ConvertError> {
        (0..bytes.min(8)).try_fold(0, |value, _| Ok(value << 8 | u64::from(self.u8()?)))
    }

    /// The number of an item: two bytes, or four.
    pub fn id(&mut self, is_wide: bool) -> Result<u32, ConvertError> {
        if is_wide { self.u32() } else { self.u16().map(u32::from) }
    }

    /// Version and flags.
    pub fn full(&mut self) -> Result<(u8, u32), ConvertError> {
        let value = self.u32()?;
        Ok(((value >> 24) as u8, value & 0x00FF_FFFF))
    }
}
