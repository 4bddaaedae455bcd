//! `routes.path`

use crate::decision::{Finding, Mode};
use crate::http::RequestHead;
use crate::http::path::percent_decode_once;
use crate::http::route::{self, Route};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.path",
    phase: Phase::Request,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "a path that two servers would take for two different places",
    doc: "
A request is allowed if all of these hold:

1. no reading of its path has a segment `.` or `..`. Readings are all that routers make of a path: percent-encoding undone up to three times, all of it or without that of delimiters (`%2e%2e`, `%252e`, `..%2f`); `\\` as `/`; what follows a `;` left out (`..;/`), or taken for the query as Fastify 4 does; cut at an encoded `?`, `#` or NUL;
2. it has no control character, as it is or percent-encoded;
3. it spells no plain character in more bytes of UTF-8 than it has (`%c0%ae` for a dot);
4. the target has no `#`, which is for browsers only;
5. its readings can all be found: it is plain, or has at most 8,192 bytes and 64 readings.

All else is allowed: an escaped slash or backslash that leads to no dot segment (`/proxy/https%3A%2F%2Fa.example%2Fb.png`), a broken escape (`/tags/100%`: Misskey itself answers 400), doubled slashes, `;`, any UTF-8. Rules about routes look at all readings, so those are no way around them.

A client resolves dot segments before it sends a request, and Envoy those that come all the same, before the filter sees the path. What is left was hidden.",
    specification: "RFC 3986 sections 5.2.4 and 6.2.2, RFC 9112 section 3.2; CVE-2025-46559 and CVE-2023-43793 of Misskey",
    compile: |_| Check::Request(Box::new(|head| find(head).map(|fault| Finding::new("path", fault)))),
};

fn find(head: &RequestHead) -> Option<&'static str> {
    let target = head.path.as_deref().unwrap_or_default();
    if target.contains(&b'#') {
        return Some("has a fragment");
    }
    let route = Route::of(target);
    if route.is_plain() {
        return None;
    }
    if !route.is_readable() {
        return Some("is too long, or can be read in too many ways");
    }
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    if percent_decode_once(path).iter().any(u8::is_ascii_control) {
        return Some("has a control character");
    }
    if route.readings().any(route::has_overlong) {
        return Some("spells a plain character in too many bytes");
    }
    route.readings().any(route::has_dot_segment).then_some("hides a dot segment")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(target: &str) -> Option<&'static str> {
        find(&RequestHead { path: Some(target.into()), ..RequestHead::default() })
    }

    #[test]
    fn what_servers_and_people_ask_for() {
        for target in [
            "/",
            "*",
            "/?a=../..%00",
            "/notes/abc",
            "/@user@a.example",
            "/@user%40a.example",
            "/tags/foo%2Fbar",
            "/tags/100%25",
            "/tags/100%2525",
            "/tags/100%",
            "/tags/%E6%97%A5%E6%9C%AC",
            "/tags/日本",
            "/tags/a%3Fb%23c%3Bd",
            "/tags/c%2B%2B%20%26%20c",
            "/tags/...",
            "/tags/%5C%5C",
            "/proxy/https%3A%2F%2Fa.example%2Fb.png",
            "/proxy/https%3A%2F%2Fa.example%2Fb%2520c.png%3Fx%3D%2526",
            "/proxy/https://a/b..c",
            "/proxy/https%3A%2F%2Fa%2F..b%2Fc..%2F...",
            "/proxy/image.webp?url=https%3A%2F%2Fa%2F..%2Fb",
            "/emojis/blobcat",
            "/emoji/blob@.webp",
            "/files/webpublic-123.webp",
            "/.well-known/webfinger?resource=acct:a@a.example",
            "/vite/a-B_c.js",
            "/nodeinfo/2.1",
            // Mastodon, Pleroma, GoToSocial, Lemmy, WordPress
            "/@user/109/embed",
            "/users/a/statuses/1/activity",
            "/system/media_attachments/files/1/original/a.png",
            "/api/v1/statuses/1:2",
            "/objects/0e1f-23",
            "/notice/A1b2",
            "/media/a.png?name=x%2F..%2Fy",
            "/users/a/statuses/01ABC",
            "/fileserver/01A/attachment/small/01B.jpg",
            "/c/community@a.example",
            "/pictrs/image/a.webp",
            "/wp-json/activitypub/1.0/users/1/inbox",
            "/wp-content/uploads/2024/01/caf%C3%A9.jpg",
            "/2024/01/a-post/;b=1",
            "//users/a",
            "/INBOX",
            "/%69nbox",
        ] {
            assert_eq!(fault(target), None, "{target}");
        }
    }

    #[test]
    fn hidden_places() {
        for target in [
            "/api/../queue",
            "/.",
            "/a/./b",
            "/api/%2e%2e/queue",
            "/api/%2E./queue",
            "/api/%252e%252e/queue",
            "/api/%25252e%25252e/queue",
            "/api/..%2fqueue",
            "/api%2f..%2fqueue",
            "/api/..%252fqueue",
            "/api/..\\queue",
            "/api/..%5cqueue",
            "/api\\..\\queue",
            "/api/..;/queue",
            "/api/..;a=b/queue",
            "/api/%2e%2e;/queue",
            "/api/..%3b/queue",
            "/api/..%3fx",
            "/api/..%23x",
            "/api/..;x",
            "/api/%%32%65%%32%65/queue",
            "/proxy/https%3A%2F%2Fa%2F..%2Fb",
            "http://a.example/../queue",
        ] {
            assert_eq!(fault(target), Some("hides a dot segment"), "{target}");
        }
        for target in ["/a%00", "/a%0ab", "/a%7f", "/a%1f", "/a\u{1}b", "/api/..%00/queue"] {
            assert_eq!(fault(target), Some("has a control character"), "{target}");
        }
        for target in ["/api/%c0%ae%c0%ae/queue", "/a%c0%afb", "/%e0%80%ae/", "/%f0%80%80%ae/", "/%25c0%25ae"] {
            assert_eq!(fault(target), Some("spells a plain character in too many bytes"), "{target}");
        }
        for target in ["/a#b", "/a?b#c", "/#"] {
            assert_eq!(fault(target), Some("has a fragment"), "{target}");
        }
        let long = format!("/%61{}", "a".repeat(8_192));
        assert_eq!(fault(&long), Some("is too long, or can be read in too many ways"));
        assert_eq!(fault(&format!("/{}", "a".repeat(60_000))), None);
    }
}
