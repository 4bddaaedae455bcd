//! `Content-Length` (RFC 9110 section 8.6).

/// The number that a value announces; one that cannot be read is too large for any limit.
pub fn announced_bytes(length: &[u8]) -> usize {
    let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(length).ok().filter(|_| digits);
    number.and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers() {
        for (length, bytes) in
            [("0", 0), ("65536", 65_536), ("", usize::MAX), ("-1", usize::MAX), ("1,1", usize::MAX), ("+1", usize::MAX)]
        {
            assert_eq!(announced_bytes(length.as_bytes()), bytes, "{length}");
        }
    }
}
