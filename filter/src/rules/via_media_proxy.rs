//! `via.media_proxy`

use crate::decision::{Finding, Mode, Told};
use crate::http::pseudonym::{self, MAX_PSEUDONYM_BYTES};
use crate::http::{RequestHead, cdn_loop, path, via};
use crate::registry::{Check, Phase, Rule};
use crate::rules::via::too_many;
use crate::rules::via_malformed;

/// What the User-Agent of media proxies begins with, beside `misskey/` anywhere in it.
///
/// Listed is what fetches any URL that somebody names: Misskey's proxy as a package of its own (and as a worker), Misskey's relatives, which have its route but
/// not its name, and Camo and its like, which need no signature in some forms. Not listed is what fetches what a post or a page refers to, once, by a URL that nobody
/// can make up: Mastodon's, Pleroma's, Akkoma's and GoToSocial's caches, and link previews. Those ask for pictures of pages, which are at `/proxy/` with Misskey.
const USER_AGENTS: &[&str] = &[
    "misskeymediaproxy",
    "cherrypick/",
    "firefish/",
    "foundkey/",
    "iceshrimp",
    "yoiyami/",
    "camo asset proxy",
    "go-camo",
    "mediaproxyoma",
];

/// What Misskey itself looks for since 2024.11, and what our media service therefore says too.
const MISSKEY: &[u8] = b"misskey/";

/// The most names and User-Agents that operators may list.
const MAX_LISTED: usize = 256;

/// The longest beginning of a User-Agent that operators may list, in bytes.
const MAX_USER_AGENT_BYTES: usize = 128;

/// What Misskey 2024.11 answers to such a `User-Agent`, with 403.
const RECURSIVE: &str = r#"{"error":{"message":"Proxy is recursive","rule":"via.media_proxy"}}"#;

/// The rule.
pub const RULE: Rule = Rule {
    id: "via.media_proxy",
    phase: Phase::Request,
    status: 508,
    mode: Mode::Enforce,
    action: None,
    summary: "requests of media proxies to the media proxy",
    doc: "
A request to `/proxy`, or to anything below it, is allowed if all of these hold:

1. its `User-Agent` does not contain `misskey/`, and begins like that of no other media proxy: those that are known and `user_agents`;
2. neither `Via` nor `CDN-Loop` names another Sekisho (a name that begins with `sekisho`), or one of `pseudonyms`; names in `trusted` do not count;
3. both are absent or well-formed;
4. neither of them names more than `max_hops` proxies.

A media proxy fetches any URL that it is asked for. Where that is one of another media proxy, and so on, a single request makes many, and a ring of them has no end. Nobody needs a second one on the way.

With another Sekisho in front of this one, list its `via.pseudonym` in `trusted`.",
    specification: "GHSA-gq5q-c77c-v236 (Misskey: chains of media proxies); Misskey 2024.11 (\"Proxy is recursive\"); RFC 9110 section 7.6.3, RFC 8586",
    compile: |reader| {
        // A network of caches with its shield, and a load balancer, on the side of who asks and on ours.
        let max_hops = reader.limit("max_hops", 0..=64, 8, "the most proxies that such a request may have come through");
        let chains = Chains {
            max_hops,
            pseudonyms: reader.strings(
                "pseudonyms",
                MAX_LISTED,
                MAX_PSEUDONYM_BYTES,
                is_name,
                "names of other media proxies in `Via` and `CDN-Loop`, beside those that begin with `sekisho`",
            ),
            trusted: reader.strings(
                "trusted",
                MAX_LISTED,
                MAX_PSEUDONYM_BYTES,
                is_name,
                "names in `Via` and `CDN-Loop` that are no media proxies, such as that of another Sekisho in front",
            ),
            user_agents: reader.strings(
                "user_agents",
                MAX_LISTED,
                MAX_USER_AGENT_BYTES,
                |_| Ok(()),
                "what the `User-Agent` of other media proxies begins with, in any case",
            ),
        };
        Check::Request(Box::new(move |head| chains.check(head)))
    },
};

/// What is known of media proxies.
struct Chains {
    max_hops: usize,
    pseudonyms: Vec<String>,
    trusted: Vec<String>,
    user_agents: Vec<String>,
}

impl Chains {
    fn check(&self, head: &RequestHead) -> Option<Finding> {
        if !path::is_media_proxy(head.path.as_deref()?) {
            return None;
        }
        if self.is_media_proxy(head.user_agent.as_deref().unwrap_or_default()) {
            let told = Told::Api { status: 403, body: RECURSIVE };
            return Some(Finding::new("user-agent", "is that of a media proxy").with_told(told));
        }
        let (via, cdn_loop) = (head.via.as_deref(), head.cdn_loop.as_deref());
        if self.names(|needle, is| via::any_name(via, needle, is)) {
            return Some(Finding::new("via", "names a media proxy"));
        }
        if self.names(|needle, is| cdn_loop::any_name(cdn_loop, needle, is)) {
            return Some(Finding::new("cdn-loop", "names a media proxy"));
        }
        via_malformed::check(head).or_else(|| too_many(head, self.max_hops))
    }

