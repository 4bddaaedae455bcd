//! The metrics of one worker. The host adds those of all workers up.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::abi::{self, Level, MetricKind, Status};
use crate::metrics::{Counter, Gauge};

/// How long a decision takes, in microseconds.
const DECISION_TIME: &str = "sekisho_decision_time_us";

/// The metrics that were defined, by what they count. A counter is defined when it is first needed: there are some hundred types and software names.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: RefCell<BTreeMap<Counter, u32>>,
    decision_time: Option<u32>,
}

impl Metrics {
    /// Defines what has one name only.
    pub fn new() -> Self {
        Self { counters: RefCell::default(), decision_time: define(MetricKind::Histogram, DECISION_TIME) }
    }

    /// Adds to a counter; nothing makes it seen at zero.
    pub fn count(&self, counter: Counter, by: u32) {
        // The callbacks of a worker never run within each other.
        let Ok(mut counters) = self.counters.try_borrow_mut() else { return };
        let known = counters.get(&counter).copied();
        let id = known.or_else(|| {
            let id = define(MetricKind::Counter, &counter.to_string())?;
            counters.insert(counter, id);
            Some(id)
        });
        if let Some(id) = id.filter(|_| by > 0) {
            ignore(abi::increment(id, by));
        }
    }

    /// Adds the time of one decision.
    pub fn decided_within(&self, microseconds: u64) {
        if let Some(id) = self.decision_time {
            ignore(abi::record(id, microseconds));
        }
    }
}

/// Sets a gauge, which all workers share.
pub fn set(gauge: Gauge, value: u64) {
    if let Some(id) = define(MetricKind::Gauge, gauge.name()) {
        ignore(abi::record(id, value));
    }
}

fn define(kind: MetricKind, name: &str) -> Option<u32> {
    let defined = abi::define_metric(kind, name);
    defined.inspect_err(|status| abi::log(Level::Error, &format!("sekisho: no metric {name}: {status}"))).ok()
}

/// The metric was defined by this host; there is nothing to do about one that it lost.
fn ignore(_status: Result<(), Status>) {}
