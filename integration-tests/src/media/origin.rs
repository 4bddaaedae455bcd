//! A server that has pictures: fixtures, corpora, films of any length, errors, redirects, and one that waits.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::harness::LOCAL;

/// A running server; a connection carries one request. It stops when dropped.
pub struct MediaOrigin {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    heads: Mutex<Vec<String>>,
    opened: Mutex<bool>,
    gate: Condvar,
    corpus: Mutex<Option<PathBuf>>,
}

impl MediaOrigin {
    /// Starts it on any port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is no port left.
    pub fn spawn() -> Self {
        let listener = TcpListener::bind(LOCAL).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stopping.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // Who is gone is gone.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { addr, shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Serves a folder at `/corpus/`.
    pub fn serve_corpus(&self, folder: PathBuf) {
        *lock(&self.shared.corpus) = Some(folder);
    }

    /// Lets what `/gated` holds back go on, now and from now on.
    pub fn open_gate(&self) {
        *lock(&self.shared.opened) = true;
        self.shared.gate.notify_all();
    }

    /// The heads of the requests so far; they are forgotten.
    pub fn take_heads(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.heads))
    }
}

impl Drop for MediaOrigin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.open_gate();
        let _ = TcpStream::connect(self.addr);
    }
}

/// A film of so many bytes, by its beginning.
pub fn film(bytes: usize) -> Vec<u8> {
    let mut film = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41".to_vec();
    film.extend((film.len()..bytes).map(|at| (at % 251) as u8));
    film
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
        if head.first() == Some(&0x16) {
            // A handshake of TLS, which there is none of here.
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let range = field(&head, "range").map(str::to_owned);
    lock(&shared.heads).push(head);
    let (kind, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let file = match kind {
        "data" => fs::read(super::folder().join(rest)).ok(),
        "corpus" => lock(&shared.corpus).as_ref().and_then(|folder| fs::read(folder.join(decoded(rest))).ok()),
        "film" => rest.parse().ok().map(film),
        "gated" => return gated(&mut stream, shared),
        "redirect" => {
            let head = format!("HTTP/1.1 302 Found\r\nLocation: /{rest}\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes());
        }
        _ => None,
    };
    let Some(file) = file else {
        let status = if kind == "status" { rest } else { "404" };
        let head = format!("HTTP/1.1 {status} -\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nno\r\n");
        return stream.write_all(head.as_bytes());
    };
    let (status, range, part) = part(&file, range.as_deref());
    // The type is a lie on purpose: only the bytes count.
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\nETag: \"1\"\r\n{range}Content-Length: {}\r\n\r\n",
        part.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(part)
}

/// `bytes=A-B` and `bytes=A-`.
fn part<'f>(file: &'f [u8], range: Option<&str>) -> (&'static str, String, &'f [u8]) {
    let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = bounds else { return ("200 OK", String::new(), file) };
    let first: usize = first.parse().unwrap_or_default();
    let last = last.parse().unwrap_or(usize::MAX).min(file.len().saturating_sub(1));
    match file.get(first..=last) {
        Some(part) => {
            let field = format!("Content-Range: bytes {first}-{last}/{}\r\n", file.len());
            ("206 Partial Content", field, part)
        }
        None => ("416 Range Not Satisfiable", format!("Content-Range: bytes */{}\r\n", file.len()), &[]),
    }
}

/// A film of 100,000 bytes: the first half at once, the second when the gate is open.
fn gated(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let film = film(100_000);
    let (first, second) = film.split_at(50_000);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
    stream.write_all(first)?;
    let opened = lock(&shared.opened);
    drop(shared.gate.wait_while(opened, |opened| !*opened).unwrap_or_else(PoisonError::into_inner));
    stream.write_all(second)
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// What percent-encoded text means.
pub fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        bytes.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
        bytes.extend(rest.bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
