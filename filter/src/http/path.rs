//! Which requests deliver to an inbox.

/// The last segments of the paths that software takes deliveries at: everybody's `inbox`, Smithereen's `sharedInbox`, PieFed's `site_inbox`,
/// Bonfire's `shared_inbox`, snac's `shared-inbox`.
const INBOX_SEGMENTS: [&[u8]; 5] = [b"inbox", b"sharedInbox", b"site_inbox", b"shared_inbox", b"shared-inbox"];

/// The query parameters by which PHP software is told the path: WordPress, and Friendica in its three ways.
const ROUTE_PARAMETERS: [&[u8]; 4] = [b"rest_route", b"pagename", b"q", b"req"];

/// How often percent-encoding is undone. A router behind a proxy may see it undone twice.
const DECODING_ROUNDS: usize = 3;

/// Whether a request delivers an activity: a POST (or anything but a GET, HEAD or OPTIONS) to a path whose last segment is `inbox` or one of its kin, such as
/// `/inbox` and `/users/ID/inbox`; to `/inbox/...` or `.../inbox/NAME` (Friendica, Hubzilla, Ghost), the latter not below `/api/`; or with a query that names
/// such a path.
///
/// The path is read as generously as any router behind might read it, in all ways at once: cut at `?` and `#`, percent-encoding
/// undone or not, case folded, empty and dot segments resolved, what follows a `;` kept, left out of its segment, or taken for the
/// query (Fastify 4), an extension left out (Rails reads `/inbox.json` as `/inbox`), space and control characters around a
/// segment ignored. A path too many is an activity judged too many; a path too few would be a way around every rule.
pub fn is_inbox_delivery(method: &[u8], target: &[u8]) -> bool {
    !is_read(method) && is_inbox(target)
}

/// Whether a method delivers nothing. WordPress takes any other for a POST that says so in `X-HTTP-Method-Override` or `_method`.
pub fn is_read(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS")
}

fn is_inbox(target: &[u8]) -> bool {
    // Most POSTs of a page are API calls. What has no `x` in any spelling has no inbox.
    if !target.iter().any(|byte| matches!(byte, b'x' | b'X' | b'%')) {
        return false;
    }
    let target = target.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let query = parts.next().unwrap_or_default();
    is_inbox_path(path) || query.split(|byte| matches!(byte, b'&' | b';')).filter_map(route).any(is_inbox_path)
}

/// The value of a query parameter that PHP reads as the name of a route.
fn route(parameter: &[u8]) -> Option<&[u8]> {
    let at = parameter.iter().position(|byte| *byte == b'=')?;
    let (name, value) = parameter.split_at_checked(at)?;
    let name = (0..DECODING_ROUNDS).fold(name.to_vec(), |name, _| percent_decode_once(&name));
    let php = |byte: &u8| if matches!(byte, b'.' | b' ' | b'+' | b'[') { b'_' } else { *byte };
    // PHP ends a name at NUL and skips the space before it.
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let blank = name.iter().take_while(|byte| matches!(byte, b' ' | b'+')).count();
    let name: Vec<u8> = name.iter().skip(blank).map(php).collect();
    let known = ROUTE_PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(&name));
    known.then(|| value.strip_prefix(b"=").unwrap_or_default())
}

fn is_inbox_path(path: &[u8]) -> bool {
    let mut path = path.to_vec();
    for _ in 0..=DECODING_ROUNDS {
        let before = |mark: u8| path.split(|byte| *byte == mark).next().unwrap_or_default();
        if [&path[..], before(b';'), before(b'?'), before(b'#')].into_iter().any(ends_in_inbox) {
            return true;
        }
        if !path.contains(&b'%') {
            return false;
        }
        path = percent_decode_once(&path);
    }
    false
}

/// The segments of a path, where empty and dot segments are resolved and a backslash is a slash.
fn segments(path: &[u8]) -> Vec<&[u8]> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments
}

