//! When to learn again: at once the first time, then less and less often.

use std::collections::BTreeSet;

use super::loss::{Lasting, Loss, Losses};
use super::{Step, Why};
use crate::page::manifest::Integrity;
use crate::pin::patience::Patience;

/// After so many looks at which all was as it was learned, the next change is a first one again.
const CALM_LOOKS: u32 = 64;

/// What keeps a server that is never the same from being read whole at each look.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// Tries because the last one was not complete.
    incomplete: Patience,
    /// Tries because something is another than it was learned.
    changed: Patience,
    /// What is, and was not learned since.
    pending: Option<String>,
    /// What tries for it lacked.
    lasting: Lasting,
    /// Looks in a row at which nothing was another, nor waited to be learned.
    calm: u32,
    /// The last shell that is not known, and tries to learn it that failed.
    shell: Option<Integrity>,
    failed: Patience,
}

impl Pace {
    /// Hears what a look showed of the shell that is known. What to learn again for, if it is time.
    pub(super) fn look(&mut self, changed: Option<String>) -> Option<String> {
        // While something waits it is not calm, though this sample may be: else what is always worse would be read whole at each look.
        let is_calm = changed.is_none() && self.pending.is_none();
        self.calm = if is_calm { self.calm.saturating_add(1) } else { 0 };
        if self.calm >= CALM_LOOKS {
            (self.changed, self.calm) = (Patience::default(), 0);
        }
        // A sample moves on: what it showed once need not be in the next.
        self.pending = self.pending.take().or(changed);
        self.pending.clone().filter(|_| self.changed.is_over())
    }

    /// Whether something is another than it was learned.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Hears what a try for a change lacks. What is gone for good.
    pub(super) fn gone(&mut self, losses: &Losses) -> BTreeSet<Loss> {
        self.lasting.hear(losses)
    }

    /// Whether it is time to learn a shell that is not known: at once the first time, then as often as one lets it that cannot be learned.
    pub(super) fn is_time_for(&mut self, shell: &Integrity) -> bool {
        if self.shell.as_ref() != Some(shell) {
            (self.shell, self.failed) = (Some(shell.clone()), Patience::default());
        }
        self.failed.is_over()
    }

    /// Whether it is time to try again what was not complete.
    pub(super) fn is_time(&mut self) -> bool {
        self.incomplete.is_over()
    }

