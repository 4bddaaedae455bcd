//! What the end-to-end tests start, send and look at in the end.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;

use crate::client::{ACTIVITY_JSON, delivery};
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

/// The delivery of a note that mentions so many people.
pub fn mentioning(people: usize) -> Vec<u8> {
    let tags: Vec<String> =
        (0..people).map(|n| format!(r#"{{"type":"Mention","href":"https://b.example/{n}"}}"#)).collect();
    let note = format!(
        r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u",
        "object":{{"type":"Note","id":"https://a.example/2","attributedTo":"https://a.example/u","tag":[{}]}}}}"#,
        tags.join(",")
    );
    delivery("/inbox", ACTIVITY_JSON, note.as_bytes())
}

/// The request for a page.
pub fn page(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: sekisho.example\r\n\r\n").into_bytes()
}

/// An origin that records, and Envoy with the filter in front of it.
///
/// # Panics
/// When one of them does not start.
pub fn start(edit: impl FnOnce(Options) -> Options) -> (Origin, Stack) {
    let origin = Origin::spawn(LOCAL).unwrap();
    let stack = Stack::start(&edit(Options::new(origin.addr()).unwrap())).unwrap();
    (origin, stack)
}

/// Sets runtime keys by the admin interface, each given as `key=value`; nothing after `=` takes a key back.
///
/// # Panics
/// When Envoy does not take them.
pub fn set(stack: &Stack, keys: &[&str]) {
    let target = format!("/runtime_modify?{}", keys.join("&"));
    assert_eq!(stack.admin().post(&target).unwrap().status, 200, "{target}");
}

/// Makes `keys` all that the disk layer says: a folder with a file for each, and a link to it that is moved into its place.
///
/// # Panics
/// When the folder of that name was used before.
pub fn set_on_disk<'k>(stack: &Stack, name: &str, keys: impl IntoIterator<Item = (&'k str, &'k str)>) {
    let folder = stack.dir().join(name);
    fs::create_dir(&folder).unwrap();
    for (key, value) in keys {
        fs::write(folder.join(key), value).unwrap();
    }
    let link = stack.dir().join("runtime.new");
    symlink(&folder, &link).unwrap();
    fs::rename(link, stack.dir().join("runtime")).unwrap();
}

/// How often the log of Envoy and the filter has a text.
///
/// # Panics
/// When there is no log.
pub fn logged(stack: &Stack, text: &str) -> usize {
    fs::read_to_string(stack.log()).unwrap().matches(text).count()
}

/// Asserts that no VM of the filter was ever restarted.
///
/// # Panics
/// When one was, or when Envoy does not count it.
pub fn assert_no_restart(stack: &Stack) {
    let stats = stack.admin().get("/stats?filter=vm_reload").unwrap().text();
    assert!(stats.contains("vm_reload") && stats.lines().all(|line| line.ends_with(": 0")), "{stats}");
}
