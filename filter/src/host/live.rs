//! Runtime keys, asked for once in a period and process. What is learned is shared among the workers, and so is whose turn it is to ask.

use std::time::Duration;

use super::abi::{self, Level};
use super::metrics::{self, Metrics};
use super::turns::{self, FORMAT, Turns, report};
use crate::metrics::{Counter, Gauge};
use crate::policy::Overlay;
use crate::runtime::{Settings, schedule, snapshot};

/// The runtime keys as one worker knows them.
#[derive(Debug)]
pub struct Live {
    period: Duration,
    cluster: String,
    /// Which of the shared snapshots this worker has.
    version: u64,
    turns: Turns,
}

impl Live {
    /// `None` when the policy wants no runtime keys.
    pub fn new(settings: &Settings) -> Option<Self> {
        let cluster = settings.cluster.clone()?;
        let turns = Turns::new(&format!("poll.{cluster}"), &format!("snapshot.{cluster}"));
        Some(Self { period: settings.period, cluster, version: 0, turns })
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
        let poll = self.turns.poll()?;
        if poll.is_stale(abi::now().ok()?, self.period) { None } else { self.news() }
    }

    /// The runtime keys, if there are others than this worker has.
    pub fn news(&mut self) -> Option<Overlay> {
        if self.turns.poll()?.version == self.version {
            return None;
        }
        let bytes = self.turns.snapshot()?;
        // Should these be others than the version promised, the next look finds out.
        self.version = snapshot::version(&bytes);
        Some(snapshot::from_canonical(&bytes))
    }

    /// Asks, if it is time and nobody else does.
    pub fn ask(&mut self, metrics: &Metrics) {
        let cluster = &self.cluster;
        if let Err(status) = self.turns.ask(self.period, || abi::get(cluster, "/runtime", None, schedule::TIMEOUT)) {
            self.failed(&format!("the cluster {cluster} cannot be asked: {status}"), metrics);
        }
    }

    /// Takes the answer of a call, if the call was our question, and shares it.
    pub fn answered(&mut self, token: u32, body_size: usize, metrics: &Metrics) {
        let Some(asked) = self.turns.take(token) else { return };
        let overlay = match read_answer(body_size) {
            Ok(overlay) => overlay,
            Err(why) => return self.failed(&why, metrics),
        };
        let bytes = snapshot::canonical(&overlay);
        let before = self.turns.answered(asked, self.period, snapshot::version(&bytes), Some(&bytes));
        metrics.count(Counter::Poll { ok: true }, 1);
        if let Ok(now) = abi::now() {
            metrics::set(Gauge::RuntimeSuccess, now / 1_000_000_000);
        }
        if before.is_some_and(|before| before.failing) {
            abi::log(Level::Info, "sekisho: runtime keys can be read again");
        }
    }

    /// Notes that there was no good answer. What was known stays in force; the log tells the first failure of a row.
    fn failed(&self, why: &str, metrics: &Metrics) {
        let before = self.turns.failed(self.period);
        metrics.count(Counter::Poll { ok: false }, 1);
        if before.is_none_or(|before| !before.failing) {
            abi::log(Level::Error, &format!("sekisho: runtime keys cannot be read, the last ones stay: {why}"));
        }
    }
}

fn read_answer(body_size: usize) -> Result<Overlay, String> {
    let status = turns::answer_status()?;
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
