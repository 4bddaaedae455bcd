//! The manifest of the running server, asked for once in a period and process, and shared among the workers: each compiles it once. The last good one stays for as long as the
//! process lives.

use std::rc::Rc;
use std::time::Duration;

use super::abi::{self, Level};
use super::live;
use super::metrics::{self, Metrics};
use super::turns::{self, Turns};
use crate::metrics::{Counter, Gauge, ManifestPoll};
use crate::page::Page;
use crate::page::learn::{self, Answer, Learn};
use crate::runtime::schedule;

/// The manifest as one worker knows it.
#[derive(Debug)]
pub struct Learned {
    settings: Learn,
    turns: Turns,
    /// What tells this question from others.
    name: String,
    /// What is known, once something is.
    known: Option<Answer>,
    /// Which of the shared manifests this worker has looked at.
    version: u64,
}

/// Why an answer brings no manifest.
enum NoManifest {
    /// The service has read the server to no end yet.
    Unlearned,
    /// It cannot be asked, or what it says cannot be used.
    Failed(String),
}

/// What comes in rows, of which the log tells the first.
#[derive(Clone, Copy)]
enum Row {
    Good,
    Unlearned,
    Failed,
}

impl Learned {
    /// Finds what other configurations of this process have learned of the same server.
    pub fn new(settings: &Learn) -> Self {
        // Of another server the manifest would be another.
        let name = format!("{}.{}", settings.cluster, settings.origin);
        let turns = Turns::new(&format!("page-manifest.poll.{name}"), &format!("page-manifest.snapshot.{name}"));
        let mut learned = Self { settings: settings.clone(), turns, name, known: None, version: 0 };
        learned.look();
        learned
    }

    /// The time to the next look: a short one as long as nothing is known.
    pub fn tick(&self) -> Duration {
        let tick = schedule::tick(self.settings.period);
        if self.known.is_none() { tick.min(schedule::UNLEARNED_TICK) } else { tick }
    }

    /// Looks for another manifest than this worker has. Whether there is one.
    pub fn look(&mut self) -> bool {
        let Some(poll) = self.turns.poll() else { return false };
        if poll.version == self.version {
            return false;
        }
        let Some(bytes) = self.turns.snapshot() else { return false };
        // Should these be others than the version promised, the next look finds out.
        self.version = learn::version(&bytes);
        // Whoever shared it could read it.
        let Ok(answer) = Answer::read(&bytes) else { return false };
        self.known = Some(answer);
        true
    }

    /// The section of the policy with what is known; as it is while nothing is, or where it does not fit.
    pub fn page(&self, page: &Rc<Page>) -> Rc<Page> {
        let Some(known) = &self.known else { return Rc::clone(page) };
        match page.with_manifest(&known.manifest) {
            Ok(page) => Rc::new(page),
            Err(why) => {
                abi::log(
                    Level::Error,
                    &format!(
                        "sekisho: pages: the learned manifest does not fit, only the base of the policy is enforced: {why}"
                    ),
                );
                Rc::clone(page)
            }
        }
    }

    /// Asks, if it is time and nobody else does.
    pub fn ask(&mut self, metrics: &Metrics) {
        let Self { settings, turns, known, .. } = self;
        let tag = known.as_ref().map(|known| ("if-none-match", known.tag.as_str()));
        let get = || abi::get(&settings.cluster, learn::PATH, tag, schedule::TIMEOUT);
        if let Err(status) = turns.ask(settings.period, get) {
            let why = format!("the cluster {} cannot be asked: {status}", settings.cluster);
            self.missed(&NoManifest::Failed(why), metrics);
        }
    }

