//! Numbers for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a pool has done and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Jobs that a worker was given.
    pub jobs: u64,
    /// Workers that died by themselves or from outside, or answered nonsense.
    pub crashes: u64,
    /// Those of them that asked the kernel for what a worker may not ask for.
    pub violations: u64,
    /// Workers that were killed at the deadline.
    pub deadlines: u64,
    /// Workers that were killed because nobody waited for their answer any more.
    pub cancelled: u64,
    /// Workers that were replaced in good health.
    pub recycled: u64,
    /// Workers that were started.
    pub starts: u64,
    /// Workers that did not start.
    pub failed_starts: u64,
    /// Requests that were told to come back.
    pub busy: u64,
    /// Jobs that run now.
    pub active: usize,
    /// Jobs that wait now.
    pub waiting: usize,
    /// Workers that are idle now.
    pub idle: usize,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) jobs: AtomicU64,
    pub(super) crashes: AtomicU64,
    pub(super) violations: AtomicU64,
    pub(super) deadlines: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) recycled: AtomicU64,
    pub(super) starts: AtomicU64,
    pub(super) failed_starts: AtomicU64,
    pub(super) busy: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self, active: usize, waiting: usize, idle: usize) -> Stats {
        Stats {
            jobs: self.jobs.load(Relaxed),
            crashes: self.crashes.load(Relaxed),
            violations: self.violations.load(Relaxed),
            deadlines: self.deadlines.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            recycled: self.recycled.load(Relaxed),
            starts: self.starts.load(Relaxed),
            failed_starts: self.failed_starts.load(Relaxed),
            busy: self.busy.load(Relaxed),
            active,
            waiting,
            idle,
        }
    }
}
