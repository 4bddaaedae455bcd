//! `inbox.owner`

use crate::activitypub::activity::{Activity, Entity, Reference};
use crate::activitypub::{Verb, node};
use crate::decision::{Action, Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.owner",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "activities about what their actor does not own",
    doc: "
Origin is scheme, host and port (on the private hosts of tests, scheme and host). A delivery is allowed if all of these hold:

1. the activity's `id` has the origin of its `actor`;
2. what a Create, Update, Delete or Undo is about, whether embedded or named by its id, has the origin of the actor, and so has everyone it names in
   `attributedTo`, `actor`, `owner` or `controller`; an embedded object without id belongs to the actor;
3. an embedded actor has its `inbox`, `outbox`, `followers`, `following` and `publicKey` on its own origin;
4. the `target` of an Add or Remove has the origin of the actor; without a target, its object has;
5. an `instrument` that is an embedded post, or that comes with a request such as QuoteRequest, has the origin of the actor, and so have its owners;
6. a post that is delivered without an activity around it is attributed to the actor's origin.

Announce, Like, Follow, Block, Flag and all others may be about foreign objects.

`group_moderation` makes an exception for software with groups (Lemmy, PieFed, Mbin): a Delete, Add or Remove that names a group in `audience`, and what it is about
by id only, may come from a moderator on another server; what it adds to or removes from belongs to the group's server. The server behind has to check that the actor is one. Leave it off in front of Misskey.",
    specification: "FEP-fe34, ActivityPub sections 7.2 to 7.4; GHSA-m2gq-69fp-6hv4, CVE-2024-52591, CVE-2024-52592, CVE-2024-37903",
    compile: |reader| {
        let group_moderation = reader.boolean("group_moderation", false, "allow moderators of groups on other servers");
        Check::Activity(Box::new(move |subject| check(subject.activity, group_moderation)))
    },
};

const FOREIGN: &str = "is not on the actor's origin";

fn check(activity: &Activity<'_>, group_moderation: bool) -> Option<Finding> {
    let actor = &activity.actor;
    if activity.id.as_ref().is_some_and(|id| !id.same_origin(actor)) {
        return Some(Finding::new("id", FOREIGN));
    }
    // A program or a service that something is done with (AS2's own use) belongs to whom it may.
    let brings_post =
        |instrument: &&Entity<'_>| instrument.verb.is_some_and(Verb::is_content) || !instrument.owners.is_empty();
    let is_request = activity.node.list("type").iter().filter_map(Json::as_str).any(|name| name.ends_with("Request"));
    let mut instruments = activity
        .instruments
        .iter()
        .filter(|instrument| instrument.node.is_some() && (is_request || brings_post(instrument)));
    if let Some(finding) = instruments.find_map(|instrument| check_entity("instrument", instrument, actor)) {
        return Some(finding);
    }
    if activity.verb.is_content() {
        let mut authors = node::ids(activity.node, "attributedTo");
        let foreign = authors.any(|author| !Reference::new(author).same_origin(actor));
        return foreign.then(|| Finding::new("attributedTo", FOREIGN));
    }
    let (place, owned) = match activity.verb {
        Verb::Create | Verb::Update | Verb::Delete | Verb::Undo => ("object", &activity.objects),
        Verb::Add | Verb::Remove if activity.targets.is_empty() => ("object", &activity.objects),
        Verb::Add | Verb::Remove => ("target", &activity.targets),
        _ => return None,
    };
    if group_moderation && is_group_moderation(activity, owned) {
        return None;
    }
    owned.iter().find_map(|entity| check_entity(place, entity, actor))
}

fn check_entity(place: &str, entity: &Entity<'_>, actor: &Reference<'_>) -> Option<Finding> {
    if entity.id.as_ref().is_some_and(|id| !id.same_origin(actor)) {
        return Some(Finding::new(place.to_owned(), FOREIGN));
    }
    let mut owners = entity.owners.iter();
    if let Some((key, _)) = owners.find(|(_, owner)| !owner.same_origin(actor)) {
        return Some(Finding::new(format!("{place}.{key}"), FOREIGN));
    }
    let is_actor = |node: &&Object<'_>| {
        entity.verb == Some(Verb::Actor) || node.get("inbox").is_some() || node.get("publicKey").is_some()
    };
    let embedded = entity.node.filter(is_actor)?;
    let collections = ["inbox", "outbox", "followers", "following", "publicKey"].into_iter();
    let mut ids = collections.flat_map(|key| node::ids(embedded, key).map(move |id| (key, id)));
    let keys = ["publicKey", "assertionMethod"].into_iter().flat_map(|key| node::objects(embedded, key));
    let mut keys = keys.flat_map(|key| ["id", "owner", "controller"].into_iter().flat_map(|name| node::ids(key, name)));
    let foreign = |id: &str| !Reference::new(id).same_origin(actor);
    ids.find(|(_, id)| foreign(id))
        .map(|(key, _)| key)
        .or_else(|| keys.any(foreign).then_some("publicKey"))
        .map(|key| Finding::new(format!("{place}.{key}"), FOREIGN))
}

