//! A policy that does not parse never opens the gate.

use integration_tests::client::{ACTIVITY_JSON, connect, delivery};
use integration_tests::harness::{LIKE, LOCAL};
use xtask::origin::Origin;
use xtask::stack::{Options, Ready, Stack};

#[test]
fn envoy_does_not_start_with_an_invalid_policy() {
    for (policy, path) in [
        (r#"{"inbox":{"mentions":{"max":"many"}}}"#, "$.inbox.mentions.max: expected a whole number"),
        (r#"{"outbox":{}}"#, "$.outbox: unknown key"),
        ("{", "$: EOF while parsing an object"),
    ] {
        let origin = Origin::spawn(LOCAL).unwrap();
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut options = Options::new(origin.addr()).unwrap().policy(policy).ready(Ready::Listening);
        options.listen = listen;
        // Whether Envoy ends or stays and answers 500, nothing may pass: so ask until it has ended or has answered.
        let outcome = Stack::start(&options);
        if let Ok(stack) = &outcome {
            let response = integration_tests::client::exchange(stack.addr(), &delivery("/inbox", ACTIVITY_JSON, LIKE));
            assert!(response.is_ok_and(|response| response.status >= 500));
        }
        let log = match &outcome {
            Ok(stack) => std::fs::read_to_string(stack.log()).unwrap(),
            Err(error) => error.to_string(),
        };
        assert!(log.contains(path), "{path} in {log}");
        assert!(origin.requests().is_empty(), "a request passed unfiltered");
        assert!(outcome.is_ok() || connect(listen).is_err(), "the listener is gone with Envoy");
    }
}
