//! What the service counts, in the text format of Prometheus. All labels come from fixed sets.

pub mod workers;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Defines an enumeration whose members are the values of a label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$member_doc])* $member,)+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// The value of the label.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => $word,)+ }
            }
        }

        impl From<$name> for usize {
            fn from(label: $name) -> Self {
                // Members are numbered from zero.
                label as Self
            }
        }
    };
}

label! {
    /// What came of a request.
    Outcome {
        /// A picture was made.
        Converted = "converted",
        /// A file was passed on.
        Streamed = "streamed",
        /// The answer was known, or another request made it.
        Cached = "cached",
        /// An error, shown as a placeholder.
        Placeholder = "placeholder",
        /// The request cannot be understood.
        BadRequest = "bad_request",
        /// A proxy asks, or a loop was found.
        Recursive = "recursive",
        /// The client has used what it may.
        Limited = "limited",
        /// All workers are busy.
        Busy = "busy",
        /// The source is one that is not fetched.
        SourceRefused = "source_refused",
        /// The origin server answered with an error.
        OriginError = "origin_error",
        /// Nothing could be fetched.
        FetchFailed = "fetch_failed",
        /// Fetching took too long.
        FetchTimeout = "fetch_timeout",
        /// The file is of a type that is not given out, or not converted.
        TypeRefused = "type_refused",
        /// The file is too large.
        TooLarge = "too_large",
        /// The file is broken.
        Broken = "broken",
        /// The worker took too long.
        JobTimeout = "job_timeout",
        /// The worker died.
        JobCrashed = "job_crashed",
        /// The client went away.
        ClientGone = "client_gone",
        /// The service failed.
        Failed = "failed",
    }
}

label! {
    /// Which way bytes went.
    Direction {
        /// From origin servers.
        Fetched = "fetched",
        /// To clients.
        Sent = "sent",
    }
}

label! {
    /// What came of a job.
    JobResult {
        /// A picture.
        Done = "done",
        /// The file is broken, too large or of no use.
        Refused = "refused",
        /// Killed at its deadline.
        Timeout = "timeout",
        /// The worker died.
        Crashed = "crashed",
        /// The queue was full.
        Rejected = "rejected",
    }
}

label! {
    /// What the cache knew.
    CacheResult {
        /// The answer.
        Hit = "hit",
        /// That the answer is being made.
        Shared = "shared",
        /// Nothing.
        Miss = "miss",
    }
}

label! {
    /// A number that goes up and down.
    Gauge {
        /// Workers that have a job.
        PoolBusy = "sekisho_media_pool_busy",
        /// Workers.
        PoolSize = "sekisho_media_pool_size",
        /// Jobs that wait.
        PoolQueued = "sekisho_media_pool_queued",
        /// Requests that wait for their answer to begin.
        RequestsActive = "sekisho_media_requests_active",
        /// Bytes of the answers that are kept.
        CacheBytes = "sekisho_media_cache_bytes",
    }
}

impl Gauge {
    fn help(self) -> &'static str {
        match self {
            Self::PoolBusy => "Workers that have a job",
            Self::PoolSize => "Workers",
            Self::PoolQueued => "Jobs that wait for a worker",
            Self::RequestsActive => "Requests that wait for their answer to begin",
            Self::CacheBytes => "Bytes of the answers that are kept",
        }
    }
}

/// The upper bounds of a histogram's buckets, in milliseconds.
const BOUNDS: [u64; 12] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];

/// How long something took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One for each bound, and one for all beyond.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, duration: Duration) {
        let millis = duration.as_millis();
        let bucket = BOUNDS.iter().position(|bound| millis <= u128::from(*bound)).unwrap_or(BOUNDS.len());
        add(&self.buckets, bucket, 1);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(micros, Ordering::Relaxed);
    }

    fn render(&self, page: &mut String, name: &str, help: &str) {
        head(page, name, help, "histogram");
        let mut total = 0_u64;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS.map(Some).into_iter().chain([None])) {
            total = total.saturating_add(bucket.load(Ordering::Relaxed));
            let _ = match bound {
                Some(bound) => writeln!(page, "{name}_bucket{{le=\"{}\"}} {total}", decimal(bound, 1000)),
                None => writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {total}"),
            };
        }
        let sum = decimal(self.microseconds.load(Ordering::Relaxed), 1_000_000);
        let _ = writeln!(page, "{name}_sum {sum}\n{name}_count {total}");
    }
}

/// All numbers of the service. They may be a moment apart from each other.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [AtomicU64; Outcome::ALL.len()],
    bytes: [AtomicU64; Direction::ALL.len()],
    jobs: [AtomicU64; JobResult::ALL.len()],
    cache: [AtomicU64; CacheResult::ALL.len()],
    gauges: [AtomicU64; Gauge::ALL.len()],
    limited: AtomicU64,
    /// From the head of a request to the head of its answer.
    pub request_seconds: Histogram,
    /// From the file to the picture, the wait for a worker among it.
    pub job_seconds: Histogram,
}

