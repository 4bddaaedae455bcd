//! What a try does not know that was known, and whether it is gone for good.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::manifest::Integrity;

/// So many tries in a row have to lack the same until it is taken for gone. They are at least 1, 2, 4 and 8 looks apart: a server that is in trouble for
/// a moment, or for a deployment, takes nothing away; but an old `integrity` does not block a new file for ever, for something else that is gone.
pub(super) const LASTING_TRIES: u32 = 5;

/// Something that a try lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// A page or a file. Why may be another each time: now 502, now no answer.
    Place(String),
    /// What was trusted inline.
    Inline(Integrity),
}

/// All that a try lacks, and how the log tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// What could not be read just now. Some of it may have been so before: as much of other things is no worse.
    pub(super) passing: BTreeMap<Loss, String>,
    /// What was known for certain. Each alone makes a try worse.
    pub(super) known: BTreeMap<Loss, String>,
}

impl Losses {
    /// Whether this is worse than a try that lacked `before`. What is gone for good does not count.
    pub(super) fn is_worse(&self, before: &BTreeSet<Loss>, gone: &BTreeSet<Loss>) -> bool {
        let passing = self.passing.keys().filter(|loss| !gone.contains(loss)).count();
        let before = before.iter().filter(|loss| !gone.contains(loss)).count();
        passing > before || self.known.keys().any(|loss| !gone.contains(loss))
    }

    /// What the log says of what a try that lacked `before` did not lack.
    pub(super) fn told(&self, before: &BTreeSet<Loss>) -> Vec<String> {
        let all: BTreeMap<_, _> = self.passing.iter().chain(&self.known).collect();
        all.into_iter().filter(|(loss, _)| !before.contains(loss)).map(|(_, text)| text.clone()).collect()
    }
}

/// How many tries in a row lacked something, for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Lasting(BTreeMap<Loss, u32>);

impl Lasting {
    /// Hears what a try lacks. What is gone for good.
    pub(super) fn hear(&mut self, losses: &Losses) -> BTreeSet<Loss> {
        let count = |loss: &Loss| self.0.get(loss).copied().unwrap_or_default().saturating_add(1);
        let lost = losses.passing.keys().chain(losses.known.keys());
        self.0 = lost.map(|loss| (loss.clone(), count(loss))).collect();
        self.0.iter().filter(|(_, tries)| **tries >= LASTING_TRIES).map(|(loss, _)| loss.clone()).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::pin::learn) fn losses(passing: &[&str], known: &[&str]) -> Losses {
        let map = |places: &[&str]| places.iter().map(|place| (place_of(place), (*place).to_owned())).collect();
        Losses { passing: map(passing), known: map(known) }
    }

    fn place_of(place: &str) -> Loss {
        Loss::Place(place.to_owned())
    }

    fn set(places: &[&str]) -> BTreeSet<Loss> {
        places.iter().map(|place| place_of(place)).collect()
    }

    #[test]
    fn what_lasts_is_gone() {
        let mut lasting = Lasting::default();
        for _ in 1..LASTING_TRIES {
            assert_eq!(lasting.hear(&losses(&["a", "b"], &["c"])), set(&[]));
        }
        // One is there again, for a moment; another comes.
        assert_eq!(lasting.hear(&losses(&["a", "d"], &["c"])), set(&["a", "c"]));
        for _ in 2..LASTING_TRIES {
            assert_eq!(lasting.hear(&losses(&["b", "d"], &[])), set(&[]));
        }
        assert_eq!(lasting.hear(&losses(&["b", "d"], &[])), set(&["d"]));
    }

    #[test]
    fn what_is_gone_does_not_count() {
        for (passing, known, before, gone, is_worse) in [
            (&[][..], &[][..], &[][..], &[][..], false),
            (&["a"], &[], &[], &[], true),
            (&["a"], &[], &["b"], &[], false),
            (&["a", "b"], &[], &["b"], &[], true),
            (&["a"], &[], &[], &["a"], false),
            (&[], &["a"], &["a", "b"], &[], true),
            (&[], &["a"], &[], &["a"], false),
            (&[], &["a", "b"], &[], &["a"], true),
            // What was lacking before and is gone for good excuses nothing new.
            (&["a", "b"], &[], &["a"], &["a"], true),
            (&["a", "b"], &[], &["c"], &["a"], false),
        ] {
            let losses = losses(passing, known);
            assert_eq!(losses.is_worse(&set(before), &set(gone)), is_worse, "{losses:?} {before:?} {gone:?}");
        }
        assert_eq!(losses(&["a", "b"], &["b", "c"]).told(&set(&["a"])), ["b", "c"]);
    }
}
