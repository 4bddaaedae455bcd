//! `inbox.content_type`

use crate::decision::{Finding, Mode};
use crate::http::media_type;
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.content_type",
    phase: Phase::Head,
    status: 415,
    mode: Mode::Enforce,
    action: None,
    summary: "a delivery that is not `application/activity+json` or `application/ld+json`",
    doc: "
A delivery is allowed if its one `Content-Type` is

1. `application/activity+json`, or
2. `application/ld+json` (with or without the ActivityStreams profile), or
3. a type that the policy adds,

and its `charset`, if any, is UTF-8. Misskey answers other types with 415 too, but leaves a signed `application/json` hanging until a
time-out; so do not add that type in front of Misskey.",
    specification: "ActivityPub section 7, RFC 9110 section 8.3",
    compile: |reader| {
        let also = reader.strings(
            "also",
            16,
            128,
            |value| match value.split_once('/') {
                Some((kind, sub)) if !kind.is_empty() && !sub.is_empty() && !value.contains([';', ' ', ',']) => Ok(()),
                _ => Err("expected a media type without parameters"),
            },
            "further media types, without parameters",
        );
        let mut allowed = vec!["application/activity+json".to_owned(), "application/ld+json".to_owned()];
        allowed.extend(also);
        Check::Head(Box::new(move |head| {
            let fault = match &head.content_type {
                None => "is missing",
                Some(value) if media_type::is_one_of(value, &allowed) => return None,
                Some(_) => "is not application/activity+json or application/ld+json in UTF-8",
            };
            Some(Finding::new("content-type", fault))
        }))
    },
};

#[cfg(test)]
mod tests {
    use crate::http::RequestHead;
    use crate::policy::Policy;

    fn rule(policy: &str, value: Option<&str>) -> Option<&'static str> {
        let head = RequestHead { content_type: value.map(Into::into), ..RequestHead::default() };
        Policy::parse(policy.as_bytes()).unwrap().site(None).inbox.begin(&head)?.rule()
    }

    #[test]
    fn only_activity_json() {
        let refused = Some("inbox.content_type");
        assert_eq!(rule("", Some("application/activity+json")), None);
        assert_eq!(rule("", Some("application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"")), None);
        assert_eq!(rule("", Some("application/json")), refused);
        assert_eq!(rule("", Some("text/plain")), refused);
        assert_eq!(rule("", None), refused);
        let policy = r#"{"inbox":{"content_type":{"also":["application/json"]}}}"#;
        assert_eq!(rule(policy, Some("application/json")), None);
        assert_eq!(rule(policy, Some("application/ld+json")), None);
        assert_eq!(rule(policy, Some("text/json")), refused);
        assert!(Policy::parse(br#"{"inbox":{"content_type":{"also":["json"]}}}"#).is_err());
    }
}
