//! The file that a request asks for: kept, made by a worker, or passed on.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use moka::future::Cache as Kept;

use super::Service;
use super::buffer::{Buffer, Full, Room};
use super::streams::{Stream, Streams};
use crate::media::image::Converted;
use crate::media::kind::{Kind, SNIFF_BYTES, Sniffed};
use crate::media::limit::{DEFAULT_CLIENTS, Limiter};
use crate::media::metrics::{CacheResult, Direction, Gauge, JobResult, Metrics};
use crate::media::net::address::Allowed;
use crate::media::net::fetch::{BadFetcher, Deadlines};
use crate::media::net::fields::{BadIdentity, Fields};
use crate::media::net::hosts::{HostList, NotAHost};
use crate::media::net::{FetchBody, FetchError, FetchRequest, FetchSettings, Fetched, Fetcher, Identity, TargetRules};
use crate::media::plan::{Conversion, Plan, Preset};
use crate::media::request::{CacheKey, MediaRequest};
use crate::media::respond::Refusal;
use crate::media::settings::Settings;
use crate::media::worker::pool::{Pool, PoolError, PoolSettings, StartError as PoolStartError};

/// How long an answer is kept. Clients keep theirs for a year; this is for many that ask at about the same time.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// How long a file may take on its way through, from its beginning to its end: 250 MB to a slow client.
const STREAM_TOTAL: Duration = Duration::from_secs(15 * 60);

/// When to come back where there was no room: large files are on their way for some seconds.
const ROOM_AGAIN: Duration = Duration::from_secs(5);

/// The pictures that are kept, by weight. Requests for one that is being made wait for it.
pub(super) type Cache = Kept<Key, Picture>;

/// What tells answers apart, those of origin servers to us among them: what the request says of proxies is passed on to them. Who brings a field that an origin server refuses shares that
/// refusal with others who bring it, and with nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    file: CacheKey,
    via: Vec<HeaderValue>,
    cdn_loop: Vec<HeaderValue>,
}

impl Key {
    /// About what it takes, in bytes.
    fn len(&self) -> usize {
        let hops = self.via.iter().chain(&self.cdn_loop).map(HeaderValue::len);
        hops.fold(self.file.source.len(), usize::saturating_add)
    }
}

/// A picture; a copy of it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) kind: Kind,
    pub(super) bytes: Bytes,
}

/// What a request gets.
pub(super) enum Found {
    /// A picture, and whether it was there or made for another request.
    Made { made: Picture, cached: bool },
    /// A file on its way.
    Stream(Box<Streaming>),
}

/// A file on its way.
pub(super) struct Streaming {
    pub(super) kind: Kind,
    pub(super) status: StatusCode,
    pub(super) fields: Fields,
    /// What has come of it.
    pub(super) first: Buffer,
    pub(super) body: FetchBody,
    /// The client's, once it has it.
    pub(super) stream: Option<Stream>,
}

/// Why no picture was made for all who wait for it.
enum NotMade {
    Refused(Refusal),
    /// It is none: for the first who comes.
    Stream(Mutex<Option<Box<Streaming>>>),
}

/// What keeps the service from starting.
#[derive(Debug)]
pub enum StartError {
    /// The pseudonym.
    Identity(BadIdentity),
    /// A host of the policy.
    Host(NotAHost),
    /// Name servers or roots.
    Fetcher(BadFetcher),
    /// The workers.
    Pool(PoolStartError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Host(NotAHost(host)) => write!(f, "{host} is no host"),
            Self::Fetcher(error) => error.fmt(f),
            Self::Pool(error) => write!(f, "no worker started: {error}"),
        }
    }
}

