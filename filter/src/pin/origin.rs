//! The server that is read, and no other.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use http::header::{CONTENT_TYPE, LOCATION};
use url::{Host, Url};

use super::ours::{Ours, Signs};
use super::personal::Personal;
use super::report::{Problem, Trouble};
use super::{FETCH_TIMEOUT, MAX_FILE_BYTES, MAX_TOTAL_BYTES, Options, PublicHost};
use crate::media::net::address::Allowed;
use crate::media::net::fetch::{BadFetcher, Deadlines};
use crate::media::net::hosts::HostList;
use crate::media::net::resolve::ResolverSettings;
use crate::media::net::{FetchRequest, FetchSettings, Fetcher, Identity, TargetRules};
use crate::page::manifest::is_url;

/// Why there is nothing to tell.
#[derive(Debug)]
pub enum PinError {
    /// Not an http or https URL with a host that can be asked.
    Url(String),
    /// The fetcher does not start.
    Fetcher(BadFetcher),
    /// No page could be read: why, for each.
    NoPage(Vec<Problem>),
    /// This page has been through Sekisho.
    Ours(String, Ours),
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url} is no http or https URL of a server"),
            Self::Fetcher(error) => error.fmt(f),
            Self::Ours(page, mark) => write!(
                f,
                "{page} came through Sekisho itself, as {mark} shows: what is added there would be taken for the server's own. Give the address of the server behind it, such as http://127.0.0.1:3000"
            ),
            Self::NoPage(problems) => {
                f.write_str("no page could be read")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for PinError {}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Without parameters, in lower case.
    pub(super) essence: String,
    /// The charset that the type names, in lower case.
    pub(super) charset: Option<String>,
    pub(super) location: Option<Url>,
    /// What of us is in the fields.
    pub(super) signs: Signs,
    /// Why others may get something else.
    pub(super) personal: Option<Personal>,
    pub(super) body: Vec<u8>,
}

/// The server.
#[derive(Debug)]
pub(super) struct Origin {
    fetcher: Fetcher,
    /// Where connections go.
    server: Url,
    /// Under which name it is public, if that is another.
    host: Option<PublicHost>,
    bytes: AtomicU64,
}

impl Origin {
    /// The operator named it, so its address may be any, its port too, and plain http will do. Nothing else is ever asked.
    pub(super) fn new(options: &Options) -> Result<Self, PinError> {
        let wrong = || PinError::Url(options.origin.to_string());
        let server = at(&options.origin, "/", None);
        let (true, Some(host), Some(port)) =
            (matches!(server.scheme(), "http" | "https"), server.host_str(), server.port_or_known_default())
        else {
            return Err(wrong());
        };
        let everywhere = ["0.0.0.0/0", "::/0"].iter().filter_map(|network| network.parse().ok()).collect();
        let rules = TargetRules {
            allow_http: true,
            allowed_ports: vec![port],
            allowed_hosts: HostList::new([host]).map_err(|_| wrong())?,
            networks: Allowed::new(everywhere, Vec::new()),
            ..TargetRules::default()
        };
        let identity = Identity::tool("sekisho-pin").map_err(|_| wrong())?;
        let mut resolver = ResolverSettings { name_servers: options.name_servers.clone(), ..<_>::default() };
        if !matches!(server.host(), Some(Host::Domain(_))) {
            // An address needs no name servers, and a container may have none.
            resolver.name_servers = vec![SocketAddr::from(([127, 0, 0, 1], 53))];
        }
        let settings = FetchSettings {
            rules,
            resolver,
            extra_roots: options.extra_roots.clone(),
            deadlines: Deadlines { total: FETCH_TIMEOUT, ..Deadlines::default() },
            max_bytes: MAX_FILE_BYTES,
            ..FetchSettings::new(identity)
        };
        let fetcher = Fetcher::new(settings).map_err(PinError::Fetcher)?;
        Ok(Self { fetcher, server, host: options.host.clone(), bytes: AtomicU64::new(0) })
    }

    /// The root of the URLs of this server, as browsers know it.
    pub(super) fn root(&self) -> &Url {
        self.host.as_ref().map_or(&self.server, PublicHost::root)
    }

    /// A URL of this server, in its one form: under its root, without a fragment. `None` if it is of another.
    pub(super) fn own(&self, url: &Url) -> Option<Url> {
        let is_own = match &self.host {
            Some(host) => host.is_of(url),
            None => self.server.origin() == url.origin(),
        };
        let has_no_user = url.username().is_empty() && url.password().is_none();
        (is_own && has_no_user).then(|| at(self.root(), url.path(), url.query()))
    }

    /// How a manifest names a URL of this server.
    pub(super) fn key(&self, url: &Url) -> Option<String> {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{}{query}", url.path())).filter(|key| is_url(key))
    }

    /// Fetches, without redirects. The body is read if `wanted` says so of the status.
    pub(super) async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        wanted: impl Fn(u16) -> bool,
    ) -> Result<Answer, Trouble> {
        let own = self.own(url).ok_or(Trouble::OtherOrigin)?;
        let url = at(&self.server, own.path(), own.query());
        let request = FetchRequest {
            accept: Some(HeaderValue::from_static(accept)),
            forwarded_host: self.host.as_ref().map(|host| host.field().clone()),
            ..FetchRequest::default()
        };
        let (head, mut pieces) = self.fetcher.once(&url, request).await.map_err(Trouble::Unreachable)?;
        let field = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let mut parts = field(CONTENT_TYPE).unwrap_or_default().split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            name.trim().eq_ignore_ascii_case("charset").then_some(value)
        });
        let location = field(LOCATION).and_then(|location| own.join(location).ok());
        let signs = Signs::of(&head.headers);
        let personal = Personal::of(&head.headers);
        let mut body = Vec::new();
        if wanted(head.status.as_u16()) {
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(Trouble::Unreachable)?;
                let more = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                if self.bytes.fetch_add(more, Ordering::Relaxed) > MAX_TOTAL_BYTES {
                    return Err(Trouble::Limit("bytes in all"));
                }
                body.extend_from_slice(&piece);
            }
        }
        Ok(Answer { status: head.status.as_u16(), essence, charset, location, signs, personal, body })
    }
}

/// A path and a query of a server. They are not read again: `//a` is a path here.
fn at(server: &Url, path: &str, query: Option<&str>) -> Url {
    let mut url = server.clone();
    url.set_path(path);
    url.set_query(query);
    url.set_fragment(None);
    url
}

/// Whether a status sends elsewhere.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}
