//! A rule in shadow changes nothing that anybody sees but the operator; a rule for some actors acts for always the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use integration_tests::cases::{self, Case};
use integration_tests::client::{ACTIVITY_JSON, KeptAlive, delivery, exchange};
use integration_tests::harness::{FORGED, assert_no_restart, mentioning, set, start};
use integration_tests::load::{passed, refused_by};
use integration_tests::metrics::Metrics;
use integration_tests::workers::Workers;
use sekisho::registry::RULES;
use serde_json::{Map, Value, json};
use xtask::http::Response;
use xtask::origin::{Origin, Request};
use xtask::stack::Stack;

#[test]
fn a_rule_in_shadow_changes_no_answer_and_tells_what_it_would_have_done() {
    let off = start(|options| options.policy(all_rules("off")));
    let shadow = start(|options| options.policy(all_rules("shadow")));
    // Those that the default policy judges: with their own they would need a stack each.
    let cases: Vec<Case> = cases::all().into_iter().filter(|case| case.policy == "{}").collect();
    assert!(cases.iter().filter(|case| case.verdict != "accept").count() >= 25, "the cases are there");
    for case in &cases {
        let (without, with) = (seen(&off, &case.request), seen(&shadow, &case.request));
        assert_eq!(without, with, "{}", case.name);
    }
    let (_origin, stack) = &shadow;
    // What is no delivery has no verdict.
    let deliveries = cases.iter().filter(|case| !matches!(case.status, 204 | 405));
    let lines = stack.access_lines(deliveries.clone().count(), |line| line.contains(r#""sekisho.verdict":""#)).unwrap();
    let mut noted: BTreeMap<String, u64> = BTreeMap::new();
    // The order of the log is that of the requests: each was answered before the next.
    for (case, line) in deliveries.zip(&lines) {
        let line: Value = serde_json::from_str(line).unwrap();
        let rules: Vec<&str> = line["sekisho.shadow"].as_str().map_or(Vec::new(), |rules| rules.split(',').collect());
        assert_eq!(
            (line["sekisho.verdict"].as_str(), &line["sekisho.rule"]),
            (Some("accept"), &Value::Null),
            "{}",
            case.name
        );
        assert!(case.rule.is_empty() || rules.contains(&case.rule.as_str()), "{}: {line}", case.name);
        for rule in rules {
            *noted.entry(rule.to_owned()).or_default() += 1;
        }
    }
    let metrics = Metrics::read(stack);
    for (rule, count) in noted {
        let counted = |mode: &str| metrics.sum("sekisho_decisions", &[&format!("rule={rule}"), mode]);
        assert_eq!(
            (counted("mode=shadow"), counted("mode=enforce")),
            (Some(count), None),
            "{rule}: {}",
            metrics.shown()
        );
    }
    assert_no_restart(stack);
}

/// A policy with all rules in one mode.
fn all_rules(mode: &str) -> String {
    let mut policy = json!({});
    for rule in RULES.iter().filter(|rule| rule.id != "closing") {
        let section = policy.as_object_mut().unwrap().entry(rule.section()).or_insert_with(|| Map::new().into());
        match rule.name() {
            Some(name) => section[name] = json!({"mode": mode}),
            None => section["mode"] = json!(mode),
        }
    }
    policy.to_string()
}

/// What the client gets and the server sees of a request, but for the time and the names that Envoy gives it.
fn seen((origin, stack): &(Origin, Stack), request: &[u8]) -> (u16, Vec<String>, Vec<u8>, Vec<Vec<u8>>) {
    drop(origin.take_requests());
    let Response { status, head, body } = exchange(stack.addr(), request).unwrap();
    // What is forwarded says so, also where loops are only counted.
    let own = |line: &&str| !line.starts_with("date:") && !line.starts_with("via:");
    let head = head.lines().filter(own).map(str::to_owned).collect();
    let content = |request: &Request| [request.target(), request.body()].join(&b'\n');
    (status, head, body, origin.take_requests().iter().map(content).collect())
}

const ACTORS: usize = 2_000;

#[test]
fn a_rule_for_a_quarter_of_all_actors_acts_for_always_the_same_ones() {
    const WORKERS: usize = 2;
    let policy = r#"{"runtime":{"poll_seconds":1},"inbox":{"mentions":{"action":"reject"}}}"#;
    let (_origin, stack) = start(|options| options.policy(policy));
    let mut workers = Workers::reach(&stack, WORKERS, &mentioning(3));
    // With the share another rule changes, by which each worker tells whether it knows.
    let mut set_percent = |percent: &str, max: &str| {
        let status = if max.is_empty() { 202 } else { 403 };
        let keys = [format!("sekisho.inbox.owner.enforce_percent={percent}"), format!("{MAX}={max}")];
        workers.time_to(&mentioning(3), status, || set(&stack, &keys.each_ref().map(String::as_str)));
    };
    set_percent("25", "2");
    let first = refused(&stack, ACTORS);
    // Four standard deviations of a binomial distribution: sqrt(2,000 * 0.25 * 0.75) = 19.4.
    assert!(first.len().abs_diff(ACTORS / 4) <= 77, "{} of {ACTORS}", first.len());

    let decisions = |mode: &str| {
        let labels = ["rule=inbox.owner", "verdict=reject", &format!("mode={mode}")];
        Metrics::read(&stack).sum("sekisho_decisions", &labels).unwrap() as usize
    };
    let before = (decisions("enforce"), decisions("shadow"));
    assert_eq!(refused(&stack, ACTORS), first, "a second time");
    let counted = (decisions("enforce") - before.0, decisions("shadow") - before.1);
    assert_eq!(counted, (first.len(), ACTORS - first.len()));
    let spared = stack.access_lines(1, |line| line.contains(r#""sekisho.shadow":"inbox.owner""#)).unwrap();
    assert!(spared.iter().all(|line| line.contains(r#""sekisho.verdict":"accept""#)));

    set_percent("", "");
    assert_eq!(refused(&stack, 100).len(), 100, "all, without the key");
    set_percent("25", "2");
    assert_eq!(refused(&stack, ACTORS), first, "with the key set again");
    set_percent("50", "");
    assert!(refused(&stack, ACTORS).is_superset(&first), "a larger share has the smaller one in it");
    assert_no_restart(&stack);
}

const MAX: &str = "sekisho.inbox.mentions.max";

/// Which of so many actors are refused what nobody may do.
fn refused(stack: &Stack, actors: usize) -> BTreeSet<usize> {
    const THREADS: usize = 4;
    let by_one_thread = |first: usize| {
        let mut connection = KeptAlive::new(stack.addr());
        let is_refused = |actor: &usize| {
            let forged =
                String::from_utf8_lossy(FORGED).replace("https://a.example/u", &format!("https://a.example/u{actor}"));
            let response = connection.send(&delivery("/inbox", ACTIVITY_JSON, forged.as_bytes())).unwrap();
            assert!(
                passed(&response) || refused_by(&response, "inbox.owner"),
                "{} {}",
                response.status,
                response.text()
            );
            response.status == 403
        };
        (first..actors).step_by(THREADS).filter(is_refused).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || by_one_thread(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
