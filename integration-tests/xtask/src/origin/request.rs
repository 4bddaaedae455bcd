//! One request as it came over the wire.

use std::io::{self, BufRead, Read};

use crate::http::split;

const MAX_HEAD: usize = 256 << 10;
const MAX_BODY: usize = 64 << 20;

/// A request, raw and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    raw: Vec<u8>,
    head: usize,
    /// The content without its chunks, where there are any.
    dechunked: Option<Vec<u8>>,
}

impl Request {
    /// Every byte, as received: head, content, chunk sizes, trailers.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Request line and fields, with the empty line that ends them.
    pub fn head(&self) -> &[u8] {
        self.raw.get(..self.head).unwrap_or_default()
    }

    /// The content, chunks put together.
    pub fn body(&self) -> &[u8] {
        match &self.dechunked {
            Some(body) => body,
            None => self.raw.get(self.head..).unwrap_or_default(),
        }
    }

    /// The method.
    pub fn method(&self) -> &[u8] {
        self.word(0)
    }

    /// The request target.
    pub fn target(&self) -> &[u8] {
        self.word(1)
    }

    /// The request target without its query.
    pub fn path(&self) -> &[u8] {
        let target = self.target();
        split(target, b"?").map_or(target, |(path, _)| path)
    }

    /// All values of a field, in order.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.head()
            .split(|byte| *byte == b'\n')
            .skip(1)
            .filter_map(|line| split(line, b":"))
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The first value of a field.
    pub fn field<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.fields(name).next()
    }

    /// Reads the next request of a connection; nothing if it ended before one began.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut raw = Vec::new();
        loop {
            match line(reader, &mut raw, MAX_HEAD)? {
                0 if raw.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                2 if raw.ends_with(b"\r\n\r\n") => break,
                _ => {}
            }
        }
        let mut request = Self { head: raw.len(), raw, dechunked: None };
        if request.word(2) != b"HTTP/1.1" {
            return Err(invalid("no HTTP/1.1 request line"));
        }
        let length = request.field("content-length").map(parse).transpose()?;
        match (request.field("transfer-encoding"), length) {
            (None, None) => {}
            (None, Some(length)) => exactly(reader, &mut request.raw, length)?,
            (Some(b"chunked"), None) => request.dechunked = Some(chunks(reader, &mut request.raw)?),
            _ => return Err(invalid("ambiguous length")),
        }
        Ok(Some(request))
    }

    pub(super) fn is_websocket(&self) -> bool {
        let upgrade = self.field("upgrade").unwrap_or_default();
        self.method() == b"GET" && upgrade.eq_ignore_ascii_case(b"websocket")
    }

    pub(super) fn wants_close(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default();
        connection.eq_ignore_ascii_case(b"close")
    }

    pub(super) fn size(&self) -> usize {
        self.raw.len() + self.dechunked.as_ref().map_or(0, Vec::len)
    }

    fn word(&self, at: usize) -> &[u8] {
        let line = split(&self.raw, b"\r\n").map_or(&[][..], |(line, _)| line);
        line.split(|byte| *byte == b' ').nth(at).unwrap_or_default()
    }
}

/// Appends a line with its end; how many bytes it has.
fn line(reader: &mut impl BufRead, raw: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
    let left = limit.saturating_sub(raw.len());
    let read = reader.by_ref().take(left as u64).read_until(b'\n', raw)?;
    if read == left {
        return Err(invalid("too long"));
    }
    Ok(read)
}

fn exactly(reader: &mut impl BufRead, raw: &mut Vec<u8>, length: usize) -> io::Result<()> {
    if raw.len().saturating_add(length) > MAX_BODY {
        return Err(invalid("too long"));
    }
    let read = reader.by_ref().take(length as u64).read_to_end(raw)?;
    if read < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// RFC 9112 section 7.1: chunks, then trailers up to an empty line. Chunk extensions are not understood.
fn chunks(reader: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = take_line(reader, raw)?;
        let size = std::str::from_utf8(size.trim_ascii()).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("chunk size"))?;
        if size == 0 {
            while take_line(reader, raw)? != b"\r\n" {}
            return Ok(body);
        }
        let start = raw.len();
        exactly(reader, raw, size)?;
        body.extend_from_slice(raw.get(start..).unwrap_or_default());
        if take_line(reader, raw)? != b"\r\n" {
            return Err(invalid("chunk end"));
        }
    }
}

fn take_line(reader: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let start = raw.len();
    if line(reader, raw, MAX_BODY)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(raw.get(start..).unwrap_or_default().to_vec())
}

fn parse(length: &[u8]) -> io::Result<usize> {
    std::str::from_utf8(length).ok().and_then(|length| length.parse().ok()).ok_or_else(|| invalid("content-length"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_bytes() {
        let raw = b"GET /a?b=c HTTP/1.1\r\nX: \xff\r\nx:2\r\n\r\nnext";
        let request = Request::read(&mut &raw[..]).unwrap().unwrap();
        assert_eq!(request.fields("X").collect::<Vec<_>>(), [b"\xff", b"2"]);
        assert_eq!(request.path(), b"/a");
        assert_eq!(request.body(), b"");
        assert_eq!(request.head().len() + 4, raw.len());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let raw = b"POST /i HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(Request::read(&mut &b""[..]).unwrap(), None);
        for end in 1..raw.len() {
            assert!(Request::read(&mut &raw[..end]).is_err(), "{end}");
        }
        assert!(Request::read(&mut &raw[..]).is_ok());
    }

    #[test]
    fn ambiguous_lengths() {
        for fields in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: x",
            "Transfer-Encoding: gzip",
            "Content-Length: 99999999999",
        ] {
            let raw = format!("POST /i HTTP/1.1\r\n{fields}\r\n\r\nxxxxx");
            assert!(Request::read(&mut raw.as_bytes()).is_err(), "{fields}");
        }
    }
}
