//! `inbox.move`

use crate::activitypub::Verb;
use crate::activitypub::activity::{Activity, Entity};
use crate::decision::{Action, Finding, Mode};
use crate::json::Json;
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.move",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "a Move of somebody else's account",
    doc: "
A Move is allowed if any of these holds:

1. its `object` is its actor, who moves away, and its `target` is another id;
2. its `target` is its actor, who moves in (FEP-7628 pull), and its `object` is another id;
3. it has an `origin` and its object has the origin of the actor: content that moves between collections.

Whether the other account agrees (`alsoKnownAs`) is for the server behind to fetch.",
    specification: "FEP-7628, FEP-fe34; GoToSocial's and Mastodon's own checks",
    compile: |_| Check::Activity(Box::new(|subject| check(subject.activity))),
};

fn check(activity: &Activity<'_>) -> Option<Finding> {
    if activity.verb != Verb::Move {
        return None;
    }
    let names_actor = |entity: &Entity<'_>| entity.id.as_ref().is_some_and(|id| id.raw == activity.actor.raw);
    let (objects, targets) = (&activity.objects, &activity.targets);
    let moves_content = activity.node.get("origin").is_some_and(|origin| *origin != Json::Null);
    let own_content = || {
        let mut ids = objects.iter().map(|object| object.id.as_ref());
        ids.all(|id| id.is_some_and(|id| id.same_origin(&activity.actor)))
    };
    let of_oneself = match (&objects[..], &targets[..]) {
        ([object], [target]) => names_actor(object) != names_actor(target),
        _ => false,
    };
    let allowed = of_oneself || (moves_content && !objects.is_empty() && own_content());
    (!allowed).then(|| Finding::new("object", "is not the actor's to move"))
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn movement(object: &str, target: &str, more: &str) -> String {
        format!(
            r#"{{"type":"Move","id":"https://a.example/1","actor":"https://a.example/u","object":"{object}","target":"{target}"{more}}}"#
        )
    }

    #[test]
    fn only_oneself() {
        let (own, other) = ("https://a.example/u", "https://b.example/v");
        accepts("", &movement(own, other, ""));
        accepts("", &movement(other, own, ""));
        accepts("", &movement("https://a.example/post/1", "https://b.example/c", r#","origin":"https://a.example/c""#));
        for (object, target, more) in [
            ("https://a.example/someone_else", other, ""),
            (own, own, ""),
            (other, "https://c.example/w", ""),
            (other, "https://c.example/w", r#","origin":"https://c.example/c""#),
            ("https://a.example/post/1", "https://b.example/c", r#","origin":null"#),
        ] {
            refuses("", "inbox.move", "object", &movement(object, target, more));
        }
        let nowhere = movement(own, other, "").replace(&format!(",\"target\":\"{other}\""), "");
        refuses("", "inbox.move", "object", &nowhere);
        let several = movement(own, other, "")
            .replace(&format!("\"object\":\"{own}\""), &format!("\"object\":[\"{own}\",\"{other}\"]"));
        refuses("", "inbox.move", "object", &several);
    }
}
