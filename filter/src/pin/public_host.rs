//! The name under which a server is public, where it is read at another.

use http::HeaderValue;
use url::Url;

use crate::page::PageRequest;

/// A host, with a port if it is none of the usual: what a proxy in front of the server is asked for. Always by https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHost {
    field: HeaderValue,
    origin: Url,
    /// The port, where one is written.
    port: Option<u16>,
}

impl PublicHost {
    /// Reads `NAME` or `NAME:PORT`, as [`PageRequest::host`] does.
    pub fn new(text: &str) -> Option<Self> {
        let host = PageRequest::host(text.as_bytes())?;
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let origin = Url::parse(&format!("https://{host}/")).ok()?;
        // What a URL would write in another way, such as `127.1`, would never be equal to what stands in one.
        let is_same = origin.host_str()? == host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        is_same.then_some(Self { field: HeaderValue::try_from(&host).ok()?, origin, port })
    }

    /// `Host`.
    pub(super) fn field(&self) -> &HeaderValue {
        &self.field
    }

    /// The root of its URLs.
    pub(super) fn root(&self) -> &Url {
        &self.origin
    }

    /// Whether a URL is of this host, by http or https: a server may write either, and the proxy makes one of them.
    pub(super) fn is_of(&self, url: &Url) -> bool {
        let usual = match url.scheme() {
            "https" => 443,
            "http" => 80,
            _ => return false,
        };
        url.host_str() == self.origin.host_str() && url.port().unwrap_or(usual) == self.port.unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, field) in [
            ("social.example", Some("social.example")),
            ("Social.Example.", Some("social.example")),
            ("social.example:8443", Some("social.example:8443")),
            ("social.example:443", Some("social.example:443")),
            ("127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("", None),
            ("a.example:99999", None),
            ("a.example/b", None),
            ("https://a.example", None),
            ("u@a.example", None),
            ("a.example b", None),
            ("127.1", None),
            ("[::1]", None),
            ("é.example", None),
        ] {
            let found = PublicHost::new(text);
            assert_eq!(found.as_ref().map(|host| host.field().to_str().unwrap()), field, "{text}");
        }
    }

    #[test]
    fn urls() {
        for (host, url, is_of) in [
            ("a.example", "https://a.example/b", true),
            ("a.example", "http://a.example/b", true),
            ("a.example", "https://a.example:443/b", true),
            ("a.example", "https://a.example:8443/b", false),
            ("a.example", "http://a.example:443/b", false),
            ("a.example", "https://b.a.example/b", false),
            ("a.example", "ftp://a.example/b", false),
            ("a.example:8443", "https://a.example:8443/b", true),
            ("a.example:8443", "http://a.example:8443/b", true),
            ("a.example:8443", "https://a.example/b", false),
            ("a.example:443", "https://a.example/b", true),
            ("a.example:443", "http://a.example/b", false),
        ] {
            assert_eq!(PublicHost::new(host).unwrap().is_of(&Url::parse(url).unwrap()), is_of, "{host} {url}");
        }
    }
}
