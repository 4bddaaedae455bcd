//! The heads of all answers.

mod file_name;
mod refusal;

use std::time::Duration;

use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW,
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use url::Url;

use super::kind::Kind;
pub use file_name::{content_disposition, file_name};
pub use refusal::Refusal;

/// What is shown in the place of a picture: a PNG of 64 x 64.
pub const PLACEHOLDER: &[u8] = include_bytes!("placeholder.png");

/// Status and fields, before the length of the body is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
}

const FOREVER: HeaderValue = HeaderValue::from_static("max-age=31536000, immutable");
const BRIEFLY: HeaderValue = HeaderValue::from_static("max-age=300");
/// What depends on fields of the request is for the one who sent it: a shared cache would tell it to everybody.
const BRIEFLY_ALONE: HeaderValue = HeaderValue::from_static("private, max-age=300");
/// RFC 6585 section 4 forbids to store a 429; what was too much now need not be in a moment.
const NEVER: HeaderValue = HeaderValue::from_static("no-store");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// What every answer carries: it stands alone, may be shown on any page, and does nothing there.
const COMMON: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

impl Head {
    /// A head with what all of them have.
    fn new(status: StatusCode, caching: HeaderValue) -> Self {
        let common = COMMON.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let mut fields = HeaderMap::from_iter(common);
        fields.insert(CACHE_CONTROL, caching);
        Self { status, fields }
    }

    /// The head of a file of a type, named after its source.
    pub fn success(kind: Kind, source: &Url) -> Self {
        let mut head = Self::new(StatusCode::OK, FOREVER);
        head.fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
        head.fields.insert(CONTENT_DISPOSITION, content_disposition(&file_name(source, kind)));
        head
    }

    /// The same, where parts of the file can be asked for.
    #[must_use]
    pub fn with_ranges(mut self) -> Self {
        self.fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        self
    }

    /// The head of the placeholder, whose bytes are [`PLACEHOLDER`].
    pub fn placeholder() -> Self {
        let mut head = Self::new(StatusCode::OK, BRIEFLY);
        head.fields.insert(CONTENT_TYPE, HeaderValue::from_static(Kind::Png.media_type()));
        head.fields.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"placeholder.png\""));
        head
    }

    /// The head of an error, which has no body.
    pub fn refusal(refusal: &Refusal) -> Self {
        let after = refusal.retry_after();
        let caching = match after {
            Some(_) => NEVER,
            None if refusal.is_about_fields() => BRIEFLY_ALONE,
            None => BRIEFLY,
        };
        let mut head = Self::new(refusal.status(), caching);
        if let Some(after) = after {
            head.fields.insert(RETRY_AFTER, whole_seconds(after).into());
        }
        if *refusal == Refusal::Method {
            head.fields.insert(ALLOW, METHODS);
        }
        head
    }

    /// The same for one client alone: what was asked for with fields that go to the origin server, whose error may be due to them.
    #[must_use]
    pub fn alone(mut self) -> Self {
        if self.fields.get(CACHE_CONTROL) == Some(&BRIEFLY) {
            self.fields.insert(CACHE_CONTROL, BRIEFLY_ALONE);
        }
        self
    }

    /// The head of the answer to OPTIONS (a preflight, Fetch section 4.9), which has no body.
    pub fn options() -> Self {
        let mut head = Self::new(StatusCode::NO_CONTENT, BRIEFLY);
        head.fields.insert(ALLOW, METHODS);
        head
    }
}

/// Head and body for what goes wrong: an error, or the placeholder where the request has `fallback`.
pub fn failed(refusal: &Refusal, fallback: bool) -> (Head, &'static [u8]) {
    if fallback && refusal.has_fallback() { (Head::placeholder(), PLACEHOLDER) } else { (Head::refusal(refusal), b"") }
}

