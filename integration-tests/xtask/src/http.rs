//! The least HTTP/1.1 client that serves: one request on a fresh connection.

use std::io::{self, Read, Write};

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and fields, as received.
    pub head: String,
    /// The content, chunks put together.
    pub body: Vec<u8>,
}

impl Response {
    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends a request without content, with `Connection: close`, and reads the answer.
pub fn request(stream: &mut (impl Read + Write), method: &str, host: &str, target: &str) -> io::Result<Response> {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    parse(&raw).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP response"))
}

/// Reads one response from the bytes of a connection that ended after it.
pub fn parse(raw: &[u8]) -> Option<Response> {
    let (head, rest) = split(raw, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut response = Response { status, head, body: Vec::new() };
    let chunked = response.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    response.body = if chunked { dechunk(rest)? } else { rest.to_vec() };
    Some(response)
}

fn dechunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, rest) = split(raw, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let (chunk, rest) = rest.split_at_checked(size)?;
        body.extend_from_slice(chunk);
        raw = rest.strip_prefix(b"\r\n")?;
    }
}

/// Splits at the first `mark`, which belongs to neither part.
pub fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.strip_prefix(mark)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_and_a_chunked_answer() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nX-A:  b \r\n\r\nbody").unwrap();
        assert_eq!((plain.status, plain.text().as_str()), (200, "body"));
        assert_eq!(plain.field("x-a"), Some("b"));
        let chunked = parse(
            b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n",
        );
        assert_eq!(chunked.unwrap().body, b"ab0123456789");
    }

    #[test]
    fn what_is_no_answer() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"HTTP/1.1 x y\r\n\r\n"), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na"), None);
    }
}
