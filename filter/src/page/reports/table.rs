//! Which violations were seen, and how often.

use std::collections::BTreeMap;

use super::{BlockedKind, Disposition, Violation};

/// How many distinct violations are kept apart.
pub const MAX_ENTRIES: usize = 512;

/// How many of them name a host or a path. Whoever sends invented hosts cannot crowd out what has none.
const MAX_NAMED: usize = 384;

type Key = (&'static str, Disposition, BlockedKind, String);

/// Distinct violations and their counts, in bounded memory: nothing is ever forgotten, so that nothing is told twice, and what does not fit is only counted.
#[derive(Clone, Debug, Default)]
pub struct Table {
    counts: BTreeMap<Key, u64>,
    named: usize,
    overflow: u64,
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
    /// Counts a violation.
    pub fn note(&mut self, violation: &Violation) -> Told {
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
            self.overflow = self.overflow.saturating_add(1);
            return if self.overflow == 1 { Told::Full } else { Told::Nothing };
        }
        self.named = self.named.saturating_add(usize::from(is_named));
        self.counts.insert(key, 1);
        Told::Line(1)
    }

    /// How many violations were beyond what is kept apart.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }
}

fn is_power_of_ten(count: u64) -> bool {
    10_u64.checked_pow(count.checked_ilog10().unwrap_or_default()) == Some(count)
}
