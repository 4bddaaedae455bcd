//! The origin server of demonstrations and tests: HTTP/1.1 on the standard library, a thread per connection.

mod answer;
mod request;

use std::collections::VecDeque;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use self::request::Request;
use crate::error::{Context, Result};

/// The path that `Stack` asks for to see whether requests pass. It is answered and never recorded.
pub const READY_PATH: &str = "/sekisho-xtask-ready";

/// Recorded requests are forgotten, the oldest first, beyond this number.
pub const MAX_RECORDED: usize = 4096;

/// Recorded requests are forgotten, the oldest first, beyond this size of all together, in bytes.
pub const MAX_RECORDED_BYTES: usize = 64 << 20;

/// A connection on which nothing comes for so long is closed. Longer than Envoy keeps one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A running origin. It stops accepting when dropped.
#[derive(Debug)]
pub struct Origin {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stopping: AtomicBool,
    /// What every POST is answered with; 0 for what its path says.
    post_status: AtomicU16,
    /// Nothing is kept by one that was spawned quiet.
    recorded: Option<Mutex<Recorded>>,
}

#[derive(Debug, Default)]
struct Recorded {
    requests: VecDeque<Request>,
    bytes: usize,
}

impl Origin {
    /// Listens on `bind` (port 0 for any) and records what it is sent.
    pub fn spawn(bind: SocketAddr) -> Result<Self> {
        Self::start(bind, Some(Mutex::default()))
    }

    /// The same without a record.
    pub fn spawn_quiet(bind: SocketAddr) -> Result<Self> {
        Self::start(bind, None)
    }

    fn start(bind: SocketAddr, recorded: Option<Mutex<Recorded>>) -> Result<Self> {
        let listener = TcpListener::bind(bind).context(|| format!("origin on {bind}"))?;
        let addr = listener.local_addr().context(|| format!("origin on {bind}"))?;
        let shared = Arc::new(Shared { stopping: AtomicBool::new(false), post_status: AtomicU16::new(0), recorded });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { addr, shared })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers every POST with this status from now on, as a server that refuses to authenticate its sender.
    pub fn answer_posts_with(&self, status: u16) {
        self.shared.post_status.store(status, Ordering::Release);
    }

    /// A copy of the recorded requests, in the order in which they were completed.
    pub fn requests(&self) -> Vec<Request> {
        let recorded = self.shared.recorded();
        recorded.map_or_else(Vec::new, |r| r.requests.iter().cloned().collect())
    }

    /// The recorded requests; they are forgotten.
    pub fn take_requests(&self) -> Vec<Request> {
        let recorded = self.shared.recorded();
        recorded.map_or_else(Vec::new, |mut r| {
            r.bytes = 0;
            r.requests.drain(..).collect()
        })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the thread that accepts. If nobody answers it has ended already.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

impl Shared {
    fn recorded(&self) -> Option<MutexGuard<'_, Recorded>> {
        let recorded = self.recorded.as_ref()?;
        Some(recorded.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record(&self, request: Request) {
        if request.path() == READY_PATH.as_bytes() {
            return;
        }
        let Some(mut recorded) = self.recorded() else {
            return;
        };
        recorded.bytes += request.size();
        recorded.requests.push_back(request);
        while recorded.requests.len() > MAX_RECORDED || recorded.bytes > MAX_RECORDED_BYTES {
            let Some(oldest) = recorded.requests.pop_front() else {
                break;
            };
            recorded.bytes -= oldest.size();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let shared = Arc::clone(shared);
        match stream {
            // A connection that fails is over, and nobody is left to tell.
            Ok(stream) => drop(thread::spawn(move || serve(stream, &shared))),
            // Out of file descriptors, mostly: let some go.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while !shared.stopping.load(Ordering::Acquire) {
        let request = match Request::read(&mut reader) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return writer.write_all(answer::BAD_REQUEST);
            }
            Err(error) => return Err(error),
        };
        if request.is_websocket() {
            return answer::echo(&request, &mut reader, &mut writer);
        }
        let close = request.wants_close();
        let answer = match shared.post_status.load(Ordering::Acquire) {
            status @ 1.. if request.method() == b"POST" => answer::with_status(status),
            _ => answer::to(&request),
        };
        // Recorded before it is answered: who has the answer finds the record.
        shared.record(request);
        writer.write_all(&answer)?;
        if close {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn origin() -> Origin {
        Origin::spawn(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
    }

    fn exchange(origin: &Origin, raw: &[u8]) -> String {
        let mut stream = TcpStream::connect(origin.addr()).unwrap();
        stream.write_all(raw).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn two_requests_on_one_connection_and_their_record() {
        let origin = origin();
        let first = b"POST /users/a/inbox HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
        let second = b"POST /inbox HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        let answer = exchange(&origin, &[&first[..], &second[..]].concat());
        assert_eq!(answer.matches("HTTP/1.1 202 Accepted\r\n").count(), 2);
        let requests = origin.take_requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].body(), b"abc");
        assert_eq!(requests[0].raw(), first);
        assert_eq!(requests[1].raw(), second);
        assert_eq!(requests[1].target(), b"/inbox");
        assert_eq!(origin.requests().len(), 0);
    }

    #[test]
    fn pages_assets_and_head() {
        let origin = origin();
        let get = |method: &str, path: &str| {
            let raw = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            exchange(&origin, raw.as_bytes())
        };
        assert!(get("GET", "/").contains("<!DOCTYPE html>"));
        assert!(get("GET", "/vite/app.js").contains("immutable"));
        let head = get("HEAD", "/");
        assert!(head.ends_with("\r\n\r\n") && head.contains("Content-Length: "));
        assert!(get("GET", "/inbox").starts_with("HTTP/1.1 405 "));
        assert!(get("POST", "/api/x").starts_with("HTTP/1.1 204 "));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(exchange(&origin(), b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn the_record_is_bounded_and_leaves_the_probe_out() {
        let origin = origin();
        let ready = format!("GET {READY_PATH} HTTP/1.1\r\nConnection: close\r\n\r\n");
        assert!(exchange(&origin, ready.as_bytes()).starts_with("HTTP/1.1 200 "));
        assert_eq!(origin.requests().len(), 0);
        let many = b"POST /inbox HTTP/1.1\r\nContent-Length: 1\r\n\r\nx".repeat(MAX_RECORDED + 3);
        let mut stream = TcpStream::connect(origin.addr()).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let read = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        stream.write_all(&many).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        read.join().unwrap().unwrap();
        assert_eq!(origin.requests().len(), MAX_RECORDED);
    }

    #[test]
    fn a_quiet_one_records_nothing() {
        let origin = Origin::spawn_quiet(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        exchange(&origin, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
        assert_eq!(origin.requests().len(), 0);
    }
}
