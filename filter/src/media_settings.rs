//! The section `media` of the policy. The service uses it; the filter checks it, so that one document serves both.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use url::Host;

use crate::policy::Reader;

/// What the section is for, in documentation.
pub const SUMMARY: &str =
    "What the media service does, and from where it fetches. It reads the section once, at its start";

/// What the media service does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether `http` URLs are fetched.
    pub allow_http: bool,
    /// Ports that are connected to beside the default of the scheme.
    pub allowed_ports: Vec<u16>,
    /// Networks that are connected to beside the public internet.
    pub allowed_networks: Vec<IpNet>,
    /// Networks that are never connected to. They count before `allowed_networks`.
    pub denied_networks: Vec<IpNet>,
    /// Hosts that are fetched from, with all below them; none for all hosts.
    pub allowed_hosts: Vec<String>,
    /// Hosts that are never fetched from, with all below them.
    pub denied_hosts: Vec<String>,
    /// The hosts at which this service answers at the root.
    pub own_hosts: Vec<String>,
    /// The key by which URLs must be signed, if they must.
    pub signing_key: Option<SigningKey>,
    /// The name of this service in `Via` and `CDN-Loop`.
    pub pseudonym: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many trusted proxies are in front.
    pub trusted_hops: usize,
    /// How many worker processes; none: one for each processor.
    pub workers: Option<usize>,
    /// How many jobs may wait for a worker.
    pub queue: usize,
    /// How long fetching may take.
    pub deadline: Duration,
    /// How long a worker may take for one picture.
    pub job_deadline: Duration,
    /// The largest file that is passed on, in bytes.
    pub max_bytes: u64,
    /// The largest file of which a picture is made, in bytes.
    pub max_image_bytes: u64,
    /// How many bytes of answers are kept.
    pub cache_bytes: u64,
    /// What one client may use.
    pub limits: Limits,
    /// The name servers to ask; none: those of the system.
    pub name_servers: Vec<SocketAddr>,
    /// A PEM file of certification authorities that are trusted beside the built-in ones.
    pub ca_file: Option<String>,
}

/// What one client may use: a rate, and how much at once. A rate of zero is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests, in the long run.
    pub requests_per_minute: u32,
    /// Requests, at once.
    pub burst_requests: u32,
    /// Seconds of work, in the long run.
    pub seconds_per_minute: u32,
    /// Seconds of work, at once.
    pub burst_seconds: u32,
}

/// A key that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(String);

impl SigningKey {
    /// The key `text`, whose bytes are the key as they are.
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

const MAX_ITEMS: usize = 10_000;
/// The longest name (RFC 1035 section 2.3.4), in bytes; for an address there is room as well.
const MAX_HOST_BYTES: usize = 253;
const MEGABYTE: u32 = 1024 * 1024;

impl Settings {
    /// Reads the section. None of it is live: the service reads the policy once.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        reader.fixed(Self::read_fixed)
    }

    fn read_fixed(reader: &mut Reader<'_>) -> Self {
        let allow_http = reader.boolean("allow_http", false, "fetch `http` URLs too");
        let allowed_ports = reader.integers("allowed_ports", 64, 1..=65_535, "ports beside the default of the scheme");
        let ports = allowed_ports.into_iter().filter_map(|port| u16::try_from(port).ok());
        let mut networks = |key, doc| networks(&reader.strings(key, 1024, 64, is_network, doc));
        let allowed_networks = networks(
            "allowed_networks",
            "networks (CIDR) beside the public internet, such as that of the object storage",
        );
        let denied_networks =
            networks("denied_networks", "networks (CIDR) that are never connected to; they count first");
        let mut hosts = |key, doc| reader.strings(key, MAX_ITEMS, MAX_HOST_BYTES, is_host, doc);
        let settings = Self {
            allow_http,
            allowed_ports: ports.collect(),
            allowed_networks,
            denied_networks,
            allowed_hosts: hosts("allowed_hosts", "the only hosts to fetch from, each with all below it; none: all hosts"),
            denied_hosts: hosts("denied_hosts", "hosts that are never fetched from, each with all below it; they count first"),
            own_hosts: hosts(
                "own_hosts",
                "hosts at which this service answers at the root, which it never fetches from; not the instance, of which it fetches `/files/`",
            ),
            signing_key: SigningKey::new(reader.secret(
                "signing_key",
                16..=1024,
                "requests must carry `sig`, their HMAC-SHA256 by this key; empty: they need none. Not shown by `sekisho check`",
            )),
            pseudonym: token(
                reader,
                "pseudonym",
                "sekisho-media",
                "the name in `Via` and `CDN-Loop`; not that of the proxy in front (`via.pseudonym`), whose requests would all be loops",
            ),
            listen: listen(reader),
            trusted_hops: reader.limit(
                "trusted_hops",
                0..=16,
                1,
                "trusted proxies in front: the client is the one that the outermost of them appended to `X-Forwarded-For`; 0: the field is ignored",
            ),
            workers: Some(reader.limit("workers", 0..=256, 0, "worker processes; 0: one for each processor"))
                .filter(|workers| *workers > 0),
            queue: reader.limit("queue", 0..=65_536, 256, "jobs that may wait for a worker; more are told 503"),
            deadline: seconds(reader, "deadline_seconds", 1..=60, 30, "how long fetching a file may take, in seconds"),
            job_deadline: seconds(
                reader,
                "job_seconds",
                1..=60,
                5,
                "how long a worker may take for one picture, in seconds; also what a request is charged before it is known",
            ),
            max_bytes: bytes(reader, "max_bytes", 1024..=u32::MAX, 262_144_000, "the largest file that is passed on, in bytes"),
            max_image_bytes: bytes(
                reader,
                "max_image_bytes",
                1024..=64 * MEGABYTE,
                32 * MEGABYTE,
                "the largest file of which a picture is made, in bytes; it is held in memory",
            ),
            cache_bytes: bytes(reader, "cache_bytes", 0..=u32::MAX, 64 * MEGABYTE, "answers kept in memory, in bytes; 0: none"),
            limits: Limits::read(reader),
            name_servers: name_servers(reader),
            ca_file: Some(reader.text(
                "ca_file",
                4096,
                "",
                "a PEM file of certification authorities to trust beside the built-in ones (Mozilla's), such as that of the object storage; empty: none",
            ))
            .filter(|path| !path.is_empty()),
        };
        settings.check(reader);
        settings
    }

