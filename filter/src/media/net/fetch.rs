//! Fetching: GET, over HTTPS, from the public Internet, within limits.
//!
//! An answer is given out if all of these hold, for the URL and for each that it redirects to:
//! 1. [`check_target`] finds nothing against the URL;
//! 2. its host gives an address that is allowed ([`Resolver`]), and the connection goes to that very address;
//! 3. TLS 1.2 or 1.3 proves the host's name (`https:`);
//! 4. the status is 200, or 206 where a range was asked for, without a content coding;
//! 5. everything comes in time, and not more of it than the limit.
//!
//! There are no cookies, no credentials, no proxies from the environment, and no connection is used twice.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{CONTENT_RANGE, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Url;

use super::body::{FetchBody, Limits};
use super::connect::{self, BadRoots, Connection};
use super::error::FetchError;
use super::fields::{self, FetchRequest, Fields, Identity};
use super::resolve::{NoNameServers, Resolver, ResolverSettings};
use super::target::{MAX_URL_BYTES, TargetRules, check_target};

/// How many redirects are followed.
pub const MAX_REDIRECTS: usize = 3;
/// The most bytes of a body: what Misskey takes (`maxFileSize`).
pub const DEFAULT_MAX_BYTES: u64 = 262_144_000;
/// A deadline that cannot be told, in effect.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the parts of a fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From a host's addresses to the end of the TLS handshake, for each hop.
    pub connect: Duration,
    /// From the request to the end of the answer's fields, for each hop.
    pub fields: Duration,
    /// Between two pieces of the body, while somebody waits for the next.
    pub idle: Duration,
    /// All of it: look-ups, redirects and body.
    pub total: Duration,
}

impl Default for Deadlines {
    /// 10, 20, 15 and 60 seconds. Misskey gives 30 to each part and 60 to the whole.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            fields: Duration::from_secs(20),
            idle: Duration::from_secs(15),
            total: Duration::from_secs(60),
        }
    }
}

/// How to fetch.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// What may be fetched, and from where.
    pub rules: TargetRules,
    /// Where names are looked up.
    pub resolver: ResolverSettings,
    /// A PEM file with roots beside Mozilla's.
    pub extra_roots: Option<PathBuf>,
    /// Who we say that we are.
    pub identity: Identity,
    /// How long it may take.
    pub deadlines: Deadlines,
    /// The most bytes of any body.
    pub max_bytes: u64,
}

impl FetchSettings {
    /// The defaults, for somebody.
    pub fn new(identity: Identity) -> Self {
        Self {
            rules: TargetRules::default(),
            resolver: ResolverSettings::default(),
            extra_roots: None,
            identity,
            deadlines: Deadlines::default(),
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }
}

/// What keeps a fetcher from starting.
#[derive(Debug)]
pub enum BadFetcher {
    /// No name servers.
    Resolver(NoNameServers),
    /// No such roots.
    Roots(BadRoots),
}

impl fmt::Display for BadFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolver(error) => error.fmt(f),
            Self::Roots(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BadFetcher {}

/// An answer, with its body on the way.
#[derive(Debug)]
pub struct Fetched {
    /// 200, or 206 if a range was asked for.
    pub status: StatusCode,
    /// The fields that are kept.
    pub fields: Fields,
    /// The body.
    pub body: FetchBody,
    /// The URL that gave it, after redirects.
    pub final_url: Url,
}

/// Fetches. One for the whole service.
pub struct Fetcher {
    rules: TargetRules,
    resolver: Resolver,
    tls: TlsConnector,
    identity: Identity,
    deadlines: Deadlines,
    max_bytes: u64,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher. Reads the file of roots and, unless name servers are given, the system's configuration of them.
    ///
    /// # Errors
    /// [`BadFetcher`].
    pub fn new(settings: FetchSettings) -> Result<Self, BadFetcher> {
        let FetchSettings { rules, resolver, extra_roots, identity, deadlines, max_bytes } = settings;
        let resolver = Resolver::new(&resolver, rules.networks.clone()).map_err(BadFetcher::Resolver)?;
        let tls = connect::tls(extra_roots.as_deref()).map_err(BadFetcher::Roots)?;
        Ok(Self { rules, resolver, tls, identity, deadlines, max_bytes })
    }

    /// Fetches an URL, up to the fields of the answer that is not a redirect.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn get(&self, url: &Url, request: FetchRequest) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let deadline = started.checked_add(self.deadlines.total).unwrap_or(started + A_DAY);
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (response, connection) = self.hop(&url, &request, deadline).await?;
            if is_redirect(response.status()) {
                url = redirected(&url, response.headers())?;
                continue;
            }
            check_answer(&response, request.range().is_some())?;
            let (head, incoming) = response.into_parts();
            let max_bytes = request.max_bytes.unwrap_or(u64::MAX).min(self.max_bytes);
            let limits = Limits { max_bytes, idle: self.deadlines.idle, started, deadline };
            let body = FetchBody::new(incoming, connection, limits)?;
            let fields = Fields::new(&head.headers, body.content_length());
            return Ok(Fetched { status: head.status, fields, body, final_url: url });
        }
        Err(FetchError::TooManyRedirects)
    }

