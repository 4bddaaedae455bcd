//! `via.malformed`

use crate::decision::{Finding, Mode};
use crate::http::RequestHead;
use crate::http::cdn_loop::CdnLoop;
use crate::http::via::Via;
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "via.malformed",
    phase: Phase::Request,
    status: 400,
    // Some large products write what is not in the grammar. On routes of the media proxy it is refused all the same, by `via.media_proxy`.
    mode: Mode::Shadow,
    action: None,
    summary: "requests whose `Via` or `CDN-Loop` is malformed",
    doc: "
A request is allowed if its `Via` and its `CDN-Loop` are absent or well-formed: entries of a protocol, a name and at most one comment; names with parameters.

Some proxies do not keep to that: Apache Traffic Server (`name[number]`), Akamai (`name(ghost) (comment)`), Kong (`kong/3.9.0`). Watch it in `shadow` before you enforce it with one of these in front.",
    specification: "RFC 9110 sections 5.6 and 7.6.3 (Via), RFC 8586 section 2 (CDN-Loop)",
    compile: |_| Check::Request(Box::new(check)),
};

/// What is wrong with `Via` or `CDN-Loop`, if anything.
pub(super) fn check(head: &RequestHead) -> Option<Finding> {
    if let Some(Err(error)) = head.via.as_deref().map(|via| Via::parse([via])) {
        return Some(Finding::new("via", error.as_str()));
    }
    let error = CdnLoop::parse([head.cdn_loop.as_deref()?]).err()?;
    Some(Finding::new("cdn-loop", error.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Decision;
    use crate::policy::Policy;

    fn decide(policy: &str, name: &str, value: &[u8]) -> Decision {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        policy.site(None).guard.decide(&RequestHead::from_fields([
            (&b":method"[..], &b"GET"[..]),
            (b":path", b"/"),
            (name.as_bytes(), value),
        ]))
    }

    #[test]
    fn well_formed_or_not() {
        let enforce = r#"{"via":{"malformed":{"mode":"enforce"}}}"#;
        for (name, value, reason) in [
            ("via", &b"1.1"[..], "has an entry that names no proxy"),
            ("via", b"1.1 a (b", "has a comment that does not end or holds a control character"),
            ("via", b"1.1 kong/3.9.0", "has an entry with more than a protocol, a name and a comment"),
            ("via", b"\xff", "has an entry that begins with no protocol"),
            ("cdn-loop", b"a b", "has an entry that is no name"),
            ("cdn-loop", b"a;", "has a malformed parameter"),
        ] {
            let refusal = decide(enforce, name, value).refusal.unwrap();
            assert_eq!((refusal.rule, refusal.status), ("via.malformed", 400));
            assert_eq!((&*refusal.finding.place, &*refusal.finding.reason), (name, reason));
            assert_eq!(decide("", name, value).shadow_rules(), ["via.malformed"]);
        }
        for (name, value) in
            [("via", &b"2 a, 1.1 b (c)"[..]), ("via", b""), ("cdn-loop", b"a; b=\"c\""), ("x", b"\xff")]
        {
            assert_eq!(decide(enforce, name, value), Decision::default());
        }
    }
}
