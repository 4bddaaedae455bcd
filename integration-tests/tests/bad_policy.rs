//! A policy that does not parse never opens the gate.

use std::fs;

use integration_tests::client::{ACTIVITY_JSON, delivery, exchange};
use integration_tests::harness::{LIKE, start};
use xtask::process::wait_until;
use xtask::stack::Ready;

#[test]
fn every_request_is_answered_500_until_there_is_a_valid_policy() {
    for (policy, path) in [
        (r#"{"inbox":{"mentions":{"max":"many"}}}"#, "$.inbox.mentions.max: expected a whole number"),
        (r#"{"outbox":{}}"#, "$.outbox: unknown key"),
        ("{", "$: EOF while parsing an object"),
    ] {
        let (origin, stack) = start(|options| options.policy(policy).ready(Ready::Listening));
        let like = delivery("/inbox", ACTIVITY_JSON, LIKE);
        let page = b"GET / HTTP/1.1\r\nHost: sekisho.example\r\n\r\n";
        for request in [&like[..], page] {
            assert_eq!(exchange(stack.addr(), request).unwrap().status, 500, "{policy}");
        }
        assert!(origin.requests().is_empty(), "a request passed unfiltered");
        let log = fs::read_to_string(stack.log()).unwrap();
        assert!(log.contains(path), "{path} in {log}");
        assert_eq!(stack.updates().map(|updates| (updates.accepted, updates.rejected)), Some((0, 1)));

        stack.publish("{}").unwrap();
        let passes = || exchange(stack.addr(), &like).unwrap().status == 202;
        assert!(wait_until(integration_tests::client::PATIENCE, passes), "a valid policy opens it without a restart");
    }
}
