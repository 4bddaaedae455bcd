//! `inbox.keywords`

use aho_corasick::AhoCorasick;

use crate::decision::{Action, Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule, Subject};
use crate::text;

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.keywords",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Drop),
    summary: "posts that contain a listed word",
    doc: "
A delivery is allowed if none of `words` occurs in any text of it at any depth: names, summaries, contents, language maps, sources, links, attachments, tags, poll choices,
profile fields; not in ids and addresses. Text is compared with and without their HTML tags and entities. Case and invisible characters do not count. A word is found inside others too,
so that links and languages without spaces are covered: mind short words.",
    specification: "Activity Streams 2.0 section 4.7 (natural language values)",
    compile: |reader| {
        let words = reader.strings(
            "words",
            10_000,
            256,
            |word| if text::fold(word).trim().is_empty() { Err("is blank") } else { Ok(()) },
            "words, matched anywhere, without regard to case",
        );
        let folded: Vec<String> = words.iter().map(|word| text::fold(word)).collect();
        if folded.is_empty() {
            return Check::Never;
        }
        match AhoCorasick::new(&folded) {
            Ok(automaton) => Check::Activity(Box::new(move |subject| check(&automaton, subject))),
            Err(error) => reader.fault("words", error.to_string()),
        }
    },
};

fn check(words: &AhoCorasick, subject: &Subject<'_>) -> Option<Finding> {
    let listed = |value: &str| text::readings(value).any(|reading| words.is_match(&text::fold(&reading)));
    let found = any_text(subject.activity.node, &listed);
    found.then(|| Finding::new("object", "contains a listed word"))
}

/// Properties that hold ids, dates and machinery, not what people read. Objects in them are looked at all the same.
const NOT_TEXT: [&str; 25] = [
    "id",
    "type",
    "actor",
    "attributedTo",
    "to",
    "cc",
    "bto",
    "bcc",
    "audience",
    "object",
    "target",
    "origin",
    "instrument",
    "result",
    "inReplyTo",
    "published",
    "updated",
    "mediaType",
    "inbox",
    "outbox",
    "followers",
    "following",
    "atomUri",
    "inReplyToAtomUri",
    "conversation",
];

/// Whole properties that no reader sees.
const NOT_SHOWN: [&str; 5] = ["@context", "signature", "proof", "publicKey", "endpoints"];

fn any_text(node: &Object<'_>, listed: &impl Fn(&str) -> bool) -> bool {
    node.iter().filter(|(key, _)| !NOT_SHOWN.contains(key)).any(|(key, value)| {
        value.as_list().iter().any(|value| match value {
            Json::String(text) => !NOT_TEXT.contains(&key) && listed(text),
            Json::Object(inner) => any_text(inner, listed),
            Json::Array(items) => items.iter().filter_map(Json::as_str).any(listed),
            _ => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::rules::testing::{accepts, refuses};

    const POLICY: &str = r#"{"inbox":{"keywords":{"words":["Ctkpaarr.org","荒らし.com","spam & eggs"]}}}"#;

    fn post(inner: &str) -> String {
        format!(
            r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u","object":{{"type":"Note",{inner}}}}}"#
        )
    }

    #[test]
    fn words_are_found_wherever_people_read() {
        for inner in [
            r#""content":"see CTKPAARR.ORG""#,
            r#""content":"see \u0063tkpaarr.org""#,
            r#""content":"<p>ctk<b>paa</b>rr.org</p>""#,
            r#""content":"<a href=\"https://ctkpaarr.org/x\">here</a>""#,
            r#""content":"spam &amp; eggs""#,
            r#""content":"ctkpaarr&#x2e;org""#,
            r#""content":"&#67;tkpaarr.org""#,
            r#""content":"< ctk&#112;aarr.org >""#,
            r#""content":"ctk\u200bpaarr.org""#,
            r#""contentMap":{"ja":"荒らし.com"}"#,
            r#""summary":"荒らし.COM""#,
            r#""source":{"content":"ctkpaarr.org","mediaType":"text/plain"}"#,
            r#""attachment":[{"type":"Image","name":"ctkpaarr.org"}]"#,
            r#""tag":{"type":"Hashtag","name":"荒らし.com"}"#,
            r#""attachment":{"type":"Link","href":"https://CTKPAARR.org/"}"#,
            r#""oneOf":[{"name":"ctkpaarr.org"}]"#,
            r#""quote":{"type":"Note","content":"ctkpaarr.org"}"#,
            r#""attachment":[{"type":"PropertyValue","value":"ctkpaarr.org"}]"#,
            r#""attachment":[{"url":[{"type":"Link","href":"https://ctkpaarr.org"}]}]"#,
            r#""source":"ctkpaarr.org""#,
            r#""content":"ctk<!-- > -->paarr.org""#,
            r#""content":"ctk<b title=\">\">paarr.org</b>""#,
            r#""content":"<3 ctk<b></b>paarr.org""#,
            r#""content":"<a href=\"https://ctkpaarr&#46;org/\">x</a>""#,
            r#""content":"ctkpaarr&#46org""#,
            r#""content":"ctkpaarr&period;org""#,
        ] {
            refuses(POLICY, "inbox.keywords", "object", &post(inner));
            accepts("", &post(inner));
        }
        accepts(POLICY, &post(r#""content":"ctkpaarr org","id":"https://a.example/ctkpaarr.org""#));
    }

    #[test]
    fn a_blank_word_would_match_everything() {
        for words in [r#"[""]"#, r#"["  "]"#, r#"["a","a"]"#, "[7]", r#""a""#] {
            let policy = format!(r#"{{"inbox":{{"keywords":{{"words":{words}}}}}}}"#);
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{words}");
        }
    }
}
