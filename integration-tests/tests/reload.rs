//! A new policy without a restart: nothing is lost, nothing passes unfiltered, and what is wrong changes nothing.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use integration_tests::client::{ACTIVITY_JSON, PATIENCE, connect, delivery, exchange, read_response};
use integration_tests::harness::{FORGED, LIKE, assert_no_restart, mentioning, set, start};
use integration_tests::load::{Kind, Load, refused_by, usual};
use xtask::http::Response;
use xtask::process::wait_until;
use xtask::stack::Stack;
use xtask::workspace::native_binary;

/// A policy under which posts that mention more than `max` people are rejected.
fn at_most(max: usize) -> String {
    format!(r#"{{"inbox":{{"mentions":{{"max":{max},"action":"reject"}}}}}}"#)
}

fn send(stack: &Stack, request: &[u8]) -> Response {
    exchange(stack.addr(), request).unwrap()
}

/// Whether notes with `max` mentions pass and those with one more do not, on fresh connections and so on any worker.
fn is_in_force(stack: &Stack, max: usize) -> bool {
    (0..16).all(|_| send(stack, &mentioning(max)).status == 202 && send(stack, &mentioning(max + 1)).status == 403)
}

#[test]
fn policies_change_under_load_without_a_lost_or_unfiltered_request() {
    let (_origin, stack) = start(|options| options.policy(at_most(50)).concurrency(4));
    let load = Load::start(stack.addr(), usual());
    for max in 1..=5 {
        let before = load.sent();
        stack.publish(&at_most(max)).unwrap();
        assert!(wait_until(PATIENCE, || is_in_force(&stack, max)), "policy {max}: {:?}", stack.updates());
        // Some of every kind have met each policy.
        assert!(wait_until(PATIENCE, || load.sent() > before + 100));
    }
    load.finish();
    let updates = stack.updates().unwrap();
    assert_eq!((updates.accepted, updates.rejected, updates.unreadable), (6, 0, 0));
    assert_no_restart(&stack);
}

#[test]
fn runtime_keys_stay_in_force_from_the_first_request_of_a_new_policy() {
    let (_origin, stack) = start(|options| options.policy(at_most(50)).concurrency(4));
    set(&stack, &["sekisho.inbox.mentions.max=2"]);
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 2)));
    let refused = || Kind::new(mentioning(3), |response| refused_by(response, "inbox.mentions"));
    let load = Load::start(stack.addr(), vec![refused(), refused(), refused(), refused()]);
    for max in 51..=55 {
        let before = load.sent();
        let updates = stack.updates().unwrap();
        stack.publish(&at_most(max)).unwrap();
        assert!(wait_until(PATIENCE, || stack.updates().is_some_and(|now| now.accepted > updates.accepted)));
        assert!(wait_until(PATIENCE, || load.sent() > before + 200));
    }
    load.finish();
    assert_no_restart(&stack);
}

#[test]
fn a_delivery_that_spans_a_change_is_judged_all_the_same() {
    let (origin, stack) = start(|options| options.policy(at_most(5)));
    let begin = |body: &[u8]| {
        let request = delivery("/inbox", ACTIVITY_JSON, body);
        let (head, tail) = request.split_at(request.len() - 20);
        let mut stream = connect(stack.addr()).unwrap();
        stream.write_all(head).unwrap();
        (stream, tail.to_vec())
    };
    let held: Vec<_> = (0..8).flat_map(|_| [(begin(LIKE), 202), (begin(FORGED), 403)]).collect();
    let active = || stack.admin().stat("http.sekisho.downstream_rq_active") == Some(16);
    assert!(wait_until(PATIENCE, active), "Envoy holds them all");
    for max in 1..=3 {
        stack.publish(&at_most(max)).unwrap();
        assert!(wait_until(PATIENCE, || is_in_force(&stack, max)), "{:?}", stack.updates());
    }
    drop(origin.take_requests());
    for ((mut stream, tail), status) in held {
        stream.write_all(&tail).unwrap();
        let response = read_response(&mut stream).unwrap();
        assert_eq!(response.status, status, "{}", response.text());
    }
    assert!(origin.take_requests().iter().all(|request| request.body() == LIKE));
    assert_no_restart(&stack);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let (_origin, stack) = start(|options| options.policy(at_most(3)));
    let good = fs::read_to_string(stack.filter_yaml()).unwrap();
    let log = || fs::read_to_string(stack.log()).unwrap();
    let counted = |expected: [u64; 3]| {
        let updates = || stack.updates().map(|updates| [updates.accepted, updates.rejected, updates.unreadable]);
        assert!(wait_until(PATIENCE, || updates() == Some(expected)), "{:?} instead of {expected:?}", updates());
        assert!(is_in_force(&stack, 3), "the last good policy stays");
    };
    counted([1, 0, 0]);

    stack.publish(r#"{"inbox":{"mentions":{"max":-1}},"outbox":{}}"#).unwrap();
    counted([1, 1, 0]);
    for error in ["$.inbox.mentions.max: expected a whole number", "$.outbox: unknown key"] {
        assert!(log().contains(error), "{error} in {}", log());
    }

    // A key that Envoy does not know, in what protects the filter.
    let replace = |text: String| {
        let draft = stack.dir().join("filter.draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, stack.filter_yaml()).unwrap();
    };
    replace(good.replace("failure_policy:", "failure_policies:"));
    counted([1, 2, 0]);
    assert!(log().contains("failure_policies"), "{}", log());

    replace(good.replace("resources:", "resources: ["));
    counted([1, 2, 1]);
    assert!(log().contains("yaml"), "{}", log());

    // And what is right again is taken again.
    stack.publish(&at_most(2)).unwrap();
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 2)), "{:?}", stack.updates());
    assert_no_restart(&stack);
}

#[test]
fn publish_puts_a_policy_in_force_or_says_what_is_wrong() {
    let (_origin, stack) = start(|options| options.policy(at_most(3)));
    fs::set_permissions(stack.filter_yaml(), Permissions::from_mode(0o640)).unwrap();
    let publish = |policy: &str| {
        let file = stack.dir().join("policy.json");
        fs::write(&file, policy).unwrap();
        Command::new(native_binary()).arg("publish").args([file, stack.filter_yaml()]).output().unwrap()
    };
    let output = publish(&at_most(2));
    assert!(output.status.success(), "{output:?}");
    assert!(wait_until(PATIENCE, || is_in_force(&stack, 2)), "{:?}", stack.updates());

    let good = fs::read(stack.filter_yaml()).unwrap();
    let output = publish(r#"{"inbox":{"mentions":{"max":-1}},"outbox":{}}"#);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    for error in ["$.inbox.mentions.max: expected a whole number", "$.outbox: unknown key"] {
        assert!(errors.contains(error), "{error} in {errors}");
    }
    assert_eq!(fs::read(stack.filter_yaml()).unwrap(), good);
    assert_eq!(fs::metadata(stack.filter_yaml()).unwrap().permissions().mode() & 0o777, 0o640);
    let folder = stack.filter_yaml().with_file_name("");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing is left beside it");
    assert!(is_in_force(&stack, 2));
    assert_eq!(stack.updates().map(|updates| (updates.accepted, updates.rejected)), Some((2, 0)));
}
