//! A manifest that keeps up with its server, for a service that gives it to the filter.
//!
//! It is learned at the start, and again when the shell changes: all that is trusted on `/`, which a new build changes. A file or another page may change
//! behind a shell that does not, so each look reads some of them again too, the next ones each time (`known.rs`). What could not be learned whole, and what
//! never stays as it is, is tried again less and less often (`pace.rs`). What is known stays until something better is, or until what a change lacks has been
//! lacking for many tries (`loss.rs`).

mod known;
mod loss;
mod pace;
mod step;

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use http::{Response, StatusCode};

use super::glance::{self, Glance};
use super::origin::Origin;
use super::report::Trusted;
use super::{Options, Reading, read};
use crate::page::manifest::Integrity;
use known::Learned;
use pace::Pace;
pub use step::{LearnError, Step, Why};

/// What to learn.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server, and how to read it.
    pub options: Options,
    /// How often it is looked at.
    pub period: Duration,
}

/// Learns and answers.
pub struct Learner {
    settings: Settings,
    learned: RwLock<Option<Arc<Learned>>>,
    /// How many looks were taken: which files and pages are next.
    looks: AtomicUsize,
    failures: AtomicU64,
}

impl fmt::Debug for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Learner {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, learned: RwLock::new(None), looks: AtomicUsize::new(0), failures: AtomicU64::new(0) }
    }

    /// Learns for ever. `tell` hears of each step that changed something, of each reading that brought nothing, and of the first look of a row that failed.
    pub async fn keep(&self, tell: impl Fn(&str)) {
        let (mut pace, mut is_failing) = (Pace::default(), false);
        loop {
            let step = self.step_at(&mut pace).await;
            pace.done(&step);
            let fails = matches!(step, Step::Failed(_));
            match &step {
                Step::Unchanged if is_failing => tell("pages: the server can be read again, they are as they were"),
                Step::Waiting if is_failing => {
                    tell("pages: the server can be read again, they are another than they were")
                }
                Step::Unchanged | Step::Waiting => {}
                Step::Failed(_) if is_failing => {}
                step => tell(&step.to_string()),
            }
            is_failing = fails;
            tokio::time::sleep(self.settings.period).await;
        }
    }

    /// Looks at the server, and learns if it is another or was not learned whole.
    pub async fn step(&self) -> Step {
        self.step_at(&mut Pace::default()).await
    }

    /// The same, as often as the pace lets it.
    async fn step_at(&self, pace: &mut Pace) -> Step {
        let step = self.look(pace).await.unwrap_or_else(Step::Failed);
        if matches!(step, Step::Failed(_) | Step::Unread { .. } | Step::Worse { .. }) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        step
    }

    async fn look(&self, pace: &mut Pace) -> Result<Step, LearnError> {
        let options = &self.settings.options;
        let origin = Arc::new(Origin::new(options).map_err(LearnError::Pin)?);
        let known = self.learned();
        let number = self.looks.fetch_add(1, Ordering::Relaxed);
        let pages = known.as_ref().map(|known| known.pages(number)).unwrap_or_default();
        let Glance { shell, changed } = glance::pages(&origin, options.gap, &pages).await.map_err(LearnError::Pin)?;
        let why = match &known {
            None if pace.is_time_for(&shell) => Why::First,
            Some(known) if known.shell != shell && pace.is_time_for(&shell) => Why::ShellChanged,
            None => return Ok(Step::Waiting),
            Some(known) if known.shell != shell => return Ok(Step::Waiting),
            Some(known) => {
                let changed = match changed {
                    Some(page) => Some(page),
                    None => glance::files(&origin, &known.files(number)).await,
                };
                match pace.look(changed) {
                    Some(what) => Why::Changed(what),
                    None if known.left_out > 0 && pace.is_time() => Why::Incomplete,
                    None if pace.is_pending() => return Ok(Step::Waiting),
                    None => return Ok(Step::Unchanged),
                }
            }
        };
        let step = self.read(&origin, known.as_deref(), shell, &why, pace).await;
        Ok(step.unwrap_or_else(|error| Step::Unread { why, error }))
    }

    /// Reads all, and takes it if it is not worse.
    async fn read(
        &self,
        origin: &Arc<Origin>,
        known: Option<&Learned>,
        shell: Integrity,
        why: &Why,
        pace: &mut Pace,
    ) -> Result<Step, LearnError> {
        let reading = read(origin, &self.settings.options, &mut ()).await.map_err(LearnError::Pin)?;
        let mut lost = Vec::new();
        if let Some(known) = known {
            let losses = known.losses(&reading);
            let nothing = BTreeSet::new();
            let gone = if matches!(why, Why::Changed(_)) { pace.gone(&losses) } else { BTreeSet::new() };
            if known.is_better(why, &reading.report, &losses, &gone) {
                return Ok(Step::Worse { why: why.clone(), report: reading.report });
            }
            if known.is_better(why, &reading.report, &losses, &nothing) {
                lost = losses.told(&known.passing);
            }
        }
        self.learn(Learned::new(&reading, shell)?);
        let Reading { manifest, report, .. } = reading;
        let is_new = |trusted: &&Trusted| known.is_none_or(|known| !known.inline.contains(&trusted.hash));
        let new = report.trusted.iter().filter(is_new).cloned().collect();
        Ok(Step::Learned { why: why.clone(), summary: manifest.summary(), new, lost, report })
    }

    fn learned(&self) -> Option<Arc<Learned>> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, learned: Learned) {
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(learned));
    }

    /// The metrics, in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let learned = self.learned();
        let (seconds, urls) = learned.map_or((0, 0), |learned| (learned.time.as_secs(), learned.urls));
        let mut page = String::new();
        for (name, kind, help, value) in [
            ("learned_seconds", "gauge", "When the manifest of the pages was learned, since 1970; 0: not yet", seconds),
            ("urls", "gauge", "Scripts, styles and modules in the manifest", u64::try_from(urls).unwrap_or(u64::MAX)),
            (
                "failures_total",
                "counter",
                "Looks at the server that brought nothing",
                self.failures.load(Ordering::Relaxed),
            ),
        ] {
            let name = format!("sekisho_page_manifest_{name}");
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        page
    }

    /// Answers `GET /page-manifest`, with the fields of the request: 200 with the manifest, 304 to who has it, 503 until there is one.
    pub fn answer(&self, fields: &HeaderMap) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let Some(learned) = self.learned() else {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            return response;
        };
        response.headers_mut().insert(ETAG, learned.etag.clone());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if fields.get_all(IF_NONE_MATCH).iter().any(|value| has_tag(value.as_bytes(), learned.etag.as_bytes())) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = learned.json.clone();
        }
        response
    }
}

