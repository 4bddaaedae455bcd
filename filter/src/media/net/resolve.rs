//! From a host to the addresses that may be connected to.
//!
//! There is one look-up for a connection, and what it gave is what is connected to: a name that changes between check and use changes nothing.
//! When a name gives several addresses, those that are not allowed are left out, and the name is refused if none is left. To refuse it for one bad
//! address would add nothing, since no connection ever goes to one that was not judged, and would break names that leak an internal address.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Host;

use super::address::Allowed;
use super::hosts::is_name;

/// How long a look-up may take in all, both families and all tries.
pub const DEFAULT_LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one name server may take for one question.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a question is asked again.
const RETRIES: usize = 1;
/// How many look-ups are under way at once. More of them wait, within their timeout.
const MAX_LOOKUPS: usize = 64;
/// How many addresses of a name are kept. The rest is ignored.
pub const MAX_ADDRESSES: usize = 8;
/// How many name servers are asked.
const MAX_NAME_SERVERS: usize = 4;
/// How many names are remembered.
const MAX_CACHED: usize = 1024;
/// How long an answer is remembered at most. Less if its records say so; not at all with a TTL of 0.
const MAX_TTL: Duration = Duration::from_secs(60);
/// How long it is remembered that a name has no address, or none that is allowed.
const NEGATIVE_TTL: Duration = Duration::from_secs(10);

/// Where names are looked up.
#[derive(Clone, Debug)]
pub struct ResolverSettings {
    /// Name servers to ask, by UDP, and by TCP when an answer is cut off. Empty: those of the system (`/etc/resolv.conf`, and `/etc/hosts` before them).
    /// Names are always asked as written: the system's search list does not count.
    pub name_servers: Vec<SocketAddr>,
    /// How long a look-up may take.
    pub timeout: Duration,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        Self { name_servers: Vec::new(), timeout: DEFAULT_LOOKUP_TIMEOUT }
    }
}

/// Why a host gives no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// There are addresses, or the host is one, but none may be connected to.
    NotAllowed,
    /// The name does not exist or has no address.
    NotFound,
    /// The name servers gave no usable answer.
    Failed,
    /// No answer in time.
    Timeout,
}

impl ResolveError {
    /// A stable name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAllowed => "resolve_not_allowed",
            Self::NotFound => "resolve_not_found",
            Self::Failed => "resolve_failed",
            Self::Timeout => "resolve_timeout",
        }
    }

    /// 403 for what the policy does not connect to, 502 and 504 for the rest.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Failed => StatusCode::BAD_GATEWAY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The system's configuration of name servers cannot be read.
#[derive(Debug)]
pub struct NoNameServers(String);

impl fmt::Display for NoNameServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no name servers: {}", self.0)
    }
}

/// Looks names up, and lets only allowed addresses through.
#[derive(Debug)]
pub struct Resolver {
    names: TokioResolver,
    allowed: Allowed,
    timeout: Duration,
    lookups: Semaphore,
    cache: Mutex<Cache>,
}

type Found = Result<Arc<[IpAddr]>, ResolveError>;

impl Resolver {
    /// A resolver that gives out what `allowed` allows.
    ///
    /// # Errors
    /// [`NoNameServers`] when the system's are wanted and cannot be read.
    pub fn new(settings: &ResolverSettings, allowed: Allowed) -> Result<Self, NoNameServers> {
        let failed = |error: NetError| NoNameServers(error.to_string());
        let (mut servers, hosts_file) = if settings.name_servers.is_empty() {
            let (config, _) = hickory_resolver::system_conf::read_system_conf().map_err(failed)?;
            (config.name_servers, ResolveHosts::Always)
        } else {
            (settings.name_servers.iter().map(server).collect(), ResolveHosts::Never)
        };
        servers.truncate(MAX_NAME_SERVERS);
        // Neither domain nor search list: only the name as it stands.
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options(hosts_file);
        let names = builder.build().map_err(failed)?;
        let (lookups, cache) = (Semaphore::new(MAX_LOOKUPS), Mutex::new(Cache::default()));
        Ok(Self { names, allowed, timeout: settings.timeout, lookups, cache })
    }

