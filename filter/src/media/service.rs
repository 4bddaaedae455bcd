//! One request, from its head to its answer: guard, limit, cache, fetch, type, plan, worker.

mod body;
mod buffer;
mod file;
mod streams;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE, USER_AGENT, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

pub use body::AnswerBody;
use file::Found;
pub use file::StartError;

use super::guard::guard;
use super::limit::{Client, Limiter, RetryAfter, Ticket};
use super::metrics::{self, Direction, Gauge, Metrics, Outcome};
use super::net::{FetchRequest, Fetcher};
use super::request::{MediaRequest, Rules};
use super::respond::{Head, Refusal, failed};
use super::settings::Settings;
use super::worker::pool::Pool;
use crate::page::learn;
use crate::pin::learn::Learner;

const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// When to come back for a file, for who has so many on the way that one of them ends soon.
const STREAM_ENDS: Duration = Duration::from_secs(5);

/// The service: what all requests share.
pub struct Service {
    settings: Settings,
    fetcher: Fetcher,
    pool: Pool,
    limiter: Limiter,
    cache: file::Cache,
    room: buffer::Room,
    streams: streams::Streams,
    metrics: Metrics,
    started: Instant,
    /// Learns the manifest of the server's pages, if somebody wants it.
    pages: Option<Arc<Learner>>,
}

/// What a request comes to, before it is known whether it wanted a placeholder.
struct Answered {
    head: Head,
    body: AnswerBody,
    outcome: Outcome,
}

impl Service {
    /// Answers one request.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>, peer: IpAddr) -> Response<AnswerBody> {
        let is_own = request.method() == Method::GET && request.uri().query().is_none();
        match request.uri().path() {
            "/healthz" if is_own => return text("ok\n".to_owned(), "text/plain"),
            "/metrics" if is_own => return text(self.metrics_page(), metrics::MEDIA_TYPE),
            learn::PATH if is_own => return self.page_manifest(request.headers()),
            _ => {}
        }
        if request.method() == Method::OPTIONS {
            return response(Head::options(), AnswerBody::empty());
        }
        let mut active = Active::new(&self.metrics);
        let Answered { head, body, outcome } = self.media(&request, peer).await;
        active.outcome = outcome;
        drop(active);
        let body = if request.method() == Method::HEAD { AnswerBody::empty() } else { body };
        response(head, body)
    }

    fn page_manifest(&self, fields: &HeaderMap) -> Response<AnswerBody> {
        match &self.pages {
            Some(pages) => pages.answer(fields).map(AnswerBody::whole),
            None => {
                let mut response = text("page.learn_origin is not set\n".to_owned(), "text/plain");
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }

    async fn media<B>(self: &Arc<Self>, request: &Request<B>, peer: IpAddr) -> Answered {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).as_bytes();
        match self.found(request, target, peer).await {
            Ok((media, found)) => self.show(&media, found),
            Err(refusal) => {
                let (head, body) = failed(&refusal, MediaRequest::wants_fallback(target));
                let is_told_to_origin =
                    [&RANGE, &VIA, &CDN_LOOP].into_iter().any(|name| request.headers().contains_key(name));
                let head = if is_told_to_origin { head.alone() } else { head };
                let is_placeholder = !body.is_empty();
                let outcome = if is_placeholder { Outcome::Placeholder } else { refusal.outcome() };
                Answered { head, body: AnswerBody::whole(Bytes::from_static(body)), outcome }.with_length(body.len())
            }
        }
    }

    async fn found<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        target: &[u8],
        peer: IpAddr,
    ) -> Result<(MediaRequest, Found), Refusal> {
        let fields = request.headers();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        let agent = fields.get(USER_AGENT).map(HeaderValue::as_bytes);
        guard(agent, values(fields, &VIA), values(fields, &CDN_LOOP), &self.settings.pseudonym)?;
        let media = MediaRequest::parse(target, &Rules { signing_key: self.settings.signing_key.as_ref() })?;
        let client = Client::of(peer, values(fields, &X_FORWARDED_FOR), self.settings.trusted_hops);
        let ticket = self.limiter.charge(self.now(), client);
        let ticket = ticket.map_err(|RetryAfter(after)| Refusal::Limited(after))?;
        let charge = Charge { service: self, ticket: Some(ticket), began: Instant::now() };
        let found = self.file(&media, &passed_on(fields)).await;
        drop(charge);
        let mut found = found?;
        if let Found::Stream(streaming) = &mut found
            && self.limiter.is_limiting()
        {
            let stream = self.streams.begin(client);
            streaming.stream = Some(stream.ok_or(Refusal::Limited(STREAM_ENDS))?);
        }
        Ok((media, found))
    }

    /// The head and body of what was found.
    fn show(self: &Arc<Self>, media: &MediaRequest, found: Found) -> Answered {
        match found {
            Found::Made { made, cached } => {
                let outcome = if cached { Outcome::Cached } else { Outcome::Converted };
                let length = made.bytes.len();
                self.metrics.bytes(Direction::Sent, u64::try_from(length).unwrap_or(u64::MAX));
                let head = Head::success(made.kind, &media.source);
                Answered { head, body: AnswerBody::whole(made.bytes.clone()), outcome }.with_length(length)
            }
            Found::Stream(streaming) => {
                let mut head = Head::success(streaming.kind, &media.source).with_ranges();
                head.status = streaming.status;
                for (name, value) in [
                    (CONTENT_LENGTH, streaming.fields.content_length.map(HeaderValue::from)),
                    (CONTENT_RANGE, streaming.fields.content_range.clone()),
                    (LAST_MODIFIED, streaming.fields.last_modified.clone()),
                    (ETAG, streaming.fields.etag.clone()),
                ] {
                    if let Some(value) = value {
                        head.fields.insert(name, value);
                    }
                }
                if head.status != StatusCode::PARTIAL_CONTENT {
                    head.fields.remove(CONTENT_RANGE);
                }
                let body = AnswerBody::streamed(*streaming, Arc::clone(self));
                Answered { head, body, outcome: Outcome::Streamed }
            }
        }
    }

    /// The same, answering with what `learner` knows. Somebody else keeps it learning.
    #[must_use]
    pub fn with_pages(mut self, learner: Arc<Learner>) -> Self {
        self.pages = Some(learner);
        self
    }

    /// Ends what is under way, within `grace`.
    pub async fn shutdown(&self, grace: Duration) {
        self.pool.shutdown(grace).await;
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the workers are confined, for the log.
    pub fn confinement(&self) -> String {
        format!("{:?}", self.pool.confinement())
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn metrics_page(&self) -> String {
        let stats = self.pool.stats();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.metrics.set(Gauge::PoolBusy, number(stats.active));
        self.metrics.set(Gauge::PoolQueued, number(stats.waiting));
        self.metrics.set(Gauge::CacheBytes, self.cache.weighted_size());
        let pages = self.pages.as_ref().map(|pages| pages.metrics()).unwrap_or_default();
        self.metrics.render() + &metrics::workers::render(&stats) + &pages
    }
}

/// A request under way. Where it is dropped before it has an outcome, the client has gone.
struct Active<'m> {
    metrics: &'m Metrics,
    began: Instant,
    outcome: Outcome,
}