/// Whether the activity is a moderator's: about things named only by id, in a group that it names.
fn is_group_moderation(activity: &Activity<'_>, entities: &[Entity<'_>]) -> bool {
    matches!(activity.verb, Verb::Delete | Verb::Add | Verb::Remove)
        && entities.iter().all(|entity| entity.node.is_none())
        && node::ids(activity.node, "audience").any(|group| {
            let group = Reference::new(group);
            let mut changed = activity.targets.iter().filter_map(|target| target.id.as_ref());
            group.origin.is_ok() && changed.all(|target| target.same_origin(&group))
        })
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, decide, refuses};

    fn activity(kind: &str, rest: &str) -> String {
        format!(r#"{{"type":"{kind}","id":"https://a.example/1","actor":"https://a.example/u",{rest}}}"#)
    }

    #[test]
    fn actors_speak_for_their_own_origin() {
        for kind in ["Create", "Update", "Delete", "Undo"] {
            for own in [
                r#""object":"https://a.example/2""#,
                r#""object":{"id":"https://a.example/2","attributedTo":"https://a.example/u"}"#,
                r#""object":{"content":"x"}"#,
                r#""object":{"id":"https://a.example/2","attributedTo":[{"type":"Person","id":"https://a.example/u"},{"type":"Group","id":"https://a.example/c"}]}"#,
                r#""object":["https://a.example/2","https://a.example/3"]"#,
                r#""object":{"id":"https://a.example/2","type":"Announce","actor":"https://a.example/u","object":"https://b.example/3"}"#,
            ] {
                accepts("", &activity(kind, own));
            }
            for (place, foreign) in [
                ("object", r#""object":"https://b.example/2""#),
                ("object", r#""object":["https://a.example/2","https://b.example/3"]"#),
                ("object", r#""object":{"id":"https://b.example/2","attributedTo":"https://a.example/u"}"#),
                ("object", r#""object":{"id":"https://a.example.b.example/2"}"#),
                (
                    "object.attributedTo",
                    r#""object":{"id":"https://a.example/2","attributedTo":"https://b.example/u"}"#,
                ),
                (
                    "object.attributedTo",
                    r#""object":{"attributedTo":["https://a.example/u",{"id":"https://b.example/u"}]}"#,
                ),
                ("object.actor", r#""object":{"type":"Like","actor":"https://b.example/u"}"#),
                ("object.owner", r#""object":{"type":"Key","owner":"https://b.example/u"}"#),
            ] {
                refuses("", "inbox.owner", place, &activity(kind, foreign));
            }
        }
        for kind in ["Announce", "Like", "Follow", "Block", "Flag", "View"] {
            accepts("", &activity(kind, r#""object":"https://b.example/2""#));
        }
        let other_id = activity("Like", r#""object":"https://b.example/2""#).replace("a.example/1", "b.example/1");
        refuses("", "inbox.owner", "id", &other_id);
    }

    #[test]
    fn another_port_is_another_origin() {
        let policy = r#"{"inbox":{"origin":{"allowed_ports":[8443]}}}"#;
        refuses(policy, "inbox.owner", "object", &activity("Delete", r#""object":"https://a.example:8443/2""#));
    }

    #[test]
    fn an_embedded_actor_keeps_its_endpoints_at_home() {
        let person = |more: &str| {
            activity(
                "Update",
                &format!(
                    r#""object":{{"id":"https://a.example/u","type":"Person","inbox":"https://a.example/i",{more}}}"#
                ),
            )
        };
        accepts("", &person(r#""publicKey":{"id":"https://a.example/u#k","owner":"https://a.example/u"}"#));
        refuses(
            "",
            "inbox.owner",
            "object.publicKey",
            &person(r#""publicKey":{"id":"https://a.example/u#k","owner":"https://b.example/u"}"#),
        );
        refuses("", "inbox.owner", "object.publicKey", &person(r#""publicKey":"https://b.example/u#k""#));
        let untyped = person(r#""publicKey":{"id":"https://b.example/u#k","owner":["https://b.example/u"]}"#)
            .replace("\"type\":\"Person\",", "");
        refuses("", "inbox.owner", "object.publicKey", &untyped);
        refuses(
            "",
            "inbox.owner",
            "object.publicKey",
            &person(r#""publicKey":[{"id":"https://a.example/u#k","controller":"https://b.example/u"}]"#),
        );
        refuses("", "inbox.owner", "object.outbox", &person(r#""outbox":"https://b.example/o""#));
    }

    #[test]
    fn a_collection_is_changed_by_its_owner() {
        accepts("", &activity("Add", r#""object":"https://b.example/2","target":"https://a.example/featured""#));
        refuses(
            "",
            "inbox.owner",
            "target",
            &activity("Add", r#""object":"https://a.example/2","target":"https://b.example/featured""#),
        );
        refuses(
            "",
            "inbox.owner",
            "target",
            &activity("Remove", r#""object":"https://a.example/2","target":{"id":"https://b.example/f"}"#),
        );
        accepts(
            "",
            &activity("Add", r#""object":{"id":"https://a.example/story","type":"Story","object":"bear:?u=x"}"#),
        );
        refuses("", "inbox.owner", "object", &activity("Add", r#""object":"https://b.example/2""#));
    }

    #[test]
    fn links_instruments_and_bare_posts_have_owners_too() {
        refuses(
            "",
            "inbox.owner",
            "object",
            &activity("Delete", r#""object":{"type":"Link","href":"https://b.example/2"}"#),
        );
        let link = r#""object":{"type":"Note","attributedTo":{"type":"Link","href":"https://b.example/u"}}"#;
        refuses("", "inbox.owner", "object.attributedTo", &activity("Create", link));
        let request = |instrument: &str| {
            activity("QuoteRequest", &format!(r#""object":"https://b.example/2","instrument":{instrument}"#))
        };
        accepts("", &request(r#""https://a.example/3""#));
        accepts("", &request(r#"{"id":"https://a.example/3","attributedTo":"https://a.example/u"}"#));
        refuses("", "inbox.owner", "instrument", &request(r#"{"id":"https://b.example/3"}"#));
        let by_program = r#""object":"https://a.example/2","instrument":{"type":"Application","id":"https://app.example/","name":"App"}"#;
        accepts("", &activity("Create", by_program));
        refuses(
            "",
            "inbox.owner",
            "object",
            &activity("Delete", r#""object":{"type":"Link","href":["https://b.example/2"]}"#),
        );
        refuses("", "inbox.shape", "id", &activity("Delete", r#""object":{"id":[],"url":"https://b.example/2"}"#));
        refuses("", "inbox.owner", "instrument.attributedTo", &request(r#"{"attributedTo":"https://b.example/u"}"#));
        refuses("", "inbox.owner", "attributedTo", &activity("Note", r#""attributedTo":"https://b.example/u""#));
    }

    #[test]
    fn moderators_of_groups_need_an_exception() {
        let policy = r#"{"inbox":{"owner":{"group_moderation":true}}}"#;
        let delete = activity("Delete", r#""object":"https://b.example/2","audience":"https://c.example/c/main""#);
        refuses("", "inbox.owner", "object", &delete);
        accepts(policy, &delete);
        refuses(policy, "inbox.owner", "object", &activity("Delete", r#""object":"https://b.example/2""#));
        let add = |target: &str| {
            activity(
                "Add",
                &format!(r#""object":"https://b.example/2","target":"{target}","audience":"https://c.example/c/main""#),
            )
        };
        accepts(policy, &add("https://c.example/c/main/featured"));
        refuses(policy, "inbox.owner", "target", &add("https://b.example/featured"));
        let embedded = r#""object":{"id":"https://b.example/2","content":"x"},"audience":"https://c.example/c/main""#;
        refuses(policy, "inbox.owner", "object", &activity("Delete", embedded));
        refuses(
            policy,
            "inbox.owner",
            "object",
            &activity("Update", r#""object":"https://b.example/2","audience":"https://c.example/c""#),
        );
    }

    #[test]
    fn shadow_notes_and_goes_on() {
        let policy = r#"{"inbox":{"owner":{"mode":"shadow"},"origin":{"mode":"shadow"}}}"#;
        let decision = decide(policy, &activity("Delete", r#""object":"http://b.example/2""#));
        assert_eq!((decision.rule(), decision.shadow_rules()), (None, vec!["inbox.origin", "inbox.owner"]));
        let dropped = decide(
            r#"{"inbox":{"owner":{"action":"drop"}}}"#,
            &activity("Delete", r#""object":"https://b.example/2""#),
        );
        assert_eq!(dropped.verdict().as_str(), "drop");
    }
}
