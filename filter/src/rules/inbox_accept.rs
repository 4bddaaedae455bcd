//! `inbox.accept`

use crate::activitypub::activity::{Activity, Entity, Reference};
use crate::activitypub::{Verb, is_public, node};
use crate::decision::{Action, Finding, Mode};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.accept",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "an Accept or Reject of what was sent to somebody else",
    doc: "
An Accept or Reject (also a tentative one) is allowed if, for each embedded activity, any of these holds:

1. its `object` is of the actor's origin: it was sent to that actor;
2. its `object` is the Public collection: a subscription to a relay;
3. it is an Invite or Offer, and its `target` is of the actor's origin;
4. it names no object by id.

What the answer gives in `result`, such as an authorisation, has the origin of the actor.

One that is only named by id is for the server behind to look up.",
    specification: "ActivityPub sections 7.6 and 7.7, FEP-ae0c (relays), FEP-044f (quote requests)",
    compile: |_| Check::Activity(Box::new(|subject| check(subject.activity))),
};

fn check(activity: &Activity<'_>) -> Option<Finding> {
    let answers = matches!(activity.verb, Verb::Accept | Verb::Reject | Verb::TentativeAccept | Verb::TentativeReject);
    if !answers {
        return None;
    }
    let mut results = node::ids(activity.node, "result");
    if results.any(|result| !Reference::new(result).same_origin(&activity.actor)) {
        return Some(Finding::new("result", "is not on the actor's origin"));
    }
    let foreign = activity.objects.iter().any(|object| was_sent_to_another(object, &activity.actor));
    foreign.then(|| Finding::new("object", "was not sent to the actor"))
}

fn was_sent_to_another(object: &Entity<'_>, actor: &Reference<'_>) -> bool {
    let Some(embedded) = object.node else {
        return false;
    };
    let own = |id: &str| Reference::new(id).same_origin(actor);
    let has_target = matches!(object.verb, Some(Verb::Invite | Verb::Offer));
    let mut about = node::ids(embedded, "object").peekable();
    let mut targets = node::ids(embedded, "target").filter(|_| has_target);
    about.peek().is_some() && !about.any(|id| is_public(id) || own(id)) && !targets.any(own)
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn accept(kind: &str, object: &str) -> String {
        format!(r#"{{"type":"{kind}","id":"https://a.example/1","actor":"https://a.example/u","object":{object}}}"#)
    }

    #[test]
    fn only_by_whom_it_was_sent_to() {
        for kind in ["Accept", "Reject", "TentativeAccept"] {
            for own in [
                r#""https://b.example/follow/1""#,
                r#"{"id":"https://b.example/1","type":"Follow","actor":"https://b.example/u","object":"https://a.example/u"}"#,
                r#"{"type":"Follow","actor":"https://b.example/u","object":"https://www.w3.org/ns/activitystreams#Public"}"#,
                r#"{"type":"QuoteRequest","actor":"https://b.example/u","object":"https://a.example/n/1","instrument":"https://b.example/n/2"}"#,
                r#"{"type":"Invite","actor":"https://b.example/g","object":"https://b.example/g","target":"https://a.example/u"}"#,
                r#"{"type":"Offer","actor":"https://b.example/u","object":{"type":"Agreement"}}"#,
            ] {
                accepts("", &accept(kind, own));
            }
            let foreign = r#"{"id":"https://b.example/1","type":"Follow","actor":"https://b.example/u","object":"https://c.example/u"}"#;
            refuses("", "inbox.accept", "object", &accept(kind, foreign));
            let addressed = foreign.replace("\"type\"", "\"to\":\"as:Public\",\"cc\":\"https://a.example/u\",\"type\"");
            refuses("", "inbox.accept", "object", &accept(kind, &addressed));
        }
        let granted = |result: &str| {
            accept(
                "Accept",
                &format!(r#"{{"type":"QuoteRequest","object":"https://a.example/n/1"}},"result":"{result}""#),
            )
        };
        accepts("", &granted("https://a.example/stamps/1"));
        refuses("", "inbox.accept", "result", &granted("https://b.example/stamps/1"));
        accepts("", &accept("Like", r#"{"type":"Follow","object":"https://c.example/u"}"#));
    }
}
