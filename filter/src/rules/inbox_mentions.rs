//! `inbox.mentions`

use std::collections::BTreeSet;

use crate::activitypub::{node, verb};
use crate::decision::{Action, Finding, Mode};
use crate::json::Json;
use crate::registry::{Check, Phase, Rule, Subject};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.mentions",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Drop),
    summary: "posts that mention too many people",
    doc: "
A delivery is allowed if the posts that it brings mention at most `max` different people: `Mention` tags, counted once per `href` (or per `name` without one).

The default is what Misskey allows its own users. The wave of February 2024 mentioned three to eight; lower it while a wave lasts.",
    specification: "Activity Streams 2.0 vocabulary (Mention); Misskey's role policy `mentionLimit`",
    compile: |reader| {
        let max = reader.limit("max", 0..=10_000, 20, "the most people a post may mention");
        Check::Activity(Box::new(move |subject| {
            let too_many = count(subject, max) > max;
            too_many.then(|| Finding::new("tag", format!("mentions more than {max} people")))
        }))
    },
};

/// How many people are mentioned, if that can be more than `max`.
fn count(subject: &Subject<'_>, max: usize) -> usize {
    let posts = subject.posts;
    // Fewer tags than people are allowed: nothing to count. This is nearly every post.
    if posts.iter().map(|post| post.list("tag").len()).sum::<usize>() <= max {
        return 0;
    }
    let tags = posts.iter().flat_map(|post| node::objects(post, "tag"));
    let mentions = tags.filter(|tag| verb::has_type(tag, "Mention"));
    let people = mentions.filter_map(|mention| {
        let href = mention.list("href").iter().find_map(node::id_of);
        href.or_else(|| mention.get("name").and_then(Json::as_str))
    });
    people.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, decide, refuses};

    fn post(tags: &str) -> String {
        format!(
            r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u","object":{{"type":"Note","tag":{tags}}}}}"#
        )
    }

    fn mentions(count: usize) -> String {
        let mention = |n| format!(r#"{{"type":"Mention","href":"https://b.example/{n}","name":"@x"}}"#);
        format!("[{}]", (0..count).map(mention).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn people_are_counted_once() {
        accepts("", &post(&mentions(20)));
        refuses("", "inbox.mentions", "tag", &post(&mentions(21)));
        let decision = decide("", &post(&mentions(21)));
        assert_eq!(decision.verdict().as_str(), "drop");
        let policy = r#"{"inbox":{"mentions":{"max":1}}}"#;
        accepts(policy, &post(&mentions(1)));
        accepts(policy, &post(&mentions(1).replace(['[', ']'], "")));
        accepts(
            policy,
            &post(
                r#"[{"type":"Mention","href":"https://b.example/1"},{"type":["Mention"],"href":"https://b.example/1"},{"type":"Hashtag","href":"https://b.example/t"}]"#,
            ),
        );
        refuses(policy, "inbox.mentions", "tag", &post(&mentions(2)));
        refuses(
            policy,
            "inbox.mentions",
            "tag",
            &post(r#"[{"type":"Mention","name":"@a"},{"type":"as:Mention","href":null,"name":"@b"}]"#),
        );
        let announce = post(&mentions(2)).replace("{\"type\":\"Create\"", "{\"type\":\"Announce\",\"tag\":null");
        refuses(policy, "inbox.mentions", "tag", &announce);
    }
}
