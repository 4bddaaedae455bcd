//! `inbox.shape`

use crate::activitypub::ADDRESSING;
use crate::decision::{Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule, Subject};

/// The rule. What [`crate::activitypub::Activity::read`] cannot read is reported under it too.
pub const RULE: Rule = Rule {
    id: "inbox.shape",
    phase: Phase::Activity,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "an activity whose properties have not the form that servers expect",
    doc: "
A delivery is allowed if all of these hold:

1. the body is an object with one `actor` that has an id, and its own `id`, if any, is a string (GoToSocial sends a Delete without one);
2. `object`, `target` and the owners of embedded objects are ids, objects, or lists of them;
3. `name`, `summary` and `content`, of the activity and of embedded objects, are text (or lists of it), their `...Map` forms are objects;
4. `to`, `cc`, `bto`, `bcc` and `audience` hold ids or objects;
5. `@context` is a string, an object, or a list of them.

`null` counts as absent, an empty list as an empty map (PHP writes it so).",
    specification: "Activity Streams 2.0 sections 2 and 4, ActivityPub section 3",
    compile: |_| Check::Activity(Box::new(check)),
};

const TEXT: [(&str, &str); 3] = [("name", "nameMap"), ("summary", "summaryMap"), ("content", "contentMap")];

fn check(subject: &Subject<'_>) -> Option<Finding> {
    let activity = subject.activity;
    let mut embedded = activity.objects.iter().filter_map(|object| object.node);
    check_node("", activity.node).or_else(|| embedded.find_map(|node| check_node("object.", node)))
}

fn check_node(place: &str, node: &Object<'_>) -> Option<Finding> {
    let finding = |key: &str, reason: &'static str| Some(Finding::new(format!("{place}{key}"), reason));
    for (text, map) in TEXT {
        if node.list(text).iter().any(|value| !matches!(value, Json::String(_) | Json::Null)) {
            return finding(text, "is not text");
        }
        match node.get(map) {
            None | Some(Json::Null | Json::Object(_)) => {}
            Some(Json::Array(items)) if items.is_empty() => {}
            Some(_) => return finding(map, "is not an object"),
        }
    }
    for key in ADDRESSING {
        if node.list(key).iter().any(|value| !matches!(value, Json::String(_) | Json::Object(_) | Json::Null)) {
            return finding(key, "is neither ids nor objects");
        }
    }
    let context = node.list("@context");
    if context.iter().any(|value| !matches!(value, Json::String(_) | Json::Object(_) | Json::Null)) {
        return finding("@context", "is neither a string nor an object");
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn body(more: &str) -> String {
        format!(r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u",{more}}}"#)
    }

    #[test]
    fn forms_that_occur_are_allowed() {
        for more in [
            r#""object":{"content":"x","contentMap":{"ja":"x"},"summary":null,"name":["a","b"]}"#,
            r#""object":{"contentMap":[],"to":"as:Public","cc":[{"id":"https://a.example/f"}]}"#,
            r#""@context":["https://www.w3.org/ns/activitystreams",{"x":"y"}],"object":[]"#,
            r#""@context":null,"object":null"#,
        ] {
            accepts("", &body(more));
            accepts("", &body(more).replace(r#""id":"https://a.example/1","#, ""));
        }
    }

    #[test]
    fn what_no_server_expects() {
        for (place, more) in [
            ("object.content", r#""object":{"content":42}"#),
            ("object.name", r#""object":{"name":{"en":"x"}}"#),
            ("object.nameMap", r#""object":{"nameMap":"x"}"#),
            ("object.summary", r#""object":{"summary":["a",false]}"#),
            ("object.to", r#""object":{"to":[1]}"#),
            ("cc", r#""object":"https://a.example/2","cc":true"#),
            ("@context", r#""@context":3"#),
            ("object", r#""object":23"#),
        ] {
            refuses("", "inbox.shape", place, &body(more));
        }
        refuses("", "inbox.shape", "actor", r#"{"type":"Like","id":"https://a.example/1"}"#);
        refuses("", "inbox.shape", "id", r#"{"type":"Like","id":{},"actor":"https://a.example/1"}"#);
        refuses("", "inbox.shape", "body", "[]");
        refuses("", "inbox.shape", "body", "7");
    }
}
