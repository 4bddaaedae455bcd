//! Starts workers, from one thread that lives as long as the pool.
//!
//! Workers ask to be killed when their parent dies, and for that the kernel's parent is the *thread* that started them. A thread of the runtime may end
//! at any time; this one ends with the pool.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::process::Process;
use super::stats::Counters;
use super::{Requirement, Shared};
use crate::media::worker::sandbox::{Confinement, Landlock, SandboxError};

/// How long a worker may take until it greets.
const GREETING: Duration = Duration::from_secs(10);
/// Starts that may fail in a row before the next has to wait.
const FREE: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a worker did not start.
#[derive(Debug)]
pub enum StartError {
    /// The program cannot be started, or the thread that starts it.
    Spawn(io::Error),
    /// It did not say in time, or not in the right words, how it is confined.
    Silent,
    /// It could not confine itself.
    Sandbox(SandboxError),
    /// The kernel has no Landlock, and the settings require it.
    NoLandlock,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spawn(error) => write!(f, "a worker cannot be started: {error}"),
            Self::Silent => f.write_str("a worker died, or said nothing, at its start"),
            Self::Sandbox(error) => write!(f, "a worker cannot confine itself: {error}"),
            Self::NoLandlock => f.write_str("the kernel has no Landlock, which the settings require"),
        }
    }
}

impl std::error::Error for StartError {}

type First = oneshot::Sender<Result<Confinement, StartError>>;

/// Where workers are ordered.
pub(super) struct Spawner {
    orders: Sender<()>,
    /// Starts that failed, and workers that died without a job, since the last answer.
    failed: AtomicU32,
    /// Who wants to know how the first start went.
    first: Mutex<Option<First>>,
}

impl Spawner {
    /// With orders for so many workers already.
    pub(super) fn new(count: usize) -> (Self, Receiver<()>) {
        let (orders, receiver) = channel();
        let spawner = Self { orders, failed: AtomicU32::new(0), first: Mutex::new(None) };
        (0..count).for_each(|_| spawner.order());
        (spawner, receiver)
    }

    /// One more worker, at once.
    pub(super) fn order(&self) {
        // Nobody hears it when the pool is gone, and then nobody waits for it.
        let _ = self.orders.send(());
    }

    /// One more worker for one that died before it had a job, like one that did not start.
    pub(super) fn died_idle(&self, shared: &Arc<Shared>) {
        let wait = wait_after(self.failed.fetch_add(1, Relaxed).saturating_add(1));
        if wait.is_zero() {
            return self.order();
        }
        let shared = Arc::downgrade(shared);
        tokio::spawn(async move {
            sleep(wait).await;
            if let Some(shared) = shared.upgrade() {
                shared.spawner.order();
            }
        });
    }

    /// A worker has answered: they are no longer under suspicion of not working at all.
    pub(super) fn answered(&self) {
        self.failed.store(0, Relaxed);
    }

    fn told(&self, result: Result<Confinement, StartError>) {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            let _ = first.send(result);
        }
    }
}

/// Begins to carry out orders; the answer is how the first went.
pub(super) async fn start(shared: &Arc<Shared>, orders: Receiver<()>) -> Result<Confinement, StartError> {
    let (sender, first) = oneshot::channel();
    *shared.spawner.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    let (weak, runtime) = (Arc::downgrade(shared), Handle::current());
    let thread = std::thread::Builder::new().name("media-spawner".to_owned());
    thread.spawn(move || carry_out(&weak, &orders, &runtime)).map_err(StartError::Spawn)?;
    first.await.unwrap_or(Err(StartError::Silent))
}

fn carry_out(shared: &Weak<Shared>, orders: &Receiver<()>, runtime: &Handle) {
    let _inside = runtime.enter();
    while orders.recv().is_ok() {
        let Some(shared) = shared.upgrade() else { return };
        let process = Process::spawn(&shared.settings).map_err(StartError::Spawn);
        runtime.spawn(welcome(shared, process));
    }
}

async fn welcome(shared: Arc<Shared>, process: Result<Process, StartError>) {
    match greet(&shared, process).await {
        Ok((process, confinement)) => {
            Counters::add(&shared.counters.starts);
            shared.offer(process);
            shared.spawner.told(Ok(confinement));
        }
        Err(error) => {
            Counters::add(&shared.counters.failed_starts);
            shared.spawner.told(Err(error));
            if !shared.turns.is_closed() {
                shared.spawner.died_idle(&shared);
            }
        }
    }
}

async fn greet(shared: &Shared, process: Result<Process, StartError>) -> Result<(Process, Confinement), StartError> {
    let mut process = process?;
    let greeting = timeout(GREETING, process.greeting()).await.ok().flatten().ok_or(StartError::Silent)?;
    let confinement = greeting.map_err(StartError::Sandbox)?;
    if confinement.landlock == Landlock::None && shared.settings.landlock == Requirement::Required {
        return Err(StartError::NoLandlock);
    }
    Ok((process, confinement))
}

/// The wait before the next start, after so many that failed in a row: 50 ms, twice as much each time, 5 s at most.
fn wait_after(failed: u32) -> Duration {
    match failed.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_WAIT.saturating_mul(1 << doublings.min(10)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_fail_become_rare() {
        let waits: Vec<_> = (0..=12).map(|failed| wait_after(failed).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }
}
