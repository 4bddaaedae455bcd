//! `inbox.recipients`

use std::collections::BTreeSet;

use crate::activitypub::{Verb, is_public, node};
use crate::decision::{Action, Finding, Mode};
use crate::json::Object;
use crate::registry::{Check, Phase, Rule, Subject};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.recipients",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Drop),
    summary: "posts that are addressed to too many people",
    doc: "
An activity other than a Delete or Undo is allowed if `to` and `cc`, of the activity and of the posts that it brings together, name at most `max` different recipients. The Public
collection and followers collections (a path with a segment `followers`) do not count.

The default leaves room for posts to circles and lists, which name every member. The rule that the first filters used was `cc` longer than 3, which also counted
the author's followers: `max` 2 is the same, and loses ordinary conversations.",
    specification: "ActivityPub section 5.6 (Public), section 7.1 (delivery)",
    compile: |reader| {
        let max = reader.limit("max", 0..=10_000, 50, "the most recipients in `to` and `cc`, Public and followers not counted");
        Check::Activity(Box::new(move |subject| {
            let too_many = count(subject, max) > max;
            too_many.then(|| Finding::new("to", format!("and cc name more than {max} recipients")))
        }))
    },
};

/// How many recipients there are, if that can be more than `max`.
fn count(subject: &Subject<'_>, max: usize) -> usize {
    // Taking back is never refused.
    if matches!(subject.activity.verb, Verb::Delete | Verb::Undo) {
        return 0;
    }
    let posts = subject.posts;
    // Fewer addresses than recipients are allowed: nothing to count. This is nearly every post.
    let addresses = |post: &&Object<'_>| post.list("to").len().saturating_add(post.list("cc").len());
    if posts.iter().map(addresses).sum::<usize>() <= max {
        return 0;
    }
    let fields = posts.iter().flat_map(|post| ["to", "cc"].map(|key| (*post, key)));
    let recipients = fields.flat_map(|(post, key)| node::ids(post, key));
    let people = recipients.filter(|id| !is_public(id) && !is_followers_collection(id));
    people.collect::<BTreeSet<_>>().len()
}

fn is_followers_collection(id: &str) -> bool {
    let path = id.split(['?', '#']).next().unwrap_or_default();
    path.split('/').skip(3).any(|segment| segment == "followers")
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    const TWO: &str = r#"{"inbox":{"recipients":{"max":2}}}"#;

    fn post(kind: &str, to: &str, cc: &str, inner: &str) -> String {
        format!(
            r#"{{"type":"{kind}","id":"https://a.example/1","actor":"https://a.example/u","to":{to},"cc":{cc},
            "object":{{"id":"https://a.example/2","type":"Note"{inner}}}}}"#
        )
    }

    #[test]
    fn recipients_are_counted_once_and_collections_never() {
        let public = r#"["https://www.w3.org/ns/activitystreams#Public","as:Public"]"#;
        let followers = r#"["https://a.example/u/followers","https://c.example/followers/nick","https://b.example/1",{"id":"https://b.example/2"}]"#;
        accepts(TWO, &post("Create", public, followers, r#","to":"https://b.example/1""#));
        refuses(TWO, "inbox.recipients", "to", &post("Create", public, followers, r#","cc":"https://b.example/3""#));
        refuses(TWO, "inbox.recipients", "to", &post("Update", r#""https://b.example/0""#, followers, ""));
        accepts(
            TWO,
            &post("Delete", r#""https://b.example/0""#, followers, "")
                .replace("https://b.example/2", "https://b.example/1"),
        );
        let many = |count: usize| {
            format!("[{}]", (0..count).map(|n| format!("\"https://b.example/{n}\"")).collect::<Vec<_>>().join(","))
        };
        accepts("", &post("Create", &many(50), "null", ""));
        refuses("", "inbox.recipients", "to", &post("Create", "null", &many(51), ""));
        refuses("", "inbox.recipients", "to", &post("Create", "null", "[]", &format!(r#","cc":{}"#, many(51))));
    }
}
