//! `via`

use std::rc::Rc;

use crate::decision::{Finding, Mode};
use crate::http::pseudonym::{self, MAX_PSEUDONYM_BYTES};
use crate::http::{RequestHead, cdn_loop, via};
use crate::registry::{Check, Phase, Rule};

/// The key of our own name.
pub const PSEUDONYM: &str = "pseudonym";

/// The rule.
pub const RULE: Rule = Rule {
    id: "via",
    phase: Phase::Request,
    // RFC 5842 section 7.2. A refusal by policy would be final for who delivers, and a loop is not the sender's fault.
    status: 508,
    mode: Mode::Enforce,
    action: None,
    summary: "requests that came through this very proxy before, or through too many",
    doc: "
A request is allowed if all of these hold:

1. neither `Via` nor `CDN-Loop` names `pseudonym`. What is malformed is searched for it all the same: nothing that is written before our entry hides it;
2. neither of them names more than `max_hops` proxies.

What is forwarded gets our own entry, such as `2 sekisho-5ea1c0de5ea1` in `Via` and the name in `CDN-Loop`, unless `mode` is `off`. Without a `pseudonym` each proxy makes one from the moment of its start, which tells nothing about the machine (in nginx each worker does).
Not so on the routes of the media proxy (`/proxy/`, and hosts in `media.own_hosts`): the media service writes its own name there, and may fetch from this very proxy. Where the configuration of Envoy turns the filter off, it marks the request instead, and the filter is on for one that has the mark.
Proxies side by side, in front of one server, are best given the same name: a loop then ends at whichever it comes back to. Of two that stand behind one another each needs its own, and so does the media service (`media.pseudonym`).",
    specification: "RFC 9110 section 7.6.3 (Via), RFC 8586 (CDN-Loop), RFC 5842 section 7.2 (508 Loop Detected)",
    compile: |reader| {
        let own: Rc<str> = reader
            .checked_text(
                PSEUDONYM,
                MAX_PSEUDONYM_BYTES,
                pseudonym::check,
                "",
                "our name in `Via` and `CDN-Loop`, not that of the media service; empty: one that the proxy makes at its start",
            )
            .into();
        // Each network of caches is one or two, with a shield; a load balancer and a sidecar are two more. A loop is seen by its name; this is for one that hides it.
        let max_hops = reader.limit("max_hops", 0..=64, 16, "the most proxies that a request may have come through");
        Check::Request(Box::new(move |head| check(head, &own, max_hops)))
    },
};

fn check(head: &RequestHead, configured: &str, max_hops: usize) -> Option<Finding> {
    let (via, cdn_loop) = (head.via.as_deref(), head.cdn_loop.as_deref());
    if via.is_none() && cdn_loop.is_none() {
        return None;
    }
    let own = if configured.is_empty() { head.pseudonym.as_deref().unwrap_or_default() } else { configured };
    if via::names(via, own) {
        return Some(Finding::new("via", "names this instance: a loop"));
    }
    if cdn_loop::names(cdn_loop, own) {
        return Some(Finding::new("cdn-loop", "names this instance: a loop"));
    }
    too_many(head, max_hops)
}

