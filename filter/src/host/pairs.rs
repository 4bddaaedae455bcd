//! Fields in the form of the proxy-wasm ABI: the number of pairs, the lengths of each, then each name and value ended by NUL. Numbers are
//! 32 bits, little-endian.

/// Writes pairs.
pub fn write<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let sizes = pairs.iter().map(|(name, value)| name.as_ref().len().saturating_add(value.as_ref().len()));
    let mut bytes = Vec::with_capacity(sizes.fold(4, |sum, size| sum.saturating_add(size).saturating_add(10)));
    bytes.extend(number(pairs.len()));
    for (name, value) in pairs {
        bytes.extend(number(name.as_ref().len()));
        bytes.extend(number(value.as_ref().len()));
    }
    for (name, value) in pairs {
        for text in [name.as_ref(), value.as_ref()] {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
    }
    bytes
}

/// Reads pairs; `None` when the bytes are not what they say.
pub fn read(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (count, rest) = number(bytes)?;
    let (mut lengths, mut texts) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = Vec::with_capacity(count);
    while !lengths.is_empty() {
        let (name, rest) = number(lengths)?;
        let (value, rest) = number(rest)?;
        lengths = rest;
        let (name, rest) = text(texts, name)?;
        let (value, rest) = text(rest, value)?;
        texts = rest;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn text(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((text, rest.strip_prefix(b"\0")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pairs = [("content-type", "application/json"), ("", ""), ("a", "b\0c")];
        let bytes = write(&pairs);
        let expected: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(read(&bytes), Some(expected));
        assert_eq!(read(&write::<&str, &str>(&[])), Some(vec![]));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "{end} bytes");
        }
        assert_eq!(read(&[0xff; 64]), None);
    }
}
