//! A question that is asked once in a period and process: what the workers share about it, and its last good answer.

use std::time::Duration;

use super::abi::{self, Level, Status};
use crate::runtime::{Poll, Turn};

/// Shared data outlives a module: another version that writes something else counts on.
pub(super) const FORMAT: &str = "sekisho.1";

/// One question as one worker knows it.
#[derive(Debug)]
pub(super) struct Turns {
    poll_key: String,
    snapshot_key: String,
    /// Our call and when it was made, in nanoseconds, while it is open.
    asked: Option<(u32, u64)>,
}

impl Turns {
    /// A question for whose answer the workers share what stands under these names.
    pub(super) fn new(poll: &str, snapshot: &str) -> Self {
        let turns =
            Self { poll_key: format!("{FORMAT}.{poll}"), snapshot_key: format!("{FORMAT}.{snapshot}"), asked: None };
        // Only a value that exists can be changed by compare-and-swap. Envoy configures the plugin on its main thread before any worker runs.
        if matches!(abi::shared(&turns.poll_key), Ok(None)) {
            report("prepare", abi::share(&turns.poll_key, b"", 0));
        }
        turns
    }

    /// What is shared about asking.
    pub(super) fn poll(&self) -> Option<Poll> {
        self.poll_and_cas().map(|(poll, _)| poll)
    }

    fn poll_and_cas(&self) -> Option<(Poll, u32)> {
        let (bytes, cas) = abi::shared(&self.poll_key).ok()??;
        Some((Poll::from_bytes(&bytes), cas))
    }

    /// Asks by `get`, if it is time and nobody else does; the status if the host refuses.
    pub(super) fn ask(&mut self, period: Duration, get: impl FnOnce() -> Result<u32, Status>) -> Result<(), Status> {
        let (Ok(now), Some((poll, cas))) = (abi::now(), self.poll_and_cas()) else { return Ok(()) };
        let Turn::Ask(asking) = poll.turn(now, period) else { return Ok(()) };
        if abi::share(&self.poll_key, &asking.to_bytes(), cas).is_err() {
            return Ok(());
        }
        self.asked = Some((get()?, now));
        Ok(())
    }

    /// When the question was asked that the call `token` is; `None` if it is none of ours.
    pub(super) fn take(&mut self, token: u32) -> Option<u64> {
        self.asked.take_if(|(asked, _)| *asked == token).map(|(_, time)| time)
    }

    /// The last good answer.
    pub(super) fn snapshot(&self) -> Option<Vec<u8>> {
        abi::shared(&self.snapshot_key).ok()?.map(|(bytes, _)| bytes)
    }

    /// Shares the good answer `version` to a question of `asked`; `bytes` are needed where it is another than before. Gives what was shared about asking before.
    pub(super) fn answered(&self, asked: u64, period: Duration, version: u64, bytes: Option<&[u8]>) -> Option<Poll> {
        if let Some(bytes) = bytes
            && self.poll().is_none_or(|poll| poll.version != version)
        {
            report("share an answer", abi::share(&self.snapshot_key, bytes, 0));
        }
        self.change(|poll| poll.answered(asked, period, version))
    }

    /// Shares that there was no good answer. Gives what was shared before.
    pub(super) fn failed(&self, period: Duration) -> Option<Poll> {
        let now = abi::now().unwrap_or_default();
        self.change(|poll| poll.failed(now, period))
    }

    fn change(&self, change: impl Fn(Poll) -> Poll) -> Option<Poll> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let (poll, cas) = self.poll_and_cas()?;
            match abi::share(&self.poll_key, &change(poll).to_bytes(), cas) {
                Err(Status::CAS_MISMATCH) => {}
                status => {
                    report("share the time of the next question", status);
                    return Some(poll);
                }
            }
        }
        None
    }
}

/// The status of the answer to our own call, if there is an answer.
pub(super) fn answer_status() -> Result<Vec<u8>, String> {
    abi::call_response_field(":status").ok().flatten().ok_or_else(|| "no answer in time".to_owned())
}

/// Tells that something could not be shared.
pub(super) fn report(what: &str, status: Result<(), Status>) {
    if let Err(status) = status {
        abi::log(Level::Error, &format!("sekisho: could not {what}: {status}"));
    }
}
