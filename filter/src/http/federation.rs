//! Which requests are of the federation, and which are of people.

use super::{RequestHead, accept, path};

/// What is below `/users/ID/` for other servers only: in Misskey, and in Mastodon and its kin.
const OF_A_USER: [&[u8]; 6] = [b"inbox", b"outbox", b"followers", b"following", b"collections", b"publickey"];

/// Whether a request is one that only another server makes. It is if any of these hold:
///
/// 1. it delivers to an inbox ([`path::is_inbox_delivery`]);
/// 2. it is a read and asks for ActivityPub's media types;
/// 3. it is a read, and its path is of discovery: `/.well-known/webfinger`, `/.well-known/nodeinfo`, `/nodeinfo/...`, `/.well-known/host-meta`;
/// 4. it is a read that does not ask for HTML, and its path is of an object: `/inbox`, `/actor`, `/users/ID/{inbox,outbox,followers,following,collections,publickey}`,
///    `/notes/ID/activity`, `/users/ID/statuses/ID/activity`, `/emojis/ID`, `/likes/ID`, `/follows/...`, `/ap/...`. (Mastodon shows followers to people at the same path.)
pub fn is_federation(head: &RequestHead) -> bool {
    let target = head.path.as_deref().unwrap_or_default();
    let method = head.method.as_deref().unwrap_or_default();
    if head.is_delivery() {
        return true;
    }
    let accept = head.accept.as_deref().unwrap_or_default();
    path::is_read(method)
        && (accept::wants_activity(accept)
            || is_discovery(target)
            || (!accept::wants_html(accept) && is_object(target)))
}

fn segments(target: &[u8]) -> Vec<&[u8]> {
    let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()).collect()
}

fn is_discovery(target: &[u8]) -> bool {
    match &segments(target)[..] {
        [b".well-known", name] => matches!(*name, b"webfinger" | b"nodeinfo" | b"host-meta" | b"host-meta.json"),
        [b"nodeinfo", _] => true,
        _ => false,
    }
}

fn is_object(target: &[u8]) -> bool {
    match &segments(target)[..] {
        [b"inbox" | b"actor"] | [b"emojis" | b"likes", _] | [b"follows" | b"ap", ..] => true,
        [b"users", _, below, ..] if OF_A_USER.contains(below) => true,
        [b"notes", _, b"activity"] | [b"users", _, b"statuses", _, b"activity"] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, target: &str, accept: &str) -> RequestHead {
        let fields = [(":method", method), (":path", target), ("accept", accept)];
        RequestHead::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn other_servers() {
        for (method, target, accept) in [
            ("POST", "/inbox", "*/*"),
            ("POST", "/users/9abc/inbox", ""),
            ("GET", "/users/9abc", "application/activity+json"),
            ("GET", "/@alice", "application/activity+json, application/ld+json"),
            ("GET", "/notes/9abc", r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#),
            ("HEAD", "/notes/9abc", "application/activity+json"),
            ("GET", "/.well-known/webfinger?resource=acct:alice@a.example", "*/*"),
            ("GET", "/.well-known/nodeinfo", BROWSER),
            ("GET", "/.well-known/host-meta", ""),
            ("GET", "/nodeinfo/2.1", ""),
            ("GET", "/users/9abc/outbox?page=true", ""),
            ("GET", "/users/9abc/collections/featured", ""),
            ("GET", "/notes/9abc/activity", ""),
            ("GET", "/follows/9abc/9abd", ""),
            ("GET", "/emojis/blob", ""),
            ("GET", "/users/alice/statuses/1/activity", "*/*"),
            ("GET", "/ap/users/1", "*/*"),
            ("GET", "/@alice", "application/activity+json, application/ld+json, text/html;q=0.1"),
        ] {
            assert!(is_federation(&head(method, target, accept)), "{method} {target} {accept}");
        }
    }

    #[test]
    fn people() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/@alice"),
            ("GET", "/users/9abc"),
            ("GET", "/notes/9abc"),
            ("GET", "/emojis"),
            ("GET", "/users/alice/followers"),
            ("GET", "/users/alice/statuses/1"),
            ("GET", "/.well-known/change-password"),
            ("POST", "/api/users/followers"),
            ("POST", "/api/i"),
            ("GET", "/vite/a.js"),
            ("GET", "/files/x"),
            ("GET", "/streaming"),
            ("OPTIONS", "/api/meta"),
            ("GET", ""),
        ] {
            assert!(!is_federation(&head(method, target, BROWSER)), "{method} {target}");
        }
    }
}
