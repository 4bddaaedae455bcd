//! Which requests deliver to an inbox.

use std::borrow::Cow;

/// The last segments of the paths that software takes deliveries at: everybody's `inbox`, Smithereen's `sharedInbox`, PieFed's `site_inbox`.
const INBOX_SEGMENTS: [&[u8]; 3] = [b"inbox", b"sharedInbox", b"site_inbox"];

/// Whether a request delivers an activity: a POST to `/inbox`, `/users/ID/inbox` or any other path whose last segment is one
/// of [`INBOX_SEGMENTS`], to `/inbox/NAME` (Friendica, Hubzilla), or to `/?rest_route=...` of such a path (WordPress).
///
/// The path is read as generously as any router behind might read it: percent-encoding undone, case folded, empty segments
/// and a trailing slash ignored, cut at `?`, `#` and `;` (Fastify 4 takes `;` for the start of the query). A path too many is
/// an activity judged too many; a path too few would be a way around every rule.
pub fn is_inbox_delivery(method: &[u8], target: &[u8]) -> bool {
    method == b"POST" && is_inbox(target)
}

fn is_inbox(target: &[u8]) -> bool {
    // Most POSTs of a page are API calls. What has no `x` in any spelling has no inbox.
    if !target.iter().any(|byte| matches!(byte, b'x' | b'X' | b'%')) {
        return false;
    }
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let query = parts.next().unwrap_or_default();
    let rest_route = query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"rest_route="));
    is_inbox_path(path) || rest_route.is_some_and(is_inbox_path)
}

fn is_inbox_path(path: &[u8]) -> bool {
    let path = percent_decode(path);
    let path = path.split(|byte| matches!(byte, b'?' | b'#' | b';')).next().unwrap_or_default();
    let named = |segment: &[u8]| INBOX_SEGMENTS.iter().any(|inbox| inbox.eq_ignore_ascii_case(segment));
    let mut segments =
        path.split(|byte| matches!(byte, b'/' | b'\\')).filter(|segment| !matches!(segment, [] | [b'.']));
    let (first, second) = (segments.next(), segments.next());
    let last = segments.next_back();
    let friendica = first.is_some_and(|first| first.eq_ignore_ascii_case(b"inbox")) && last.is_none();
    friendica || last.or(second).or(first).is_some_and(named)
}

/// Undoes percent-encoding until nothing more changes, at most three times: a router behind a proxy may see it undone twice.
fn percent_decode(path: &[u8]) -> Cow<'_, [u8]> {
    let mut path = Cow::Borrowed(path);
    for _ in 0..3 {
        if !path.contains(&b'%') {
            break;
        }
        path = Cow::Owned(percent_decode_once(&path));
    }
    path
}

fn percent_decode_once(path: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
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
            "/wp-json/activitypub/1.0/actors/0/inbox",
            "/a/b/c/d/e/f/inbox",
            "/activitypub/sharedInbox",
            "/site_inbox",
            "/?rest_route=/activitypub/1.0/inbox",
            "/index.php?a=b&rest_route=%2Factivitypub%2F1.0%2Factors%2F0%2Finbox",
        ] {
            assert!(is_inbox_delivery(b"POST", inbox.as_bytes()), "{inbox}");
        }
        for other in [
            "/",
            "/api/notes/create",
            "/outbox",
            "/inboxes",
            "/users/a/inbox/stats",
            "/inbox.json",
            "/?inbox",
            "/x",
            "",
            "/notes/inbox/x/y",
            "/%",
            "/%4",
        ] {
            assert!(!is_inbox_delivery(b"POST", other.as_bytes()), "{other}");
        }
        assert!(!is_inbox_delivery(b"GET", b"/inbox"));
    }
}
