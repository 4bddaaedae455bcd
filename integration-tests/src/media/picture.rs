//! What a picture is, by its own bytes: no decoder, and none of ours.

/// Type, size and number of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `webp` or `png`.
    pub format: &'static str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// One for a still picture.
    pub frames: usize,
}

impl Picture {
    /// Reads the head of a WebP (RFC 9649) or of a PNG.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            let number = |at: usize| bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
            return Some(Self { format: "png", width: number(16)?, height: number(20)?, frames: 1 });
        }
        if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
            return None;
        }
        let chunks = chunks(bytes.get(12..)?);
        let frames = chunks.iter().filter(|(name, _)| name == b"ANMF").count().max(1);
        let (name, body) = chunks.first()?;
        let [a, b, c, d, e, f, g, h, i, j, ..] = *body else { return None };
        let three = |low: &u8, middle: &u8, high: &u8| u32::from_le_bytes([*low, *middle, *high, 0]) + 1;
        let (width, height) = match name {
            b"VP8X" => (three(e, f, g), three(h, i, j)),
            b"VP8L" => {
                let bits = u32::from_le_bytes([*b, *c, *d, *e]);
                ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
            }
            b"VP8 " if [*d, *e, *f] == [0x9d, 0x01, 0x2a] => {
                (u32::from(u16::from_le_bytes([*g, *h]) & 0x3fff), u32::from(u16::from_le_bytes([*i, *j]) & 0x3fff))
            }
            _ => return None,
        };
        let _tag = a;
        Some(Self { format: "webp", width, height, frames })
    }
}

fn chunks(mut rest: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut chunks = Vec::new();
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let Some((length, body)) = after.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        chunks.push((*name, body.get(..length).unwrap_or(body)));
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures() {
        for (name, format, size, frames) in [
            ("still.png", "png", (600, 400), 1),
            ("still.webp", "webp", (600, 400), 1),
            ("moving.webp", "webp", (300, 150), 3),
        ] {
            let bytes = std::fs::read(crate::media::folder().join(name)).unwrap();
            let expected = Picture { format, width: size.0, height: size.1, frames };
            assert_eq!(Picture::read(&bytes), Some(expected), "{name}");
        }
        assert_eq!(Picture::read(b"GIF89a"), None);
    }
}