/// At least one, so that nobody comes back at once.
fn whole_seconds(duration: Duration) -> u64 {
    let more = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(more).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::guard::GuardError;
    use crate::media::net::FetchError;

    fn field<'h>(head: &'h Head, name: &str) -> &'h str {
        head.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn all() -> Vec<Head> {
        let source = Url::parse("https://a.example/b.png").unwrap();
        let refusals =
            [Refusal::Type(403), Refusal::Guard(GuardError::Loop), Refusal::Busy(Duration::ZERO), Refusal::Method];
        let mut heads: Vec<Head> = refusals.iter().map(Head::refusal).collect();
        heads.extend([Head::success(Kind::Webp, &source), Head::placeholder(), Head::options()]);
        heads
    }

    #[test]
    fn every_answer_is_harmless() {
        for head in all() {
            assert_eq!(
                field(&head, "content-security-policy"),
                "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
            );
            assert_eq!(field(&head, "x-content-type-options"), "nosniff");
            assert_eq!(field(&head, "access-control-allow-origin"), "*");
            assert_eq!(field(&head, "access-control-allow-headers"), "*");
            assert_eq!(field(&head, "access-control-allow-methods"), "GET, OPTIONS");
            assert!(head.fields.contains_key("cache-control"));
        }
    }

    #[test]
    fn a_file() {
        let head = Head::success(Kind::Webp, &Url::parse("https://a.example/x/b.png?c").unwrap());
        assert_eq!((head.status.as_u16(), field(&head, "cache-control")), (200, "max-age=31536000, immutable"));
        assert_eq!(field(&head, "content-type"), "image/webp");
        assert_eq!(field(&head, "content-disposition"), "inline; filename=\"b.png.webp\"; filename*=UTF-8''b.png.webp");
        assert_eq!(field(&head, "accept-ranges"), "");
        assert_eq!(field(&head.with_ranges(), "accept-ranges"), "bytes");
    }

    #[test]
    fn errors_are_kept_as_long_as_they_may_be() {
        let caching = |refusal: &Refusal| field(&Head::refusal(refusal), "cache-control").to_owned();
        assert_eq!(caching(&Refusal::Type(403)), "max-age=300");
        let origin = |status| Refusal::Fetch(FetchError::Status(status));
        assert_eq!(caching(&origin(StatusCode::NOT_FOUND)), "max-age=300");
        // A shared cache must not give to all what is due to the fields of one: Range, Via, CDN-Loop.
        assert_eq!(caching(&origin(StatusCode::RANGE_NOT_SATISFIABLE)), "private, max-age=300");
        assert_eq!(caching(&Refusal::Fetch(FetchError::Hops)), "private, max-age=300");
        assert_eq!(caching(&Refusal::Guard(GuardError::Recursive)), "private, max-age=300");
        assert_eq!(
            field(&Head::refusal(&origin(StatusCode::FORBIDDEN)).alone(), "cache-control"),
            "private, max-age=300"
        );
        assert_eq!(field(&Head::refusal(&Refusal::Killed).alone(), "cache-control"), "no-store");
        assert_eq!(caching(&Refusal::Crash), "max-age=300");
        assert_eq!(caching(&Refusal::Limited(Duration::from_secs(1))), "no-store");
        let after =
            |millis| field(&Head::refusal(&Refusal::Limited(Duration::from_millis(millis))), "retry-after").to_owned();
        assert_eq!((after(0), after(1000), after(1001)), ("1".to_owned(), "1".to_owned(), "2".to_owned()));
    }

    #[test]
    fn the_placeholder() {
        let (head, body) = failed(&Refusal::Type(403), true);
        assert_eq!(
            (head.status.as_u16(), field(&head, "cache-control"), field(&head, "content-type")),
            (200, "max-age=300", "image/png")
        );
        assert_eq!(Kind::of(body, true), Kind::Png);
        let (head, body) = failed(&Refusal::Type(403), false);
        assert_eq!((head.status.as_u16(), body), (403, &b""[..]));
        // Not for those who are told to come back, and not for proxies.
        for refusal in [
            Refusal::Limited(Duration::ZERO),
            Refusal::Busy(Duration::ZERO),
            Refusal::Killed,
            Refusal::Guard(GuardError::Loop),
        ] {
            assert_ne!(failed(&refusal, true).0.status.as_u16(), 200, "{refusal:?}");
        }
    }
}
