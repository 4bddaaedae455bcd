//! The fields of a request that we send, and of an answer that we keep.

use std::fmt;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, CONNECTION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST,
    HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE, USER_AGENT, VIA,
};
use http::{Request, Uri};
use http_body_util::Empty;
use url::Url;

use super::error::FetchError;
use super::target::TargetError;
use crate::http::cdn_loop::CdnLoop;
use crate::http::via::Via;

/// `CDN-Loop` (RFC 8586).
pub const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// By what a proxy was asked. Servers that are told `http` send everybody to https.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// How much `Via` and `CDN-Loop` of others is passed on, in bytes. Some fifty proxies; no honest way is as long.
const MAX_HOPS_BYTES: usize = 2048;
/// How large a single field may be that is kept or passed on, in bytes.
const MAX_FIELD_BYTES: usize = 1024;
/// The longest pseudonym and contact, in bytes.
const MAX_IDENTITY_BYTES: usize = 256;

/// Who we say that we are.
#[derive(Clone, Debug)]
pub struct Identity {
    user_agent: HeaderValue,
    via: HeaderValue,
    cdn_loop: HeaderValue,
}

/// A pseudonym or a contact that cannot stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadIdentity {
    /// Not a token of RFC 9110 section 5.6.2, or longer than 256 bytes.
    Pseudonym,
    /// Not visible ASCII without parentheses and backslashes, or longer than 256 bytes.
    Contact,
}

impl fmt::Display for BadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pseudonym => "the pseudonym must be letters, digits and -._~ and at most 256 bytes long",
            Self::Contact => {
                "the contact must be visible ASCII without parentheses and backslashes, at most 256 bytes long"
            }
        })
    }
}

impl Identity {
    /// `pseudonym` stands for us in `Via` and `CDN-Loop`; `contact` is a URL for those who wonder who fetches.
    ///
    /// The User-Agent is `Sekisho/<version> (misskey/media-proxy; <contact>)`. It names us first, and it contains `misskey/`, in lower case: by that a
    /// Misskey since 2024.11 knows that a media proxy asks, and refuses to be its next one ("Proxy is recursive").
    ///
    /// # Errors
    /// [`BadIdentity`].
    pub fn new(pseudonym: &str, contact: Option<&str>) -> Result<Self, BadIdentity> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if pseudonym.is_empty() || pseudonym.len() > MAX_IDENTITY_BYTES || !pseudonym.bytes().all(is_token) {
            return Err(BadIdentity::Pseudonym);
        }
        let contact = contact.unwrap_or_default();
        let in_comment = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'\\');
        if contact.len() > MAX_IDENTITY_BYTES || !contact.bytes().all(in_comment) {
            return Err(BadIdentity::Contact);
        }
        let separator = if contact.is_empty() { "" } else { "; " };
        let user_agent = format!("Sekisho/{} (misskey/media-proxy{separator}{contact})", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            user_agent: HeaderValue::try_from(user_agent).map_err(|_| BadIdentity::Contact)?,
            via: HeaderValue::try_from(format!("1.1 {pseudonym}")).map_err(|_| BadIdentity::Pseudonym)?,
            cdn_loop: HeaderValue::try_from(pseudonym).map_err(|_| BadIdentity::Pseudonym)?,
        })
    }
}

impl Identity {
    /// One of our tools, which is no media proxy: `Sekisho/<version> (<name>)`.
    ///
    /// # Errors
    /// [`BadIdentity`].
    pub fn tool(name: &str) -> Result<Self, BadIdentity> {
        let identity = Self::new(name, None)?;
        let user_agent = format!("Sekisho/{} ({name})", env!("CARGO_PKG_VERSION"));
        Ok(Self { user_agent: HeaderValue::try_from(user_agent).map_err(|_| BadIdentity::Pseudonym)?, ..identity })
    }
}

/// What one fetch asks for, beside the URL.
#[derive(Clone, Debug, Default)]
pub struct FetchRequest {
    /// A `Range` to pass on. Anything but a single range of bytes is left out, so the answer may be 200 with all of it, as RFC 9110 section 14.2 allows.
    pub range: Option<HeaderValue>,
    /// The `If-Range` that came with it. Left out without a range.
    pub if_range: Option<HeaderValue>,
    /// The `Via` lines of the request that this one is for. Ours follows them.
    pub via: Vec<HeaderValue>,
    /// The `CDN-Loop` lines of the request that this one is for. Ours follows them.
    pub cdn_loop: Vec<HeaderValue>,
    /// The most bytes to take, if less than the fetcher's own limit.
    pub max_bytes: Option<u64>,
    /// What media types to ask for; any if it is not set.
    pub accept: Option<HeaderValue>,
    /// The host that a proxy in front of the server was asked for by https, where that is not the one of the URL. Not for what follows redirects to others.
    pub forwarded_host: Option<HeaderValue>,
}

