//! An origin server with pages: what a path answers is a function of the request line and fields.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields, but for the length.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body is sent in chunks of so many bytes, and no length is named.
    pub chunks: Option<usize>,
}

impl Answer {
    /// 200 with a body of a type.
    pub fn of(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::plain(200, body).with("content-type", content_type)
    }

    /// A body without a type.
    pub fn plain(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into(), chunks: None }
    }

    /// 404.
    pub fn missing() -> Self {
        Self { status: 404, ..Self::of("text/plain", "missing") }
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// In chunks of so many bytes.
    #[must_use]
    pub fn in_chunks(mut self, size: usize) -> Self {
        self.chunks = Some(size);
        self
    }

    /// With a field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`
    pub method: String,
    /// The target with its query.
    pub target: String,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A running server. Its threads end with the process.
#[derive(Clone)]
pub struct Site {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Site {
    /// Listens on a port that is free.
    ///
    /// # Panics
    /// When there is none.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self { addr: listener.local_addr().unwrap(), asked: Arc::default() };
        let (handler, asked): (Arc<Handler>, _) = (Arc::new(answer), Arc::clone(&site.asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, asked) = (Arc::clone(&handler), Arc::clone(&asked));
                thread::spawn(move || serve(stream, &*handler, &asked));
            }
        });
        site
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was asked so far.
    ///
    /// # Panics
    /// When a handler panicked.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves a connection until it ends.
fn serve(mut stream: TcpStream, handler: &Handler, asked: &Mutex<Vec<Asked>>) {
    let mut raw = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") else {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => raw.extend(buffer.iter().take(count)),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&raw.drain(..end + 4).collect::<Vec<u8>>()).into_owned();
        let mut words = head.split(' ');
        let (method, target) =
            (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut request = Asked { method, target, head, body: Vec::new() };
        let length = request.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while raw.len() < length {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => raw.extend(buffer.iter().take(count)),
            }
        }
        request.body = raw.drain(..length).collect();
        let answer = handler(&request);
        let is_head = request.method == "HEAD";
        asked.lock().unwrap().push(request);
        if send(&mut stream, &answer, is_head).is_err() {
            return;
        }
    }
}

fn send(stream: &mut TcpStream, answer: &Answer, is_head: bool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let fields: String = answer.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let framing = match answer.chunks {
        _ if matches!(answer.status, 101 | 204 | 304) => String::new(),
        Some(_) => "transfer-encoding: chunked\r\n".to_owned(),
        None => format!("content-length: {}\r\n", answer.body.len()),
    };
    let head = format!("HTTP/1.1 {} Answer\r\n{fields}{framing}\r\n", answer.status);
    match answer.chunks {
        _ if is_head => stream.write_all(head.as_bytes()),
        None => stream.write_all(&[head.as_bytes(), &answer.body].concat()),
        Some(size) => {
            stream.write_all(head.as_bytes())?;
            for chunk in answer.body.chunks(size) {
                stream.write_all(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())?;
            }
            stream.write_all(b"0\r\n\r\n")
        }
    }
}
