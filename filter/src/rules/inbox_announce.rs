//! `inbox.announce`

use crate::activitypub::activity::{Activity, Entity};
use crate::activitypub::integrity::is_signed_by;
use crate::activitypub::{Verb, node};
use crate::decision::{Action, Finding, Mode};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.announce",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "an Announce that brings the text of somebody else's post",
    doc: "
An Announce is allowed if, for each of its objects, any of these holds:

1. it is only named: an id, or an object with nothing but `id` and `type`;
2. it has the origin of the actor, or no id;
3. it is itself an activity: groups (FEP-1b12) and relays pass activities on, and servers fetch what these name; a Create or Update must at least be about what its
   own actor owns;
4. it is addressed to the actor (`to`, `cc` or `audience`), as a post in a group is;
5. it carries its own LD signature or integrity proof, by a key of its own origin.

The fourth is the sender's own word, so this rule keeps honest mistakes and careless forgeries out, not a determined forger: the server behind must fetch what it does
not know. Otherwise the text is a claim about a stranger that nothing vouches for. Pleroma and Akkoma refuse it too; Misskey fetches the original and ignores it.",
    specification: "FEP-fe34, FEP-1b12, FEP-8b32",
    compile: |_| Check::Activity(Box::new(|subject| check(subject.activity))),
};

fn check(activity: &Activity<'_>) -> Option<Finding> {
    let mut objects = activity.objects.iter().filter(|_| activity.verb == Verb::Announce);
    let foreign = objects.any(|object| is_unvouched(activity, object));
    foreign.then(|| Finding::new("object", "is an embedded foreign object that nothing vouches for"))
}

fn is_unvouched(activity: &Activity<'_>, object: &Entity<'_>) -> bool {
    let (Some(id), Some(embedded)) = (&object.id, object.node) else {
        return false;
    };
    let only_named = embedded.iter().all(|(key, _)| matches!(key, "id" | "type" | "@context"));
    let is_activity = object.verb.is_some_and(Verb::is_activity);
    if matches!(object.verb, Some(Verb::Create | Verb::Update))
        && !Activity::read(embedded).is_ok_and(|inner| owns(&inner))
    {
        return true;
    }
    let addressed = ["to", "cc", "audience"]
        .into_iter()
        .any(|key| node::ids(embedded, key).any(|recipient| recipient == activity.actor.raw));
    !(only_named || is_activity || addressed || id.same_origin(&activity.actor) || is_signed_by(embedded, id))
}

/// Whether everything that an activity embeds has the origin of its actor.
fn owns(activity: &Activity<'_>) -> bool {
    let mut embedded = activity.objects.iter().filter(|object| object.node.is_some());
    embedded.all(|object| {
        let owners = object.owners.iter().map(|(_, owner)| owner);
        object.id.iter().chain(owners).all(|id| id.same_origin(&activity.actor))
    })
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn announce(object: &str) -> String {
        format!(r#"{{"type":"Announce","id":"https://a.example/1","actor":"https://a.example/c","object":{object}}}"#)
    }

    #[test]
    fn what_is_vouched_for_is_allowed() {
        for object in [
            r#""https://b.example/2""#,
            r#"{"id":"https://b.example/2","type":"Note"}"#,
            r#"{"id":"https://a.example/2","type":"Note","content":"x"}"#,
            r#"{"type":"Note","content":"x"}"#,
            r#"{"id":"https://b.example/2","type":"Create","actor":"https://b.example/u","object":{"content":"x"}}"#,
            r#"{"id":"https://b.example/2","type":"Page","content":"x","audience":"https://a.example/c"}"#,
            r#"{"id":"https://b.example/2","type":"Note","content":"x","proof":{"verificationMethod":"https://b.example/u#k","proofValue":"z1"}}"#,
        ] {
            accepts("", &announce(object));
        }
    }

    #[test]
    fn what_nothing_vouches_for_is_not() {
        for object in [
            r#"{"id":"https://b.example/2","type":"Note","content":"x"}"#,
            r#"{"id":"https://b.example/2","type":"Note","attributedTo":"https://b.example/u"}"#,
            r#"{"id":"https://b.example/2","type":"Note","content":"x","proof":{}}"#,
            r#"{"id":"https://b.example/2","type":"Note","content":"x","proof":{"verificationMethod":"https://a.example/c#k","proofValue":"z1"}}"#,
            r#"["https://b.example/3",{"id":"https://b.example/2","content":"x"}]"#,
            r#"{"id":"https://b.example/2","type":"Create","actor":"https://b.example/u","object":{"id":"https://c.example/3"}}"#,
            r#"{"id":"https://b.example/2","type":"Update","actor":"https://b.example/u","object":{"attributedTo":"https://c.example/u"}}"#,
            r#"{"id":"https://b.example/2","type":"Create","object":{"content":"x"}}"#,
        ] {
            refuses("", "inbox.announce", "object", &announce(object));
        }
    }
}
