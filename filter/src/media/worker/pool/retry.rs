//! When to come back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// How long until those who are `inside` are done, by what jobs took lately: whole seconds between 1 and 30.
pub(super) fn after(inside: usize, workers: usize, average: Duration) -> Duration {
    let rounds = u32::try_from(inside.div_ceil(workers.max(1))).unwrap_or(u32::MAX);
    let estimate = average.saturating_mul(rounds).clamp(LEAST, MOST);
    Duration::from_secs(estimate.as_secs() + u64::from(estimate.subsec_nanos() > 0))
}

/// What jobs took lately: each new one counts an eighth.
#[derive(Default)]
pub(super) struct Average(AtomicU64);

impl Average {
    pub(super) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Jobs that end at the same moment may overwrite one another: it is an estimate.
        let old = self.0.load(Relaxed);
        self.0.store(old - old / 8 + micros / 8, Relaxed);
    }

    pub(super) fn read(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_the_queue_the_later() {
        let seconds = |inside, workers, ms| after(inside, workers, Duration::from_millis(ms)).as_secs();
        assert_eq!(seconds(0, 4, 0), 1);
        assert_eq!(seconds(8, 4, 10), 1);
        assert_eq!(seconds(8, 4, 1_000), 2);
        assert_eq!(seconds(9, 4, 1_000), 3);
        assert_eq!(seconds(9, 4, 1_001), 4);
        assert_eq!(seconds(1_000, 1, 10_000), 30);
        assert_eq!(seconds(usize::MAX, 0, u64::MAX), 30);
    }

    #[test]
    fn the_average_follows() {
        let average = Average::default();
        for _ in 0..64 {
            average.note(Duration::from_millis(800));
        }
        assert!((700..=800).contains(&average.read().as_millis()), "{:?}", average.read());
        average.note(Duration::MAX);
        average.note(Duration::MAX);
    }
}