    fn is_media_proxy(&self, user_agent: &[u8]) -> bool {
        let begins = |prefix: &str| pseudonym::begins(user_agent.trim_ascii_start(), prefix);
        user_agent.windows(MISSKEY.len()).any(|window| window.eq_ignore_ascii_case(MISSKEY))
            || USER_AGENTS.iter().any(|prefix| begins(prefix))
            || self.user_agents.iter().any(|prefix| begins(prefix))
    }

    /// Whether a field names a media proxy, by what finds names in it.
    fn names(&self, any: impl Fn(&str, &dyn Fn(&[u8]) -> bool) -> bool) -> bool {
        let is = |name: &[u8], known: &String| name.eq_ignore_ascii_case(known.as_bytes());
        let is_ours = |name: &[u8]| {
            pseudonym::begins(name, pseudonym::PREFIX) && !self.trusted.iter().any(|trusted| is(name, trusted))
        };
        any(pseudonym::PREFIX, &is_ours) || self.pseudonyms.iter().any(|known| any(known, &|name| is(name, known)))
    }
}

/// Whether a text can be a name in both fields.
fn is_name(text: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.bytes().all(plain) { Ok(()) } else { Err("expected letters, digits, `-`, `.` and `_`, without a port") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

    fn refusal(policy: &str, path: &str, fields: &[(&str, &str)]) -> Option<String> {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let fields = [(":method", "GET"), (":path", path)].into_iter().chain(fields.iter().copied());
        let head = RequestHead::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let refusal = policy.site(None).guard.decide(&head).refusal?;
        assert_eq!((refusal.rule, refusal.status), ("via.media_proxy", 508));
        Some(format!("{} {}", refusal.finding.place, refusal.finding.reason))
    }

    #[test]
    fn user_agents_of_media_proxies() {
        let proxy = "/proxy/image.webp?url=https%3A%2F%2Fa.example%2F1.png";
        let policy = r#"{"via":{"media_proxy":{"user_agents":["ImageProxy "]}}}"#;
        for user_agent in [
            "Misskey/2025.11.1 (https://a.example)",
            "Sekisho/0.1.0 (misskey/media-proxy; https://a.example)",
            "x mISSKEY/1",
            "MisskeyMediaProxy/0.0.24",
            "MisskeyMediaProxyWorker/1.0.0",
            "CherryPick/4.9.0 (https://a.example)",
            "Firefish/1.0.5 (https://a.example)",
            "Iceshrimp.NET/2025.1",
            "Camo Asset Proxy 2.3.0",
            " imageproxy 1",
        ] {
            let finding = refusal(policy, proxy, &[("user-agent", user_agent)]);
            assert_eq!(finding.as_deref(), Some("user-agent is that of a media proxy"), "{user_agent}");
            assert_eq!(refusal(policy, "/files/1", &[("user-agent", user_agent)]), None);
        }
        for user_agent in [
            BROWSER,
            "",
            "misskey",
            "ImageProxy/1",
            "Mastodon/4.5.0 (http.rb/5.3.1; +https://a.example/)",
            "Pleroma 2.9.1; https://a.example <a@a.example>",
            "Mozilla/5.0 (compatible; SummalyBot/5.2.0)",
        ] {
            assert_eq!(refusal(policy, proxy, &[("user-agent", user_agent)]), None, "{user_agent}");
        }
        assert_eq!(refusal(policy, proxy, &[]), None);
    }

    #[test]
    fn names_of_media_proxies() {
        let policy =
            r#"{"via":{"media_proxy":{"pseudonyms":["pictures.example"],"trusted":["sekisho-edge"],"max_hops":3}}}"#;
        let ask = |name, value| refusal(policy, "/Proxy/a", &[("user-agent", BROWSER), (name, value)]);
        for (name, value, finding) in [
            ("via", "2 sekisho-0123456789ab, 1.1 sekisho-media", "via names a media proxy"),
            ("via", "1.1 Pictures.example:80", "via names a media proxy"),
            ("via", "1.1 a (, 1.1 sekisho-media", "via names a media proxy"),
            ("via", "1.1 sekisho-edge, 1.1 sekisho-edge2", "via names a media proxy"),
            ("cdn-loop", "cloudflare; loops=1, sekisho-media", "cdn-loop names a media proxy"),
            ("cdn-loop", "pictures.example", "cdn-loop names a media proxy"),
            ("via", "1.1 a (b", "via has a comment that does not end or holds a control character"),
            ("cdn-loop", "a;", "cdn-loop has a malformed parameter"),
            ("via", "1.1 a, 1.1 b, 1.1 c, 1.1 d", "via names more than 3 proxies"),
            ("cdn-loop", "a, b, c, d", "cdn-loop names more than 3 proxies"),
        ] {
            assert_eq!(ask(name, value).as_deref(), Some(finding), "{value}");
            assert_eq!(refusal(policy, "/", &[(name, value)]), None, "{value}");
        }
        for (name, value) in [
            ("via", "1.1 squid (squid/6.1), 2.0 d.cloudfront.net (CloudFront), 1.1 google"),
            ("via", "1.1 Sekisho-Edge"),
            ("via", "1.1 a (sekisho)"),
            ("cdn-loop", "cloudflare; loops=1; via=\"sekisho\""),
            ("via", ""),
        ] {
            assert_eq!(ask(name, value), None, "{value}");
        }
    }
}
