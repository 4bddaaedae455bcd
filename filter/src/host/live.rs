//! Runtime keys, asked for once in a period and process. What is learned is shared among the workers, and so is whose turn it is to ask.

use std::time::Duration;

use super::abi::{self, Level, Status};
use super::metrics::{self, Metrics};
use crate::metrics::{Counter, Gauge};
use crate::policy::Overlay;
use crate::runtime::{Poll, Settings, Turn, schedule, snapshot};

/// Shared data outlives a module: another version that writes something else counts on.
const FORMAT: &str = "sekisho.1";

/// The runtime keys as one worker knows them.
#[derive(Debug)]
pub struct Live {
    period: Duration,
    cluster: String,
    /// Which of the shared snapshots this worker has.
    version: u64,
    /// When our question was asked, in nanoseconds, while it is open.
    asked: Option<u64>,
}

impl Live {
    /// `None` when the policy wants no runtime keys.
    pub fn new(settings: &Settings) -> Option<Self> {
        let cluster = settings.cluster.clone()?;
        let live = Self { period: settings.period, cluster, version: 0, asked: None };
        // Only a value that exists can be changed by compare-and-swap. Envoy configures the plugin on its main thread before any worker runs.
        if matches!(abi::shared(&live.poll_key()), Ok(None)) {
            report("prepare", abi::share(&live.poll_key(), b"", 0));
        }
        Some(live)
    }

    /// Asks so often from now on.
    pub fn set_period(&mut self, period: Duration) {
        self.period = period;
    }

    /// The time to the next look: a short one as long as nothing is known.
    pub fn tick(&self) -> Duration {
        let tick = schedule::tick(self.period);
        if self.version == 0 { tick.min(schedule::UNLEARNED_TICK) } else { tick }
    }

    /// The runtime keys that another configuration of this process has learned, if it still asks.
    pub fn inherited(&mut self) -> Option<Overlay> {
        let (poll, _) = self.poll()?;
        if poll.is_stale(abi::now().ok()?, self.period) { None } else { self.news() }
    }

    /// The runtime keys, if there are others than this worker has.
    pub fn news(&mut self) -> Option<Overlay> {
        let (poll, _) = self.poll()?;
        if poll.version == self.version {
            return None;
        }
        let (bytes, _) = abi::shared(&self.snapshot_key()).ok()??;
        // Should these be others than the version promised, the next look finds out.
        self.version = snapshot::version(&bytes);
        Some(snapshot::from_canonical(&bytes))
    }

    /// Asks, if it is time and nobody else does.
    pub fn ask(&mut self, metrics: &Metrics) {
        let (Ok(now), Some((poll, cas))) = (abi::now(), self.poll()) else { return };
        let Turn::Ask(asking) = poll.turn(now, self.period) else { return };
        if abi::share(&self.poll_key(), &asking.to_bytes(), cas).is_err() {
            return;
        }
        match abi::get(&self.cluster, "/runtime", schedule::TIMEOUT) {
            Ok(()) => self.asked = Some(now),
            Err(status) => self.failed(&format!("the cluster {} cannot be asked: {status}", self.cluster), metrics),
        }
    }

    /// Takes the answer to our question, and shares it.
    pub fn answered(&mut self, body_size: usize, metrics: &Metrics) {
        let Some(asked) = self.asked.take().or_else(|| abi::now().ok()) else { return };
        let overlay = match read_answer(body_size) {
            Ok(overlay) => overlay,
            Err(why) => return self.failed(&why, metrics),
        };
        let bytes = snapshot::canonical(&overlay);
        let version = snapshot::version(&bytes);
        if self.poll().is_none_or(|(poll, _)| poll.version != version) {
            report("share runtime keys", abi::share(&self.snapshot_key(), &bytes, 0));
        }
        let period = self.period;
        let before = self.change_poll(|poll| poll.answered(asked, period, version));
        metrics.count(Counter::Poll { ok: true }, 1);
        if let Ok(now) = abi::now() {
            metrics::set(Gauge::RuntimeSuccess, now / 1_000_000_000);
        }
        if before.is_some_and(|before| before.failing) {
            abi::log(Level::Info, "sekisho: runtime keys can be read again");
        }
    }

