//! A bounded number of workers, and a bounded queue in front of them.
//!
//! - At most `workers` jobs run at once, in the order in which they came; at most `queue` wait. More are told to come back.
//! - One worker more than that is kept ready, so that a request never pays for the start of a process.
//! - A worker that crashes, lies, or exceeds the deadline is killed and replaced; so is one whose request is gone (the future was dropped).
//!   Only that one request fails. Where it was killed from outside, the job is tried once more by another.
//! - All workers die with the pool, and with the process, whichever way that ends: they die with the thread that started them, and when their input ends.

mod lease;
mod process;
mod retry;
mod spawner;
mod stats;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use self::lease::Lease;
use self::process::Process;
use self::retry::Average;
use self::spawner::Spawner;
pub use self::spawner::StartError;
use self::stats::Counters;
pub use self::stats::Stats;
use super::protocol::Job;
use super::sandbox::Confinement;
use crate::media::image::{ConvertError, Converted};
use crate::media::kind::Kind;
use crate::media::plan::Conversion;

/// Processes that are ready beyond those that work.
const SPARE: usize = 1;

/// How a pool works.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The program: this one, `/proc/self/exe`, which stays the same when its file is replaced by an update.
    pub program: PathBuf,
    /// Its arguments: `media-worker`.
    pub args: Vec<OsString>,
    /// Jobs at once, 1 at least.
    pub workers: usize,
    /// Jobs that may wait.
    pub queue: usize,
    /// The longest that a job may wait for its turn.
    pub patience: Duration,
    /// The longest that a job may take from its turn on; then the worker is killed.
    pub deadline: Duration,
    /// Jobs after which a worker is replaced, 1 at least: the reach of a file that took it over.
    pub jobs_per_worker: u32,
    /// Memory that a worker may keep between jobs, in bytes; with more it is replaced.
    pub held_bytes: u64,
    /// Whether to work on a kernel without Landlock. Everything else of the sandbox is there in any case.
    pub landlock: Requirement,
}

impl PoolSettings {
    /// Workers of this very program, with the usual numbers: as many as given, four times as many in the queue.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![OsString::from("media-worker")],
            workers,
            queue: workers * 4,
            patience: Duration::from_secs(10),
            deadline: Duration::from_secs(10),
            jobs_per_worker: 256,
            held_bytes: 64 << 20,
            landlock: Requirement::Optional,
        }
    }
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The pool does not start without it.
    Required,
    /// It is used where it is.
    Optional,
}

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// Too much to do, or the pool is shutting down; come back after this time (whole seconds).
    Busy(Duration),
    /// The job took too long and its worker was killed.
    Deadline,
    /// The worker died, or answered what is no answer.
    Crashed,
    /// Two workers, one after the other, were killed from outside.
    Killed,
    /// The worker made none, for this reason.
    Refused(ConvertError),
}

impl std::fmt::Display for PoolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy(retry_after) => write!(f, "all workers are busy for about {} s", retry_after.as_secs()),
            Self::Deadline => f.write_str("the deadline has passed"),
            Self::Crashed => f.write_str("the worker died"),
            Self::Killed => f.write_str("the worker was killed"),
            Self::Refused(error) => write!(f, "no picture: {error:?}"),
        }
    }
}

impl std::error::Error for PoolError {}

/// The workers. Dropping it kills them.
pub struct Pool {
    shared: Arc<Shared>,
    confinement: Confinement,
}

impl Pool {
    /// Starts the workers and waits for the first of them. Must run inside a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the first worker does not start, or is confined less than the settings ask for. Later ones are tried again and again.
    pub async fn start(settings: PoolSettings) -> Result<Self, StartError> {
        let (spawner, orders) = Spawner::new(SPARE + settings.workers.max(1));
        let shared = Arc::new(Shared {
            places: Semaphore::new(settings.workers.max(1) + settings.queue),
            turns: Semaphore::new(settings.workers.max(1)),
            ready: Semaphore::new(0),
            idle: Mutex::new(VecDeque::new()),
            counters: Counters::default(),
            average: Average::default(),
            next: AtomicU32::new(0),
            spawner,
            settings,
        });
        let confinement = spawner::start(&shared, orders).await?;
        Ok(Self { shared, confinement })
    }

