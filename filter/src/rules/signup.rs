//! `signup`

use crate::decision::Mode;
use crate::policy::Choice;
use crate::registry::{Check, Phase, Rule};
use crate::signup::domains::{DomainList, listed_form};
use crate::signup::{Fault, disposable};

/// The most domains in a list.
const MAX_DOMAINS: usize = 10_000;

/// The longest domain, in bytes as an operator writes it.
const MAX_DOMAIN_BYTES: usize = 253;

/// What to do with the domains of throw-away mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposable {
    Allow,
    Refuse,
}

impl Choice for Disposable {
    const WORDS: &'static [(&'static str, Self)] = &[("allow", Self::Allow), ("refuse", Self::Refuse)];
}

/// The rule.
pub const RULE: Rule = Rule {
    id: "signup",
    phase: Phase::SignUp,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "a sign-up, or a change of address, with what is not exactly one e-mail address, or is one of a blocked domain",
    doc: "
What is sent to `/api/signup`, `/api/i/update-email` and `/api/email-address/available`, however the path is spelled, is allowed if all of these hold:

1. its `Content-Type` is `application/json` or `text/plain` (older clients) in UTF-8, or there is none; its `Content-Encoding` is `identity`, or there is none; it has at most 65,536 bytes;
2. it is one JSON object, without duplicate keys at any depth and without `__proto__`;
3. the address (`emailAddress`; `email` of `update-email`) is a string; or absent, `null` or empty where it need not be there;
4. it is exactly one address: a local part of letters, digits and ``!#$%&'*+-/=?^_`{|}~`` with single dots between them, or of the letters, marks and digits of any script (RFC 6531), of at most
   64 bytes; one `@`; a domain of at least two labels in its usual form (any case, ASCII or Unicode), not ending in a number; 254 bytes in all. No display names, angle brackets, comments, quoted strings, lists,
   address literals, white space; no routes (`user%host@`, `host!user@`), which mail servers still follow;
5. its domain, or one that it lies below, is in `allowed_domains`; or none of them is in `blocked_domains`, nor, where `disposable` is `refuse`, in the bundled list of throw-away mailboxes.

Misskey's own check takes `me@gmail.com@ <me@blocked.com>`: one part of it looks behind the last `@`, the other behind the first. Its list of banned domains also minds case: name them here too.

The answer is Misskey's own error (`UNAVAILABLE`, `INVALID_PARAM`), and to `available` what the form shows: `format`, `banned`, `disposable`. No address is logged.

`disposable` is `allow` as long as nobody asks for the other: people who hide from advertisers use such mailboxes too, lists of them are never complete, and Misskey looks at one of its own
where `enableActiveEmailValidation` is on.",
    specification: "RFC 5321 sections 2.3.11, 4.1.2 and 4.5.3.1, RFC 5322 section 3.4.1 (dot-atom), RFC 6531 section 3.3, UTS #46",
    compile: |reader| {
        let accept: fn(&str) -> Result<(), &'static str> = |domain| listed_form(domain).map(drop);
        let mut domains = |key, doc| DomainList::new(&reader.strings(key, MAX_DOMAINS, MAX_DOMAIN_BYTES, accept, doc));
        let blocked = domains("blocked_domains", "domains whose addresses are refused, with all below them");
        let allowed = domains(
            "allowed_domains",
            "domains whose addresses are not refused, with all below them: exceptions from `blocked_domains` and `disposable`",
        );
        let disposable = reader.choice(
            "disposable",
            Disposable::Allow,
            "`refuse` or `allow` the addresses of well-known throw-away mailboxes (a bundled list; for others there is `blocked_domains`)",
        );
        Check::SignUp(Box::new(move |address| {
            let domain = &address.domain;
            match () {
                () if allowed.contains(domain) => None,
                () if blocked.contains(domain) => Some(Fault::Blocked),
                () if disposable == Disposable::Refuse && disposable::is_disposable(domain) => Some(Fault::Disposable),
                () => None,
            }
        }))
    },
};

#[cfg(test)]
mod tests {
    use crate::answer::Answer;
    use crate::http::RequestHead;
    use crate::policy::Policy;

    fn body(policy: &str, address: &str) -> Option<String> {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let head = RequestHead {
            method: Some(b"POST".to_vec()),
            path: Some(b"/api/email-address/available".to_vec()),
            ..RequestHead::default()
        };
        let body = serde_json::json!({ "emailAddress": address }).to_string();
        policy.site(None).decide(&head, body.as_bytes()).refusal.map(|refusal| Answer::to(&refusal).body)
    }

    const BANNED: Option<&str> = Some(r#"{"available":false,"reason":"banned"}"#);
    const DISPOSABLE: Option<&str> = Some(r#"{"available":false,"reason":"disposable"}"#);

    #[test]
    fn domains_are_blocked_with_all_below_them() {
        let policy = r#"{"signup":{"blocked_domains":["blocked.com","Bücher.example.","ru"],"allowed_domains":["yandex.ru","good.blocked.com"]}}"#;
        for (address, expected) in [
            ("me@blocked.com", BANNED),
            ("me@BLOCKED.Com", BANNED),
            ("me@a.b.blocked.com", BANNED),
            ("me@bücher.example", BANNED),
            ("me@BÜCHER.example", BANNED),
            ("me@xn--bcher-kva.example", BANNED),
            ("me@mail.ru", BANNED),
            ("me@yandex.ru", None),
            ("me@mail.yandex.ru", None),
            ("me@good.blocked.com", None),
            ("me@unblocked.com", None),
            ("blocked.com@gmail.com", None),
            ("me@mailinator.com", None),
        ] {
            assert_eq!(body(policy, address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn throw_away_mailboxes_are_refused_where_the_policy_says_so() {
        let policy = r#"{"signup":{"disposable":"refuse","allowed_domains":["sute.jp"]}}"#;
        assert_eq!(body(policy, "me@Mailinator.com").as_deref(), DISPOSABLE);
        assert_eq!(body(policy, "me@x.mailinator.com").as_deref(), DISPOSABLE);
        assert_eq!(body(policy, "me@sute.jp"), None);
        assert_eq!(body(policy, "me@gmail.com"), None);
        assert_eq!(body("", "me@mailinator.com"), None);
    }

    #[test]
    fn what_is_no_domain_refuses_the_policy() {
        for signup in [
            r#"{"blocked_domains":["*.a.example"]}"#,
            r#"{"blocked_domains":["@a.example"]}"#,
            r#"{"allowed_domains":["a b"]}"#,
            r#"{"blocked_domains":"a.example"}"#,
            r#"{"disposable":true}"#,
            r#"{"enforce_percent":50}"#,
        ] {
            assert!(Policy::parse(format!(r#"{{"signup":{signup}}}"#).as_bytes()).is_err(), "{signup}");
        }
    }
}
