//! Lists of host names, as the policy allows or denies them.

use std::collections::HashSet;
use std::fmt;

use url::Host;

/// The longest host that is listed or fetched from, in bytes (RFC 1035 section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
/// The longest label of a name, in bytes (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// A set of hosts. An entry stands for the host itself and for all names under it: `example.com` is also `a.example.com`, and never `badexample.com`.
/// An address stands for itself alone.
#[derive(Clone, Debug, Default)]
pub struct HostList {
    hosts: HashSet<String>,
}

/// An entry that is no host. Carries the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAHost(pub String);

impl fmt::Display for NotAHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no host: a name like media.example.com or an address, without scheme, port or *", self.0)
    }
}

impl HostList {
    /// Reads a list: names in ASCII or Unicode, IPv4 addresses, IPv6 addresses in brackets.
    ///
    /// # Errors
    /// [`NotAHost`] with the first entry that is none.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, NotAHost> {
        let hosts = entries.into_iter().map(|entry| read(entry.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { hosts })
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether the host, or a name that it is under, is listed.
    pub fn contains(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Domain(name) => suffixes(name).any(|suffix| self.hosts.contains(suffix)),
            Host::Ipv4(_) | Host::Ipv6(_) => self.contains_itself(host),
        }
    }

    /// Whether the very host is listed.
    pub fn contains_itself(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Domain(name) => self.hosts.contains(*name),
            Host::Ipv4(_) | Host::Ipv6(_) => self.hosts.contains(&host.to_string()),
        }
    }
}

fn read(entry: &str) -> Result<String, NotAHost> {
    match Host::parse(entry) {
        Ok(Host::Domain(name)) if is_name(&name) => Ok(name),
        Ok(host @ (Host::Ipv4(_) | Host::Ipv6(_))) => Ok(host.to_string()),
        _ => Err(NotAHost(entry.to_owned())),
    }
}

/// The name, and what is left of it from each dot on.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

/// Whether a name, as the URL parser gives it, is one that a resolver and a certificate could know: labels of letters, digits, hyphens and underscores
/// (which some storage services use), no empty label and so no final dot.
pub(super) fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_match_on_labels() {
        let list = HostList::new(["example.com", "B\u{fc}cher.example", "192.0.2.1", "[2001:db8::1]"]).unwrap();
        for (host, expected) in [
            ("example.com", true),
            ("a.b.example.com", true),
            ("badexample.com", false),
            ("com", false),
            ("example.com.evil.test", false),
            ("xn--bcher-kva.example", true),
            ("192.0.2.1", true),
            ("192.0.2.10", false),
            ("[2001:db8:0::1]", true),
            ("[2001:db8::2]", false),
        ] {
            let host = Host::parse(host).unwrap();
            let host = match &host {
                Host::Domain(name) => Host::Domain(name.as_str()),
                Host::Ipv4(address) => Host::Ipv4(*address),
                Host::Ipv6(address) => Host::Ipv6(*address),
            };
            assert_eq!(list.contains(&host), expected, "{host}");
        }
        assert!(
            !list.contains_itself(&Host::Domain("a.example.com")) && list.contains_itself(&Host::Domain("example.com"))
        );
        assert!(HostList::default().is_empty() && !list.is_empty());
    }

    #[test]
    fn entries_that_are_no_host() {
        let long_label = format!("{}.example", "a".repeat(64));
        for entry in [
            "",
            ".",
            "*.example.com",
            ".example.com",
            "example.com.",
            "https://a.example",
            "a.example:443",
            "a b",
            "a/b",
            &long_label,
        ] {
            assert_eq!(HostList::new([entry]).map(|_| ()), Err(NotAHost(entry.to_owned())), "{entry}");
        }
    }
}