fn ends_in_inbox(path: &[u8]) -> bool {
    let segments = segments(path);
    let is_api = segments.first().is_some_and(|first| first.eq_ignore_ascii_case(b"api"));
    match &segments[..] {
        [first, ..] if is_named(first, &[b"inbox"]) => true,
        [.., one, _] if !is_api && is_named(one, &[b"inbox"]) => true,
        [.., last] => is_named(last, &INBOX_SEGMENTS),
        [] => false,
    }
}

/// Whether the path is the one that leads to our media service: in this spelling only, as the routes of the hosts have it. In any other the request goes on to the server.
pub fn is_media_route(target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    path.strip_prefix(b"/proxy").is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether a request is for the media proxy: `/proxy` and all below it, in any way in which a router may read the path, as with inboxes.
pub fn is_media_proxy(target: &[u8]) -> bool {
    // The path of an ordinary request is read in one way only.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'@' | b'.');
    let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let is_ordinary = path.starts_with(b"/")
        && path.iter().all(is_plain)
        && !path.windows(2).any(|window| matches!(window, b"//" | b"/."));
    if is_ordinary {
        return path.split(|byte| *byte == b'/').nth(1).is_some_and(|first| is_named(first, &[b"proxy"]));
    }
    // The absolute form (RFC 9112 section 3.2.2) has its path behind the authority.
    let has_authority = !path.starts_with(b"/") && path.windows(3).any(|window| window == b"://");
    let skipped = if has_authority { 2 } else { 0 };
    let mut path = path.to_vec();
    for _ in 0..=DECODING_ROUNDS {
        let begins = |path: &[u8]| {
            let unresolved = path.split(|byte| matches!(byte, b'/' | b'\\'));
            let first = unresolved.filter(|segment| !matches!(*segment, b"" | b"." | b"..")).nth(skipped);
            first.is_some_and(|first| is_named(first, &[b"proxy"]))
                || segments(path).get(skipped).is_some_and(|first| is_named(first, &[b"proxy"]))
        };
        let before = |mark: u8| path.split(|byte| *byte == mark).next().unwrap_or_default();
        if [&path[..], before(b'?'), before(b'#')].into_iter().any(begins) {
            return true;
        }
        if !path.contains(&b'%') {
            return false;
        }
        path = percent_decode_once(&path);
    }
    false
}

fn is_named(segment: &[u8], names: &[&[u8]]) -> bool {
    let stem = segment.split(|byte| matches!(byte, b'.' | b';')).next().unwrap_or_default();
    let stem = trimmed(stem);
    names.iter().any(|name| name.eq_ignore_ascii_case(stem))
}

/// A segment without the space and control characters around it.
pub fn trimmed(segment: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
    let start = segment.iter().position(|byte| !is_blank(byte)).unwrap_or(segment.len());
    let end = segment.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| at.saturating_add(1));
    segment.get(start..end).unwrap_or_default()
}

/// Undoes percent-encoding once; what is no escape stays.
pub fn percent_decode_once(path: &[u8]) -> Vec<u8> {
    percent_decode_where(path, |_| true)
}

