//! The media service behind Envoy: what it fetches from, how it is asked, what its answers are.

pub mod origin;
pub mod picture;
pub mod processes;

use std::net::SocketAddr;
use std::path::PathBuf;

use xtask::http::Response;
use xtask::origin::Origin;
use xtask::stack::{Options, Stack};

use crate::client::exchange;
use crate::harness::LOCAL;
use crate::media::origin::MediaOrigin;

/// Small files of each type.
pub fn folder() -> PathBuf {
    xtask::workspace::root().join("integration-tests/data/media")
}

/// The server behind Envoy, the one that pictures come from, and Envoy with the media service.
pub struct Media {
    /// What must not see any request for media.
    pub upstream: Origin,
    /// Where pictures come from.
    pub origin: MediaOrigin,
    /// Envoy and the service.
    pub stack: Stack,
}

impl Media {
    /// Starts all of it. `more` are further members of the policy's section `media`, each after a comma.
    ///
    /// # Panics
    /// When something does not start.
    pub fn start(more: &str, edit: impl FnOnce(Options) -> Options) -> Self {
        let upstream = Origin::spawn(LOCAL).unwrap();
        let origin = MediaOrigin::spawn();
        let port = origin.addr().port();
        let policy = format!(
            r#"{{"media":{{"allow_http":true,"allowed_ports":[{port}],"allowed_networks":["127.0.0.0/8"]{more}}}}}"#
        );
        let stack = Stack::start(&edit(Options::new(upstream.addr()).unwrap().media(policy))).unwrap();
        Self { upstream, origin, stack }
    }

    /// The target of a request for a path of the origin. `flags` are as in a query; nothing for none.
    pub fn target(&self, path: &str, flags: &str) -> String {
        let and = if flags.is_empty() { "" } else { "&" };
        format!("/proxy/image.webp?url={}{and}{flags}", encoded(&self.origin.url(path)))
    }

    /// `GET`, as a browser sends it.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn get(&self, target: &str) -> Response {
        self.ask("GET", target, "")
    }

    /// A request with further fields, each ended by CRLF.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn ask(&self, method: &str, target: &str, fields: &str) -> Response {
        let request = request(method, target, &format!("User-Agent: Mozilla/5.0\r\nConnection: close\r\n{fields}"));
        exchange(self.stack.addr(), &request).unwrap()
    }

    /// Where the service itself listens.
    ///
    /// # Panics
    /// When there is none.
    pub fn addr(&self) -> SocketAddr {
        self.stack.media_addr().unwrap()
    }

    /// A sample of the service's own metrics.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn metric(&self, name: &str) -> u64 {
        let request = request("GET", "/metrics", "Connection: close\r\n");
        let page = exchange(self.addr(), &request).unwrap().text();
        let sample = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        sample.unwrap_or_else(|| panic!("no {name} in {page}"))
    }

    /// Asserts that the server behind Envoy saw no request for media.
    ///
    /// # Panics
    /// When it did.
    pub fn assert_upstream_saw_none(&self) {
        let seen: Vec<String> =
            self.upstream.requests().iter().map(|seen| String::from_utf8_lossy(seen.head()).into_owned()).collect();
        assert!(seen.is_empty(), "{seen:#?}");
    }
}

/// The commented virtual host of `envoy.yaml`, and the same without comments.
///
/// # Panics
/// When there is none.
pub fn commented_host() -> (String, String) {
    let shipped = std::fs::read_to_string(xtask::workspace::root().join("envoy/envoy.yaml")).unwrap();
    let (_, rest) = shipped.split_once("            # - name: media\n").expect("a commented host");
    let block: Vec<&str> = rest.lines().take_while(|line| line.trim().starts_with('#')).collect();
    let block = format!("            # - name: media\n{}\n", block.join("\n"));
    let plain = block.lines().map(|line| format!("{}\n", line.replacen("# ", "", 1))).collect();
    (block, plain)
}

/// A request without content.
pub fn request(method: &str, target: &str, fields: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: sekisho.example\r\n{fields}\r\n").into_bytes()
}

/// A value of a query.
pub fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'/' | b':' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
