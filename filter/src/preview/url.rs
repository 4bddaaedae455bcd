//! URLs that a stranger chose, and their way into a page: as a link, into `<img src>`, CSS `url('..')` or `<iframe src>`.

use std::borrow::Cow;
use std::fmt::Write as _;

use url::{Host, Url};

use super::PreviewRequest;
use super::settings::{Images, Settings};
use crate::page::authority;

/// The longest URL that is kept, in bytes. Media proxies hold another one, encoded.
const MAX_URL_BYTES: usize = 8 * 1024;

/// Where our own media proxy is, on the page's own host.
const PROXY_PATH: &str = "/proxy/";

/// A link: http or https to a host, and nobody's name and password in it.
pub fn link(text: &str) -> Option<Cow<'_, str>> {
    let url = parse(text)?;
    spell(text, &url)
}

/// The address of a picture: by https, or from our own media proxy; by `Images::Proxy` only from there.
pub fn image<'t>(text: &'t str, settings: &Settings, request: &PreviewRequest) -> Option<Cow<'t, str>> {
    if text.starts_with('/') {
        return own_path(text);
    }
    let url = parse(text)?;
    let is_own = is_own_host(&url, request) && url.path().starts_with(PROXY_PATH);
    let is_proxy =
        is_own || (url.scheme() == "https" && settings.proxies.iter().any(|proxy| url.as_str().starts_with(proxy)));
    let may_be_shown = is_proxy || (settings.images == Images::Any && url.scheme() == "https");
    if may_be_shown { spell(text, &url) } else { None }
}

/// The address of a player, as the URL parser writes it: frontends add to it, and look at how it begins. The host where it is refused for its host alone.
pub fn player(text: &str, settings: &Settings, request: &PreviewRequest) -> Result<String, Option<String>> {
    let url = parse(text).filter(|url| url.scheme() == "https").ok_or(None)?;
    let host = url.host_str().unwrap_or_default();
    // What frames a page of its own origin, by scripts and with its origin, is no frame at all.
    let is_fit = url.port().is_none() && settings.players.allow(host) && !is_own_host(&url, request);
    if is_fit { Ok(url.into()) } else { Err(Some(host.to_owned())) }
}

fn parse(text: &str) -> Option<Url> {
    if text.len() > MAX_URL_BYTES {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none();
    // To the parser a host may hold quotes and parentheses (WHATWG URL, forbidden domain code points).
    let is_host = |host: &str| {
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':'))
    };
    (is_plain && url.host_str().is_some_and(is_host) && url.as_str().len() <= MAX_URL_BYTES).then_some(url)
}

/// A path to our own media proxy, wherever the dots in it lead.
fn own_path(text: &str) -> Option<Cow<'_, str>> {
    // `//host` is another host, and so is `/\host`: the parser says which.
    let base = Url::parse("https://own.invalid").ok()?;
    let url = base.join(text).ok().filter(|url| text.len() <= MAX_URL_BYTES && url.origin() == base.origin())?;
    if !url.path().starts_with(PROXY_PATH) {
        return None;
    }
    let path = url.as_str().strip_prefix(base.as_str()).map(|rest| format!("/{rest}"))?;
    if path == text && text.bytes().all(is_plain) {
        return Some(Cow::Borrowed(text));
    }
    Some(encode(&path)).filter(|path| path.len() <= MAX_URL_BYTES).map(Cow::Owned)
}

fn is_own_host(url: &Url, request: &PreviewRequest) -> bool {
    let own = request.host.as_deref().map(authority::name);
    match url.host() {
        Some(Host::Domain(name)) => own.is_some_and(|own| name.trim_end_matches('.') == own),
        Some(Host::Ipv4(address)) => own.is_some_and(|own| address.to_string() == own),
        _ => false,
    }
}

/// A URL as it was written, where that is as the parser writes it, but for the slash of an empty path; else so. What could end a string or a tag around it is encoded.
///
/// Others that parse again may have a base: `https:x` is a path on the page's own host then.
fn spell<'t>(text: &'t str, url: &Url) -> Option<Cow<'t, str>> {
    let is_same = url.as_str().strip_prefix(text).is_some_and(|rest| matches!(rest, "" | "/"));
    if is_same && text.bytes().all(is_plain) {
        return Some(Cow::Borrowed(text));
    }
    Some(encode(url.as_str())).filter(|url| url.len() <= MAX_URL_BYTES).map(Cow::Owned)
}

/// Whether a byte may stand in a URL and ends no string, function or tag around it.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'\'' | b'(' | b')' | b'<' | b'>' | b'\\' | b'`' | b'{' | b'}' | b'|' | b'^')
}