impl FetchRequest {
    /// The range that is sent.
    pub(super) fn range(&self) -> Option<&HeaderValue> {
        self.range.as_ref().filter(|range| is_single_range(range))
    }
}

/// Builds the request for one hop.
pub(super) fn request(
    url: &Url,
    identity: &Identity,
    options: &FetchRequest,
) -> Result<Request<Empty<Bytes>>, FetchError> {
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::try_from(target).map_err(|_| FetchError::Target(TargetError::Form))?;
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::try_from(authority).map_err(|_| FetchError::Target(TargetError::Form))?);
    if let Some(host) = &options.forwarded_host {
        fields.insert(HOST, host.clone());
        fields.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
    fields.insert(USER_AGENT, identity.user_agent.clone());
    fields.insert(ACCEPT, options.accept.clone().unwrap_or_else(|| HeaderValue::from_static("*/*")));
    // What is compressed has no size that could be believed, and pictures are compressed already.
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(range) = options.range() {
        fields.insert(RANGE, range.clone());
        if let Some(if_range) = options.if_range.as_ref().filter(|value| value.len() <= MAX_FIELD_BYTES) {
            fields.insert(IF_RANGE, if_range.clone());
        }
    }
    let passed: usize = options.via.iter().chain(&options.cdn_loop).map(HeaderValue::len).sum();
    if passed > MAX_HOPS_BYTES || options.via.len() + options.cdn_loop.len() > MAX_HOPS_BYTES / 16 {
        return Err(FetchError::Hops);
    }
    // What cannot be read might hide ours from whoever is asked. The guard refused it; nobody else may forget to.
    if Via::parse(options.via.iter().map(HeaderValue::as_bytes)).is_err()
        || CdnLoop::parse(options.cdn_loop.iter().map(HeaderValue::as_bytes)).is_err()
    {
        return Err(FetchError::Hops);
    }
    // RFC 9110 section 7.6.3 and RFC 8586 section 2: nothing is taken away, ours comes last.
    for value in options.via.iter().chain([&identity.via]) {
        fields.append(VIA, value.clone());
    }
    for value in options.cdn_loop.iter().chain([&identity.cdn_loop]) {
        fields.append(CDN_LOOP, value.clone());
    }
    Ok(request)
}

/// Whether a `Range` asks for one range of bytes (RFC 9110 section 14.1.2): several cost an origin much, and come back in a form that is no picture.
fn is_single_range(range: &HeaderValue) -> bool {
    let digits = |text: &str| text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    let spec = range.to_str().ok().and_then(|text| text.strip_prefix("bytes="));
    spec.and_then(|spec| spec.split_once('-'))
        .is_some_and(|(first, last)| digits(first) && digits(last) && !(first.is_empty() && last.is_empty()))
}

/// What is kept of the fields of an answer. Nothing else of them goes anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// How long the body is, in bytes, if the origin server said so.
    pub content_length: Option<u64>,
    /// Which part a 206 is.
    pub content_range: Option<HeaderValue>,
    /// Whether ranges may be asked for.
    pub accept_ranges: Option<HeaderValue>,
    /// When it was changed last.
    pub last_modified: Option<HeaderValue>,
    /// Its version.
    pub etag: Option<HeaderValue>,
    /// What the origin server thinks that it is. Not to be believed: `media::kind` looks at the bytes.
    pub content_type: Option<HeaderValue>,
}

impl Fields {
    pub(super) fn new(fields: &HeaderMap, content_length: Option<u64>) -> Self {
        // A field twice is nobody's word.
        let one = |name: HeaderName| {
            let mut values = fields.get_all(name).iter();
            let value = values.next().filter(|value| value.len() <= MAX_FIELD_BYTES);
            if values.next().is_some() { None } else { value.cloned() }
        };
        Self {
            content_length,
            content_range: one(CONTENT_RANGE),
            accept_ranges: one(ACCEPT_RANGES),
            last_modified: one(LAST_MODIFIED),
            etag: one(ETAG),
            content_type: one(CONTENT_TYPE),
        }
    }
}

