//! The table of spellings in `integration-tests/data/paths.tsv`: each has its normal form, and a decision; and a spelling is no way around what is decided about that form.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use proptest::prelude::*;
use sekisho::http::RequestHead;
use sekisho::http::route::Route;
use sekisho::policy::Policy;

const BLOCKED: &str = r#"{"routes":{"blocked":{"presets":["hide-queue-dashboard"]}}}"#;

struct Row {
    spelling: String,
    normal: Vec<u8>,
    by_default: String,
    blocked: String,
}

fn rows() -> Vec<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integration-tests/data/paths.tsv");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [spelling, normal, by_default, blocked] = fields[..] else { panic!("four fields: {line}") };
            Row {
                spelling: spelling.into(),
                normal: unescaped(normal),
                by_default: by_default.into(),
                blocked: blocked.into(),
            }
        })
        .collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let escapes = [("\\0", "\0"), ("\\n", "\n"), ("\\r", "\r"), ("\\x7f", "\x7f")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).into()
}

fn rule(policy: &Policy, target: &[u8]) -> &'static str {
    let head = RequestHead::from_fields([(&b":method"[..], &b"GET"[..]), (b":path", target)]);
    policy.site(None).guard.decide(&head).rule().unwrap_or("pass")
}

#[test]
fn every_spelling_has_the_decision_of_its_normal_form() {
    let [by_default, blocked] = ["", BLOCKED].map(|policy| Policy::parse(policy.as_bytes()).unwrap());
    let rows = rows();
    assert!(rows.len() >= 80);
    for row in rows {
        let (target, spelling) = (row.spelling.as_bytes(), &row.spelling);
        assert_eq!(
            String::from_utf8_lossy(Route::of(target).path()),
            String::from_utf8_lossy(&row.normal),
            "{spelling}: normal form"
        );
        assert_eq!(rule(&by_default, target), row.by_default, "{spelling} by default");
        assert_eq!(rule(&blocked, target), row.blocked, "{spelling} where the queue is blocked");
        // It is refused for its spelling, or as its normal form is: never less. (A normal form with a `#` was spelled `%23`, and is no target.)
        if row.normal.contains(&b'#') {
            continue;
        }
        let decided = rule(&blocked, &row.normal);
        assert!(row.blocked == "routes.path" || row.blocked == decided || decided == "pass", "{spelling}: {decided}");
    }
}

proptest! {
    /// Any bytes have readings, in bounds, and a normal form without dot and empty segments; the readings of a plain path are one.
    #[test]
    fn any_bytes(target in proptest::collection::vec(prop_oneof![
        any::<u8>(),
        proptest::sample::select(&b"/.%;\\?#25e5cfF3Bab:"[..]),
    ], 0..60)) {
        let route = Route::of(&target);
        let normal = route.path();
        prop_assert!(normal.starts_with(b"/"));
        prop_assert!(route.readings().count() <= 66);
        if route.is_readable() && !route.is_plain() {
            let mut segments = normal[1..].split(|byte| *byte == b'/');
            prop_assert!(normal == b"/" || segments.all(|segment| !matches!(segment, b"" | b"." | b"..")));
        }
        if route.is_plain() {
            prop_assert_eq!(route.readings().count(), 1);
            let again = Route::of(normal);
            prop_assert_eq!(again.path(), normal);
        }
        // No rule fails at anything.
        for policy in ["", BLOCKED] {
            let _decided = rule(&Policy::parse(policy.as_bytes()).unwrap(), &target);
        }
    }

    /// A spelling of the queue that its routers undo is refused, one way or the other.
    #[test]
    fn escapes_are_no_way_around(escaped in proptest::collection::vec((any::<bool>(), 0_usize..3), 5), tail in "(/[a-z]{0,3})?(;[a-z]{0,2})?(\\?[a-z]{0,3})?") {
        let mut target = b"/".to_vec();
        for (byte, (is_upper, rounds)) in b"queue".iter().zip(&escaped) {
            let byte = if *is_upper { byte.to_ascii_uppercase() } else { *byte };
            let escape = (1..*rounds).fold(format!("%{byte:02x}"), |escape, _| escape.replace('%', "%25"));
            target.extend(if *rounds == 0 { vec![byte] } else { escape.into_bytes() });
        }
        target.extend(tail.bytes());
        let policy = Policy::parse(BLOCKED.as_bytes()).unwrap();
        prop_assert_eq!(rule(&policy, &target), "routes.blocked");
    }
}
