//! The service as one client sees it that means harm to the others: `sekisho media`, without Envoy in front.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything here takes: for waits that end with what they wait for.
const LONG: Duration = Duration::from_secs(60);
const MEGABYTE: usize = 1 << 20;

struct Service {
    child: Child,
    addr: SocketAddr,
    origin: SocketAddr,
    /// The heads that the origin has read.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// With further members of the section `media`, each after a comma.
    fn start(name: &str, more: &str) -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let origin = origin(Arc::clone(&heads));
        let policy = format!(
            r#"{{"media":{{"allow_http":true,"allowed_ports":[{}],"allowed_networks":["127.0.0.0/8"],"workers":1{more}}}}}"#,
            origin.port()
        );
        let config =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("media-{name}-{}.json", std::process::id()));
        std::fs::write(&config, policy).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
            .args(["media", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        std::fs::remove_file(config).unwrap();
        let addr = line.trim_end().trim_end_matches('/').rsplit('/').next().unwrap().parse().unwrap();
        Self { child, addr, origin, heads }
    }

    /// Sends a request for a path of the origin, with further fields.
    fn send(&self, path: &str, flags: &str, fields: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let target = format!("/proxy/?url=http://{}{path}{flags}", self.origin);
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// Status and `Cache-Control`.
    fn ask(&self, path: &str, flags: &str, fields: &str) -> (u16, String) {
        let head = head(&mut self.send(path, flags, fields)).unwrap();
        (status(&head), field(&head, "cache-control"))
    }

    fn peak_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn field(head: &str, name: &str) -> String {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "still not: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A server with a proxy in front of it that knows a bad proxy when it sees one.
fn origin(heads: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let heads = Arc::clone(&heads);
            thread::spawn(move || {
                let head = head(&mut stream)?;
                heads.lock().unwrap().push(head.clone());
                serve(&mut stream, &head)
            });
        }
    });
    addr
}

fn serve(stream: &mut TcpStream, head: &str) -> io::Result<()> {
    const PNG: &[u8] = include_bytes!("../src/media/placeholder.png");
    let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap();
    match path {
        _ if head.contains("1.1 evil") => {
            if path == "/slow" {
                thread::sleep(Duration::from_secs(3));
            }
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        }
        "/film" if head.contains("bytes=99") => stream.write_all(b"HTTP/1.1 416 -\r\nContent-Length: 0\r\n\r\n"),
        "/film" => {
            let film = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41";
            let status =
                if head.contains("bytes=0-4095") { "206 -\r\nContent-Range: bytes 0-4095/10000" } else { "200 OK" };
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())?;
            stream.write_all(film)?;
            // It goes on for ever.
            stream.read_exact(&mut [0])
        }
        "/large" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n\xff\xd8\xff")?;
            stream.write_all(&vec![0; 31 * MEGABYTE])?;
            stream.read_exact(&mut [0])
        }
        _ => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PNG.len()).as_bytes())?;
            stream.write_all(PNG)
        }
    }
}

#[test]
fn the_fields_of_one_are_no_answer_for_others() {
    let service = Service::start("fields", "");
    let private = "private, max-age=300".to_owned();
    let via = "Via: 1.1 evil\r\n";
    assert_eq!(service.ask("/a", "&static", via), (403, private.clone()));
    assert_eq!(service.ask("/a", "&static", "").0, 200);
    let long = format!("Via: {}\r\n", "1.1 a,".repeat(1000));
    assert_eq!(service.ask("/b", "&static", &long), (508, private.clone()));
    // Not even as a placeholder.
    assert_eq!(service.ask("/b", "&static&fallback", &long), (508, private.clone()));
    assert_eq!(service.ask("/c", "&static&fallback", via), (200, private.clone()));
    assert_eq!(service.ask("/film", "", "Range: bytes=9900-\r\n"), (416, private.clone()));
    assert_eq!(service.ask("/film", "&fallback", "Range: bytes=9900-\r\n"), (416, private));
    // Nor for those who ask meanwhile.
    let mut evil = service.send("/slow", "&static", via);
    until("it is asked for", || service.heads.lock().unwrap().iter().any(|head| head.starts_with("GET /slow")));
    let begun = Instant::now();
    assert_eq!(service.ask("/slow", "&static", "").0, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(status(&head(&mut evil).unwrap()), 403);
}

#[test]
fn who_waits_for_slow_origin_servers_pays_for_one_job_each() {
    let limits = r#","job_seconds":1,"client_burst_seconds":6,"client_seconds_per_minute":1"#;
    let service = Service::start("slow", limits);
    let mut slow: Vec<TcpStream> =
        (0..4).map(|n| service.send(&format!("/slow?{n}"), "&static", "Via: 1.1 evil\r\n")).collect();
    let statuses: Vec<u16> = slow.iter_mut().map(|stream| status(&head(stream).unwrap())).collect();
    assert_eq!(statuses, [403; 4]);
    assert_eq!(service.ask("/a", "&static", "").0, 200);
    // It is not for nothing: six seconds are used up.
    let more = [1, 2, 3].map(|n| service.ask(&format!("/slow?b{n}"), "&static", "Via: 1.1 evil\r\n").0);
    assert_eq!(more, [403, 403, 429]);
}

#[test]
fn one_client_cannot_have_all_streams() {
    let service = Service::start("streams", "");
    let mut open: Vec<TcpStream> = (0..64).map(|_| service.send("/film", "", "")).collect();
    let statuses: Vec<u16> = open.iter_mut().map(|stream| status(&head(stream).unwrap())).collect();
    assert_eq!(statuses, [200; 64]);
    assert_eq!(service.ask("/film", "", ""), (429, "no-store".to_owned()));
    let mut other = service.send("/film", "", "X-Forwarded-For: 192.0.2.1\r\n");
    assert_eq!(status(&head(&mut other).unwrap()), 200);
    // What is made here takes no stream, and a stream that ends makes room for another.
    assert_eq!(service.ask("/a", "&static", "").0, 200);
    open.truncate(60);
    until("there is room", || service.ask("/film", "", "").0 == 200);
}

#[test]
fn many_large_files_do_not_fill_the_memory() {
    let service = Service::start("room", "");
    let mut large: Vec<TcpStream> = (0..12).map(|n| service.send(&format!("/large?{n}"), "&static", "")).collect();
    // Each would take 31 MB, and hold them until the origin server or the deadline ends it.
    let (sender, answers) = std::sync::mpsc::channel();
    for mut stream in large.drain(..) {
        let sender = sender.clone();
        thread::spawn(move || sender.send(head(&mut stream).map(|head| status(&head)).unwrap_or_default()));
    }
    assert_eq!(answers.recv_timeout(LONG).unwrap(), 503);
    // Small files go on.
    assert_eq!(service.ask("/a", "&static", "").0, 200);
    let peak = service.peak_kib();
    println!("peak {peak} KiB");
    assert!(peak < 700 * 1024, "{peak} KiB");
}

#[test]
fn it_may_open_as_many_files_as_the_system_lets_it() {
    let service = Service::start("files", "");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.child.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers[0], numbers[1].min(65_536), "{line}");
}
