//! The least HTTP/1.1 server that serves Envoy: one request on each connection.

use std::io::{self, Read};

use xtask::http::split;

/// Reads one request to its end; what it carries.
pub fn read_request(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = split(&raw, b"\r\n\r\n")
            && body.len() >= content_length(head)
        {
            return Ok(body.to_vec());
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => raw.extend(buffer.iter().take(count)),
        }
    }
}

/// A response after which the connection ends.
pub fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}
