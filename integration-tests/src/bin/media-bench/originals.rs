//! The originals, and the server that gives them out.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use integration_tests::corpora;
use xtask::error::{Context, Result};

use crate::peer::Peer;

/// The files of the cases, served.
pub struct Originals {
    dir: PathBuf,
    addr: SocketAddr,
}

impl Originals {
    /// Makes the files from two photographs of the corpora, and serves them; `None` without the corpora.
    pub fn make(peer: &Peer) -> Result<Option<Self>> {
        let Some(corpus) = corpora::set("images") else { return Ok(None) };
        let dir = peer.dir().join("files");
        xtask::process::run(peer.node("files.mjs").arg(corpus.join("open")).arg(&dir))?;
        let listener = TcpListener::bind("127.0.0.1:0").context(|| "the origin".to_owned())?;
        let addr = listener.local_addr().context(|| "the origin".to_owned())?;
        let shared = Arc::new(dir.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let dir = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &dir));
            }
        });
        Ok(Some(Self { dir, addr }))
    }

    /// Where a file is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Its URL.
    pub fn url(&self, file: &str) -> String {
        format!("http://{}/{file}", self.addr)
    }

    /// The port of the origin.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}

/// Answers requests until the client leaves.
fn serve(mut stream: &TcpStream, dir: &Path) {
    let mut lines = BufReader::new(stream).lines();
    let _ = stream.set_nodelay(true);
    while let Some(Ok(first)) = lines.next() {
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let name = first.split(' ').nth(1).and_then(|target| target.rsplit('/').next()).unwrap_or_default();
        let (status, body) = fs::read(dir.join(name)).map_or(("404 Not Found", Vec::new()), |file| ("200 OK", file));
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}
