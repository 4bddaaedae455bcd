//! Whether one source expression matches all that another one matches (CSP3 section 6.7.2.8, does url match expression).
//!
//! The page is one of `http:` or `https:`, and it is not known which: a source without a scheme matches its scheme and what that may be upgraded to.

use super::{HostSource, Keyword, Port, Source};

/// The page's own authority.
pub(super) struct Own<'o> {
    host: &'o str,
    port: Option<u16>,
}

impl<'o> Own<'o> {
    /// Reads one; `None` unless it is a plain name with a port or without.
    pub(super) fn new(authority: &'o str) -> Option<Self> {
        match authority.split_once(':') {
            None => Some(Self { host: authority, port: None }),
            Some((host, port)) => Some(Self { host, port: Some(port.parse().ok()?) }),
        }
    }

    fn is(&self, host: &HostSource) -> bool {
        host.host.eq_ignore_ascii_case(self.host) && host.port == self.port.map(Port::Number)
    }
}

/// Whether all that `ours` matches is matched by `theirs`.
pub(super) fn is_within(ours: &Source, theirs: &Source, own: Option<&Own<'_>>) -> bool {
    match (ours, theirs) {
        (Source::Host(ours), Source::Host(theirs)) => is_host_within(ours, theirs),
        (Source::Keyword(Keyword::SelfOrigin), Source::Host(theirs)) => is_everything(theirs),
        // Of the own origin `'self'` matches what is of the page's scheme or safer. `http:` would match less safe URLs, and not every browser takes `wss:` for `'self'`.
        (Source::Host(ours), Source::Keyword(Keyword::SelfOrigin)) => {
            matches!(ours.scheme.as_deref(), None | Some("https")) && own.is_some_and(|own| own.is(ours))
        }
        (Source::Scheme(ours), Source::Host(theirs)) => is_everything(theirs) && is_network(Some(ours)),
        (Source::Scheme(ours), Source::Scheme(theirs)) => is_scheme_within(ours, theirs),
        (Source::Host(ours), Source::Scheme(theirs)) => match ours.scheme.as_deref() {
            Some(scheme) => is_scheme_within(scheme, theirs),
            // The page's scheme, or the safer one.
            None => theirs == "http" && !is_everything(ours),
        },
        (ours, theirs) => ours == theirs,
    }
}

/// Whether it is `*`, which matches each URL of the network.
fn is_everything(host: &HostSource) -> bool {
    host.host == "*" && host.scheme.is_none() && host.port.is_none() && host.path.is_none()
}

fn is_network(scheme: Option<&str>) -> bool {
    matches!(scheme, None | Some("http" | "https" | "ws" | "wss"))
}

/// A scheme matches itself and its secure variant.
fn is_scheme_within(ours: &str, theirs: &str) -> bool {
    ours == theirs || matches!((ours, theirs), ("https", "http") | ("wss", "ws"))
}

fn is_host_within(ours: &HostSource, theirs: &HostSource) -> bool {
    if is_everything(theirs) {
        return is_network(ours.scheme.as_deref());
    }
    // A lone `*` matches each scheme of the network, whatever the page's.
    if is_everything(ours) {
        return false;
    }
    let is_scheme = match (ours.scheme.as_deref(), theirs.scheme.as_deref()) {
        (Some(ours), Some(theirs)) => is_scheme_within(ours, theirs),
        (None, Some(theirs)) => theirs == "http",
        (ours, None) => matches!(ours, None | Some("https")),
    };
    is_scheme
        && is_name_within(&ours.host, &theirs.host)
        && is_port_within(ours, theirs)
        && is_path_within(ours.path.as_deref(), theirs.path.as_deref())
}

/// Section 6.7.2.9: a wildcard stands for one label at least, and for names only.
fn is_name_within(ours: &str, theirs: &str) -> bool {
    let is_address =
        ours.trim_end_matches('.').rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    let is_below = |domain: &str| {
        let labels = ours.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
        labels.is_some_and(|labels| !labels.is_empty())
    };
    let wildcard = if theirs == "*" { Some("") } else { theirs.strip_prefix("*.") };
    ours == theirs || (!is_address && wildcard.is_some_and(|domain| domain.is_empty() || is_below(domain)))
}

/// Section 6.7.2.10. No port is the default one of the URL's scheme, which is known for `https:` and `wss:` only: a port of `http:` holds for what it is upgraded to as well.
fn is_port_within(ours: &HostSource, theirs: &HostSource) -> bool {
    let is_secure = matches!(ours.scheme.as_deref(), Some("https" | "wss"));
    match (ours.port, theirs.port) {
        (_, Some(Port::Any)) => true,
        (None, Some(Port::Number(443))) | (Some(Port::Number(443)), None) => is_secure,
        (ours, theirs) => ours == theirs,
    }
}

/// Section 6.7.2.11. A path that ends with `/` stands for all below it, `/` for all.
fn is_path_within(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs.unwrap_or("/")) {
        (_, "/") => true,
        (None, _) => false,
        (Some(ours), theirs) => ours == theirs || (theirs.ends_with('/') && ours.starts_with(theirs)),
    }
}