    /// Notes that there was no good answer. What was known stays in force; the log tells the first failure of a row.
    fn failed(&mut self, why: &str, metrics: &Metrics) {
        self.asked = None;
        let now = abi::now().unwrap_or_default();
        let period = self.period;
        let before = self.change_poll(|poll| poll.failed(now, period));
        metrics.count(Counter::Poll { ok: false }, 1);
        if before.is_none_or(|before| !before.failing) {
            abi::log(Level::Error, &format!("sekisho: runtime keys cannot be read, the last ones stay: {why}"));
        }
    }

    /// Changes what is shared, and gives what it was.
    fn change_poll(&self, change: impl Fn(Poll) -> Poll) -> Option<Poll> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let (poll, cas) = self.poll()?;
            match abi::share(&self.poll_key(), &change(poll).to_bytes(), cas) {
                Err(Status::CAS_MISMATCH) => {}
                status => {
                    report("share the time of the next question", status);
                    return Some(poll);
                }
            }
        }
        None
    }

    fn poll(&self) -> Option<(Poll, u32)> {
        let (bytes, cas) = abi::shared(&self.poll_key()).ok()??;
        Some((Poll::from_bytes(&bytes), cas))
    }

    fn poll_key(&self) -> String {
        format!("{FORMAT}.poll.{}", self.cluster)
    }

    fn snapshot_key(&self) -> String {
        format!("{FORMAT}.snapshot.{}", self.cluster)
    }
}

fn read_answer(body_size: usize) -> Result<Overlay, String> {
    let status = abi::call_response_field(":status").ok().flatten().ok_or("no answer in time")?;
    if status != b"200" {
        return Err(format!("status {}", String::from_utf8_lossy(&status)));
    }
    if body_size > snapshot::MAX_RESPONSE_BYTES {
        return Err(snapshot::SnapshotError::TooLarge.to_string());
    }
    let body = abi::call_response_body().map_err(|status| status.to_string())?.unwrap_or_default();
    snapshot::read(&body).map_err(|error| error.to_string())
}

/// Whether this worker is the first of the process to say `what` of `whom`. Of a row of equal things, one is said.
pub fn says_first(whom: &str, what: u64) -> bool {
    let key = format!("{FORMAT}.said.{whom}");
    let what = what.to_le_bytes();
    match abi::shared(&key) {
        Ok(Some((said, _))) if said == what => false,
        Ok(Some((_, cas))) => abi::share(&key, &what, cas).is_ok(),
        _ => abi::share(&key, &what, 0).is_ok(),
    }
}

/// The values of runtime keys that were last in force under the plugin called `name`.
pub fn good_values(name: &str) -> Overlay {
    match abi::shared(&good_key(name)) {
        Ok(Some((bytes, _))) => snapshot::from_canonical(&bytes),
        _ => Overlay::EMPTY,
    }
}

/// Keeps them, for when one is followed by a wrong one. All workers come to the same, so it does not matter who is last.
pub fn keep_good_values(name: &str, values: &Overlay) {
    report("keep the values of runtime keys", abi::share(&good_key(name), &snapshot::canonical(values), 0));
}

fn good_key(name: &str) -> String {
    format!("{FORMAT}.good.{name}")
}

/// Marks a configuration as the current one of the plugin called `name`.
pub fn make_current(name: &str, configuration: u64) {
    report("mark the policy", abi::share(&current_key(name), &configuration.to_le_bytes(), 0));
}

/// Whether a configuration is the current one. One that was replaced goes on ticking as long as a stream that began under it lives, and Envoy takes it up again, without
/// configuring it anew, when the same policy comes back: so it goes on learning, and only asks and tells nothing meanwhile.
pub fn is_current(name: &str, configuration: u64) -> bool {
    match abi::shared(&current_key(name)) {
        Ok(Some((current, _))) => current == configuration.to_le_bytes(),
        _ => true,
    }
}

fn current_key(name: &str) -> String {
    format!("{FORMAT}.current.{name}")
}

fn report(what: &str, status: Result<(), Status>) {
    if let Err(status) = status {
        abi::log(Level::Error, &format!("sekisho: could not {what}: {status}"));
    }
}