/// Percent-encodes what is not plain. Hosts that pass have nothing of that.
fn encode(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for byte in url.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn settings(preview: &str) -> Settings {
        let policy = Policy::parse(format!(r#"{{"preview":{preview}}}"#).as_bytes()).unwrap();
        policy.preview.settings.clone()
    }

    fn request() -> PreviewRequest {
        PreviewRequest { host: Some("own.example:8443".to_owned()), url: None }
    }

    #[test]
    fn links() {
        for (text, expected) in [
            ("https://a.example", Some("https://a.example")),
            ("http://a.example:8080/x?y=1#z", Some("http://a.example:8080/x?y=1#z")),
            ("https://a.example/Foo_(bar).jpg", Some("https://a.example/Foo_%28bar%29.jpg")),
            ("https://a.example/é 'x'", Some("https://a.example/%C3%A9%20%27x%27")),
            ("https://é.example/", Some("https://xn--9ca.example/")),
            ("HTTPS://A.example/x", Some("https://a.example/x")),
            ("https:a.example/x", Some("https://a.example/x")),
            ("https:///a.example/x", Some("https://a.example/x")),
            ("https://@a.example/x", Some("https://a.example/x")),
            ("https://a.example:443/b/../x", Some("https://a.example/x")),
            ("https:\\\\a.example\\x", Some("https://a.example/x")),
            (" https://a.exa\nmple/", Some("https://a.example/")),
            ("https://a.example/?q=\\", Some("https://a.example/?q=%5C")),
            ("https://u@a.example/", None),
            ("https://u:p@a.example/", None),
            ("https://a.example@evil.example/", None),
            ("https://a');b.example/", None),
            ("https://`/", None),
            ("javascript:alert(1)", None),
            ("java\nscript:alert(1)", None),
            ("data:text/html,x", None),
            ("//a.example", None),
            ("/x", None),
            ("a.example", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(link(text).as_deref(), expected, "{text}");
        }
        assert_eq!(link(&format!("https://a.example/{}", "a".repeat(MAX_URL_BYTES))), None);
        assert_eq!(link(&format!("https://a.example/{}", "'".repeat(MAX_URL_BYTES / 2))), None, "when encoded");
    }

    #[test]
    fn images() {
        let any = settings("{}");
        let proxy = settings(r#"{"images":"proxy","proxies":["https://m.example/a"]}"#);
        for (text, by_any, by_proxy) in [
            ("https://a.example/x.png", true, false),
            ("http://a.example/x.png", false, false),
            ("https://own.example/proxy/preview.webp?url=https%3A%2F%2Fa.example", true, true),
            ("http://own.example:3000/proxy/preview.webp?url=x", true, true),
            ("http://own.example/files/x", false, false),
            ("https://own.example/files/x", true, false),
            ("https://own.example/proxy/../files/x", true, false),
            ("/proxy/preview.webp?url=x", true, true),
            ("/proxy/../files/x", false, false),
            ("/%70roxy/x", false, false),
            ("//evil.example/proxy/x", false, false),
            ("/\\evil.example/proxy/x", false, false),
            ("/files/x", false, false),
            ("https://m.example/a/preview.webp?url=x", true, true),
            ("https://m.example/ab", true, false),
            ("https://m.example/a/../b", true, false),
            ("https://m.example.evil.example/a/", true, false),
            ("http://m.example/a/", false, false),
            ("data:image/png;base64,AAAA", false, false),
            ("blob:https://own.example/x", false, false),
            ("javascript:1", false, false),
            ("preview.webp", false, false),
            ("", false, false),
        ] {
            assert_eq!(image(text, &any, &request()).is_some(), by_any, "any {text}");
            assert_eq!(image(text, &proxy, &request()).is_some(), by_proxy, "proxy {text}");
        }
        let spelled = |text| image(text, &any, &request()).map(Cow::into_owned);
        assert_eq!(spelled("/proxy/x?url=');y").as_deref(), Some("/proxy/x?url=%27%29;y"));
        assert_eq!(spelled("/proxy/./x").as_deref(), Some("/proxy/x"));
        assert_eq!(
            spelled("https://a.example/x');}*{background:url('//b").as_deref(),
            Some("https://a.example/x%27%29;%7D*%7Bbackground:url%28%27//b")
        );
        assert_eq!(
            image("http://own.example/proxy/x", &any, &PreviewRequest::default()),
            None,
            "nobody knows the host"
        );
    }

    #[test]
    fn players() {
        let settings = settings(r#"{"player_hosts":["tube.example","own.example"]}"#);
        for (text, expected) in [
            ("https://www.youtube.com/embed/x?feature=oembed", Ok("https://www.youtube.com/embed/x?feature=oembed")),
            ("https://www.youtube.com", Ok("https://www.youtube.com/")),
            ("HTTPS:\\\\WWW.youtube.com:443\\embed", Ok("https://www.youtube.com/embed")),
            ("https://ｗｗｗ.youtube.com/x", Ok("https://www.youtube.com/x")),
            ("https://tube.example/embed/x", Ok("https://tube.example/embed/x")),
            ("https://own.example/files/x", Err(Some("own.example"))),
            ("https://www.youtube.com:8443/", Err(Some("www.youtube.com"))),
            ("https://www.youtube.com./", Err(Some("www.youtube.com."))),
            ("https://evil.test/", Err(Some("evil.test"))),
            ("https://127.0.0.1/", Err(Some("127.0.0.1"))),
            ("https://0x7f.1/", Err(Some("127.0.0.1"))),
            ("http://www.youtube.com/embed/x", Err(None)),
            ("https://u@www.youtube.com/", Err(None)),
            ("https://www.youtube.com@evil.test/", Err(None)),
            ("javascript://www.youtube.com/%0aalert(1)", Err(None)),
            ("//www.youtube.com/embed/x", Err(None)),
            ("", Err(None)),
        ] {
            let found = player(text, &settings, &request());
            assert_eq!(found.as_deref().map_err(Option::as_deref), expected, "{text}");
        }
    }
}
