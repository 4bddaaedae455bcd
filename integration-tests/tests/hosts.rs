//! Several servers behind one Envoy: each host has its own rules, however a request spells it.

use integration_tests::client::{PATIENCE, exchange};
use integration_tests::harness::{assert_no_restart, mentioning, set, start};
use integration_tests::load::refused_by;
use integration_tests::metrics::Metrics;
use xtask::process::wait_until;
use xtask::stack::Stack;

const POLICY: &str = r#"{
    "runtime": {"poll_seconds": 1},
    "inbox": {"mentions": {"max": 3, "action": "reject"}},
    "hosts": {
        "a.example": {"inbox": {"mentions": {"max": 1}}},
        "b.example": {"inbox": {"mentions": {"max": 2}, "owner": {"mode": "off"}}}
    }
}"#;

#[test]
fn each_host_has_its_own_rules_however_it_is_spelt() {
    let (origin, stack) = start(|options| options.policy(POLICY));
    for (host, max) in [
        ("a.example", 1),
        ("A.Example", 1),
        ("a.example:443", 1),
        ("a.example.", 1),
        ("A.EXAMPLE.:8080", 1),
        ("b.example", 2),
        ("c.example", 3),
        ("x.a.example", 3),
        ("a.example.org", 3),
        ("127.0.0.1", 3),
        ("[::1]:80", 3),
    ] {
        assert_eq!(limit(&stack, host), Some(max), "{host}");
    }
    // A request target with a host counts, and not the field (RFC 9112 section 3.2.2); the server sees that one as well.
    drop(origin.take_requests());
    let absolute = |target_host: &str, field_host: &str| {
        let request = String::from_utf8(mentioning(2)).unwrap();
        let request = request.replace("POST /inbox", &format!("POST http://{target_host}/inbox"));
        exchange(stack.addr(), request.replace("sekisho.example", field_host).as_bytes()).unwrap()
    };
    assert!(refused_by(&absolute("a.example", "b.example"), "inbox.mentions"));
    assert_eq!(absolute("b.example", "a.example").status, 202);
    assert_eq!(origin.take_requests()[0].field("host"), Some(&b"b.example"[..]));
    assert_no_restart(&stack);
}

#[test]
fn a_key_for_one_host_changes_nothing_for_the_others() {
    let (_origin, stack) = start(|options| options.policy(POLICY));
    let limits = || ["a.example", "b.example", "c.example"].map(|host| limit(&stack, host));
    let become_in_force = |wanted: [usize; 3]| {
        // On several fresh connections: on each worker.
        let in_force = || (0..4).all(|_| limits() == wanted.map(Some));
        assert!(wait_until(PATIENCE, in_force), "{:?} instead of {wanted:?}", limits());
    };
    become_in_force([1, 2, 3]);
    set(&stack, &["sekisho.hosts.b.example.inbox.mentions.max=0"]);
    become_in_force([1, 0, 3]);
    // What a host says for itself is stronger than what is said for all.
    set(&stack, &["sekisho.inbox.mentions.max=4"]);
    become_in_force([1, 0, 4]);
    set(&stack, &["sekisho.hosts.b.example.inbox.mentions.max="]);
    become_in_force([1, 2, 4]);

    let metrics = Metrics::read(&stack);
    for host in ["a.example", "b.example", "default"] {
        let counted = |rule: &str| metrics.sum("sekisho_decisions", &[rule, &format!("host={host}"), "mode=enforce"]);
        assert!(
            counted("rule=inbox.mentions") > Some(0) && counted("rule=none") > Some(0),
            "{host}: {}",
            metrics.shown()
        );
    }
    let hosts = metrics.shown().lines().filter(|line| line.contains("b.example")).count();
    assert_eq!(hosts, 2, "{}", metrics.shown());
    assert_no_restart(&stack);
}

#[test]
fn one_host_closes() {
    let (_origin, stack) = start(|options| options.policy(POLICY));
    let webfinger = |host: &str| {
        let request = format!("GET /.well-known/webfinger HTTP/1.1\r\nHost: {host}\r\n\r\n");
        exchange(stack.addr(), request.as_bytes()).unwrap().status
    };
    set(&stack, &["sekisho.hosts.b.example.closing.mode=enforce"]);
    assert!(wait_until(PATIENCE, || (0..8).all(|_| webfinger("B.example:80") == 410)));
    assert_eq!(["a.example", "c.example"].map(webfinger), [200, 200]);
    assert_no_restart(&stack);
}

/// The most people that a note may mention which is sent to a host; `None` when each note is refused.
fn limit(stack: &Stack, host: &str) -> Option<usize> {
    let passes = |people: &usize| {
        let request = String::from_utf8(mentioning(*people)).unwrap();
        let response = exchange(stack.addr(), request.replace("sekisho.example", host).as_bytes()).unwrap();
        assert!(response.status == 202 || refused_by(&response, "inbox.mentions"), "{host}: {}", response.status);
        response.status == 202
    };
    (0..=5).take_while(passes).last()
}