    /// The hosts at which the service answers at the root, as URLs and [`host::name`](crate::http::host::name) write them.
    pub fn own_hosts(&self) -> BTreeSet<String> {
        self.own_hosts.iter().filter_map(|host| Some(Host::parse(host).ok()?.to_string())).collect()
    }

    /// What no field can tell alone.
    fn check(&self, reader: &mut Reader<'_>) {
        let Limits { seconds_per_minute, burst_seconds, .. } = self.limits;
        if seconds_per_minute > 0 && Duration::from_secs(burst_seconds.into()) < self.job_deadline {
            let message = "less than media.job_seconds, which every request is charged at first: none would pass";
            reader.error("client_burst_seconds", message.to_owned());
        }
        if self.max_image_bytes > self.max_bytes {
            reader.error("max_image_bytes", "more than media.max_bytes".to_owned());
        }
    }
}

impl Limits {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            requests_per_minute: reader.integer(
                "client_requests_per_minute",
                0..=1_000_000,
                600,
                "requests of a client (an IPv4 address, an IPv6 /64) a minute, in the long run; 0: no limit",
            ),
            burst_requests: reader.integer("client_burst_requests", 1..=1_000_000, 600, "requests of a client at once"),
            seconds_per_minute: reader.integer(
                "client_seconds_per_minute",
                0..=1_000_000,
                30,
                "seconds of work for a client a minute, in the long run; 0: no limit",
            ),
            burst_seconds: reader.integer(
                "client_burst_seconds",
                1..=1_000_000,
                500,
                "seconds of work for a client at once: a hundred requests at the same time, at job_seconds each until they are done",
            ),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_minute: 600, burst_requests: 600, seconds_per_minute: 30, burst_seconds: 500 }
    }
}

fn seconds(
    reader: &mut Reader<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u32>,
    default: u32,
    doc: &'static str,
) -> Duration {
    Duration::from_secs(reader.integer(key, range, default, doc).into())
}

fn bytes(
    reader: &mut Reader<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u32>,
    default: u32,
    doc: &'static str,
) -> u64 {
    reader.integer(key, range, default, doc).into()
}

/// A name as `Via` and `CDN-Loop` have it (RFC 9110 section 5.6.2, RFC 8586 section 2).
fn token(reader: &mut Reader<'_>, key: &'static str, default: &'static str, doc: &'static str) -> String {
    let text = reader.text(key, 64, default, doc);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.is_empty() || !text.bytes().all(plain) {
        reader.error(key, "expected letters, digits, `-`, `.` and `_`".to_owned());
    }
    text
}

fn listen(reader: &mut Reader<'_>) -> SocketAddr {
    const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3001);
    let text = reader.text("listen", 64, "127.0.0.1:3001", "the address and port to listen at, such as `[::1]:3001`");
    text.parse().unwrap_or_else(|_| {
        reader.error("listen", "expected an address and a port".to_owned());
        DEFAULT
    })
}

fn name_servers(reader: &mut Reader<'_>) -> Vec<SocketAddr> {
    let doc = "the name servers to ask, each with or without a port; none: those of the system";
    let accept = |text: &str| name_server(text).map(drop).ok_or("expected an address, with or without a port");
    reader.strings("name_servers", 4, 64, accept, doc).iter().filter_map(|text| name_server(text)).collect()
}

fn name_server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

fn networks(texts: &[String]) -> Vec<IpNet> {
    texts.iter().filter_map(|text| network(text)).collect()
}

/// A network, or an address alone.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_network(text: &str) -> Result<(), &'static str> {
    match network(text) {
        Some(network) if network.trunc() == network => Ok(()),
        // Either the address or the prefix is not what was meant.
        Some(_) => Err("has bits beyond its prefix"),
        None => Err("expected a network in CIDR notation"),
    }
}

fn is_host(text: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    match Host::parse(text) {
        Ok(Host::Domain(name)) if name.split('.').all(is_label) => Ok(()),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Ok(()),
        _ => Err("expected a host, without scheme, port or `*`"),
    }
}

#[cfg(test)]
mod tests;
