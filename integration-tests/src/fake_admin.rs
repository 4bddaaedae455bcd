//! An admin interface that has bad days.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Map, Value, json};
use xtask::stack::Options;

use crate::server;

/// What the cluster is called that leads to it.
pub const CLUSTER: &str = "fake_admin";

/// How it takes a question.
#[derive(Clone, Debug)]
pub enum Mood {
    /// It answers with these runtime keys.
    Keys(Vec<(&'static str, &'static str)>),
    /// It answers with a status and a body.
    Says(&'static str, Vec<u8>),
    /// It promises a long answer, begins it and ends.
    BreaksOff,
    /// It accepts the question, and never answers.
    Silent,
    /// Nobody listens.
    Gone,
}

/// One that runs, on a unix socket as the real one.
#[derive(Debug)]
pub struct FakeAdmin {
    path: PathBuf,
    mood: Arc<Mutex<Mood>>,
}

impl FakeAdmin {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no place for its socket.
    pub fn spawn(mood: Mood) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A path under target/ may be too long for a socket.
        let path = std::env::temp_dir().join(format!("sekisho-fake-{}-{number}.sock", std::process::id()));
        let fake = Self { path, mood: Arc::new(Mutex::new(Mood::Gone)) };
        fake.change(mood);
        fake
    }

    /// Envoy with a cluster that leads here.
    pub fn cluster_of(&self, options: Options) -> Options {
        let cluster = format!(
            "  - name: {CLUSTER}\n    type: STATIC\n    connect_timeout: 1s\n    load_assignment:\n      cluster_name: {CLUSTER}\n      endpoints:\n      \
             - lb_endpoints:\n        - endpoint: {{address: {{pipe: {{path: {:?}}}}}}}\n",
            self.path
        );
        options.edit("  clusters:\n", format!("  clusters:\n{cluster}"))
    }

    /// Changes how it takes questions.
    ///
    /// # Panics
    /// When there is no place for its socket.
    pub fn change(&self, mood: Mood) {
        let mut current = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*current, &mood) {
            (Mood::Gone, Mood::Gone) => {}
            (Mood::Gone, _) => self.listen(),
            // Without its name nobody finds the old socket any more.
            (_, Mood::Gone) => fs::remove_file(&self.path).unwrap(),
            _ => {}
        }
        *current = mood;
    }

    fn listen(&self) {
        let listener = bind(&self.path);
        let mood = Arc::clone(&self.mood);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mood = mood.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Who asks may be gone before it is answered.
                thread::spawn(move || drop(answer(stream, &mood)));
            }
        });
    }
}

impl Drop for FakeAdmin {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> UnixListener {
    let _ = fs::remove_file(path);
    UnixListener::bind(path).unwrap()
}

fn answer(mut stream: UnixStream, mood: &Mood) -> io::Result<()> {
    server::read_request(&mut stream)?;
    match mood {
        Mood::Keys(keys) => {
            let entry = |(key, value): &(&str, &str)| (format!("sekisho.{key}"), json!({"final_value": value}));
            let entries: Map<String, Value> = keys.iter().map(entry).collect();
            let body = json!({"layers": ["admin"], "entries": entries}).to_string();
            stream.write_all(&server::response("200 OK", body.as_bytes()))
        }
        Mood::Says(status, body) => stream.write_all(&server::response(status, body)),
        Mood::BreaksOff => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"entries\":{"),
        // Until who asked gives up.
        Mood::Silent | Mood::Gone => stream.read(&mut [0]).map(drop),
    }
}
