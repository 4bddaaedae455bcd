//! The name that this proxy gives itself where the policy gives it none, and how it signs what it forwards.

use std::rc::Rc;

use super::abi::{self, Status};
use super::kind::Kind;
use super::turns::FORMAT;
use crate::http::{RequestHead, pseudonym};
use crate::page::fields::Received;

/// The name: it comes from the moment at which the first worker asked, and is the same in all of Envoy's, which configures the plugin on its main thread before any of
/// them runs. In nginx each worker has its own, as asking for shared data traps where the configuration has no `shm_kv`: a loop goes on until it meets the same worker again.
pub fn derived(kind: Kind) -> Rc<str> {
    let now = || abi::now().unwrap_or_default();
    let seed = match kind {
        Kind::Envoy => shared_seed(now),
        Kind::Nginx => now(),
    };
    pseudonym::derive(seed).into()
}

fn shared_seed(now: impl Fn() -> u64) -> u64 {
    let key = format!("{FORMAT}.pseudonym");
    let shared =
        || abi::shared(&key).ok().flatten().and_then(|(seed, _)| Some(u64::from_le_bytes(seed.try_into().ok()?)));
    shared().unwrap_or_else(|| {
        let seed = now();
        // Where nothing can be shared, there is a name all the same.
        let _status = abi::share(&key, &seed.to_le_bytes(), 0);
        shared().unwrap_or(seed)
    })
}

/// Tells the next proxy, and the server, that the request came through here.
pub fn sign(kind: Kind, asked: Received<'_>, head: &RequestHead, name: &str) -> Result<(), Status> {
    append(kind, "via", head.via.as_deref(), &pseudonym::via_entry(&kind.protocol(asked), name))?;
    append(kind, "cdn-loop", head.cdn_loop.as_deref(), name)
}

fn append(kind: Kind, name: &str, earlier: Option<&[u8]>, entry: &str) -> Result<(), Status> {
    match earlier.filter(|_| !kind.adds_beside()) {
        Some(earlier) => abi::set_request_field(name, &format!("{}, {entry}", String::from_utf8_lossy(earlier))),
        None => abi::add_request_field(name, entry),
    }
}
