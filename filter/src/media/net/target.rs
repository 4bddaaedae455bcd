//! Which URLs may be fetched, as far as the URL itself tells. Redirects are judged by the same function.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::StatusCode;
use url::form_urlencoded;
use url::{Host, Url};

use super::address::Allowed;
use super::hosts::{HostList, is_name};
use crate::activitypub::origin;

/// The longest URL that is fetched, in bytes of its ASCII form. Signed URLs of storage services are the longest that occur, with some 2,000.
pub const MAX_URL_BYTES: usize = 8192;

/// What the policy says about targets.
#[derive(Clone, Debug, Default)]
pub struct TargetRules {
    /// Whether `http:` is fetched beside `https:`.
    pub allow_http: bool,
    /// Ports beside the scheme's own.
    pub allowed_ports: Vec<u16>,
    /// If not empty: the only hosts that are fetched from.
    pub allowed_hosts: HostList,
    /// Hosts that are never fetched from. Stronger than `allowed_hosts`.
    pub denied_hosts: HostList,
    /// The names that lead to this very service, and to nothing else. An instance's own host, of which `/proxy/` alone leads here, does not belong
    /// here: its `/files/` must stay in reach.
    pub own_hosts: HostList,
    /// The addresses that may be connected to.
    pub networks: Allowed,
}

/// Why an URL is not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Longer than [`MAX_URL_BYTES`].
    TooLong,
    /// Not `https`, nor `http` where that is allowed.
    Scheme,
    /// A user name or password.
    Userinfo,
    /// No host, or a name that no resolver could know: empty or long labels, a final dot, odd characters.
    Host,
    /// A name for local use (`localhost`, `x.internal`, a single label) while no private network is allowed.
    LocalName,
    /// An address that may not be connected to.
    Address,
    /// A port that is neither the scheme's own nor allowed.
    Port,
    /// A host that is denied.
    DeniedHost,
    /// A host that is not among those allowed.
    UnlistedHost,
    /// This very service.
    Own,
    /// A media proxy, here or elsewhere: a path under `/proxy/`.
    ProxyPath,
    /// A query with `url=`: something that would fetch in turn.
    NestedUrl,
    /// A path or query that is no request target of HTTP.
    Form,
}

impl TargetError {
    /// A stable name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "url_too_long",
            Self::Scheme => "scheme",
            Self::Userinfo => "userinfo",
            Self::Host => "host",
            Self::LocalName => "local_name",
            Self::Address => "address",
            Self::Port => "port",
            Self::DeniedHost => "denied_host",
            Self::UnlistedHost => "unlisted_host",
            Self::Own => "own_host",
            Self::ProxyPath => "proxy_path",
            Self::NestedUrl => "nested_url",
            Self::Form => "url_form",
        }
    }

    /// 400 for what nobody would fetch, 403 for what the policy does not.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong | Self::Scheme | Self::Userinfo | Self::Host | Self::Form => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Judges an URL by itself. What its name resolves to is judged later, at the connection.
///
/// # Errors
/// [`TargetError`], for the first reason found.
pub fn check_target(url: &Url, rules: &TargetRules) -> Result<(), TargetError> {
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(TargetError::TooLong);
    }
    let own_port = match url.scheme() {
        "https" => 443,
        "http" if rules.allow_http => 80,
        _ => return Err(TargetError::Scheme),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Userinfo);
    }
    let host = url.host().ok_or(TargetError::Host)?;
    check_host(&host, rules)?;
    let port = url.port().unwrap_or(own_port);
    if port != own_port && !rules.allowed_ports.contains(&port) {
        return Err(TargetError::Port);
    }
    if rules.own_hosts.contains_itself(&host) {
        return Err(TargetError::Own);
    }
    if is_proxy_path(url.path()) {
        return Err(TargetError::ProxyPath);
    }
    if url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("url")) {
        return Err(TargetError::NestedUrl);
    }
    Ok(())
}

fn check_host(host: &Host<&str>, rules: &TargetRules) -> Result<(), TargetError> {
    match host {
        Host::Domain(name) if !is_name(name) => return Err(TargetError::Host),
        Host::Domain(name) => {
            // With private networks allowed, the operator's own names are as good as any: their addresses are judged all the same.
            if !rules.networks.allows_private() && origin::Host::Name(Cow::Borrowed(*name)).is_private() {
                return Err(TargetError::LocalName);
            }
        }
        Host::Ipv4(address) if !rules.networks.allows(IpAddr::V4(*address)) => return Err(TargetError::Address),
        Host::Ipv6(address) if !rules.networks.allows(IpAddr::V6(*address)) => return Err(TargetError::Address),
        Host::Ipv4(_) | Host::Ipv6(_) => {}
    }
    if rules.denied_hosts.contains(host) {
        return Err(TargetError::DeniedHost);
    }
    if !rules.allowed_hosts.is_empty() && !rules.allowed_hosts.contains(host) {
        return Err(TargetError::UnlistedHost);
    }
    Ok(())
}

