//! What the origin answers.

use std::io::{self, Read, Write};

use super::{READY_PATH, Request};

/// For what could not be read; the connection is closed after it.
pub(super) const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const PAGE: &str = "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Sekisho demo origin</title>\n\
    <h1>It works</h1>\n<p>You reached the demo origin behind Sekisho. Deliveries that pass end here with 202.</p>\n";

/// What the demo of the media service shows: a PNG of 240 x 160.
const PICTURE: &[u8] = include_bytes!("picture.png");

/// A whole response, ready to be written at once.
pub(super) fn to(request: &Request) -> Vec<u8> {
    let path = request.path();
    let inbox = path == b"/inbox" || (path.starts_with(b"/users/") && path.ends_with(b"/inbox"));
    let asset = path.starts_with(b"/vite/") || path.starts_with(b"/static-assets/");
    let (status, fields, body) = match request.method() {
        b"POST" if inbox => ("202 Accepted", "", &b"accepted by the demo origin"[..]),
        _ if inbox => ("405 Method Not Allowed", "Allow: POST\r\n", &b""[..]),
        b"GET" | b"HEAD" if asset => (
            "200 OK",
            "Content-Type: text/javascript\r\nCache-Control: max-age=2592000, immutable\r\n",
            &b"export default 'sekisho';\n"[..],
        ),
        b"GET" | b"HEAD" if path == READY_PATH.as_bytes() => ("200 OK", "", &b"ready\n"[..]),
        b"GET" | b"HEAD" if path == b"/files/picture.png" => ("200 OK", "Content-Type: image/png\r\n", PICTURE),
        b"GET" | b"HEAD" => (
            "200 OK",
            "Content-Type: text/html; charset=utf-8\r\nCache-Control: public, max-age=30\r\n",
            PAGE.as_bytes(),
        ),
        _ => ("204 No Content", "", &b""[..]),
    };
    let length = match status {
        // RFC 9110 section 8.6: none in a 204.
        "204 No Content" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let body = if request.method() == b"HEAD" { &[][..] } else { body };
    [format!("HTTP/1.1 {status}\r\n{fields}{length}\r\n").as_bytes(), body].concat()
}

/// A response that says nothing but its status.
pub(super) fn with_status(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Switches protocols and sends back what comes, byte for byte, without the frames of RFC 6455: enough to see
/// that a proxy lets a tunnel through, not enough for a browser.
pub(super) fn echo(request: &Request, reader: &mut impl Read, writer: &mut impl Write) -> io::Result<()> {
    if request.path() != b"/streaming" {
        return writer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    writer.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")?;
    let mut buffer = [0; 4096];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        writer.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}
