//! A policy in force. Streams keep the one that they began with.

use std::rc::Rc;

use super::abi;
use super::metrics::Metrics;
use super::reports::Reporter;
use crate::decision::Decision;
use crate::metrics::{self, Counter, PageResult, ReportResult};
use crate::page::Page;
use crate::policy::{Policy, Site};

/// What the streams of a worker share.
pub struct Plugin {
    /// The policy.
    pub policy: Rc<Policy>,
    /// What browsers get: as the policy has it, with what was learned of the server's pages.
    pub page: Rc<Page>,
    /// Our name, where the policy has none.
    pub pseudonym: Rc<str>,
    metrics: Rc<Metrics>,
    /// What browsers report.
    reporter: Rc<Reporter>,
}

impl Plugin {
    /// A policy, with all its counters at zero.
    pub fn new(
        policy: Rc<Policy>,
        page: Rc<Page>,
        pseudonym: Rc<str>,
        metrics: Rc<Metrics>,
        reporter: Rc<Reporter>,
    ) -> Self {
        for counter in metrics::initial(&policy) {
            metrics.count(counter, 0);
        }
        Self { policy, page, pseudonym, metrics, reporter }
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

    /// Whether a body of reports is read now.
    pub fn admits_report(&self) -> bool {
        let admits = self.reporter.admits(self.page.settings.reports_per_second);
        if !admits {
            self.count(Counter::Report(ReportResult::Limited));
        }
        admits
    }

    /// Reads a body of reports that came for a host, and gives the status of the answer.
    pub fn report(&self, content_type: Option<&[u8]>, host: Option<&str>, body: &[u8]) -> u16 {
        self.reporter.read(content_type, body, |own| self.page.is_own_host(host, own), &self.metrics)
    }

    /// Adds one.
    pub fn count(&self, counter: Counter) {
        self.metrics.count(counter, 1);
    }

    /// Counts what comes with every page, a little later.
    pub fn count_page(&self, result: PageResult) {
        self.metrics.count_later(Counter::Page(result));
    }
}