    /// Takes the answer of a call, if the call was our question, and shares it. Whether there is another manifest; it has to fit `page`.
    pub fn answered(&mut self, token: u32, body_size: usize, page: &Page, metrics: &Metrics) -> bool {
        let Some(asked) = self.turns.take(token) else { return false };
        let answer = match self.read(body_size, page) {
            Ok(answer) => answer,
            Err(why) => {
                self.missed(&why, metrics);
                return false;
            }
        };
        let (version, bytes) = match &answer {
            Some((answer, bytes)) => (answer.version, Some(bytes.as_slice())),
            // The answer to a question with the tag of what is known.
            None => (self.known.as_ref().map_or(0, |known| known.version), None),
        };
        let before = self.turns.answered(asked, self.settings.period, version, bytes);
        let result = if answer.is_some() { ManifestPoll::New } else { ManifestPoll::Unchanged };
        metrics.count(Counter::ManifestPoll(result), 1);
        if let Ok(now) = abi::now() {
            metrics::set(Gauge::ManifestSuccess, now / 1_000_000_000);
        }
        if self.is_first_of_a_row(Row::Good) && before.is_some_and(|before| before.failing) {
            abi::log(Level::Info, "sekisho: pages: the manifest can be read");
        }
        let Some((answer, _)) = answer else { return false };
        let is_new = self.known.as_ref().is_none_or(|known| known.version != answer.version);
        self.version = answer.version;
        self.known = Some(answer);
        is_new
    }

    /// The manifest and its bytes; `None` if it is the one that is known.
    fn read(&self, body_size: usize, page: &Page) -> Result<Option<(Answer, Vec<u8>)>, NoManifest> {
        let status = turns::answer_status().map_err(NoManifest::Failed)?;
        match status.as_slice() {
            b"200" => {}
            b"304" if self.known.is_some() => return Ok(None),
            b"503" if body_size == 0 => return Err(NoManifest::Unlearned),
            other => return Err(NoManifest::Failed(format!("status {}", String::from_utf8_lossy(other)))),
        }
        if body_size > learn::MAX_BYTES {
            return Err(NoManifest::Failed(learn::too_large()));
        }
        let body = abi::call_response_body().map_err(|status| NoManifest::Failed(status.to_string()))?;
        let body = body.unwrap_or_default();
        let answer = Answer::read(&body).map_err(NoManifest::Failed)?;
        page.fits(&answer.manifest).map_err(NoManifest::Failed)?;
        Ok(Some((answer, body)))
    }

    /// Notes that there was no good answer. What was known stays in force; the log tells the first failure of a row.
    fn missed(&self, why: &NoManifest, metrics: &Metrics) {
        self.turns.failed(self.settings.period);
        let (result, row, level, line) = match why {
            NoManifest::Unlearned => {
                let line = "the media service has not learned the manifest yet, what is in force stays".to_owned();
                (ManifestPoll::Unlearned, Row::Unlearned, Level::Info, line)
            }
            NoManifest::Failed(why) => {
                let line = format!("the manifest cannot be read, what is in force stays: {why}");
                (ManifestPoll::Failed, Row::Failed, Level::Error, line)
            }
        };
        metrics.count(Counter::ManifestPoll(result), 1);
        if self.is_first_of_a_row(row) {
            abi::log(level, &format!("sekisho: pages: {line}"));
        }
    }

    fn is_first_of_a_row(&self, row: Row) -> bool {
        live::says_first(&format!("page-manifest.row.{}", self.name), row as u64)
    }

    /// Tells the log and the gauges what is known: one worker for all of the process.
    pub fn tell(&self, name: &str, page: &Page) {
        let Some(known) = &self.known else { return };
        let fingerprint = known.version & u64::from(u32::MAX);
        metrics::set(Gauge::ManifestFingerprint, fingerprint);
        if !live::says_first(&format!("{name}.page-manifest"), known.version) {
            return;
        }
        if let Ok(now) = abi::now() {
            metrics::set(Gauge::ManifestLoaded, now / 1_000_000_000);
        }
        abi::log(
            Level::Info,
            &format!("sekisho: pages: manifest loaded: {fingerprint:08x}, {}", known.manifest.summary()),
        );
        for warning in page.settings.manifest_warnings() {
            abi::log(Level::Warn, &format!("sekisho: {warning}"));
        }
    }
}