/// Whether `Via` or `CDN-Loop` names more proxies than are allowed.
pub(super) fn too_many(head: &RequestHead, max_hops: usize) -> Option<Finding> {
    let reason = || format!("names more than {max_hops} proxies");
    if via::count(head.via.as_deref()) > max_hops {
        return Some(Finding::new("via", reason()));
    }
    (cdn_loop::count(head.cdn_loop.as_deref()) > max_hops).then(|| Finding::new("cdn-loop", reason()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Decision;
    use crate::policy::Policy;

    const OWN: &str = "sekisho-0123456789ab";

    fn decide(policy: &str, fields: &[(&str, &str)]) -> Decision {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut head = RequestHead { pseudonym: Some(OWN.into()), ..RequestHead::from_fields(fields) };
        head.method.get_or_insert(b"GET".to_vec());
        head.path.get_or_insert(b"/".to_vec());
        policy.site(None).decide(&head, b"{}")
    }

    fn refusal(policy: &str, fields: &[(&str, &str)]) -> Option<(&'static str, u16, String)> {
        let refusal = decide(policy, fields).refusal?;
        Some((refusal.rule, refusal.status, format!("{} {}", refusal.finding.place, refusal.finding.reason)))
    }

    #[test]
    fn a_loop_ends_here() {
        let get = [(":method", "GET"), (":path", "/")];
        let looped = |place: &str| Some(("via", 508, format!("{place} names this instance: a loop")));
        for (name, value, place) in [
            ("via", "1.1 sekisho-0123456789ab", "via"),
            ("Via", "2 edge, 1.1 Sekisho-0123456789AB:443 (x)", "via"),
            ("via", "1.1 a (, 1.1 sekisho-0123456789ab", "via"),
            ("cdn-loop", "sekisho-0123456789ab", "cdn-loop"),
            ("cdn-loop", "a; x=\", sekisho-0123456789ab", "cdn-loop"),
        ] {
            assert_eq!(refusal("", &[&get[..], &[(name, value)]].concat()), looped(place), "{value}");
        }
        // An attacker's line, ours, and what a proxy appended.
        let lines = [("via", "1.1 a ("), ("via", "1.1 sekisho-0123456789ab"), ("via", "1.1 b )")];
        assert_eq!(refusal("", &lines), looped("via"));
        // Deliveries as well, before their body is wanted.
        let delivery = [(":method", "POST"), (":path", "/inbox"), ("via", "1.1 sekisho-0123456789ab")];
        assert_eq!(refusal("", &delivery), looped("via"));
        for fields in [&get[..], &[("via", "1.1 sekisho-0123456789abc")], &[("cdn-loop", "cloudflare; loops=1")]] {
            assert_eq!(decide("", fields), Decision::default());
        }
    }

    #[test]
    fn the_name_of_the_policy_takes_the_place_of_the_derived_one() {
        let policy = r#"{"via":{"pseudonym":"gate.example"}}"#;
        assert_eq!(decide(policy, &[("via", "1.1 sekisho-0123456789ab")]), Decision::default());
        assert_eq!(decide(policy, &[("via", "1.1 GATE.example")]).rule(), Some("via"));
        assert_eq!(decide(policy, &[("cdn-loop", "a, gate.example")]).rule(), Some("via"));
        let shadow = r#"{"via":{"mode":"shadow"}}"#;
        assert_eq!(decide(shadow, &[("via", "1.1 sekisho-0123456789ab")]).shadow_rules(), ["via"]);
        // A host that has not told its name yet.
        let none = RequestHead { via: Some(b"1.1 a, 1.1 ".to_vec()), ..RequestHead::default() };
        assert_eq!(check(&none, "", 8), None);
    }

    #[test]
    fn hops_are_counted() {
        let via = |hops: usize| vec!["1.1 a"; hops].join(", ");
        assert_eq!(refusal("", &[("via", &via(16))]), None);
        assert_eq!(refusal("", &[("via", &via(17))]), Some(("via", 508, "via names more than 16 proxies".to_owned())));
        assert_eq!(decide("", &[("via", "1.1 a (b, c, d, e, f, g, h, i, j)")]).rule(), None);
        assert_eq!(decide("", &[("cdn-loop", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q")]).rule(), Some("via"));
        let none = r#"{"via":{"max_hops":0}}"#;
        assert_eq!(
            (decide(none, &[("via", ",")]).rule(), decide(none, &[("via", "1.1 a")]).rule()),
            (None, Some("via"))
        );
    }

    #[test]
    fn what_the_host_appends() {
        let name = |policy: &str, host: Option<&str>| {
            Policy::parse(policy.as_bytes())
                .unwrap()
                .site(host)
                .pseudonym(&Rc::from(OWN))
                .map(|name| name.as_ref().to_owned())
        };
        assert_eq!(name("", None).as_deref(), Some(OWN));
        assert_eq!(name(r#"{"via":{"mode":"shadow","pseudonym":"g"}}"#, None).as_deref(), Some("g"));
        assert_eq!(name(r#"{"via":{"mode":"off","pseudonym":"g"}}"#, None), None);
        let hosts = r#"{"via":{"pseudonym":"g"},"hosts":{"a.example":{"via":{"pseudonym":"h"}},"b.example":{"via":{"mode":"off"}}}}"#;
        let names = [None, Some("a.example"), Some("b.example"), Some("c.example")].map(|host| name(hosts, host));
        assert_eq!(names.each_ref().map(Option::as_deref), [Some("g"), Some("h"), None, Some("g")]);
    }

    #[test]
    fn names_that_cannot_be() {
        let error = |policy: &str| Policy::parse(policy.as_bytes()).err().map(|errors| errors[0].to_string());
        let same = "is that of the media service (media.pseudonym), whose requests would all be loops";
        for (policy, expected) in [
            (
                r#"{"via":{"pseudonym":"a b"}}"#,
                "$.via.pseudonym: expected letters, digits, `-`, `.` and `_`".to_owned(),
            ),
            (
                r#"{"via":{"pseudonym":"sekisho-media"}}"#,
                "$.via.pseudonym: begins like the names of media services, which refuse what comes from one another"
                    .to_owned(),
            ),
            (r#"{"via":{"pseudonym":"p"},"media":{"pseudonym":"P"}}"#, format!("$.via.pseudonym: {same}")),
            (
                r#"{"hosts":{"a.example":{"via":{"pseudonym":"p"}}},"media":{"pseudonym":"p"}}"#,
                format!("$.hosts[\"a.example\"].via.pseudonym: {same}"),
            ),
            (r#"{"via":{"malformed":{"max":1}}}"#, "$.via.malformed.max: unknown key; known are mode".to_owned()),
        ] {
            assert_eq!(error(policy), Some(expected), "{policy}");
        }
    }
}
