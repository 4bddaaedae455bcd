//! A client that sends exactly the bytes it is given.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use xtask::http::{self, Response};

/// Longer than any answer may take: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a connection that gives up when nothing comes for [`PATIENCE`].
///
/// # Errors
/// When nobody listens.
pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends `bytes` on a fresh connection and reads one response.
///
/// # Errors
/// When the connection fails, or no whole response comes.
pub fn exchange(addr: SocketAddr, bytes: &[u8]) -> io::Result<Response> {
    let mut stream = connect(addr)?;
    let mut writer = stream.try_clone()?;
    // A server may answer and close before it has read everything: a failure to write is no failure to be answered.
    let sending = bytes.to_vec();
    let sender = std::thread::spawn(move || writer.write_all(&sending));
    let response = read_response(&mut stream);
    let _closed = stream.shutdown(std::net::Shutdown::Both);
    drop(sender.join());
    response
}

/// A connection that is kept for the next request, as long as the other end keeps it.
#[derive(Debug)]
pub struct KeptAlive {
    addr: SocketAddr,
    stream: Option<TcpStream>,
}

impl KeptAlive {
    /// One that is opened by the first request.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, stream: None }
    }

    /// Whether the next request goes over the connection of the last one.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends `bytes` and reads one response.
    ///
    /// # Errors
    /// When the connection fails, or no whole response comes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.addr)?,
        };
        stream.write_all(bytes)?;
        let response = read_response(&mut stream)?;
        if response.field("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(response)
    }
}

/// Reads one response from an open connection.
///
/// # Errors
/// When the connection fails, or no whole response comes.
pub fn read_response(stream: &mut TcpStream) -> io::Result<Response> {
    let mut raw = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let ended = match stream.read(&mut buffer) {
            Ok(0) => true,
            Ok(count) => {
                raw.extend(buffer.iter().take(count));
                false
            }
            // The server closed with our bytes unread; what it had said before counts.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => true,
            Err(error) => return Err(error),
        };
        if let Some(response) = http::parse(&raw)
            && (ended || is_whole(&response))
        {
            return Ok(response);
        }
        if ended {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no whole response"));
        }
    }
}

fn is_whole(response: &Response) -> bool {
    match response.field("content-length").map(str::parse) {
        Some(Ok(length)) => response.body.len() >= length,
        Some(Err(_)) => false,
        None => response.field("transfer-encoding").is_some() || matches!(response.status, 204 | 304),
    }
}

/// A delivery with the given further fields, each ended by CRLF.
pub fn delivery(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: sekisho.example\r\nContent-Length: {length}\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

/// The field that an activity is delivered with.
pub const ACTIVITY_JSON: &str = "Content-Type: application/activity+json\r\n";
