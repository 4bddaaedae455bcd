//! How many bodies of reports are read.

/// The parts of a token: then a rate per second is a whole number of parts per nanosecond.
const PARTS: u64 = 1_000_000_000;

/// A token bucket, full at first. Time is an argument, in nanoseconds since some moment that the owner chooses.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: u64,
    capacity: u64,
    level: u64,
    at: Option<u64>,
}

impl Bucket {
    /// A bucket that gets so many tokens a second and holds `burst` of them.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let capacity = u64::from(burst).saturating_mul(PARTS);
        Self { per_second: per_second.into(), capacity, level: capacity, at: None }
    }

    /// Takes a token, if there is one. A clock that goes back brings none, one that leaps fills the bucket at most.
    pub fn take(&mut self, now: u64) -> bool {
        let elapsed = now.saturating_sub(self.at.unwrap_or(now));
        self.at = Some(now);
        self.level = self.level.saturating_add(elapsed.saturating_mul(self.per_second)).min(self.capacity);
        let left = self.level.checked_sub(PARTS);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }
}