    /// The addresses of a host that may be connected to: at least one, at most [`MAX_ADDRESSES`], families in turn, IPv4 first (where IPv6 is broken it
    /// is often broken silently). An address that stands for itself is judged like any other.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub async fn addresses(&self, host: &Host<&str>) -> Found {
        let name = match host {
            Host::Ipv4(address) => return self.judged([IpAddr::V4(*address)]),
            Host::Ipv6(address) => return self.judged([IpAddr::V6(*address)]),
            Host::Domain(name) if is_name(name) => *name,
            Host::Domain(_) => return Err(ResolveError::NotFound),
        };
        if let Some(found) = self.cache().find(name, Instant::now()) {
            return found;
        }
        let (found, lifetime) =
            timeout(self.timeout, self.look_up(name)).await.map_err(|_| ResolveError::Timeout)??;
        self.cache().keep(name, &found, lifetime, Instant::now());
        found
    }

    /// What is known about a name, and for how long. The outer error is not remembered.
    async fn look_up(&self, name: &str) -> Result<(Found, Duration), ResolveError> {
        let _permit = self.lookups.acquire().await.map_err(|_| ResolveError::Failed)?;
        let mut name = Name::from_ascii(name).map_err(|_| ResolveError::NotFound)?;
        name.set_fqdn(true);
        match self.names.lookup_ip(name).await {
            Ok(answer) => {
                let lifetime = answer.valid_until().saturating_duration_since(Instant::now()).min(MAX_TTL);
                let found = self.judged(answer.iter());
                let lifetime = if found.is_err() { lifetime.min(NEGATIVE_TTL) } else { lifetime };
                Ok((found, lifetime))
            }
            Err(error) if error.is_no_records_found() => Ok((Err(ResolveError::NotFound), NEGATIVE_TTL)),
            Err(NetError::Timeout) => Err(ResolveError::Timeout),
            Err(_) => Err(ResolveError::Failed),
        }
    }

    fn judged(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Found {
        let allowed = addresses.into_iter().filter(|address| self.allowed.allows(*address));
        let (v4, v6): (Vec<_>, Vec<_>) = allowed.partition(IpAddr::is_ipv4);
        let (mut v4, mut v6) = (v4.into_iter(), v6.into_iter());
        let in_turn: Arc<[IpAddr]> = std::iter::from_fn(|| match (v4.next(), v6.next()) {
            (None, None) => None,
            pair => Some(<[Option<IpAddr>; 2]>::from(pair)),
        })
        .flatten()
        .flatten()
        .take(MAX_ADDRESSES)
        .collect();
        if in_turn.is_empty() { Err(ResolveError::NotAllowed) } else { Ok(in_turn) }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // No step of the cache leaves it half done.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let with_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(with_port).to_vec();
    NameServerConfig::new(address.ip(), true, connections)
}

fn options(hosts_file: ResolveHosts) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = QUESTION_TIMEOUT;
    options.attempts = RETRIES;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = hosts_file;
    // Its cache counts answers, of any size, by names that anyone may choose. Ours keeps a few addresses of each.
    options.cache_size = 0;
    options
}

/// Names and what was found, until when.
#[derive(Debug, Default)]
struct Cache {
    entries: HashMap<String, (Found, Instant)>,
}

impl Cache {
    fn find(&self, name: &str, now: Instant) -> Option<Found> {
        let (found, until) = self.entries.get(name)?;
        (now < *until).then(|| found.clone())
    }

    fn keep(&mut self, name: &str, found: &Found, lifetime: Duration, now: Instant) {
        if lifetime.is_zero() {
            self.entries.remove(name);
            return;
        }
        if self.entries.len() >= MAX_CACHED {
            self.entries.retain(|_, (_, until)| now < *until);
        }
        if self.entries.len() >= MAX_CACHED {
            // To look up again costs less than to keep an order of use.
            self.entries.clear();
        }
        self.entries.insert(name.to_owned(), (found.clone(), now + lifetime));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(allowed: Allowed) -> Resolver {
        // Nothing listens there: what needs a name server fails.
        let name_servers = vec!["127.0.0.1:1".parse().unwrap()];
        Resolver::new(&ResolverSettings { name_servers, timeout: Duration::from_secs(2) }, allowed).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn literals_are_judged_without_a_look_up() {
        let resolver = resolver(Allowed::default());
        let found = resolver.addresses(&Host::Ipv4([8, 8, 8, 8].into())).await.unwrap();
        assert_eq!(*found, [ip("8.8.8.8")]);
        assert_eq!(resolver.addresses(&Host::Ipv4([127, 0, 0, 1].into())).await, Err(ResolveError::NotAllowed));
        assert_eq!(resolver.addresses(&Host::Ipv6("::1".parse().unwrap())).await, Err(ResolveError::NotAllowed));
        assert_eq!(resolver.addresses(&Host::Domain("127.0.0.1.")).await, Err(ResolveError::NotFound));
        assert_eq!(resolver.addresses(&Host::Domain("a b")).await, Err(ResolveError::NotFound));
    }

    #[tokio::test]
    async fn localhost_gives_nothing_unless_allowed() {
        let host = Host::Domain("localhost");
        assert_eq!(resolver(Allowed::default()).addresses(&host).await, Err(ResolveError::NotAllowed));
        let loopback = Allowed::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
        assert_eq!(*resolver(loopback).addresses(&host).await.unwrap(), [ip("127.0.0.1")]);
    }

    #[tokio::test]
    async fn families_in_turn_and_bounded() {
        let resolver = resolver(Allowed::default());
        let found = resolver.judged(["2a00::1", "2a00::2", "10.0.0.1", "1.1.1.1"].map(ip)).unwrap();
        assert_eq!(*found, [ip("1.1.1.1"), ip("2a00::1"), ip("2a00::2")]);
        let many = (0..100).map(|last| IpAddr::V4([1, 1, 1, last].into()));
        assert_eq!(resolver.judged(many).unwrap().len(), MAX_ADDRESSES);
        assert_eq!(resolver.judged([]), Err(ResolveError::NotAllowed));
    }

    #[test]
    fn the_cache_is_bounded_and_forgets() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let found: Found = Err(ResolveError::NotFound);
        cache.keep("a.example", &found, Duration::from_secs(1), now);
        assert_eq!(cache.find("a.example", now), Some(found.clone()));
        assert_eq!(cache.find("a.example", now + Duration::from_secs(1)), None);
        cache.keep("a.example", &found, Duration::ZERO, now);
        assert_eq!(cache.find("a.example", now), None);
        for number in 0..3 * MAX_CACHED {
            cache.keep(&number.to_string(), &found, Duration::from_secs(1), now);
            assert!(cache.entries.len() <= MAX_CACHED);
        }
    }
}
