//! Runtime keys that are wrong, too many or out of reach: traffic goes on under what was last known, the metrics count it, and the log says it once.

use integration_tests::client::{PATIENCE, exchange};
use integration_tests::fake_admin::{CLUSTER, FakeAdmin, Mood};
use integration_tests::harness::{assert_no_restart, logged, mentioning, set, start};
use integration_tests::load::{Load, usual};
use integration_tests::metrics::metric;
use integration_tests::xds::Xds;
use serde_json::{Value, json};
use xtask::process::wait_until;
use xtask::stack::Stack;

const WORKERS: u32 = 4;
const POLICY: &str = r#"{"runtime":{"poll_seconds":1},"inbox":{"mentions":{"action":"reject"}}}"#;

#[test]
fn wrong_values_are_refused_alone_counted_and_told_once() {
    let xds = Xds::spawn();
    let (_origin, stack) = start(|options| xds.layer_of(options.policy(POLICY).concurrency(WORKERS)));
    let load = Load::start(stack.addr(), usual());
    set(&stack, &["sekisho.inbox.mentions.max=5"]);
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 5)));
    assert_eq!(logged(&stack, "runtime keys refused"), 0);

    // A number of more than six digits reaches the filter rounded, as 1.04857e+06: it is not what the operator wrote.
    xds.set(json!({"sekisho.inbox.size.max_bytes": 1_048_570}));
    assert_refused(&stack, 1, "1: sekisho.inbox.size.max_bytes: expected a whole number from 1024 to 1048576");
    xds.set(json!({}));
    assert!(wait_until(PATIENCE, || keys(&stack, "refused") == 0));

    let mut before = String::new();
    let wrong = [
        ("sekisho.inbox.recipients.max", "many", "expected a whole number from 0 to 10000"),
        ("sekisho.inbox.recipients.action", "block", "expected one of drop, reject"),
        ("sekisho.inbox.owner.enforce_percent", "101", "expected a whole number from 0 to 100"),
        ("sekisho.inbox.mention.max", "1", "no scalar of the policy has this path"),
        ("sekisho.inbox.origin.allowed_ports", "80", "is a list"),
    ];
    for (index, (key, value, why)) in wrong.into_iter().enumerate() {
        // In the place of the one before, at once.
        set(&stack, &[&before, &format!("{key}={value}")]);
        assert_refused(&stack, index + 2, &format!("1: {key}: {why}"));
        before = format!("{key}=");
    }

    // A slip in a key that was right: its last good value stays, and what changes beside it is no reason to say it again.
    set(&stack, &[&before, "sekisho.inbox.mentions.max=many"]);
    assert_refused(&stack, wrong.len() + 2, "1: sekisho.inbox.mentions.max: expected a whole number");
    set(&stack, &["sekisho.inbox.recipients.max=9"]);
    assert!(wait_until(PATIENCE, || keys(&stack, "applied") == 2));
    wait_for_polls(&stack, "ok", 1);
    assert_eq!(logged(&stack, "runtime keys refused"), wrong.len() + 2);
    assert!(is_in_force(&stack, 5));
    // Taken back, the policy's own value counts.
    set(&stack, &["sekisho.inbox.mentions.max="]);
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 20)));
    load.finish();
    assert_no_restart(&stack);
}

/// Asserts that there is one more refusal, the `count`th, and what the log says of it; and that the right key beside it stays in force.
fn assert_refused(stack: &Stack, count: usize, told: &str) {
    let line = format!("sekisho: runtime keys refused: {told}");
    assert!(wait_until(PATIENCE, || logged(stack, &line) == 1), "{line}");
    // Every worker has looked by then.
    wait_for_polls(stack, "ok", 1);
    assert_eq!(logged(stack, "runtime keys refused"), count);
    assert_eq!(metric(stack, "sekisho_runtime_refused", &[]), Some(count as u64));
    assert_eq!((keys(stack, "applied"), keys(stack, "refused")), (1, 1));
    assert!(is_in_force(stack, 5));
}

