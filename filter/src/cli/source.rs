//! What `sekisho replay` reads: activities, raw requests, and lines of either.

use std::io;
use std::path::{Path, PathBuf};

use sekisho::http::RequestHead;

use super::{Failure, read};

/// A delivery to judge.
pub struct Delivery {
    /// Where it comes from: the path, with the line for one of several.
    pub source: String,
    /// The head.
    pub head: RequestHead,
    /// The body.
    pub body: Vec<u8>,
}

/// All deliveries in a file, or in the files of a folder and those below, in order of their names.
pub fn deliveries(path: &Path) -> Result<Vec<Delivery>, Failure> {
    let mut found = Vec::new();
    for file in files(path).map_err(|error| Failure::Io(path.to_owned(), error))? {
        let bytes = read(&file)?;
        let source = file.display().to_string();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("http" | "txt") if !is_request(&bytes) => {
                eprintln!("sekisho: {source}: skipped, no HTTP request line")
            }
            Some("http" | "txt") => found.push(raw_request(source, &bytes)),
            Some("ndjson" | "jsonl") => found.extend(lines(&source, &bytes)),
            _ => found.push(bare_activity(source, bytes)),
        }
    }
    Ok(found)
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let known = ["json", "jsonld", "http", "txt", "ndjson", "jsonl"];
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if extension.is_some_and(|extension| known.contains(&extension)) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// An activity as its own actor would deliver it. There is no signature to read: no rule of this version asks for one.
fn bare_activity(source: String, body: Vec<u8>) -> Delivery {
    let fields: [(&[u8], &[u8]); 3] =
        [(b":method", b"POST"), (b":path", b"/inbox"), (b"content-type", b"application/activity+json")];
    Delivery { source, head: RequestHead::from_fields(fields), body }
}

/// Whether the first line is `METHOD TARGET HTTP/VERSION`.
fn is_request(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let mut words = line.split(|byte| *byte == b' ');
    words.next_back().is_some_and(|version| version.starts_with(b"HTTP/")) && words.count() >= 2
}

/// A request as captured: request line, fields, blank line, body.
fn raw_request(source: String, bytes: &[u8]) -> Delivery {
    let (head, body) = split_head(bytes);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut words = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
    let request_line =
        [(&b":method"[..], words.next().unwrap_or_default()), (b":path", words.next().unwrap_or_default())];
    let fields: Vec<(&[u8], &[u8])> = lines.filter_map(field).collect();
    let chunked = fields
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"chunked"));
    let body = if chunked { dechunk(body) } else { body.to_vec() };
    Delivery { source, head: RequestHead::from_fields(request_line.into_iter().chain(fields)), body }
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.strip_prefix(b":")?.trim_ascii()))
}

/// The content of a chunked body (RFC 9112 section 7.1), as far as it can be read.
fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some((chunk, rest)) = next_chunk(body) {
        content.extend(chunk);
        body = rest;
    }
    content
}

fn next_chunk(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = body.split_at_checked(end.checked_add(1)?)?;
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok().filter(|size| *size > 0)?;
    let (chunk, rest) = rest.split_at_checked(size)?;
    Some((chunk, rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?))
}

fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let blank = |separator: &[u8]| {
        let at = bytes.windows(separator.len()).position(|window| window == separator)?;
        Some((bytes.get(..at)?, bytes.get(at.checked_add(separator.len())?..)?))
    };
    let (crlf, lf) = (blank(b"\r\n\r\n"), blank(b"\n\n"));
    match (crlf, lf) {
        (Some(crlf), Some(lf)) if lf.0.len() < crlf.0.len() => lf,
        (Some(crlf), _) => crlf,
        (None, Some(lf)) => lf,
        (None, None) => (bytes, &[]),
    }
}

/// Lines of activities, or of JSON strings that hold a raw request each.
fn lines(source: &str, bytes: &[u8]) -> Vec<Delivery> {
    let lines = bytes.split(|byte| *byte == b'\n').zip(1_u32..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    lines
        .map(|(line, number)| {
            let source = format!("{source}:{number}");
            match serde_json::from_slice::<String>(line) {
                Ok(request) => raw_request(source, request.as_bytes()),
                Err(_) => bare_activity(source, line.to_vec()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_raw_requests() {
        let raw = raw_request(
            String::new(),
            b"POST /inbox HTTP/1.1\r\nHost: a\r\nContent-Type: x\r\nSignature: a\r\nsignature: b\r\n\r\n{}\n\n",
        );
        assert_eq!(raw.head.method.as_deref(), Some(&b"POST"[..]));
        assert_eq!(raw.head.path.as_deref(), Some(&b"/inbox"[..]));
        assert_eq!(raw.head.host_name().as_deref(), Some("a"));
        assert_eq!(raw.head.content_type.as_deref(), Some(&b"x"[..]));
        assert_eq!(raw.head.signature.as_deref(), Some(&b"a,b"[..]));
        assert_eq!(raw.body, b"{}\n\n");
        assert_eq!(raw_request(String::new(), b"POST /inbox HTTP/1.1\nA: b\n\n{}").body, b"{}");
        let chunked = b"POST /inbox HTTP/1.1\r\nTransfer-Encoding: chunked\r\nSignature: \xff\r\n\r\n1\r\n{\r\nA;x\r\n\"a\":12345}\r\n0\r\n\r\n";
        let chunked = raw_request(String::new(), chunked);
        assert_eq!((&chunked.body[..], chunked.head.signature.as_deref()), (&b"{\"a\":12345}"[..], Some(&b"\xff"[..])));
        assert_eq!(lines("f", b"{}\n\n\"POST / HTTP/1.1\\r\\n\\r\\nx\"\n").len(), 2);
    }
}
