//! `inbox.collection`

use crate::activitypub::Verb;
use crate::activitypub::activity::{Activity, Reference};
use crate::activitypub::node::id_of;
use crate::decision::{Action, Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule};

/// The most activities that one delivery may bundle: Misskey's own limit.
const MAX_ITEMS: usize = 255;

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.collection",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "a bundle of activities that is too large, nested, or mixes origins",
    doc: "
A delivery whose body is a Collection or OrderedCollection is allowed if all of these hold:

1. it has at most 255 items, in `items` or in `orderedItems` but not in both;
2. each item is an activity of the bundle's actor's origin, or an id of that origin; none is a collection;
3. each embedded activity is allowed by all the other rules.

In `shadow` mode the contents of a nested collection are judged by no rule.",
    specification: "Misskey's inbox; Activity Streams 2.0 section 5",
    compile: |_| Check::Activity(Box::new(|subject| check(subject.activity))),
};

/// The bundled activities and ids.
pub fn items<'v, 'a>(collection: &'v Object<'a>) -> impl Iterator<Item = &'v Json<'a>> {
    let keys = ["items", "orderedItems"].into_iter();
    keys.flat_map(|key| collection.list(key))
}

fn check(activity: &Activity<'_>) -> Option<Finding> {
    if activity.verb != Verb::Collection {
        return None;
    }
    let node = activity.node;
    if items(node).count() > MAX_ITEMS {
        return Some(Finding::new("items", format!("are more than {MAX_ITEMS}")));
    }
    if !node.list("items").is_empty() && !node.list("orderedItems").is_empty() {
        return Some(Finding::new("items", "stand beside orderedItems"));
    }
    let mut foreign = items(node).filter(|item| !is_own(item, &activity.actor));
    foreign.next().map(|_| Finding::new("items", "are not all activities of the actor's origin"))
}

fn is_own(item: &Json<'_>, actor: &Reference<'_>) -> bool {
    let own = |id: &str| Reference::new(id).same_origin(actor);
    match item {
        Json::String(id) => own(id),
        Json::Object(node) => {
            let by = node.get("actor").map_or(&[][..], Json::as_list);
            let nested = Verb::of(node) == Ok(Verb::Collection);
            !nested && !by.is_empty() && by.iter().all(|actor| id_of(actor).is_some_and(own))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    const OWN: &str =
        r#"{"type":"Like","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#;

    fn bundle(items: &str) -> String {
        format!(r#"{{"type":"OrderedCollection","actor":"https://a.example/u",{items}}}"#)
    }

    #[test]
    fn bundles_of_own_activities() {
        accepts("", &bundle(&format!(r#""orderedItems":[{OWN},"https://a.example/3"]"#)));
        accepts("", &bundle(&format!(r#""items":{OWN}"#)));
        accepts("", &bundle(&format!(r#""items":[{}]"#, vec![OWN; 255].join(","))));
        for items in [
            format!(r#""items":[{}]"#, vec![OWN; 256].join(",")),
            format!(r#""items":[{OWN}],"orderedItems":[{OWN}]"#),
            format!(r#""items":[{}]"#, OWN.replace("a.example", "c.example")),
            format!(r#""items":[{}]"#, bundle(&format!(r#""items":[{OWN}]"#))),
            r#""items":["https://b.example/3"]"#.to_owned(),
            r#""items":[{"type":"Like"}]"#.to_owned(),
            r#""items":[null]"#.to_owned(),
        ] {
            refuses("", "inbox.collection", "items", &bundle(&items));
        }
    }

    #[test]
    fn every_bundled_activity_is_judged() {
        let forged = OWN.replace("\"Like\"", "\"Delete\"");
        refuses("", "inbox.owner", "object", &bundle(&format!(r#""items":[{OWN},{forged}]"#)));
        refuses("", "inbox.type", "activity", &bundle(r#""items":[{"actor":"https://a.example/u"}]"#));
    }
}