    /// How the first worker was confined.
    #[must_use]
    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// What has happened so far, and what is going on now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        let workers = shared.settings.workers.max(1);
        let (places, turns) = (shared.places.available_permits(), shared.turns.available_permits());
        let active = workers.saturating_sub(turns);
        let inside = (workers + shared.settings.queue).saturating_sub(places);
        shared.counters.read(active, inside.saturating_sub(active), shared.ready.available_permits())
    }

    /// Makes a picture in a worker. Dropping the future ends the job and its worker.
    ///
    /// # Errors
    /// [`PoolError`]. None of them says anything about other jobs.
    pub async fn convert(&self, input: Bytes, kind: Kind, conversion: Conversion) -> Result<Converted, PoolError> {
        let shared = &self.shared;
        let number = shared.next.fetch_add(1, Relaxed);
        let job = Job::new(number, kind, conversion, input.len()).map_err(PoolError::Refused)?;
        let _place = shared.places.try_acquire().map_err(|_| shared.busy())?;
        let turn = timeout(shared.settings.patience, shared.turn()).await;
        let (_turn, mut lease) = turn.ok().flatten().ok_or_else(|| shared.busy())?;
        let outcome = lease.run(&job, &input).await;
        if outcome != Err(PoolError::Killed) {
            return outcome;
        }
        // Its own worker comes back to the pool first: there may be one only.
        drop(lease);
        // With the turn kept, there is only the start of a process to wait for.
        let worker = timeout(shared.settings.deadline, shared.worker()).await;
        worker.ok().flatten().ok_or(PoolError::Killed)?.run(&job, &input).await
    }

    /// Takes no more jobs, waits for those that run or wait, `grace` at most, and ends the workers that are idle. Jobs that still run then end at their
    /// deadline or with the pool.
    pub async fn shutdown(&self, grace: Duration) {
        let shared = &self.shared;
        shared.places.close();
        let all = u32::try_from(shared.settings.workers.max(1)).unwrap_or(u32::MAX);
        let _ = timeout(grace, shared.turns.acquire_many(all)).await;
        shared.turns.close();
        shared.ready.close();
        shared.idle().clear();
    }
}

struct Shared {
    settings: PoolSettings,
    /// Jobs that wait or run. Closed: the pool shuts down.
    places: Semaphore,
    /// Jobs that run; fair.
    turns: Semaphore,
    /// As many permits as there are `idle` processes.
    ready: Semaphore,
    /// The process that worked last is used first: its memory is warm, and the spare stays small.
    idle: Mutex<VecDeque<Process>>,
    counters: Counters,
    average: Average,
    /// The number of the next job.
    next: AtomicU32,
    spawner: Spawner,
}

impl Shared {
    /// Waits for a turn and a process that lives. None: the pool shuts down.
    async fn turn(self: &Arc<Self>) -> Option<(SemaphorePermit<'_>, Lease)> {
        let turn = self.turns.acquire().await.ok()?;
        Some((turn, self.worker().await?))
    }

    /// Waits for a process that lives, for who has the turn.
    async fn worker(self: &Arc<Self>) -> Option<Lease> {
        loop {
            self.ready.acquire().await.ok()?.forget();
            let Some(mut process) = self.idle().pop_back() else { continue };
            if process.is_alive() {
                return Some(Lease::new(Arc::clone(self), process));
            }
            // Killed from outside between two jobs: no job is lost.
            Counters::add(&self.counters.crashes);
            self.spawner.died_idle(self);
        }
    }

    fn offer(&self, process: Process) {
        if self.turns.is_closed() {
            return;
        }
        self.idle().push_back(process);
        self.ready.add_permits(1);
    }

    fn busy(&self) -> PoolError {
        Counters::add(&self.counters.busy);
        let waiting = self.settings.workers.max(1) + self.settings.queue - self.places.available_permits();
        PoolError::Busy(retry::after(waiting, self.settings.workers, self.average.read()))
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
