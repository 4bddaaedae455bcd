//! `inbox.keywords`

use aho_corasick::AhoCorasick;

use super::posts;
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
A delivery is allowed if none of `words` occurs in the text of the posts that it brings: `name`, `summary`, `content` and their language maps, `source`, the names and
links of attachments, tags and poll choices, with and without their HTML tags and entities. Case does not count. A word is found inside others too,
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
        match AhoCorasick::new(&folded) {
            Ok(automaton) if !folded.is_empty() => Check::Activity(Box::new(move |subject| check(&automaton, subject))),
            // An empty list matches nothing; a list within these bounds always compiles.
            _ => Check::Reading,
        }
    },
};

fn check(words: &AhoCorasick, subject: &Subject<'_>) -> Option<Finding> {
    let listed = |value: &str| {
        let folded = text::fold(value);
        words.is_match(&folded) || text::strip_html(&folded).is_some_and(|plain| words.is_match(&plain))
    };
    let found = posts::all(subject.activity).iter().any(|post| any_text(post, &listed));
    found.then(|| Finding::new("object", "contains a listed word"))
}

fn any_text(post: &Object<'_>, listed: &impl Fn(&str) -> bool) -> bool {
    const TEXT: [&str; 5] = ["name", "summary", "content", "_misskey_content", "_misskey_summary"];
    const MAPS: [&str; 4] = ["nameMap", "summaryMap", "contentMap", "source"];
    const PARTS: [&str; 4] = ["attachment", "tag", "oneOf", "anyOf"];
    let in_values = |value: &Json<'_>| value.as_list().iter().filter_map(Json::as_str).any(listed);
    let in_text = |node: &Object<'_>| TEXT.iter().filter_map(|key| node.get(key)).any(in_values);
    let in_links = |node: &Object<'_>| ["url", "href"].iter().filter_map(|key| node.get(key)).any(in_values);
    let maps = MAPS.iter().filter_map(|key| post.get(key)?.as_object());
    let mut parts = PARTS.iter().flat_map(|key| post.list(key)).filter_map(Json::as_object);
    in_text(post)
        || { maps }.any(|map| map.iter().any(|(_, value)| in_values(value)))
        || parts.any(|part| in_text(part) || in_links(part))
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
            r#""contentMap":{"ja":"荒らし.com"}"#,
            r#""summary":"荒らし.COM""#,
            r#""source":{"content":"ctkpaarr.org","mediaType":"text/plain"}"#,
            r#""attachment":[{"type":"Image","name":"ctkpaarr.org"}]"#,
            r#""tag":{"type":"Hashtag","name":"荒らし.com"}"#,
            r#""attachment":{"type":"Link","href":"https://CTKPAARR.org/"}"#,
            r#""oneOf":[{"name":"ctkpaarr.org"}]"#,
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
