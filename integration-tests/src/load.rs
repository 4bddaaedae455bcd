//! Load: requests without an end, each of whose answers is judged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xtask::http::Response;

use crate::client::{ACTIVITY_JSON, KeptAlive, delivery, exchange};
use crate::harness::{FORGED, LIKE, page};

/// The time between two requests of a thread. Without it the load would be all that the machine does, and it would run out of ports
/// for fresh connections.
const PAUSE: Duration = Duration::from_millis(3);

/// A request and its right answers.
pub struct Kind {
    request: Vec<u8>,
    is_right: fn(&Response) -> bool,
}

impl Kind {
    /// A request that is sent again and again.
    pub fn new(request: Vec<u8>, is_right: fn(&Response) -> bool) -> Self {
        Self { request, is_right }
    }
}

/// What has one right answer under nearly any policy: a delivery that passes, one that never does, a page and an asset.
pub fn usual() -> Vec<Kind> {
    let post = |body| delivery("/inbox", ACTIVITY_JSON, body);
    vec![
        Kind::new(post(LIKE), passed),
        Kind::new(post(FORGED), |response| refused_by(response, "inbox.owner")),
        Kind::new(page("/notes/abc"), |response| response.status == 200 && response.text().contains("demo origin")),
        Kind::new(page("/vite/app.js"), |response| response.status == 200),
    ]
}

/// Whether the origin has answered a delivery.
pub fn passed(response: &Response) -> bool {
    response.status == 202 && response.text() == "accepted by the demo origin"
}

/// Whether a rule has rejected.
pub fn refused_by(response: &Response, rule: &str) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    (400..500).contains(&response.status) && answer["error"]["rule"] == rule
}

/// Running load: a thread for each kind, by turns on a fresh connection and on one that is kept.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
    slowest: Arc<AtomicUsize>,
}

impl Load {
    /// Starts it.
    pub fn start(addr: SocketAddr, kinds: Vec<Kind>) -> Self {
        let mut load =
            Self { over: Arc::default(), sent: Arc::default(), threads: Vec::new(), slowest: Arc::default() };
        for kind in kinds {
            let (over, sent, slowest) = (Arc::clone(&load.over), Arc::clone(&load.sent), Arc::clone(&load.slowest));
            load.threads.push(thread::spawn(move || hammer(addr, &kind, &over, &sent, &slowest)));
        }
        load
    }

    /// How many requests were answered so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// How long the slowest request took so far.
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.load(Ordering::Relaxed) as u64)
    }

    /// Ends it, and asserts that every answer was right. A connection that fails and an answer that does not come within
    /// [`PATIENCE`](crate::client::PATIENCE) are wrong as well.
    ///
    /// # Panics
    /// When one was wrong.
    pub fn finish(mut self) {
        self.over.store(true, Ordering::Relaxed);
        let wrong: Vec<String> = self.threads.drain(..).flat_map(|thread| thread.join().unwrap()).collect();
        println!("{} requests, the slowest took {:?}", self.sent(), self.slowest());
        assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), self.sent());
    }
}

impl Drop for Load {
    /// Of a test that fails: what follows is not to be disturbed.
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn hammer(addr: SocketAddr, kind: &Kind, over: &AtomicBool, sent: &AtomicUsize, slowest: &AtomicUsize) -> Vec<String> {
    let mut kept = KeptAlive::new(addr);
    let mut wrong = Vec::new();
    let mut fresh = false;
    while !over.load(Ordering::Relaxed) {
        fresh = !fresh;
        let start = Instant::now();
        match if fresh { exchange(addr, &kind.request) } else { kept.send(&kind.request) } {
            Ok(response) if (kind.is_right)(&response) => {}
            Ok(response) => wrong.push(format!("{}: {}", response.status, response.text())),
            Err(error) => wrong.push(format!("{}: {error}", if fresh { "fresh" } else { "kept" })),
        }
        slowest.fetch_max(start.elapsed().as_micros() as usize, Ordering::Relaxed);
        sent.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
    wrong
}
