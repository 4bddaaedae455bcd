//! Whatever arrives: no panic, and nothing is accepted that an independent reading would call forged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sekisho::http::RequestHead;
use sekisho::policy::Policy;
use serde_json::Value;

const CREATE: &str = r#"{"@context":["https://www.w3.org/ns/activitystreams",{"toot":"http://joinmastodon.org/ns#"}],
"id":"https://social.example/activities/1","type":"Create","actor":"https://social.example/users/alice",
"to":["https://www.w3.org/ns/activitystreams#Public"],"cc":"https://social.example/users/alice/followers",
"object":{"id":"https://social.example/notes/1","type":"Note","attributedTo":["https://social.example/users/alice"],
"content":"<p>Hello \u00e9 &amp; \ud83d\ude00</p>","tag":[{"type":"Mention","href":"https://other.example/u/1","name":"@u"}],"sensitive":false,"n":1e3}}"#;

/// What a mutation may put in: the pieces that forgeries are made of.
const PIECES: [&str; 24] = [
    "https://victim.example/notes/1",
    "victim.example",
    "@victim.example",
    "social.example@",
    "http:",
    "\\u002f",
    "\\",
    "\"",
    "#",
    ":443",
    ":8443",
    "\"id\":\"https://victim.example/notes/2\",",
    "\"object\":",
    "\"type\":\"Like\",",
    "[",
    "]",
    "{",
    "}",
    ",",
    "null",
    "\u{0}",
    "\u{feff}",
    "Ｅ",
    "127.0.0.1",
];

fn accepted(body: &[u8]) -> bool {
    let policy = Policy::parse(b"").unwrap();
    let head = RequestHead { content_type: Some(b"application/activity+json".to_vec()), ..RequestHead::default() };
    policy.site(None).inbox.decide(&head, body).refusal.is_none()
}

/// All ids in `value` that claim authority, as a lenient server would collect them.
fn claims(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(id) => found.push(id.clone()),
        Value::Array(items) => items.iter().for_each(|item| claims(item, found)),
        Value::Object(object) => {
            for key in ["id", "attributedTo", "actor"] {
                object.get(key).into_iter().for_each(|value| claims(value, found));
            }
        }
        _ => {}
    }
}

/// An independent reading with other parsers: does anything that a Create claims lie outside the actor's host?
fn is_forged_create(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(activity) = serde_json::from_slice::<Value>(body) else { return true };
    if activity["type"] != "Create" {
        return false;
    }
    let host = |id: &str| url::Url::parse(id).ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut ids = Vec::new();
    claims(&activity["actor"], &mut ids);
    let actor = ids.first().and_then(|actor| host(actor));
    claims(&activity["id"], &mut ids);
    claims(&activity["object"], &mut ids);
    actor.is_none() || ids.iter().any(|id| host(id) != actor || !id.starts_with("https://"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_judged_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!accepted(&body), "random bytes are no activity");
    }

    #[test]
    fn no_mutation_makes_a_forgery_pass(
        edits in proptest::collection::vec((0..1usize << 16, 0..40usize, prop_oneof![Just(None), (0..PIECES.len()).prop_map(Some)]), 1..4)
    ) {
        let mut body = CREATE.as_bytes().to_vec();
        for (at, remove, piece) in edits {
            let at = at % (body.len() + 1);
            let end = (at + remove).min(body.len());
            body.splice(at..end, piece.map_or(&b""[..], |piece| PIECES[piece].as_bytes()).iter().copied());
        }
        if accepted(&body) {
            prop_assert!(!is_forged_create(&body), "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn a_replaced_value_is_never_taken_for_another(
        place in 0..5usize,
        piece in "(https?://)?[a-z@.:/#]{0,12}(social|victim)\\.example[a-z@.:/#]{0,8}"
    ) {
        let (original, replacement) = [
            ("\"https://social.example/activities/1\"", format!("\"{piece}\"")),
            ("\"https://social.example/users/alice\",", format!("\"{piece}\",")),
            ("\"https://social.example/notes/1\"", format!("\"{piece}\"")),
            ("[\"https://social.example/users/alice\"]", format!("[\"{piece}\"]")),
            ("\"attributedTo\":[", format!("\"attributedTo\":[\"{piece}\",")),
        ][place].clone();
        let body = CREATE.replacen(original, &replacement, 1);
        prop_assert_ne!(&body, CREATE);
        if accepted(body.as_bytes()) {
            prop_assert!(!is_forged_create(body.as_bytes()), "{body}");
        }
    }
}

#[test]
fn the_unmutated_activity_is_accepted() {
    assert!(accepted(CREATE.as_bytes()));
    assert!(!is_forged_create(CREATE.as_bytes()));
}