/// Whether the content is as it is, without any content coding.
pub(super) fn is_identity(fields: &HeaderMap) -> bool {
    fields.get_all(CONTENT_ENCODING).iter().all(|value| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty() || value.eq_ignore_ascii_case(b"identity")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    #[test]
    fn what_is_sent() {
        let identity = Identity::new("sekisho-1", Some("https://social.example")).unwrap();
        let options = FetchRequest {
            range: Some(value("bytes=0-9")),
            if_range: Some(value("\"a\"")),
            via: vec![value("2.0 a"), value("1.1 b (x, y)")],
            cdn_loop: vec![value("c; p=1")],
            max_bytes: None,
            accept: None,
            forwarded_host: None,
        };
        let url = Url::parse("https://files.example:8443/a%20b?c={d}|e#f").unwrap();
        let request = request(&url, &identity, &options).unwrap();
        assert_eq!(request.uri(), "/a%20b?c={d}|e");
        let mut lines: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            lines,
            [
                "accept-encoding: identity",
                "accept: */*",
                "cdn-loop: c; p=1",
                "cdn-loop: sekisho-1",
                "connection: close",
                "host: files.example:8443",
                "if-range: \"a\"",
                "range: bytes=0-9",
                &format!("user-agent: Sekisho/{version} (misskey/media-proxy; https://social.example)"),
                "via: 1.1 b (x, y)",
                "via: 1.1 sekisho-1",
                "via: 2.0 a",
            ]
        );
        let via: Vec<_> = request.headers().get_all(VIA).iter().collect();
        assert_eq!(via, ["2.0 a", "1.1 b (x, y)", "1.1 sekisho-1"]);
    }

    #[test]
    fn hosts_as_they_are_sent() {
        let identity = Identity::new("s", None).unwrap();
        for (url, host, target) in [
            ("https://a.example", "a.example", "/"),
            ("https://a.example:443/?", "a.example", "/?"),
            ("https://[2606:4700::1111]:8443/x", "[2606:4700::1111]:8443", "/x"),
            ("https://b\u{fc}cher.example/\u{fc}?\u{fc}", "xn--bcher-kva.example", "/%C3%BC?%C3%BC"),
        ] {
            let request = request(&Url::parse(url).unwrap(), &identity, &FetchRequest::default()).unwrap();
            assert_eq!(request.headers()[HOST], host);
            assert_eq!(request.uri().to_string(), target);
            assert!(!request.headers().contains_key(X_FORWARDED_PROTO));
        }
        let options = FetchRequest { forwarded_host: Some(value("social.example")), ..FetchRequest::default() };
        let request = request(&Url::parse("http://127.0.0.1:3000/").unwrap(), &identity, &options).unwrap();
        let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
        assert_eq!((hosts, &request.headers()[X_FORWARDED_PROTO]), (vec![&value("social.example")], &value("https")));
    }

    #[test]
    fn a_way_too_long_is_a_loop() {
        let identity = Identity::new("s", None).unwrap();
        let url = Url::parse("https://a.example").unwrap();
        let long = FetchRequest { via: vec![value(&"a".repeat(MAX_HOPS_BYTES + 1))], ..FetchRequest::default() };
        let many = FetchRequest { cdn_loop: vec![value("a"); 1000], ..FetchRequest::default() };
        let unreadable = FetchRequest { via: vec![value("1.1 a (b")], ..FetchRequest::default() };
        let neither = FetchRequest { cdn_loop: vec![value("a; b=\"")], ..FetchRequest::default() };
        for options in [long, many, unreadable, neither] {
            assert_eq!(request(&url, &identity, &options).map(|_| ()), Err(FetchError::Hops));
        }
    }

    #[test]
    fn single_ranges() {
        for (range, expected) in [
            ("bytes=0-", true),
            ("bytes=-500", true),
            ("bytes=5-9", true),
            ("bytes=-", false),
            ("bytes=0-1,5-9", false),
            ("bytes=0", false),
            ("items=0-1", false),
            ("bytes= 0-1", false),
            ("bytes=99999999999999999999-", false),
        ] {
            assert_eq!(is_single_range(&value(range)), expected, "{range}");
        }
    }

    #[test]
    fn what_is_kept() {
        let mut fields = HeaderMap::new();
        fields.append(ETAG, value("\"a\""));
        fields.append(CONTENT_TYPE, value("image/png"));
        fields.append(CONTENT_TYPE, value("text/html"));
        fields.append(LAST_MODIFIED, value(&"a".repeat(MAX_FIELD_BYTES + 1)));
        let expected = Fields { content_length: Some(5), etag: Some(value("\"a\"")), ..Fields::default() };
        assert_eq!(Fields::new(&fields, Some(5)), expected);
        assert!(is_identity(&fields));
        fields.append(CONTENT_ENCODING, value("Identity"));
        assert!(is_identity(&fields));
        fields.append(CONTENT_ENCODING, value("gzip"));
        assert!(!is_identity(&fields));
    }

    #[test]
    fn identities() {
        for pseudonym in ["", "a b", "a,b", "a/b", "\u{fc}", &"a".repeat(257)] {
            assert_eq!(Identity::new(pseudonym, None).map(|_| ()), Err(BadIdentity::Pseudonym), "{pseudonym}");
        }
        for contact in ["a b", "(a)", "a\\", "\u{fc}", "a\r\nb", &"a".repeat(257)] {
            assert_eq!(Identity::new("s", Some(contact)).map(|_| ()), Err(BadIdentity::Contact), "{contact}");
        }
    }
}