impl<'m> Active<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.up(Gauge::RequestsActive);
        Self { metrics, began: Instant::now(), outcome: Outcome::ClientGone }
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.metrics.down(Gauge::RequestsActive);
        self.metrics.request_seconds.observe(self.began.elapsed());
        self.metrics.request(self.outcome);
    }
}

/// What a client was charged, of which it gets back what was not used; also when it goes away, as a browser does from a hundred pictures when its page is left.
struct Charge<'s> {
    service: &'s Service,
    ticket: Option<Ticket>,
    began: Instant,
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // What took longer than any job waited for the origin server: a page full of pictures of one that is down is not the reader's doing.
            let used = self.began.elapsed().min(self.service.settings.job_deadline);
            self.service.limiter.refund(self.service.now(), ticket, used);
        }
    }
}

impl Answered {
    fn with_length(mut self, length: usize) -> Self {
        self.head.fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        self
    }
}

fn values<'f>(fields: &'f HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'f [u8]> + use<'f> {
    fields.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

/// What of the request the fetch has to know.
fn passed_on(fields: &HeaderMap) -> FetchRequest {
    let all = |name: &HeaderName| fields.get_all(name).into_iter().cloned().collect();
    FetchRequest {
        range: fields.get(RANGE).cloned(),
        if_range: fields.get(IF_RANGE).cloned(),
        via: all(&VIA),
        cdn_loop: all(&CDN_LOOP),
        ..FetchRequest::default()
    }
}

fn response(head: Head, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.fields;
    response
}

fn text(text: String, media_type: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text.into()));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
