//! One job in one worker, and what becomes of the worker after it.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::process::{Failure, Process};
use super::stats::Counters;
use super::{PoolError, Shared};
use crate::media::image::Converted;
use crate::media::worker::protocol::Job;

/// A process and the one job that it has. However the job ends, a process comes back to the pool: this one, or another.
pub(super) struct Lease {
    shared: Arc<Shared>,
    process: Option<Process>,
    ran: Ran,
}

/// How a job ended.
#[derive(Clone, Copy)]
enum Ran {
    /// Not at all: its future was dropped.
    Cancelled,
    /// With an answer.
    Answered,
    /// With the end of the process.
    Failed,
}

impl Lease {
    pub(super) fn new(shared: Arc<Shared>, process: Process) -> Self {
        Self { shared, process: Some(process), ran: Ran::Cancelled }
    }

    /// Does the job, within the deadline.
    pub(super) async fn run(&mut self, job: &Job, input: &[u8]) -> Result<Converted, PoolError> {
        let Some(process) = &mut self.process else { return Err(PoolError::Crashed) };
        let shared = &self.shared;
        let begun = Instant::now();
        Counters::add(&shared.counters.jobs);
        let done = timeout(shared.settings.deadline, process.exchange(job, input)).await;
        shared.average.note(begun.elapsed());
        match done {
            Ok(Ok(answer)) => {
                self.ran = Ran::Answered;
                shared.spawner.answered();
                answer.map_err(PoolError::Refused)
            }
            Ok(Err(failure)) => {
                self.ran = Ran::Failed;
                Counters::add(&shared.counters.crashes);
                match failure {
                    Failure::Killed => return Err(PoolError::Killed),
                    Failure::Violation => Counters::add(&shared.counters.violations),
                    Failure::Crash => {}
                }
                Err(PoolError::Crashed)
            }
            Err(_) => {
                self.ran = Ran::Failed;
                Counters::add(&shared.counters.deadlines);
                Err(PoolError::Deadline)
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        match self.ran {
            Ran::Answered if !process.is_used_up(&self.shared.settings) => {
                self.shared.offer(process);
                return;
            }
            Ran::Answered => Counters::add(&self.shared.counters.recycled),
            Ran::Failed => {}
            Ran::Cancelled => Counters::add(&self.shared.counters.cancelled),
        }
        // SIGKILL to this very child; tokio reaps it.
        drop(process);
        self.shared.spawner.order();
    }
}
