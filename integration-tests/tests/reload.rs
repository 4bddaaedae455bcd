//! A new policy without a restart: nothing is lost, nothing passes unfiltered, and what is wrong changes nothing.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use integration_tests::client::{ACTIVITY_JSON, PATIENCE, connect, delivery, exchange, read_response};
use integration_tests::harness::{FORGED, LIKE, assert_no_restart, start};
use xtask::http::Response;
use xtask::process::wait_until;
use xtask::stack::Stack;

/// A policy under which posts that mention more than `max` people are rejected.
fn at_most(max: usize) -> String {
    format!(r#"{{"inbox":{{"mentions":{{"max":{max},"action":"reject"}}}}}}"#)
}

/// The delivery of a note that mentions so many people.
fn mentioning(people: usize) -> Vec<u8> {
    let tags: Vec<String> =
        (0..people).map(|n| format!(r#"{{"type":"Mention","href":"https://b.example/{n}"}}"#)).collect();
    let note = format!(
        r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u",
        "object":{{"type":"Note","id":"https://a.example/2","attributedTo":"https://a.example/u","tag":[{}]}}}}"#,
        tags.join(",")
    );
    delivery("/inbox", ACTIVITY_JSON, note.as_bytes())
}

fn send(stack: &Stack, request: &[u8]) -> Response {
    exchange(stack.addr(), request).unwrap()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: sekisho.example\r\n\r\n").into_bytes()
}

/// Whether notes with `max` mentions pass and those with one more do not, on fresh connections and so on any worker.
fn is_in_force(stack: &Stack, max: usize) -> bool {
    (0..8).all(|_| send(stack, &mentioning(max)).status == 202 && send(stack, &mentioning(max + 1)).status == 403)
}

/// Sends one request after the other until told to end; how many, and what came that was not `status`.
fn hammer(addr: SocketAddr, request: &[u8], status: u16, over: &AtomicBool, sent: &AtomicUsize) -> Vec<String> {
    let mut wrong = Vec::new();
    while !over.load(Ordering::Relaxed) {
        match exchange(addr, request) {
            Ok(response) if response.status == status => {}
            Ok(response) => wrong.push(format!("{}: {}", response.status, response.text())),
            Err(error) => wrong.push(error.to_string()),
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
    wrong
}

#[test]
fn policies_change_under_load_without_a_lost_or_unfiltered_request() {
    let (_origin, stack) = start(|options| options.policy(at_most(50)));
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = [
        (delivery("/inbox", ACTIVITY_JSON, LIKE), 202),
        (delivery("/inbox", ACTIVITY_JSON, FORGED), 403),
        (get("/notes/abc"), 200),
        (get("/vite/app.js"), 200),
    ];
    let wrong: Vec<String> = thread::scope(|scope| {
        let hammer = |(request, status): &(Vec<u8>, u16)| hammer(stack.addr(), request, *status, &over, &sent);
        let threads: Vec<_> = load.iter().map(|one| scope.spawn(move || hammer(one))).collect();
        for max in 1..=5 {
            let before = sent.load(Ordering::Relaxed);
            stack.publish(&at_most(max)).unwrap();
            let in_force = wait_until(PATIENCE, || is_in_force(&stack, max));
            // Some of every kind have met each policy.
            let enough = wait_until(PATIENCE, || sent.load(Ordering::Relaxed) > before + 100);
            if !in_force || !enough {
                over.store(true, Ordering::Relaxed);
            }
            assert!(in_force && enough, "policy {max}: {:?}", stack.updates());
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    println!("{} requests while the policy changed five times", sent.load(Ordering::Relaxed));
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), sent.load(Ordering::Relaxed));
    let updates = stack.updates().unwrap();
    assert_eq!((updates.accepted, updates.rejected, updates.unreadable), (6, 0, 0));
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