/// Whether a list of entity tags has ours (RFC 9110 section 13.1.2: weakly compared). Ours has no comma in it.
fn has_tag(list: &[u8], tag: &[u8]) -> bool {
    let mut tags = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    tags.any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::page::manifest::Manifest;
    use crate::pin::Report;

    #[test]
    fn answers() {
        let origin = url::Url::parse("http://127.0.0.1:1").unwrap();
        let settings = Settings { options: Options::new(origin), period: Duration::from_secs(60) };
        let learner = Learner::new(settings);
        let mut fields = HeaderMap::new();
        let answer = learner.answer(&fields);
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key(RETRY_AFTER)), (503, true));
        assert!(learner.metrics().contains("\nsekisho_page_manifest_learned_seconds 0\n"));
        let report = Report { pages: 1, trusted: Vec::new(), problems: Vec::new() };
        let reading = Reading { manifest: Manifest::default(), report, files: BTreeMap::new(), pages: BTreeMap::new() };
        learner.learn(Learned::new(&reading, Integrity::sha256(b"")).unwrap());
        assert!(!learner.metrics().contains("\nsekisho_page_manifest_learned_seconds 0\n"));
        let answer = learner.answer(&fields);
        assert_eq!(answer.status(), 200);
        assert!(answer.body().starts_with(b"{"));
        let etag = answer.headers()[ETAG].clone();
        for (value, status) in
            [("\"x\", ".to_owned() + etag.to_str().unwrap(), 304), ("\"x\"".to_owned(), 200), ("*".to_owned(), 304)]
        {
            fields.insert(IF_NONE_MATCH, value.parse().unwrap());
            let answer = learner.answer(&fields);
            assert_eq!((answer.status().as_u16(), answer.body().is_empty()), (status, status == 304), "{value}");
            assert_eq!(answer.headers()[ETAG], etag);
        }
    }

    #[test]
    fn it_may_be_spawned() {
        fn is_send<T: Send>(_: &T) {}
        let settings =
            Settings { options: Options::new(url::Url::parse("http://a.example").unwrap()), period: Duration::ZERO };
        let learner = Learner::new(settings);
        is_send(&learner.keep(|_| {}));
    }
}
