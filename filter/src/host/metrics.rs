//! The metrics of one worker. The host adds those of all workers up.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::abi::{self, Level, MetricKind, Status};
use crate::metrics::{Counter, Gauge};

/// How long a decision takes, in microseconds.
const DECISION_TIME: &str = "sekisho_decision_time_us";

/// The metrics that were defined, by what they count. A counter is defined when it is first needed: there are some hundred types and software names.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: RefCell<BTreeMap<Counter, u32>>,
    /// What is handed over at the next tick.
    later: RefCell<BTreeMap<Counter, u32>>,
    /// Whether there are ticks.
    ticks: Cell<bool>,
    decision_time: Option<u32>,
}

impl Metrics {
    /// Defines what has one name only.
    pub fn new() -> Self {
        Self { decision_time: define(MetricKind::Histogram, DECISION_TIME), ..Self::default() }
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

    /// Adds one at the next tick: for what is counted with every page, as each call to the host costs.
    pub fn count_later(&self, counter: Counter) {
        match self.later.try_borrow_mut() {
            Ok(mut later) if self.ticks.get() => {
                let count = later.entry(counter).or_default();
                *count = count.saturating_add(1);
            }
            _ => self.count(counter, 1),
        }
    }

    /// Hands over what was left for this tick.
    pub fn tick(&self) {
        self.ticks.set(true);
        for (counter, by) in self.later.take() {
            self.count(counter, by);
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
