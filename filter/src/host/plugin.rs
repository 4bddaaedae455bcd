//! A policy in force. Streams keep the one that they began with.

use std::rc::Rc;

use super::abi;
use super::metrics::Metrics;
use crate::decision::Decision;
use crate::metrics::{self, Counter};
use crate::policy::{Policy, Site};

/// What the streams of a worker share.
pub struct Plugin {
    /// The policy.
    pub policy: Policy,
    metrics: Rc<Metrics>,
}

impl Plugin {
    /// A policy, with all its counters at zero.
    pub fn new(policy: Policy, metrics: Rc<Metrics>) -> Self {
        for counter in metrics::initial(&policy) {
            metrics.count(counter, 0);
        }
        Self { policy, metrics }
    }

    /// Decides, and measures how long it takes.
    pub fn timed(&self, decide: impl FnOnce() -> Decision) -> Decision {
        let start = abi::now();
        let decision = decide();
        // A clock that was set back in between tells nothing.
        if let (Ok(start), Ok(end)) = (start, abi::now())
            && let Some(nanoseconds) = end.checked_sub(start)
        {
            self.metrics.decided_within(nanoseconds / 1_000);
        }
        decision
    }

    /// Counts a decision.
    pub fn count_decision(&self, decision: &Decision, site: &Site) {
        for counter in metrics::of(decision, site) {
            self.count(counter);
        }
    }

    /// Counts what rules in shadow would have done to a request that no counter is about.
    pub fn count_shadow(&self, decision: &Decision, site: &Site) {
        for counter in metrics::shadowed(decision, site) {
            self.count(counter);
        }
    }

    /// Adds one.
    pub fn count(&self, counter: Counter) {
        self.metrics.count(counter, 1);
    }
}