/// The same for the bytes that `is_wanted`; the escapes of others stay.
pub fn percent_decode_where(path: &[u8], is_wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
            && is_wanted(high << 4 | low)
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(*first);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_inboxes_in_any_spelling() {
        for inbox in [
            "/inbox",
            "/users/9abc/inbox",
            "/u/a/inbox",
            "/inbox/",
            "//inbox",
            "/INBOX",
            "/inbo%78",
            "/%69nbox",
            "/inbox?x=1",
            "/inbox;x",
            "/inbox#x",
            "/users/a//inbox",
            "/inbox%3Fx",
            "/inbo%2578",
            "/users%2Fa%2Finbox",
            "/inbox/.",
            "/./inbox",
            "/users\\a\\inbox",
            "/inbox/heluecht",
            "/inbox/a/b",
            "/?%20rest_route=/activitypub/1.0/inbox",
            "/?+rest_route=/activitypub/1.0/inbox",
            "/?rest_route%00x=/activitypub/1.0/inbox",
            "/friendica/inbox/alice",
            "/.ghost/activitypub/inbox/index",
            "https://a.example/inbox/alice",
            "/wp-json/activitypub/1.0/actors/0/inbox",
            "/a/b/c/d/e/f/inbox",
            "/activitypub/sharedInbox",
            "/site_inbox",
            "/pub/shared_inbox",
            "/shared-inbox",
            "/inbox.json",
            "/users/a/inbox.activity+json",
            "/inbox/x/..",
            "/inbox%20",
            "/inbox%0A",
            "/inbox%00",
            "/users/a%3Fb/inbox",
            "/users/a%23b/inbox",
            "/users/a%3Bb/inbox",
            "/users/a;b/inbox",
            "/users/x%252523/inbox",
            "/activitypub;x/sharedInbox;y",
            "/?rest_route=/activitypub/1.0/inbox",
            "/?rest_route=/x&rest_route=/activitypub/1.0/inbox",
            "/?rest%5Froute=/activitypub/1.0/inbox",
            "/?%72est_route=/activitypub/1.0/inbox",
            "/?rest.route=/activitypub/1.0/inbox",
            "/?rest+route=/activitypub/1.0/inbox",
            "/index.php?a=b&rest_route=%2Factivitypub%2F1.0%2Factors%2F0%2Finbox",
            "/index.php?pagename=inbox",
            "/?q=inbox/alice",
        ] {
            assert!(is_inbox_delivery(b"POST", inbox.as_bytes()), "{inbox}");
        }
        for other in [
            "/",
            "/api/notes/create",
            "/outbox",
            "/inboxes",
            "/users/a/inbox/stats/x",
            "/?inbox",
            "/x",
            "",
            "/notes/inbox/x/y",
            "/%",
            "/%4",
            "/api/inbox/read",
            "/api/admin/queue/inbox-delayed",
            "/?x=/inbox",
        ] {
            assert!(!is_inbox_delivery(b"POST", other.as_bytes()), "{other}");
        }
        assert!(is_inbox_delivery(b"post", b"/inbox") && is_inbox_delivery(b"PUT", b"/inbox"));
        assert!(!is_inbox_delivery(b"GET", b"/inbox"));
    }

    #[test]
    fn knows_the_route_of_the_media_service() {
        for target in ["/proxy", "/proxy/", "/proxy?url=x", "/proxy/a?b", "/proxy/a/proxy"] {
            assert!(is_media_route(target.as_bytes()) && is_media_proxy(target.as_bytes()), "{target}");
        }
        for target in
            ["/Proxy/a", "/proxy.php", "/proxy;x/a", "/%70roxy/a", "//proxy/a", "/a?/proxy/", "proxy/a", "/", ""]
        {
            assert!(!is_media_route(target.as_bytes()), "{target}");
        }
    }

    #[test]
    fn knows_the_media_proxy_in_any_spelling() {
        for proxy in [
            "/proxy",
            "/proxy/",
            "/proxy/image.webp?url=https://a.example/1.png",
            "/proxy?url=x",
            "/Proxy/a",
            "//proxy/a",
            "/%70roxy/a",
            "/%2570roxy/a",
            "/proxy%2Fa",
            "/proxy%3Furl=x",
            "/./proxy/a",
            "/x/../proxy/a",
            "/x%2F..%2Fproxy/a",
            "/proxy/../files/a",
            "\\proxy\\a",
            "/proxy\\a",
            "/proxy;x/a",
            "/proxy%00/a",
            "/proxy/https%3A%2F%2Fa.example/b",
            "/proxy%20/a",
            "/proxy.php",
            "proxy/a",
            "https://a.example/proxy/a",
            "HTTPS://a.example:80//proxy/a",
        ] {
            assert!(is_media_proxy(proxy.as_bytes()), "{proxy}");
        }
        for other in [
            "/",
            "",
            "*",
            "/files/proxy",
            "/proxies/a",
            "/api/proxy",
            "/a.b/proxy",
            "/?/proxy",
            "/#/proxy",
            "https://proxy/a",
            "/%",
        ] {
            assert!(!is_media_proxy(other.as_bytes()), "{other}");
        }
    }
}
