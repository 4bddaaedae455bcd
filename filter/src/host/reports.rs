//! What browsers report: counted, and told to the log, by one worker.

use std::cell::RefCell;

use super::abi::{self, Level};
use super::live;
use super::metrics::Metrics;
use crate::hash;
use crate::metrics::{Counter, ReportResult};
use crate::page::reports::{self, Bucket, FULL, Line, MAX_ENTRIES, Table, Told, Violation};

/// The reports of one worker.
#[derive(Debug, Default)]
pub struct Reporter {
    table: RefCell<Table>,
    bucket: RefCell<Option<(u32, Bucket)>>,
}

impl Reporter {
    /// Whether another body is read now, when so many are read in a second.
    pub fn admits(&self, per_second: u32) -> bool {
        let (Ok(now), Ok(mut bucket)) = (abi::now(), self.bucket.try_borrow_mut()) else { return false };
        let fresh = || (per_second, Bucket::new(per_second, per_second.saturating_mul(BURST_SECONDS)));
        let (known, mut tokens) = bucket.filter(|(known, _)| *known == per_second).unwrap_or_else(fresh);
        let admits = tokens.take(now);
        *bucket = Some((known, tokens));
        admits
    }

    /// Reads a body, counts what it holds, tells what is new. Gives the status of the answer.
    pub fn read(
        &self,
        content_type: Option<&[u8]>,
        body: &[u8],
        is_own: impl Fn(&str) -> bool,
        metrics: &Metrics,
    ) -> u16 {
        match reports::read(content_type, body, is_own) {
            Ok(reports) => {
                let is_foreign = reports.is_of_another_host && reports.violations.is_empty();
                let result = if is_foreign { ReportResult::Foreign } else { ReportResult::Read };
                metrics.count(Counter::Report(result), 1);
                if reports.is_of_another_host {
                    tell(FOREIGN, "foreign");
                }
                reports.violations.iter().for_each(|violation| self.note(violation, metrics));
                204
            }
            Err(error) => {
                metrics.count(Counter::Report(ReportResult::Refused), 1);
                error.status()
            }
        }
    }

    fn note(&self, violation: &Violation, metrics: &Metrics) {
        let (directive, blocked) = (violation.directive, violation.blocked.kind.label());
        metrics.count(Counter::Violation { directive, blocked, disposition: violation.disposition.as_str() }, 1);
        let Ok(mut table) = self.table.try_borrow_mut() else { return };
        match table.note(violation, abi::now().unwrap_or_default()) {
            Told::Nothing => {}
            Told::Full => tell(FULL, "full"),
            Told::Line(count) => {
                let line = Line::new(violation, count).to_string();
                // All workers see the same violations. What is told first is told by one of them: so many numbers are shared, and no more.
                let what = format!("{directive} {blocked} {} {}", violation.blocked.at, violation.disposition.as_str());
                if count > 1 {
                    abi::log(Level::Info, &line);
                } else {
                    tell(&line, &what);
                }
            }
        }
    }
}

/// What the log says, once, of reports about pages of other hosts: anybody can send them, and so does every browser where a proxy changes `Host`.
const FOREIGN: &str = "sekisho: page: reports about pages of other hosts are ignored: if a proxy in front changes Host, name what browsers see in page.hosts";

/// Reports of so many seconds may come at once: those of one page come together.
const BURST_SECONDS: u32 = 5;

fn tell(line: &str, what: &str) {
    let number = hash::of([what.as_bytes()]);
    let slots = u64::try_from(MAX_ENTRIES).unwrap_or(u64::MAX);
    let slot = number.checked_rem(slots).unwrap_or_default();
    if live::says_first(&format!("violation.{slot}"), number) {
        abi::log(Level::Info, line);
    }
}