impl Service {
    /// Starts the workers, and is ready when the first of them is. `seed` is random.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: Settings, seed: [u8; 16]) -> Result<Self, StartError> {
        let fetcher = fetcher(&settings)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = settings.workers.unwrap_or(cores);
        let pool =
            PoolSettings { queue: settings.queue, deadline: settings.job_deadline, ..PoolSettings::new(workers) };
        let pool = Pool::start(pool).await.map_err(StartError::Pool)?;
        let limiter = Limiter::new(&settings.limits, settings.job_deadline, DEFAULT_CLIENTS, seed);
        let weigh =
            |key: &Key, made: &Picture| u32::try_from(key.len().saturating_add(made.bytes.len())).unwrap_or(u32::MAX);
        let cache = Kept::builder().max_capacity(settings.cache_bytes).weigher(weigh).time_to_live(KEPT_FOR).build();
        let metrics = Metrics::default();
        metrics.set(Gauge::PoolSize, u64::try_from(workers).unwrap_or(u64::MAX));
        let (room, streams) = (Room::default(), Streams::default());
        let started = Instant::now();
        Ok(Self { settings, fetcher, pool, limiter, cache, room, streams, metrics, started, pages: None })
    }

    pub(super) async fn file(&self, media: &MediaRequest, fetch: &FetchRequest) -> Result<Found, Refusal> {
        if media.flags.preset() == Preset::Original
            && fetch.range.is_some()
            && let Some(streaming) = self.part(media, fetch).await?
        {
            return Ok(Found::Stream(Box::new(streaming)));
        }
        let whole = FetchRequest { range: None, if_range: None, ..fetch.clone() };
        let key = Key { file: media.cache_key(), via: fetch.via.clone(), cdn_loop: fetch.cdn_loop.clone() };
        if let Some(made) = self.cache.get(&key).await {
            self.metrics.cache(CacheResult::Hit);
            return Ok(Found::Made { made, cached: true });
        }
        let is_ours = AtomicBool::new(false);
        let make = async {
            is_ours.store(true, Ordering::Relaxed);
            match self.whole(media, &whole).await {
                Ok(Found::Made { made, .. }) => Ok(made),
                Ok(Found::Stream(streaming)) => Err(NotMade::Stream(Mutex::new(Some(streaming)))),
                Err(refusal) => Err(NotMade::Refused(refusal)),
            }
        };
        let made = self.cache.try_get_with(key, make).await;
        let cached = !is_ours.load(Ordering::Relaxed);
        self.metrics.cache(if cached { CacheResult::Shared } else { CacheResult::Miss });
        let not_made = match made {
            Ok(made) => return Ok(Found::Made { made, cached }),
            Err(not_made) => not_made,
        };
        match &*not_made {
            NotMade::Refused(refusal) => Err(refusal.clone()),
            NotMade::Stream(streaming) => {
                let first = streaming.lock().ok().and_then(|mut streaming| streaming.take());
                match first {
                    Some(streaming) => Ok(Found::Stream(streaming)),
                    // A file on its way cannot be shared.
                    None => self.whole(media, &whole).await,
                }
            }
        }
    }

    /// Fetches the file, and makes a picture of it where the plan says so.
    async fn whole(&self, media: &MediaRequest, fetch: &FetchRequest) -> Result<Found, Refusal> {
        match self.fetched(media, fetch).await? {
            (Plan::Refuse(status), _) => Err(Refusal::Type(status)),
            (Plan::Stream(_), streaming) => Ok(Found::Stream(Box::new(streaming))),
            (Plan::Convert(conversion), streaming) => {
                let made = self.convert(media, streaming, conversion).await?;
                Ok(Found::Made { made, cached: false })
            }
        }
    }

    /// A part of a file that is passed on as it is: its type is that of its first bytes, which are asked for first. `None` when it is not passed on.
    async fn part(&self, media: &MediaRequest, fetch: &FetchRequest) -> Result<Option<Streaming>, Refusal> {
        let last = SNIFF_BYTES.saturating_sub(1);
        let range = HeaderValue::try_from(format!("bytes=0-{last}")).ok();
        let beginning = FetchRequest { range, if_range: None, ..fetch.clone() };
        let (plan, beginning) = self.fetched(media, &beginning).await?;
        let Plan::Stream(kind) = plan else { return Ok(None) };
        if beginning.status == StatusCode::OK {
            // All of it, as the origin server knows no ranges: no need to ask again.
            return Ok(Some(beginning));
        }
        drop(beginning);
        let Fetched { status, fields, mut body, .. } = self.get(media, fetch).await?;
        body.limit(self.settings.max_bytes, STREAM_TOTAL);
        Ok(Some(Streaming { kind, status, fields, first: self.room.buffer(), body, stream: None }))
    }

    /// Fetches so much of the file that its type is known.
    async fn fetched(&self, media: &MediaRequest, fetch: &FetchRequest) -> Result<(Plan, Streaming), Refusal> {
        let Fetched { status, fields, mut body, .. } = self.get(media, fetch).await?;
        let mut first = self.room.buffer();
        let mut wanted = 1;
        let mut whole = false;
        let kind = loop {
            while !whole && first.bytes().len() < wanted {
                match body.next().await {
                    Some(piece) => first.push(&piece.map_err(Refusal::Fetch)?).map_err(no_room)?,
                    None => whole = true,
                }
            }
            wanted = first.bytes().len().saturating_mul(2).max(SNIFF_BYTES);
            match Kind::sniff(first.bytes(), whole) {
                Sniffed::Kind(kind) => break kind,
                Sniffed::More if whole => break Kind::of(first.bytes(), whole),
                Sniffed::More => {}
            }
        };
        let plan = Plan::of(media.flags, kind);
        if let Plan::Stream(_) = plan {
            body.limit(self.settings.max_bytes, STREAM_TOTAL);
        }
        Ok((plan, Streaming { kind, status, fields, first, body, stream: None }))
    }

    async fn get(&self, media: &MediaRequest, fetch: &FetchRequest) -> Result<Fetched, Refusal> {
        self.fetcher.get(&media.source, fetch.clone()).await.map_err(Refusal::Fetch)
    }

    async fn convert(
        &self,
        media: &MediaRequest,
        streaming: Streaming,
        conversion: Conversion,
    ) -> Result<Picture, Refusal> {
        let Streaming { kind, first: mut input, mut body, .. } = streaming;
        let max = usize::try_from(self.settings.max_image_bytes).unwrap_or(usize::MAX);
        body.limit(self.settings.max_image_bytes, self.settings.deadline);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| match error {
                FetchError::TooLarge => Refusal::TooLarge,
                error => Refusal::Fetch(error),
            })?;
            input.push(&piece).map_err(no_room)?;
        }
        self.metrics.bytes(Direction::Fetched, body.received());
        let (input, _held) = input.finish();
        if input.len() > max {
            return Err(Refusal::TooLarge);
        }
        let began = Instant::now();
        let made = self.pool.convert(input, kind, conversion).await;
        self.metrics.job_seconds.observe(began.elapsed());
        let (result, made) = match made {
            Ok(Converted { kind, bytes }) => (JobResult::Done, Ok(Picture { kind, bytes: bytes.into() })),
            Err(PoolError::Busy(after)) => (JobResult::Rejected, Err(Refusal::Busy(after))),
            Err(PoolError::Deadline) => (JobResult::Timeout, Err(Refusal::Deadline)),
            Err(PoolError::Crashed) => (JobResult::Crashed, Err(Refusal::Crash)),
            Err(PoolError::Killed) => (JobResult::Crashed, Err(Refusal::Killed)),
            Err(PoolError::Refused(why)) => (JobResult::Refused, Err(Refusal::Convert(why, media.flags.preset()))),
        };
        self.metrics.job(result);
        made
    }
}

fn no_room(_: Full) -> Refusal {
    Refusal::Busy(ROOM_AGAIN)
}

fn fetcher(settings: &Settings) -> Result<Fetcher, StartError> {
    let hosts = |names: &[String]| HostList::new(names.iter()).map_err(StartError::Host);
    let identity = Identity::new(&settings.pseudonym, None).map_err(StartError::Identity)?;
    let mut fetch = FetchSettings::new(identity);
    fetch.rules = TargetRules {
        allow_http: settings.allow_http,
        allowed_ports: settings.allowed_ports.clone(),
        allowed_hosts: hosts(&settings.allowed_hosts)?,
        denied_hosts: hosts(&settings.denied_hosts)?,
        own_hosts: hosts(&settings.own_hosts)?,
        networks: Allowed::new(settings.allowed_networks.clone(), settings.denied_networks.clone()),
    };
    fetch.resolver.name_servers.clone_from(&settings.name_servers);
    fetch.extra_roots = settings.ca_file.as_ref().map(Into::into);
    fetch.deadlines = Deadlines { total: settings.deadline, ..Deadlines::default() };
    fetch.max_bytes = settings.max_bytes;
    Fetcher::new(fetch).map_err(StartError::Fetcher)
}
