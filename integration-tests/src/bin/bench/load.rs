//! The load: a closed loop of keep-alive HTTP/1.1 connections, each on a thread of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use xtask::error::{Context, Error, Result};
use xtask::http::split;

/// An answer that takes longer fails the run.
const PATIENCE: Duration = Duration::from_secs(10);

/// A round that takes longer fails the run: the machine is too busy to say anything.
const MAX_ROUND: Duration = Duration::from_secs(60);

/// What is sent, and the one answer that counts.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request, byte for byte.
    pub bytes: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// What the content of the answer starts with.
    pub content: &'static str,
}

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    /// What was read of an answer.
    read: Vec<u8>,
    chunk: Box<[u8]>,
}

impl Connection {
    /// Opens one.
    pub fn open(addr: SocketAddr) -> Result<Self> {
        let open = || {
            let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| Error::new(format!("connecting to {addr}: {error}")))?;
        Ok(Self { stream, read: Vec::new(), chunk: vec![0; 16 * 1024].into() })
    }

    /// Sends the request and reads its answer, which has to be the expected one.
    pub fn exchange(&mut self, request: &Request) -> Result<()> {
        self.stream.write_all(&request.bytes).context(|| "sending a request".into())?;
        self.read.clear();
        loop {
            match self.stream.read(&mut self.chunk) {
                Ok(0) => return Err(Error::new("the connection was closed before the end of an answer")),
                Ok(count) => self.read.extend(self.chunk.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(format!("reading an answer: {error}"))),
            }
            if let Some((head, content)) = split(&self.read, b"\r\n\r\n")
                && let Some(content) = whole(head, content)
            {
                return check(request, head, content);
            }
        }
    }
}

/// Sends `count` requests, shared among the connections; how long that took.
pub fn run(connections: &mut [Connection], request: &Request, count: usize) -> Result<Duration> {
    let left = AtomicUsize::new(count);
    let start = Instant::now();
    let work = |connection: &mut Connection| {
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            if start.elapsed() > MAX_ROUND {
                return Err(Error::new(format!("{count} requests took more than {MAX_ROUND:?}")));
            }
            connection.exchange(request)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = connections.iter_mut().map(|connection| scope.spawn(move || work(connection))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::new("a thread of the load ended unexpectedly")))
        })
    })?;
    Ok(start.elapsed())
}

/// The content once it is whole; of a chunked one all from the first chunk on.
fn whole<'c>(head: &[u8], content: &'c [u8]) -> Option<&'c [u8]> {
    match content_length(head) {
        Some(length) => (content.len() >= length).then_some(content),
        None if head.ends_with(b"transfer-encoding: chunked") => {
            content.strip_suffix(b"\r\n0\r\n\r\n").and_then(|chunks| split(chunks, b"\r\n")).map(|(_size, rest)| rest)
        }
        None => Some(content),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        let value = name.eq_ignore_ascii_case(NAME).then(|| std::str::from_utf8(value))?.ok()?;
        value.trim().parse().ok()
    })
}

fn check(request: &Request, head: &[u8], content: &[u8]) -> Result<()> {
    let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    if status == Some(request.status) && content.starts_with(request.content.as_bytes()) {
        return Ok(());
    }
    let (wanted, answer) = (request.status, String::from_utf8_lossy(head));
    let (answer, content) = (answer.lines().next().unwrap_or_default(), String::from_utf8_lossy(content));
    Err(Error::new(format!("expected {wanted} {:?}, was answered {answer:?} {content:?}", request.content)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::origin::Origin;

    fn get(status: u16, content: &'static str) -> Request {
        Request { bytes: b"GET /vite/x.js HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), status, content }
    }

    #[test]
    fn every_answer_is_checked() {
        let origin = Origin::spawn(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let mut connections: Vec<_> = (0..3).map(|_| Connection::open(origin.addr()).unwrap()).collect();
        run(&mut connections, &get(200, "export default"), 10).unwrap();
        assert_eq!(origin.requests().len(), 10);
        assert!(run(&mut connections, &get(202, "export default"), 1).is_err());
        assert!(run(&mut connections, &get(200, "import"), 1).is_err());
    }

    #[test]
    fn the_end_of_an_answer() {
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2", b"x"), None);
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked";
        assert_eq!(whole(chunked, b"2\r\nab\r\n"), None);
        assert_eq!(whole(chunked, b"2\r\nab\r\n0\r\n\r\n"), Some(&b"ab"[..]));
    }

    #[test]
    fn the_length_of_an_answer() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nContent-length: 12\r\nx: y"), Some(12));
        assert_eq!(content_length(b"HTTP/1.1 204 No Content"), None);
    }
}
