//! The name that this proxy gives itself where the policy gives it none.

use std::rc::Rc;

use super::abi;
use super::turns::FORMAT;
use crate::http::pseudonym;

/// The name, the same in all workers: it comes from the moment at which the first of them asked. Envoy configures the plugin on its main thread before any worker runs;
/// nginx needs `shm_kv`, or each worker has its own.
pub fn derived() -> Rc<str> {
    let key = format!("{FORMAT}.pseudonym");
    let shared =
        || abi::shared(&key).ok().flatten().and_then(|(seed, _)| Some(u64::from_le_bytes(seed.try_into().ok()?)));
    let seed = shared().unwrap_or_else(|| {
        let now = abi::now().unwrap_or_default();
        // Where nothing can be shared, there is a name all the same.
        let _status = abi::share(&key, &now.to_le_bytes(), 0);
        shared().unwrap_or(now)
    });
    pseudonym::derive(seed).into()
}