    /// Hears what came of it.
    pub(super) fn done(&mut self, step: &Step) {
        match step {
            // A look costs little.
            Step::Unchanged | Step::Waiting | Step::Failed(_) => {}
            Step::Unread { why: Why::First | Why::ShellChanged, .. } => self.failed.again(),
            Step::Learned { why: Why::First | Why::ShellChanged, .. } => {
                *self = Self::default();
                self.incomplete.first();
            }
            Step::Learned { why: Why::Changed(_), .. } => {
                self.changed.again();
                (self.pending, self.lasting) = (None, Lasting::default());
            }
            // All was read for it, or would have been.
            Step::Worse { why: Why::Changed(_), .. } | Step::Unread { why: Why::Changed(_), .. } => {
                self.changed.again();
            }
            // All was read, so nothing waits to be.
            Step::Learned { why: Why::Incomplete, .. } => {
                self.incomplete.again();
                (self.pending, self.lasting) = (None, Lasting::default());
            }
            Step::Worse { .. } | Step::Unread { .. } => self.incomplete.again(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LearnError;
    use super::super::loss::{LASTING_TRIES, tests::losses};
    use super::*;
    use crate::pin::Report;

    fn learned(why: Why) -> Step {
        let report = Report { pages: 1, trusted: Vec::new(), problems: Vec::new() };
        Step::Learned { why, summary: String::new(), new: Vec::new(), lost: Vec::new(), report }
    }

    fn change() -> Option<String> {
        Some("/a.js".to_owned())
    }

    #[test]
    fn what_always_changes_is_learned_less_and_less_often() {
        let mut pace = Pace::default();
        pace.done(&learned(Why::First));
        let mut looks = Vec::new();
        for _ in 0..9 {
            looks.push((1..).find(|_| pace.look(change()).is_some()).unwrap());
            pace.done(&learned(Why::Changed("/a.js".to_owned())));
        }
        assert_eq!(looks, [1, 1, 2, 4, 8, 16, 32, 64, 64]);
        // Another build begins anew; so does a long time without a change.
        let worn = pace.clone();
        pace.done(&learned(Why::ShellChanged));
        assert_eq!(pace.look(change()), change());
        let mut pace = worn;
        assert_eq!(pace.look(change()), None);
        pace.done(&learned(Why::Incomplete));
        assert!((0..CALM_LOOKS).all(|_| pace.look(None).is_none()));
        assert_eq!(pace.look(change()), change());
    }

    fn worse() -> Step {
        let report = Report { pages: 1, trusted: Vec::new(), problems: Vec::new() };
        Step::Worse { why: Why::Changed("/a.js".to_owned()), report }
    }

    fn unread(why: Why) -> Step {
        Step::Unread { why, error: LearnError::TooLarge(usize::MAX) }
    }

    #[test]
    fn what_waits_is_read_less_and_less_often_however_calm_it_looks() {
        for (step, later) in [
            (worse as fn() -> Step, None),
            (worse, change()),
            (|| unread(Why::Changed("/a.js".to_owned())), None),
            (|| unread(Why::Changed("/a.js".to_owned())), change()),
        ] {
            let mut pace = Pace::default();
            assert_eq!(pace.look(change()), change());
            let mut looks = Vec::new();
            for _ in 0..12 {
                pace.done(&step());
                let waiting = |pace: &mut Pace| {
                    let time = pace.look(later.clone()).is_some();
                    assert!(pace.is_pending());
                    // A look that fails is no try.
                    pace.done(&Step::Failed(LearnError::TooLarge(0)));
                    time
                };
                looks.push((1..).find(|_| waiting(&mut pace)).unwrap());
            }
            assert_eq!(looks, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64], "{:?} {later:?}", step());
        }
    }

    #[test]
    fn a_long_calm_is_counted_anew() {
        let mut pace = Pace::default();
        for _ in 0..3 {
            assert!((0..CALM_LOOKS).all(|_| pace.look(None).is_none()));
            // Two changes in a row: at once each, and then no more.
            for time in [true, true, false] {
                assert_eq!(pace.look(change()).is_some(), time);
                if time {
                    pace.done(&learned(Why::Changed("/a.js".to_owned())));
                }
            }
            pace.done(&learned(Why::Incomplete));
        }
    }

    #[test]
    fn a_shell_that_cannot_be_learned_is_read_less_and_less_often() {
        let [one, other] = ["a", "b"].map(|text| Integrity::sha256(text.as_bytes()));
        for why in [Why::First, Why::ShellChanged] {
            let mut pace = Pace::default();
            assert!(pace.is_time_for(&one));
            let mut looks = Vec::new();
            for _ in 0..8 {
                pace.done(&unread(why.clone()));
                looks.push((1..).find(|_| pace.is_time_for(&one)).unwrap());
            }
            assert_eq!(looks, [1, 2, 4, 8, 16, 32, 64, 64]);
            pace.done(&unread(why.clone()));
            // Another may be better.
            assert!(!pace.is_time_for(&one) && pace.is_time_for(&other));
            pace.done(&learned(why));
            assert!(pace.is_time_for(&other));
        }
    }

    #[test]
    fn a_reading_that_fails_is_a_try_of_what_is_incomplete() {
        let mut pace = Pace::default();
        pace.done(&learned(Why::First));
        assert!(pace.is_time());
        pace.done(&unread(Why::Incomplete));
        assert_eq!([pace.is_time(), pace.is_time()], [false, true]);
    }

    #[test]
    fn what_is_lacking_counts_until_something_is_learned() {
        let lacking = losses(&["/b.js"], &["/c"]);
        let tries = |pace: &mut Pace| (1..).find(|_| pace.gone(&lacking).len() == 2).unwrap();
        let mut pace = Pace::default();
        assert_eq!(tries(&mut pace), LASTING_TRIES);
        for step in [Why::Changed("/a.js".to_owned()), Why::Incomplete, Why::ShellChanged].map(learned) {
            pace.done(&step);
            assert_eq!(tries(&mut pace), LASTING_TRIES);
        }
        for step in [worse(), unread(Why::Incomplete), Step::Unchanged] {
            pace.done(&step);
            assert_eq!(pace.gone(&lacking).len(), 2);
        }
    }

    #[test]
    fn a_change_is_not_forgotten() {
        let mut pace = Pace::default();
        assert_eq!(pace.look(change()), change());
        pace.done(&worse());
        // The next sample has other files in it.
        assert_eq!(pace.look(None), change());
        pace.done(&learned(Why::Changed("/a.js".to_owned())));
        assert_eq!(pace.look(None), None);
    }

    #[test]
    fn what_is_incomplete_waits_for_itself() {
        let mut pace = Pace::default();
        pace.done(&learned(Why::First));
        assert!(pace.is_time());
        pace.done(&learned(Why::Incomplete));
        assert_eq!([pace.is_time(), pace.is_time()], [false, true]);
        assert_eq!(pace.look(change()), change());
    }
}