    /// Makes one request and gives out whatever answers it: any status, redirects too. Only what has a content coding is refused. For the pages of the
    /// operator's own server, whose error pages count as well.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn once(
        &self,
        url: &Url,
        request: FetchRequest,
    ) -> Result<(http::response::Parts, FetchBody), FetchError> {
        let started = Instant::now();
        let deadline = started.checked_add(self.deadlines.total).unwrap_or(started + A_DAY);
        let (response, connection) = self.hop(url, &request, deadline).await?;
        if !fields::is_identity(response.headers()) {
            return Err(FetchError::ContentEncoding);
        }
        let (head, incoming) = response.into_parts();
        let max_bytes = request.max_bytes.unwrap_or(u64::MAX).min(self.max_bytes);
        let limits = Limits { max_bytes, idle: self.deadlines.idle, started, deadline };
        Ok((head, FetchBody::new(incoming, connection, limits)?))
    }

    /// One request to one server. Everything is judged here, so no hop can miss it.
    async fn hop(
        &self,
        url: &Url,
        request: &FetchRequest,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Connection), FetchError> {
        check_target(url, &self.rules)?;
        let message = fields::request(url, &self.identity, request)?;
        let (mut sender, connection) = self.connect(url, deadline).await?;
        let sent = async {
            sender.send_request(message).await.map_err(|error| {
                if error.is_parse_too_large() { FetchError::FieldsTooLarge } else { FetchError::Fields }
            })
        };
        let response = within(self.deadlines.fields, deadline, FetchError::FieldsTimeout, sent).await?;
        Ok((response, connection))
    }

    async fn connect(&self, url: &Url, deadline: Instant) -> Result<(connect::Sender, Connection), FetchError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(FetchError::Target(super::target::TargetError::Host));
        };
        // The look-up has a timeout of its own.
        let addresses =
            timeout_at(deadline, self.resolver.addresses(&host)).await.map_err(|_| FetchError::TotalTimeout)??;
        let by = earlier(self.deadlines.connect, deadline);
        let connected = async {
            let stream = connect::tcp(&addresses, port, by).await?;
            if url.scheme() == "https" {
                connect::http(connect::secure(&self.tls, &host, stream).await?).await
            } else {
                connect::http(stream).await
            }
        };
        within(self.deadlines.connect, deadline, FetchError::ConnectTimeout, connected).await
    }
}

fn earlier(limit: Duration, deadline: Instant) -> Instant {
    Instant::now().checked_add(limit).map_or(deadline, |by| by.min(deadline))
}

/// Does it within a limit of its own and the deadline of all.
async fn within<T>(
    limit: Duration,
    deadline: Instant,
    late: FetchError,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    let by = earlier(limit, deadline);
    let late = if by == deadline { FetchError::TotalTimeout } else { late };
    timeout_at(by, work).await.unwrap_or(Err(late))
}

/// The redirects of a GET (RFC 9110 section 15.4); 300 and 304 are none.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads. The next hop judges it whole; only what a single URL cannot tell is judged here.
fn redirected(from: &Url, fields: &HeaderMap) -> Result<Url, FetchError> {
    let mut locations = fields.get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(FetchError::Redirect);
    };
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| FetchError::Redirect)?;
    if location.len() > MAX_URL_BYTES {
        return Err(FetchError::Redirect);
    }
    let to = from.join(location).map_err(|_| FetchError::Redirect)?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(FetchError::Downgrade);
    }
    Ok(to)
}

fn check_answer(response: &Response<Incoming>, ranged: bool) -> Result<(), FetchError> {
    let status = response.status();
    match status {
        StatusCode::OK => {}
        // One range was asked for: the answer says which it is (RFC 9110 section 15.3.7.1).
        StatusCode::PARTIAL_CONTENT if ranged && response.headers().contains_key(CONTENT_RANGE) => {}
        _ => return Err(FetchError::Status(status)),
    }
    if fields::is_identity(response.headers()) { Ok(()) } else { Err(FetchError::ContentEncoding) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn redirects() {
        let from = Url::parse("https://a.example/b/c?d").unwrap();
        let to = |locations: &[&[u8]]| {
            let mut fields = HeaderMap::new();
            for location in locations {
                fields.append(LOCATION, HeaderValue::from_bytes(location).unwrap());
            }
            redirected(&from, &fields).map(String::from)
        };
        assert_eq!(to(&[b"e"]).as_deref(), Ok("https://a.example/b/e"));
        assert_eq!(to(&[b"//f.example"]).as_deref(), Ok("https://f.example/"));
        assert_eq!(to(&[b"\\\\127.0.0.1\\x"]).as_deref(), Ok("https://127.0.0.1/x"));
        assert_eq!(to(&[b"http://a.example/"]), Err(FetchError::Downgrade));
        assert_eq!(to(&[b"https://[::1"]), Err(FetchError::Redirect));
        assert_eq!(to(&[]), Err(FetchError::Redirect));
        assert_eq!(to(&[b"e", b"f"]), Err(FetchError::Redirect));
        assert_eq!(to(&[b"\xff"]), Err(FetchError::Redirect));
        assert_eq!(to(&["x".repeat(MAX_URL_BYTES + 1).as_bytes()]), Err(FetchError::Redirect));
    }

    #[test]
    fn a_fetch_may_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        let settings = FetchSettings::new(Identity::new("s", None).unwrap());
        let name_servers = vec!["127.0.0.1:1".parse().unwrap()];
        let resolver = ResolverSettings { name_servers, ..ResolverSettings::default() };
        let fetcher = Fetcher::new(FetchSettings { resolver, ..settings }).unwrap();
        let url = Url::parse("https://a.example").unwrap();
        is_send(&fetcher.get(&url, FetchRequest::default()));
    }
}
