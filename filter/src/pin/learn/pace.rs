//! When to learn again: at once the first time, then less and less often.

use super::{Step, Why};
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
    calm: u32,
}

impl Pace {
    /// Hears what a look showed of the shell that is known. What to learn again for, if it is time.
    pub(super) fn look(&mut self, changed: Option<String>) -> Option<String> {
        self.calm = if changed.is_some() { 0 } else { self.calm.saturating_add(1) };
        if self.calm >= CALM_LOOKS {
            self.changed = Patience::default();
        }
        // A sample moves on: what it showed once need not be in the next.
        self.pending = self.pending.take().or(changed);
        self.pending.clone().filter(|_| self.changed.is_over())
    }

    /// Whether it is time to try again what was not complete.
    pub(super) fn is_time(&mut self) -> bool {
        self.incomplete.is_over()
    }

    /// Hears what came of it.
    pub(super) fn done(&mut self, step: &Step) {
        match step {
            Step::Unchanged | Step::Failed(_) => {}
            Step::Learned { why: Why::First | Why::ShellChanged, .. } => {
                *self = Self::default();
                self.incomplete.first();
            }
            Step::Learned { why: Why::Changed(_), .. } => {
                self.changed.again();
                self.pending = None;
            }
            Step::Worse { why: Why::Changed(_), .. } => self.changed.again(),
            // All was read, so nothing waits to be.
            Step::Learned { why: Why::Incomplete, .. } => {
                self.incomplete.again();
                self.pending = None;
            }
            Step::Worse { .. } => self.incomplete.again(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::Report;

    fn learned(why: Why) -> Step {
        let report = Report { pages: 1, trusted: Vec::new(), problems: Vec::new() };
        Step::Learned { why, summary: String::new(), new: Vec::new(), report }
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

    #[test]
    fn a_change_is_not_forgotten() {
        let mut pace = Pace::default();
        assert_eq!(pace.look(change()), change());
        let report = Report { pages: 1, trusted: Vec::new(), problems: Vec::new() };
        pace.done(&Step::Worse { why: Why::Changed("/a.js".to_owned()), report });
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
