//! When to ask: once in a period and process, whichever worker comes first.
//!
//! Workers share a few bytes ([`Poll`]) and change them by compare-and-swap. Times are those of the host's clock, in nanoseconds; it may jump, so nothing waits for a
//! time that lies further ahead than it would have set itself.

use std::time::Duration;

/// How long an answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// How soon to ask again after a failure, unless the period is shorter.
const RETRY: Duration = Duration::from_secs(5);

/// How soon to ask again as long as nothing was ever learned.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// A worker looks at what is shared at least this often.
const MAX_TICK: Duration = Duration::from_secs(1);

/// How soon a worker looks again as long as nothing was ever learned.
pub const UNLEARNED_TICK: Duration = Duration::from_millis(250);

/// What the workers of a process share about asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poll {
    /// Nobody asks before.
    pub next: u64,
    /// Which answer is the current one, a number that its bytes give ([`super::snapshot::version`]); 0 before the first.
    pub version: u64,
    /// Whether the last question had no good answer.
    pub failing: bool,
}

/// What to do about asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Somebody asks, or it is too early.
    Wait,
    /// Ask, once this is shared: others then wait for the answer.
    Ask(Poll),
}

impl Poll {
    /// Reads what [`Self::to_bytes`] wrote; what is anything else is as if nobody had ever asked.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let read = || {
            let (next, rest) = bytes.split_first_chunk::<8>()?;
            let (version, rest) = rest.split_first_chunk::<8>()?;
            let failing = match rest {
                [0] => false,
                [1] => true,
                _ => return None,
            };
            Some(Self { next: u64::from_le_bytes(*next), version: u64::from_le_bytes(*version), failing })
        };
        read().unwrap_or_default()
    }

    /// The shared form.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.next.to_le_bytes().to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.push(u8::from(self.failing));
        bytes
    }

    /// Whether it is time to ask.
    pub fn turn(self, now: u64, period: Duration) -> Turn {
        let ahead = after(now, period.max(TIMEOUT));
        if now < self.next && self.next <= ahead {
            return Turn::Wait;
        }
        // Who asks may be gone before the answer comes.
        Turn::Ask(Self { next: after(now, TIMEOUT), ..self })
    }

    /// After a good answer to a question of `asked`.
    pub fn answered(self, asked: u64, period: Duration, version: u64) -> Self {
        Self { next: after(asked, period), version, failing: false }
    }

    /// Whether the answer is so old that nobody can have asked for a while: then it says nothing about now.
    pub fn is_stale(self, now: u64, period: Duration) -> bool {
        after(self.next, period.max(TIMEOUT).saturating_mul(2)) < now
    }

    /// After a failure at `now`.
    pub fn failed(self, now: u64, period: Duration) -> Self {
        let retry = if self.version == 0 { FIRST_RETRY } else { RETRY };
        Self { next: after(now, retry.min(period)), failing: true, ..self }
    }
}

/// How often a worker looks: often enough that a change is in force everywhere within a period and a half.
pub fn tick(period: Duration) -> Duration {
    (period / 4).min(MAX_TICK)
}

fn after(time: u64, duration: Duration) -> u64 {
    time.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const PERIOD: Duration = Duration::from_secs(5);

    #[test]
    fn one_asks_and_the_others_wait() {
        let now = 1_000 * SECOND;
        let Turn::Ask(asked) = Poll::default().turn(now, PERIOD) else { panic!() };
        assert_eq!(asked.turn(now + SECOND, PERIOD), Turn::Wait);
        let answered = asked.answered(now, PERIOD, 7);
        assert_eq!((answered.next, answered.version), (now + 5 * SECOND, 7));
        assert_eq!(answered.turn(now + 5 * SECOND - 1, PERIOD), Turn::Wait);
        assert!(matches!(answered.turn(now + 5 * SECOND, PERIOD), Turn::Ask(_)));
        assert!(!answered.is_stale(now + 15 * SECOND, PERIOD) && answered.is_stale(now + 16 * SECOND, PERIOD));
    }

    #[test]
    fn an_answer_that_never_comes_is_not_waited_for() {
        let short = Duration::from_secs(1);
        let Turn::Ask(asked) = Poll::default().turn(SECOND, short) else { panic!() };
        assert_eq!(asked.turn(3 * SECOND - 1, short), Turn::Wait);
        assert!(matches!(asked.turn(3 * SECOND, short), Turn::Ask(_)));
    }

    #[test]
    fn failures_are_followed_by_another_try() {
        let now = 100 * SECOND;
        let first = Poll::default().failed(now, PERIOD);
        assert_eq!((first.next, first.failing), (now + SECOND, true));
        let later = Poll { version: 3, ..first }.failed(now, Duration::from_secs(60));
        assert_eq!((later.next, later.version), (now + 5 * SECOND, 3));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let poll = Poll { next: 5_000 * SECOND, version: 1, failing: false };
        assert!(matches!(poll.turn(1_000 * SECOND, PERIOD), Turn::Ask(_)));
        // A period that became shorter is not waited for either.
        assert!(matches!(Poll { next: 60 * SECOND, ..poll }.turn(SECOND, Duration::from_secs(1)), Turn::Ask(_)));
    }

    #[test]
    fn bytes() {
        let poll = Poll { next: 7, version: 9, failing: true };
        assert_eq!(Poll::from_bytes(&poll.to_bytes()), poll);
        for other in [&b""[..], b"x", &[0; 16], &[2; 17], &[0; 18]] {
            assert_eq!(Poll::from_bytes(other), Poll::default());
        }
    }
}
