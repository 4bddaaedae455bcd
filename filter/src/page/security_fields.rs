//! The other security fields: each is set where the server's is missing or weaker.

use super::PageRequest;
use super::fields::{Changes, Received};
use super::preset::Preset;
use super::settings::{Fields, ReferrerPolicy};
use crate::policy::Choice as _;

/// What a file that is no page may do when it is opened as one: show itself.
pub const LOCKED: &str = "default-src 'none'; img-src 'self' data:; media-src 'self'; font-src data:; style-src 'unsafe-inline'; sandbox allow-downloads";

/// On every response that a browser reads: no type is guessed.
pub fn sniffing(changes: &mut Changes) {
    changes.set("x-content-type-options", "nosniff");
}

/// On pages.
pub fn of_page(fields: &Fields, received: Received<'_>, request: &PageRequest, preset: Preset, changes: &mut Changes) {
    sniffing(changes);
    hsts(fields, received, request, changes);
    if let Some(policy) = referrer_policy(fields.referrer_policy, received) {
        changes.set("referrer-policy", policy);
    }
    if !fields.permissions_policy.is_empty() && !received.has("permissions-policy") {
        changes.set("permissions-policy", fields.permissions_policy.clone());
    }
    if request.is_surely(|path| preset.is_embeddable(path)) {
        return;
    }
    if !received.has("x-frame-options") {
        // Browsers that know `frame-ancestors` ignore it.
        changes.set("x-frame-options", "SAMEORIGIN");
    }
    // The site that opened a consent waits for its window.
    if fields.isolation && !request.is_surely(|path| preset.hands_over(path)) {
        // `unsafe-none` is what a server says that says nothing.
        if !received.all("cross-origin-opener-policy").any(|value| value != b"unsafe-none") {
            changes.set("cross-origin-opener-policy", "same-origin-allow-popups");
        }
        if !received.has("cross-origin-resource-policy") {
            changes.set("cross-origin-resource-policy", "same-origin");
        }
    }
}

/// `Strict-Transport-Security` (RFC 6797), where the server's is shorter. One of 0 was meant: it takes a former one back.
fn hsts(fields: &Fields, received: Received<'_>, request: &PageRequest, changes: &mut Changes) {
    let theirs = Hsts::read(received);
    if !request.is_https || theirs.seconds == Some(0) || theirs.seconds.unwrap_or(0) >= fields.hsts_seconds.into() {
        return;
    }
    let subdomains = if fields.hsts_subdomains || theirs.subdomains { "; includeSubDomains" } else { "" };
    // What the server's operator wants to be on the list of browsers (hstspreload.org) stays.
    let preload = if theirs.preload { "; preload" } else { "" };
    changes.set("strict-transport-security", format!("max-age={}{subdomains}{preload}", fields.hsts_seconds));
}

/// The server's own.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hsts {
    seconds: Option<u64>,
    subdomains: bool,
    preload: bool,
}

impl Hsts {
    fn read(received: Received<'_>) -> Self {
        // Browsers read the first field only.
        let first = received.all("strict-transport-security").next().and_then(|value| std::str::from_utf8(value).ok());
        let mut hsts = Self::default();
        for directive in first.unwrap_or_default().split(';').map(str::trim_ascii) {
            match directive.split_once('=') {
                Some((name, value)) if name.trim_ascii().eq_ignore_ascii_case("max-age") => {
                    hsts.seconds = value.trim_matches([' ', '\t', '"']).parse().ok();
                }
                None if directive.eq_ignore_ascii_case("includesubdomains") => hsts.subdomains = true,
                None if directive.eq_ignore_ascii_case("preload") => hsts.preload = true,
                _ => {}
            }
        }
        hsts
    }
}

/// Ours, where the server has none or a weaker one. A browser takes the last word of the list that it knows.
fn referrer_policy(ours: ReferrerPolicy, received: Received<'_>) -> Option<&'static str> {
    if ours == ReferrerPolicy::Off {
        return None;
    }
    let text = received.all("referrer-policy").filter_map(|value| std::str::from_utf8(value).ok());
    let words = text.flat_map(|value| value.split(',')).map(|word| word.trim_matches([' ', '\t']).to_ascii_lowercase());
    let theirs = words.filter_map(|word| strictness(&word)).last();
    (theirs.is_none_or(|theirs| strictness(ours.word()).is_some_and(|ours| theirs < ours))).then(|| ours.word())
}

/// How little a policy tells.
fn strictness(word: &str) -> Option<u8> {
    match word {
        "unsafe-url" => Some(0),
        "origin-when-cross-origin" | "no-referrer-when-downgrade" => Some(1),
        "origin" | "strict-origin-when-cross-origin" => Some(2),
        "strict-origin" => Some(3),
        "same-origin" => Some(4),
        "no-referrer" => Some(5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_weaker_is_set() {
        for (theirs, expected) in [
            (None, Some("strict-origin-when-cross-origin")),
            (Some("unsafe-url"), Some("strict-origin-when-cross-origin")),
            (Some("no-referrer, unsafe-url"), Some("strict-origin-when-cross-origin")),
            (Some("unsafe-url, no-referrer"), None),
            (Some("Same-Origin"), None),
            (Some("nonsense"), Some("strict-origin-when-cross-origin")),
        ] {
            let fields: Vec<(&[u8], &[u8])> =
                theirs.map(|value| (&b"referrer-policy"[..], value.as_bytes())).into_iter().collect();
            assert_eq!(
                referrer_policy(ReferrerPolicy::StrictOriginWhenCrossOrigin, Received(&fields)),
                expected,
                "{theirs:?}"
            );
        }
        for (theirs, expected) in [
            ("max-age=15552000; preload", Some(15_552_000)),
            ("MAX-AGE=\"7\"", Some(7)),
            ("max-age=0", Some(0)),
            ("max-age=x", None),
            ("includeSubDomains", None),
        ] {
            let fields = [(&b"Strict-Transport-Security"[..], theirs.as_bytes())];
            assert_eq!(Hsts::read(Received(&fields)).seconds, expected, "{theirs}");
        }
        for (theirs, expected) in [
            ("max-age=60; includeSubDomains; Preload", "max-age=31536000; includeSubDomains; preload"),
            ("max-age=60", "max-age=31536000"),
        ] {
            let received = [(&b"strict-transport-security"[..], theirs.as_bytes())];
            let page = crate::policy::Policy::parse(br#"{"page":{"hsts_seconds":31536000}}"#).unwrap().page;
            let request = PageRequest { is_https: true, ..PageRequest::default() };
            let mut changes = Changes::default();
            hsts(&page.settings.fields, Received(&received), &request, &mut changes);
            assert_eq!(changes.set, [("strict-transport-security", expected.into())]);
        }
    }
}
