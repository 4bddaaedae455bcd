//! For which actors a rule acts: the same ones each time, so that what an operator tries on a few stays with those few.

use crate::hash;

/// A share of all actors, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    percent: u32,
}

impl Share {
    /// All actors.
    pub const ALL: Self = Self::percent(100);

    /// So many of a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self { percent }
    }

    /// Whether that is everybody.
    pub fn is_all(self) -> bool {
        self.percent >= 100
    }

    /// Whether `rule` acts for an actor. Each rule has a share of its own. One whose actor cannot be read is in every share but the empty one: else not to be readable would
    /// be a way around the rule.
    pub fn includes(self, rule: &str, actor: Option<&str>) -> bool {
        match (self.percent, actor) {
            (0, _) => false,
            (100.., _) | (_, None) => true,
            (percent, Some(actor)) => bucket(rule, actor) < u64::from(percent),
        }
    }
}

/// A number below 100, the same in every process and version.
fn bucket(rule: &str, actor: &str) -> u64 {
    hash::of([rule.as_bytes(), actor.as_bytes()]) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn included(percent: u32, rule: &str) -> Vec<u32> {
        let share = Share::percent(percent);
        (0..10_000).filter(|n| share.includes(rule, Some(&format!("https://a.example/users/{n}")))).collect()
    }

    #[test]
    fn a_share_of_actors() {
        // Four standard deviations of a binomial distribution: sqrt(10,000 * 0.25 * 0.75) = 43.
        let quarter = included(25, "inbox.mentions");
        assert!((2_327..=2_673).contains(&quarter.len()), "{}", quarter.len());
        assert_eq!(quarter, included(25, "inbox.mentions"));
        // A larger share has the smaller one in it; another rule has another one.
        let half = included(50, "inbox.mentions");
        assert!(quarter.iter().all(|actor| half.contains(actor)));
        assert_ne!(quarter, included(25, "inbox.keywords"));
    }

    #[test]
    fn nobody_and_everybody() {
        assert_eq!(included(0, "a").len(), 0);
        assert_eq!(included(100, "a").len(), 10_000);
        assert!(Share::percent(1).includes("a", None) && !Share::percent(0).includes("a", None));
    }

    #[test]
    fn the_numbers_are_for_ever() {
        assert_eq!(bucket("inbox.mentions", "https://a.example/users/1"), BUCKET);
    }

    const BUCKET: u64 = 91;
}
