//! What the end-to-end tests start, send and look at in the end.

use std::net::SocketAddr;

use xtask::origin::Origin;
use xtask::stack::{Options, Stack};

/// Any port of this machine.
pub const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// An activity that every policy accepts.
pub const LIKE: &[u8] =
    br#"{"type":"Like","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#;

/// One that `inbox.owner` refuses.
pub const FORGED: &[u8] =
    br#"{"type":"Delete","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#;

/// An origin that records, and Envoy with the filter in front of it.
///
/// # Panics
/// When one of them does not start.
pub fn start(edit: impl FnOnce(Options) -> Options) -> (Origin, Stack) {
    let origin = Origin::spawn(LOCAL).unwrap();
    let stack = Stack::start(&edit(Options::new(origin.addr()).unwrap())).unwrap();
    (origin, stack)
}

/// Asserts that no VM of the filter was ever restarted.
///
/// # Panics
/// When one was, or when Envoy does not count it.
pub fn assert_no_restart(stack: &Stack) {
    let stats = stack.admin().get("/stats?filter=vm_reload").unwrap().text();
    assert!(stats.contains("vm_reload") && stats.lines().all(|line| line.ends_with(": 0")), "{stats}");
}
