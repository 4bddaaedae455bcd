//! A manifest that keeps up with its server, for a service that gives it to the filter.
//!
//! It is learned at the start, and again when the shell changes: all that is trusted on `/`, which a new build changes. What could not be learned whole is
//! tried again, less and less often; the look at the shell costs two requests and is taken each period. What is known stays until something better is.

mod step;

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use http::{Response, StatusCode};

use super::patience::Patience;
use super::report::Trusted;
use super::{Options, Report, pages, run};
use crate::page::learn::{MAX_BYTES, tag};
use crate::page::manifest::{Integrity, Manifest};
pub use step::{LearnError, Step, Why};

/// What to learn.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server, and how to read it.
    pub options: Options,
    /// How often the shell is looked at.
    pub period: Duration,
}

struct Learned {
    json: Bytes,
    etag: HeaderValue,
    shell: Integrity,
    left_out: usize,
    /// What is trusted inline.
    inline: Vec<Integrity>,
    /// How many files it names.
    urls: usize,
    /// When, since 1970.
    time: Duration,
}

/// Learns and answers.
pub struct Learner {
    settings: Settings,
    learned: RwLock<Option<Arc<Learned>>>,
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
        Self { settings, learned: RwLock::new(None), failures: AtomicU64::new(0) }
    }

    /// Learns for ever. `tell` hears of each step that changed something, and of the first failure of a row.
    pub async fn keep(&self, tell: impl Fn(&str)) {
        let (mut patience, mut is_failing) = (Patience::default(), false);
        loop {
            let step = self.step_when(|| patience.is_over()).await;
            match &step {
                Step::Unchanged | Step::Failed(_) => {}
                Step::Learned { why: Why::First | Why::ShellChanged, .. } => patience.first(),
                Step::Learned { .. } | Step::Worse(_) => patience.again(),
            }
            let fails = matches!(step, Step::Failed(_));
            match &step {
                Step::Unchanged if is_failing => tell("pages: the server can be read again, they are as they were"),
                Step::Unchanged => {}
                Step::Failed(_) if is_failing => {}
                step => tell(&step.to_string()),
            }
            is_failing = fails;
            tokio::time::sleep(self.settings.period).await;
        }
    }

    /// Looks at the shell, and learns if it is new or was not learned whole.
    pub async fn step(&self) -> Step {
        self.step_when(|| true).await
    }

    /// The same; `is_time` says whether to try again what was not learned whole.
    async fn step_when(&self, is_time: impl FnOnce() -> bool) -> Step {
        let step = self.look(is_time).await.unwrap_or_else(Step::Failed);
        if matches!(step, Step::Failed(_) | Step::Worse(_)) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        step
    }

    async fn look(&self, is_time: impl FnOnce() -> bool) -> Result<Step, LearnError> {
        let options = &self.settings.options;
        let shell = pages::shell(options).await.map_err(LearnError::Pin)?;
        let known = self.learned();
        let same = known.as_ref().filter(|known| known.shell == shell);
        if same.is_some_and(|same| same.left_out == 0 || !is_time()) {
            return Ok(Step::Unchanged);
        }
        let (manifest, report) = run(options, &mut ()).await.map_err(LearnError::Pin)?;
        if same.is_some_and(|same| same.left_out < report.left_out()) {
            return Ok(Step::Worse(report));
        }
        let why = match (&known, same) {
            (None, _) => Why::First,
            (_, None) => Why::ShellChanged,
            (_, Some(_)) => Why::Incomplete,
        };
        self.learn(&manifest, shell, &report)?;
        let is_new = |trusted: &&Trusted| known.as_ref().is_none_or(|known| !known.inline.contains(&trusted.hash));
        let new = report.trusted.iter().filter(is_new).cloned().collect();
        Ok(Step::Learned { why, summary: manifest.summary(), new, report })
    }

    fn learned(&self) -> Option<Arc<Learned>> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, manifest: &Manifest, shell: Integrity, report: &Report) -> Result<(), LearnError> {
        let json = Bytes::from(manifest.to_json().to_string());
        if json.len() > MAX_BYTES {
            return Err(LearnError::TooLarge(json.len()));
        }
        let etag = HeaderValue::try_from(tag(&json)).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        let inline = report.trusted.iter().map(|trusted| trusted.hash.clone()).collect();
        let urls = manifest.scripts.len() + manifest.styles.len() + manifest.modules.len();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let learned = Learned { json, etag, shell, left_out: report.left_out(), inline, urls, time };
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(learned));
        Ok(())
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
    use super::*;

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
        learner.learn(&Manifest::default(), Integrity::sha256(b""), &report).unwrap();
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
