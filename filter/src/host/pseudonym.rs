//! The name that this proxy gives itself where the policy gives it none.

use std::rc::Rc;

use super::abi;
use super::kind::Kind;
use super::turns::FORMAT;
use crate::http::pseudonym;

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