impl Metrics {
    /// Counts a request that has ended.
    pub fn request(&self, outcome: Outcome) {
        add(&self.requests, outcome, 1);
        if outcome == Outcome::Limited {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts bytes.
    pub fn bytes(&self, direction: Direction, count: u64) {
        add(&self.bytes, direction, count);
    }

    /// Counts a job that has ended.
    pub fn job(&self, result: JobResult) {
        add(&self.jobs, result, 1);
    }

    /// Counts a question to the cache.
    pub fn cache(&self, result: CacheResult) {
        add(&self.cache, result, 1);
    }

    /// Sets a gauge.
    pub fn set(&self, gauge: Gauge, value: u64) {
        if let Some(cell) = self.gauges.get(usize::from(gauge)) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Adds one to a gauge.
    pub fn up(&self, gauge: Gauge) {
        add(&self.gauges, gauge, 1);
    }

    /// Takes one from a gauge, which never goes below zero.
    pub fn down(&self, gauge: Gauge) {
        if let Some(cell) = self.gauges.get(usize::from(gauge)) {
            let _ = cell.try_update(Ordering::Relaxed, Ordering::Relaxed, |value| value.checked_sub(1));
        }
    }

    /// How many requests ended so.
    pub fn requests(&self, outcome: Outcome) -> u64 {
        self.requests.get(usize::from(outcome)).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// The page for `/metrics`, of the media type [`MEDIA_TYPE`].
    pub fn render(&self) -> String {
        let mut page = String::with_capacity(8192);
        let words = |all: &'static [Outcome]| all.iter().map(|label| label.as_str());
        counter(
            &mut page,
            "sekisho_media_requests_total",
            "Requests, by what came of them",
            "outcome",
            words(Outcome::ALL),
            &self.requests,
        );
        let words = Direction::ALL.iter().map(|label| label.as_str());
        counter(&mut page, "sekisho_media_bytes_total", "Bytes of bodies", "direction", words, &self.bytes);
        let words = JobResult::ALL.iter().map(|label| label.as_str());
        counter(
            &mut page,
            "sekisho_media_jobs_total",
            "Jobs of workers, by what came of them",
            "result",
            words,
            &self.jobs,
        );
        let words = CacheResult::ALL.iter().map(|label| label.as_str());
        counter(&mut page, "sekisho_media_cache_total", "Questions to the cache", "result", words, &self.cache);
        head(&mut page, "sekisho_media_limited_total", "Requests refused for what their client has used", "counter");
        let _ = writeln!(page, "sekisho_media_limited_total {}", self.limited.load(Ordering::Relaxed));
        for (gauge, cell) in Gauge::ALL.iter().zip(&self.gauges) {
            head(&mut page, gauge.as_str(), gauge.help(), "gauge");
            let _ = writeln!(page, "{} {}", gauge.as_str(), cell.load(Ordering::Relaxed));
        }
        self.request_seconds.render(
            &mut page,
            "sekisho_media_request_seconds",
            "Time of requests, until their answer begins",
        );
        self.job_seconds.render(&mut page, "sekisho_media_job_seconds", "Time of jobs, with their wait for a worker");
        head(&mut page, "sekisho_media_build_info", "The version", "gauge");
        let _ = writeln!(page, "sekisho_media_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        page
    }
}

/// The media type of the page.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

fn add(cells: &[AtomicU64], label: impl Into<usize>, count: u64) {
    if let Some(cell) = cells.get(label.into()) {
        cell.fetch_add(count, Ordering::Relaxed);
    }
}

fn head(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn counter(
    page: &mut String,
    name: &str,
    help: &str,
    label: &str,
    words: impl Iterator<Item = &'static str>,
    cells: &[AtomicU64],
) {
    head(page, name, help, "counter");
    for (word, cell) in words.zip(cells) {
        let _ = writeln!(page, "{name}{{{label}=\"{word}\"}} {}", cell.load(Ordering::Relaxed));
    }
}

/// A fraction with the digits that it has.
fn decimal(value: u64, parts: u64) -> String {
    let (whole, rest) = (value.checked_div(parts).unwrap_or_default(), value.checked_rem(parts).unwrap_or_default());
    let width = usize::try_from(parts.checked_ilog10().unwrap_or_default()).unwrap_or_default();
    let digits = format!("{rest:0width$}");
    match digits.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page() {
        let metrics = Metrics::default();
        metrics.request(Outcome::Converted);
        metrics.request(Outcome::Limited);
        metrics.bytes(Direction::Sent, 1234);
        metrics.job(JobResult::Crashed);
        metrics.cache(CacheResult::Hit);
        metrics.set(Gauge::PoolSize, 4);
        metrics.up(Gauge::PoolBusy);
        metrics.down(Gauge::PoolBusy);
        metrics.down(Gauge::PoolBusy);
        for millis in [5, 6, 40_000] {
            metrics.request_seconds.observe(Duration::from_millis(millis));
        }
        let page = metrics.render();
        for line in [
            "# TYPE sekisho_media_requests_total counter",
            "sekisho_media_requests_total{outcome=\"converted\"} 1",
            "sekisho_media_requests_total{outcome=\"failed\"} 0",
            "sekisho_media_bytes_total{direction=\"sent\"} 1234",
            "sekisho_media_jobs_total{result=\"crashed\"} 1",
            "sekisho_media_cache_total{result=\"hit\"} 1",
            "sekisho_media_limited_total 1",
            "sekisho_media_pool_busy 0",
            "sekisho_media_pool_size 4",
            "sekisho_media_request_seconds_bucket{le=\"0.005\"} 1",
            "sekisho_media_request_seconds_bucket{le=\"0.01\"} 2",
            "sekisho_media_request_seconds_bucket{le=\"30\"} 2",
            "sekisho_media_request_seconds_bucket{le=\"+Inf\"} 3",
            "sekisho_media_request_seconds_sum 40.011",
            "sekisho_media_request_seconds_count 3",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        // Each name is declared once, before its samples.
        let declared: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut unique = declared.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), declared.len());
        assert!(page.ends_with('\n') && metrics.requests(Outcome::Limited) == 1);
    }

    #[test]
    fn decimals() {
        assert_eq!([decimal(0, 1000), decimal(5, 1000), decimal(2500, 1000)], ["0", "0.005", "2.5"]);
        assert_eq!(decimal(1_000_001, 1_000_000), "1.000001");
    }
}
