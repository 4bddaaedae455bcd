//! Which violations were seen, and how often.

use std::collections::BTreeMap;

use super::{BlockedKind, Disposition, Violation};

/// How many distinct violations are kept apart.
pub const MAX_ENTRIES: usize = 512;

/// How many of them name a host or a path. Whoever sends invented hosts cannot crowd out what has none.
const MAX_NAMED: usize = 384;

/// How long names are kept, in nanoseconds: an hour. Whoever sends invented ones cannot crowd out the others for longer.
const NAMES_AGE: u64 = 3_600_000_000_000;

type Key = (&'static str, Disposition, BlockedKind, String);

/// Distinct violations and their counts, in bounded memory; what does not fit is told once, and not kept apart.
#[derive(Clone, Debug, Default)]
pub struct Table {
    counts: BTreeMap<Key, u64>,
    named: usize,
    /// Since when names are kept, in nanoseconds.
    since: u64,
    is_full: bool,
}

/// What the log has to say of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A line with this count: it is the first, the tenth, the hundredth and so on.
    Line(u64),
    /// Once: there are more distinct violations than are kept apart.
    Full,
    /// Nothing.
    Nothing,
}

impl Table {
    /// Counts a violation of now, in nanoseconds of a clock that may jump.
    pub fn note(&mut self, violation: &Violation, now: u64) -> Told {
        if now.abs_diff(self.since) >= NAMES_AGE {
            self.counts.retain(|(_, _, _, at), _| at.is_empty());
            (self.named, self.since, self.is_full) = (0, now, false);
        }
        let blocked = &violation.blocked;
        if blocked.kind == BlockedKind::Extension {
            return Told::Nothing;
        }
        let key = (violation.directive, violation.disposition, blocked.kind, blocked.at.clone());
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_add(1);
            return if is_power_of_ten(*count) { Told::Line(*count) } else { Told::Nothing };
        }
        let is_named = !blocked.at.is_empty();
        if self.counts.len() >= MAX_ENTRIES || (is_named && self.named >= MAX_NAMED) {
            let was_full = std::mem::replace(&mut self.is_full, true);
            return if was_full { Told::Nothing } else { Told::Full };
        }
        self.named = self.named.saturating_add(usize::from(is_named));
        self.counts.insert(key, 1);
        Told::Line(1)
    }
}

fn is_power_of_ten(count: u64) -> bool {
    10_u64.checked_pow(count.checked_ilog10().unwrap_or_default()) == Some(count)
}
