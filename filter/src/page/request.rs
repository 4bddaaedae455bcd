//! What of a request matters to the page that answers it.

use std::sync::Arc;

use super::import_map::ImportMap;
use super::{Page, authority, etag};
use crate::decision::Mode;
use crate::hash;
use crate::http::{accept, host, path};

/// What of a request matters to the page that answers it.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// Whether the response has no body because nobody asked for one.
    pub is_head: bool,
    /// The host and port as the browser sees them.
    pub host: Option<String>,
    /// The target; bytes that are no text are replaced.
    pub target: String,
    /// Its path as a server routes it: percent-encoding undone once, several slashes as one. What is decided by a path is decided by this.
    pub route: String,
    /// `Accept-Language`.
    pub accept_language: Option<Vec<u8>>,
    /// Whether the browser came by https.
    pub is_https: bool,
    /// Whether the browser would rather have it by https, where that is to be had.
    pub wants_https: bool,
    /// Whether `If-None-Match` named a page as we make it now.
    pub revalidates: bool,
}

impl PageRequest {
    /// What the target of a request tells.
    pub fn of(target: &[u8]) -> Self {
        let mut route = path::percent_decode_once(without_query(target));
        route.dedup_by(|next, before| *next == b'/' && *before == b'/');
        Self { target: text(target.to_vec()), route: text(route), ..Self::default() }
    }

    /// The target, without its query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether it is so of the path however a router reads it: what loosens must not hang on one reading.
    pub fn is_surely(&self, is: impl Fn(&str) -> bool) -> bool {
        is(&self.route) && is(self.path())
    }

    /// Reads the host: as it is written, if it may stand in a policy. An IPv6 address may not (CSP3 section 2.3.1).
    pub fn host(value: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(value).ok()?;
        let name = host::name(text).filter(|name| !name.starts_with('['))?;
        match text.rsplit_once(':') {
            Some((_, port)) if !port.is_empty() => Some(format!("{name}:{}", port.parse::<u16>().ok()?)),
            _ => Some(name),
        }
    }

    /// The same by https; `None` for a host that can have no certificate, and for the machine itself, where nothing may listen for it.
    pub fn https_url(&self) -> Option<String> {
        let host =
            self.host.as_deref().filter(|host| authority::may_have_https(host) && !authority::is_loopback(host))?;
        let is_plain = self.target.starts_with('/') && self.target.bytes().all(|b| b.is_ascii_graphic());
        is_plain.then(|| format!("https://{}{}", authority::name(host), self.target))
    }
}

/// Bytes as text, without a copy where they are one.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn without_query(target: &[u8]) -> &[u8] {
    target.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default()
}

/// Whether a request may be for a page: nobody names HTML who does not want one, and a browser always does.
pub fn may_be_page(accept: Option<&[u8]>) -> bool {
    accept.is_none_or(|accept| accept::wants_html(accept) || accept.trim_ascii() == b"*/*")
}

/// Whether a request is for a page, and not for a script or a picture, which browsers ask for by `*/*`.
pub fn wants_page(accept: Option<&[u8]>) -> bool {
    accept.is_none_or(accept::wants_html)
}

impl Page {
    /// The import map for a page.
    pub fn import_map(&self, request: &PageRequest) -> Option<&Arc<ImportMap>> {
        self.maps.select(request.accept_language.as_deref())
    }

    /// Whether a request brings reports.
    pub fn is_report(&self, method: &[u8], target: &[u8]) -> bool {
        let is_on = self.settings.mode != Mode::Off && method == b"POST";
        is_on && self.settings.report_path.as_ref().is_some_and(|path| without_query(target) == path.as_bytes())
    }

    /// Whether a document of a host, without its port, may be one of our pages, for who asked for `asked`, with or without one.
    pub fn is_own_host(&self, asked: Option<&str>, host: &str) -> bool {
        let named = self.settings.hosts.iter().map(String::as_str);
        asked.into_iter().chain(named).any(|own| authority::name(own) == host)
    }

    /// What the server should be asked instead of a browser's `If-None-Match`; `None`: without it, and without `If-Modified-Since`.
    pub fn if_none_match(&self, request: &PageRequest, value: &[u8]) -> Option<String> {
        etag::unmark(value, self.number(request))
    }

    /// The host that stands in the policy of a page.
    pub(super) fn host<'a>(&'a self, request: &'a PageRequest) -> Option<&'a str> {
        let known = &self.settings.hosts;
        let asked = request.host.as_deref().filter(|asked| known.is_empty() || known.iter().any(|host| host == asked));
        asked.or(known.first().map(String::as_str))
    }

    /// Tells what is made of this page from what another policy would make of it.
    pub(super) fn number(&self, request: &PageRequest) -> u32 {
        let host = self.host(request).unwrap_or_default();
        let import_map = self.import_map(request).map(|map| map.csp_hash()).unwrap_or_default();
        let parts =
            [&self.number.to_le_bytes()[..], host.as_bytes(), &[u8::from(request.is_https)], import_map.as_bytes()];
        // The half of it is enough to tell one from the next.
        u32::try_from(hash::of(parts) & u64::from(u32::MAX)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_may_stand_in_a_policy() {
        for (value, expected) in [
            ("A.example", Some("a.example")),
            ("a.example:8443", Some("a.example:8443")),
            ("127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("[::1]:80", None),
            ("a.example;script-src *", None),
            ("a.example, b", None),
            ("a.example:8x", None),
            ("a.example:99999", None),
            ("", None),
        ] {
            assert_eq!(PageRequest::host(value.as_bytes()).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_path_as_it_is_routed() {
        for (target, expected) in [
            ("/%66iles/x?/y", "/files/x"),
            ("//files//x", "/files/x"),
            ("/a%2Fb", "/a/b"),
            ("/a%2", "/a%2"),
            ("/a%+1", "/a%+1"),
            ("/%", "/%"),
        ] {
            assert_eq!(PageRequest::of(target.as_bytes()).route, expected, "{target}");
        }
    }

    #[test]
    fn whose_documents_are_ours() {
        let policy = crate::policy::Policy::parse(br#"{"page":{"hosts":["public.example:8443"]}}"#).unwrap();
        let is_own = |asked, host| policy.page.is_own_host(asked, host);
        assert!(is_own(Some("a.example:8080"), "a.example") && is_own(None, "public.example"));
        assert!(!is_own(Some("a.example"), "b.example") && !is_own(None, "a.example"));
    }

    #[test]
    fn who_may_want_a_page() {
        assert!(may_be_page(None) && may_be_page(Some(b"*/*")) && may_be_page(Some(b"text/html,*/*;q=0.8")));
        assert!(wants_page(None) && wants_page(Some(b"text/html,*/*;q=0.8")) && !wants_page(Some(b"*/*")));
        assert!(!may_be_page(Some(b"application/activity+json")) && !may_be_page(Some(b"image/webp,*/*")));
    }
}
