//! The same requests, natively and through a real Envoy: one decision, one answer.

use std::collections::BTreeMap;

use integration_tests::cases::{self, Case};
use integration_tests::client::{ACTIVITY_JSON, delivery, exchange};
use integration_tests::corpora;
use integration_tests::harness::start;
use integration_tests::metrics::Metrics;
use integration_tests::replay::{Outcome, replay};
use xtask::origin::Origin;
use xtask::stack::Stack;

/// What a client and the origin see of a decision.
fn expect_through_envoy(name: &str, outcome: &Outcome, request: &[u8], origin: &Origin, stack: &Stack) -> u16 {
    drop(origin.take_requests());
    let response = exchange(stack.addr(), request).unwrap_or_else(|error| panic!("{name}: {error}"));
    let body = response.text();
    let reached = origin.take_requests();
    match outcome.verdict.as_str() {
        "accept" => {
            assert!(response.status < 300 || response.status == 405, "{name}: {} {body}", response.status);
            assert_eq!(reached.len(), 1, "{name}");
        }
        _ => {
            assert_eq!(Some(response.status), outcome.status, "{name}: {body}");
            assert!(reached.is_empty(), "{name} reached the origin");
            assert_eq!(response.field("content-type"), Some("application/json; charset=utf-8"), "{name}");
        }
    }
    match outcome.verdict.as_str() {
        "drop" => assert_eq!(body, r#"{"error":{"message":"blocked by validator"}}"#, "{name}"),
        "reject" => {
            let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(answer["error"]["rule"].as_str(), outcome.rule.as_deref(), "{name}");
        }
        _ => {}
    }
    response.status
}

#[test]
fn cases_have_one_outcome_natively_and_through_envoy() {
    let mut by_policy: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases::all() {
        by_policy.entry(case.policy.clone()).or_default().push(case);
    }
    assert!(by_policy.values().map(Vec::len).sum::<usize>() >= 40, "the cases are there");
    for (policy, cases) in by_policy {
        let (origin, stack) = start(|options| options.policy(&policy));
        for case in cases {
            let file = cases::folder().join(format!("{}.http", case.name));
            let outcome = replay(&policy, &[&file]).into_values().next().unwrap();
            assert_eq!(outcome.verdict, case.verdict, "{} natively", case.name);
            assert_eq!(outcome.rule.as_deref().unwrap_or_default(), case.rule, "{} natively", case.name);
            let status = expect_through_envoy(&case.name, &outcome, &case.request, &origin, &stack);
            assert_eq!(status, case.status, "{}", case.name);
        }
    }
}

#[test]
fn real_activities_have_one_outcome_natively_and_through_envoy() {
    let Some(set) = corpora::set("activities") else { return };
    for policy in ["{}", r#"{"inbox":{"origin":{"allow_http":true},"mentions":{"max":2,"action":"reject"}}}"#] {
        let (origin, stack) = start(|options| options.policy(policy));
        let open = set.join("open");
        let outcomes = replay(policy, &[&open.join("inbound"), &open.join("negative")]);
        println!("{} activities under {policy}", outcomes.len());
        for (source, outcome) in outcomes {
            let body = std::fs::read(&source).unwrap();
            expect_through_envoy(&source, &outcome, &delivery("/inbox", ACTIVITY_JSON, &body), &origin, &stack);
        }
        // Every decision is in the log, and in the counters.
        let lines = stack.access_lines(1, |line| line.contains(r#""sekisho.verdict":"reject""#)).unwrap();
        assert!(!lines.is_empty());
    }
}

#[test]
fn the_log_and_the_counters_tell_what_was_decided() {
    let policy = r#"{"inbox":{"mentions":{"max":0,"mode":"shadow"},"recipients":{"max":0}}}"#;
    let (_origin, stack) = start(|options| options.policy(policy));
    let note = |more: &str| {
        let note = format!(
            r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u","object":{{"type":"Note",
            "content":"SECRET","tag":{{"type":"Mention","href":"https://b.example/u"}}{more}}}}}"#
        );
        delivery("/inbox?token=SECRET", ACTIVITY_JSON, note.as_bytes())
    };
    assert_eq!(exchange(stack.addr(), &note("")).unwrap().status, 202);
    assert_eq!(exchange(stack.addr(), &note(r#","cc":"https://b.example/u""#)).unwrap().status, 202);
    let lines = stack.access_lines(2, |line| line.contains("sekisho.verdict\":\"")).unwrap();
    let parsed: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut verdicts: Vec<_> = parsed.iter().map(|line| line["sekisho.verdict"].as_str().unwrap()).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, ["accept", "drop"]);
    for line in &parsed {
        assert_eq!(line["sekisho.shadow"], "inbox.mentions");
        assert_eq!(line["sekisho.actor"], "https://a.example/u");
        assert_eq!(line["sekisho.type"], "Create");
        let dropped = line["sekisho.verdict"] == "drop";
        assert_eq!(line["sekisho.rule"].as_str(), dropped.then_some("inbox.recipients"));
        assert_eq!(line["sekisho.reason"].as_str(), dropped.then_some("to and cc name more than 0 recipients"));
    }
    assert!(lines.iter().all(|line| !line.contains("SECRET")), "{lines:#?}");
    let metrics = Metrics::read(&stack);
    for (labels, count) in [
        (["rule=none", "mode=enforce", "verdict=accept"], 1),
        (["rule=inbox.recipients", "mode=enforce", "verdict=drop"], 1),
        (["rule=inbox.mentions", "mode=shadow", "verdict=drop"], 2),
    ] {
        assert_eq!(metrics.sum("sekisho_decisions", &labels), Some(count), "{labels:?} in {}", metrics.shown());
    }
}