/// Whether the first segment is `proxy` to a router that decodes it, merges slashes or ignores case. The parser has resolved dots and backslashes.
fn is_proxy_path(path: &str) -> bool {
    // As a field of a form, only to decode it; `+` and `&` do not occur in the word that is looked for.
    let decoded = form_urlencoded::parse(path.as_bytes()).next().map(|(name, _)| name).unwrap_or_default();
    let first = decoded.trim_start_matches(['/', '\\']).split(['/', '\\', ';']).next().unwrap_or_default();
    first.eq_ignore_ascii_case("proxy")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, rules: &TargetRules) -> Result<(), TargetError> {
        check_target(&Url::parse(url).unwrap(), rules)
    }

    #[test]
    fn ordinary_urls_pass() {
        for url in [
            "https://files.example/a.png",
            "https://files.example:443/a.png",
            "https://FILES.example/a.png?size=large#x",
            "https://b\u{fc}cher.example/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://files.example/a/proxy/b.png",
            "https://files.example/proxy.png",
            "https://files.example/?u=https://a.example/&curl=1",
            "https://under_score.example/",
        ] {
            assert_eq!(check(url, &TargetRules::default()), Ok(()), "{url}");
        }
    }

    #[test]
    fn refused_by_themselves() {
        let long = format!("https://a.example/{}", "a".repeat(MAX_URL_BYTES));
        let long_label = format!("https://{}.example/", "a".repeat(64));
        for (url, error) in [
            (long.as_str(), TargetError::TooLong),
            ("http://files.example/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("data:image/png;base64,AAAA", TargetError::Scheme),
            ("gopher://127.0.0.1:6379/_", TargetError::Scheme),
            ("https://user@files.example/", TargetError::Userinfo),
            ("https://:pass@files.example/", TargetError::Userinfo),
            ("https://files.example@127.0.0.1/", TargetError::Userinfo),
            ("https://files.example./", TargetError::Host),
            ("https://a..example/", TargetError::Host),
            (long_label.as_str(), TargetError::Host),
            ("https://a$b.example/", TargetError::Host),
            ("https://localhost/", TargetError::LocalName),
            ("https://a.localhost/", TargetError::LocalName),
            ("https://metadata.google.internal/", TargetError::LocalName),
            ("https://router/", TargetError::LocalName),
            ("https://2130706433/", TargetError::Address),
            ("https://0x7f.1/", TargetError::Address),
            ("https://[::ffff:8.8.8.8]/", TargetError::Address),
            ("https://files.example:80/", TargetError::Port),
            ("https://files.example:8443/", TargetError::Port),
            ("https://files.example/proxy/a.webp", TargetError::ProxyPath),
            ("https://files.example/proxy", TargetError::ProxyPath),
            ("https://files.example/x/../PROXY/a", TargetError::ProxyPath),
            ("https://files.example/%70roxy%2fa", TargetError::ProxyPath),
            ("https://files.example//proxy/a", TargetError::ProxyPath),
            ("https://files.example/proxy;a/b", TargetError::ProxyPath),
            ("https://files.example/%5cproxy/b", TargetError::ProxyPath),
            ("https://files.example/?a=1&url=https://a.example/", TargetError::NestedUrl),
            ("https://files.example/?%75RL", TargetError::NestedUrl),
        ] {
            assert_eq!(check(url, &TargetRules::default()), Err(error), "{url}");
        }
    }

    #[test]
    fn the_policy_decides() {
        let rules = TargetRules {
            allow_http: true,
            allowed_ports: vec![8080],
            allowed_hosts: HostList::new(["example", "10.0.0.1"]).unwrap(),
            denied_hosts: HostList::new(["bad.example"]).unwrap(),
            own_hosts: HostList::new(["media.example"]).unwrap(),
            networks: Allowed::new(vec!["10.0.0.0/8".parse().unwrap()], Vec::new()),
        };
        for (url, expected) in [
            ("http://a.example/", Ok(())),
            ("http://a.example:8080/", Ok(())),
            ("https://a.example:8080/", Ok(())),
            ("http://a.example:443/", Err(TargetError::Port)),
            ("https://x.bad.example/", Err(TargetError::DeniedHost)),
            ("https://a.other/", Err(TargetError::UnlistedHost)),
            ("https://media.example/a", Err(TargetError::Own)),
            ("https://files.media.example/a", Ok(())),
            ("http://10.0.0.1/", Ok(())),
            ("http://10.0.0.2/", Err(TargetError::UnlistedHost)),
            ("http://[fd00::1]/", Err(TargetError::Address)),
            ("ftp://a.example/", Err(TargetError::Scheme)),
        ] {
            assert_eq!(check(url, &rules), expected, "{url}");
        }
        let minio = TargetRules { networks: rules.networks, allow_http: true, ..TargetRules::default() };
        assert_eq!(check("http://minio/", &minio), Ok(()));
    }
}
