//! Fastify, the router of Misskey, from npm: which route would the server behind have taken?

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use xtask::workspace::root;

use crate::npm;

/// The versions whose routers differ: that of Misskey until 2024, for which a `;` begins the query, and that of Misskey since.
pub const VERSIONS: [&str; 2] = ["4.29.1", "5.12.8"];

/// A server that answers with the name of the route that it took: `integration-tests/data/router.mjs`. It ends with its holder.
#[derive(Debug)]
pub struct Router {
    child: Child,
    addr: SocketAddr,
}

impl Router {
    /// Starts one; `None`, with the reason printed, where it cannot be had.
    ///
    /// # Panics
    /// When it is there and does not start.
    pub fn start(version: &str) -> Option<Self> {
        let dir = npm::install(&format!("fastify-{version}"), &format!("fastify@{version}"), "fastify")?;
        let script = dir.join("router.mjs");
        fs::copy(root().join("integration-tests/data/router.mjs"), &script).unwrap();
        let mut node = Command::new("node");
        node.arg(&script).current_dir(&dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("fastify {version} printed {line:?}"));
        Some(Self { child, addr: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