#[test]
fn ten_thousand_keys_are_no_burden() {
    let xds = Xds::spawn();
    let (_origin, stack) = start(|options| xds.layer_of(options.policy(POLICY).concurrency(WORKERS)));
    let load = Load::start(stack.addr(), usual());
    let unknown = (0..10_000).map(|n| (format!("sekisho.inbox.flood.key_{n}"), json!(1)));
    xds.set(Value::Object(unknown.chain([("sekisho.inbox.mentions.max".to_owned(), json!(5))]).collect()));
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 5)), "the right one among them applies");
    wait_for_polls(&stack, "ok", 1);
    assert_eq!((keys(&stack, "applied"), keys(&stack, "refused")), (1, 10_000));
    assert_eq!(metric(&stack, "sekisho_runtime_refused", &[]), Some(10_000));
    assert_eq!(logged(&stack, "runtime keys refused: 10000: sekisho.inbox.flood.key_0: no scalar"), 1);
    assert_eq!(logged(&stack, "runtime keys refused"), 1);
    assert_eq!(logged(&stack, "flood"), 5, "the log names a few");
    xds.set(json!({}));
    assert!(wait_until(PATIENCE, || keys(&stack, "refused") == 0 && is_in_force(&stack, 20)));
    load.finish();
    assert_no_restart(&stack);
}

#[test]
fn without_an_answer_the_last_one_stays() {
    let admin = FakeAdmin::spawn(Mood::Gone);
    let policy = POLICY.replace("{\"poll", &format!("{{\"cluster\":\"{CLUSTER}\",\"poll"));
    let (_origin, stack) = start(|options| admin.cluster_of(options.policy(policy).concurrency(WORKERS)));
    let back = "runtime keys can be read again";
    let told = "runtime keys cannot be read, the last ones stay: ";
    assert!(is_in_force(&stack, 20), "without any answer the policy alone is in force");
    assert!(wait_until(PATIENCE, || logged(&stack, told) == 1));
    admin.change(Mood::Keys(vec![("inbox.mentions.max", "5")]));
    assert!(wait_until(PATIENCE, || logged(&stack, back) == 1 && is_in_force(&stack, 5)));

    let load = Load::start(stack.addr(), usual());
    // With how many failures in a row: each but the first is no news.
    let troubles = [
        ("nobody listens", Mood::Gone, 2, "status 503"),
        // Envoy answers for it after two seconds.
        ("silence", Mood::Silent, 1, "status 504"),
        ("garbage", Mood::Says("200 OK", b"\xff\x00<html>".to_vec()), 1, "the answer is no JSON"),
        ("half an answer", Mood::BreaksOff, 1, "status 503"),
        ("10 MB", Mood::Says("200 OK", vec![b' '; 10_000_000]), 1, "the answer has more than 4194304 bytes"),
    ];
    for (index, (what, mood, failures, why)) in troubles.into_iter().enumerate() {
        admin.change(mood);
        wait_for_polls(&stack, "failed", failures);
        let why = format!("{told}{why}");
        assert!(wait_until(PATIENCE, || logged(&stack, &why) > 0), "{what}: {why}");
        assert!(is_in_force(&stack, 5), "{what}");
        assert_eq!(keys(&stack, "applied"), 1, "{what}");
        assert_eq!((logged(&stack, told), logged(&stack, back)), (index + 2, index + 1), "{what}");

        admin.change(Mood::Keys(vec![("inbox.mentions.max", "5")]));
        assert!(wait_until(PATIENCE, || logged(&stack, back) == index + 2), "{what}");
    }
    admin.change(Mood::Keys(Vec::new()));
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 20)));
    load.finish();
    assert_no_restart(&stack);
}

/// Whether notes with `max` mentions pass and those with one more do not, on fresh connections and so on any worker.
fn is_in_force(stack: &Stack, max: usize) -> bool {
    let status = |people| exchange(stack.addr(), &mentioning(people)).unwrap().status;
    (0..8).all(|_| status(max) == 202 && status(max + 1) == 403)
}

/// Waits until so many more questions for runtime keys have had this result.
fn wait_for_polls(stack: &Stack, result: &str, more: u64) {
    let polls = || metric(stack, "sekisho_runtime_polls", &[&format!("result={result}")]).unwrap();
    let wanted = polls() + more;
    assert!(wait_until(PATIENCE, || polls() >= wanted), "{result}: {} of {wanted}", polls());
}

/// How many runtime keys are in a state.
fn keys(stack: &Stack, state: &str) -> u64 {
    metric(stack, "sekisho_runtime_keys", &[&format!("state={state}")]).unwrap()
}
