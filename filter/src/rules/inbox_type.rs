//! `inbox.type`

use crate::decision::Mode;
use crate::registry::{Check, Phase, Rule};

/// The rule. Its check is [`crate::activitypub::Verb::of`].
pub const RULE: Rule = Rule {
    id: "inbox.type",
    phase: Phase::Body,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "an activity or object without a type, or with several that contradict each other",
    doc: "
A delivery is allowed if its `type` is a string, or a list of strings of which at most one names something that servers know. Misskey reads the first
element of a list, other servers any that they know, so `[\"Like\", \"Create\"]` would be two activities. The same holds for embedded objects,
whose type may be missing. A term may be written with its namespace or the prefix `as:`.",
    specification: "Activity Streams 2.0 section 2, JSON-LD 1.1 section 3.5",
    compile: |_| Check::Reading,
};

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn body(kind: &str, object: &str) -> String {
        format!(r#"{{{kind}"id":"https://a.example/1","actor":"https://a.example/u","object":{object}}}"#)
    }

    #[test]
    fn one_known_type() {
        accepts("", &body(r#""type":["Like"],"#, r#""https://b.example/2""#));
        accepts("", &body(r#""type":["farm:Water","Like"],"#, r#"{"id":"https://b.example/2"}"#));
        refuses("", "inbox.type", "activity", &body("", r#""https://b.example/2""#));
        refuses("", "inbox.type", "activity", &body(r#""type":["Like","Create"],"#, r#""https://b.example/2""#));
        refuses("", "inbox.type", "activity", &body(r#""type":{},"#, r#""https://b.example/2""#));
        refuses("", "inbox.type", "object", &body(r#""type":"Create","#, r#"{"type":["Note","Delete"]}"#));
        refuses("", "inbox.type", "object", &body(r#""type":"Create","#, r#"{"type":7}"#));
    }
}
