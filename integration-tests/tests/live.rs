//! A runtime key is in force on every worker within two polls, whatever layer it comes from, and nothing is lost or passes unfiltered meanwhile.

use std::time::Duration;

use integration_tests::client::PATIENCE;
use integration_tests::harness::{assert_no_restart, mentioning, set, set_on_disk, start};
use integration_tests::load::{Kind, Load, passed, refused_by, usual};
use integration_tests::workers::Workers;
use integration_tests::xds::Xds;
use serde_json::json;
use xtask::process::wait_until;

const WORKERS: u32 = 4;
/// Runtime keys are read once a second.
const POLICY: &str = r#"{"runtime":{"poll_seconds":1},"inbox":{"mentions":{"max":20}}}"#;
const KEY: &str = "sekisho.inbox.mentions.max";

/// The contract is two periods, of which the filter needs one and a quarter. Half a second more is for a machine whose cores are all busy: it may hold a worker, or
/// the thread that looks, back for a while.
const BOUND: Duration = Duration::from_millis(2 * 1_000 + 500);

#[test]
fn a_key_of_any_layer_is_in_force_on_every_worker_within_two_polls() {
    let xds = Xds::spawn();
    // The static layer has its say from the beginning: by the policy, what mentions too many is dropped, with a 202.
    let fixed = "http.max_requests_per_io_cycle: 1\n";
    let with_fixed = format!("{fixed}      sekisho.inbox.mentions.action: reject\n");
    let (_origin, stack) =
        start(|options| xds.layer_of(options.policy(POLICY).concurrency(WORKERS).edit(fixed, with_fixed)));
    let note = mentioning(3);
    let mut workers = Workers::reach(&stack, WORKERS as usize, &note);
    workers.time_to(&mentioning(21), 403, || {});

    let load = Load::start(stack.addr(), kinds());
    assert!(wait_until(PATIENCE, || load.sent() > 100));
    let mut changes = |layer: &str, forth: &dyn Fn(), back: &dyn Fn()| {
        for (what, status, change) in [("set", 403, forth), ("removed", 202, back)] {
            let before = load.sent();
            let time = workers.time_to(&note, status, change);
            let sent = load.sent() - before;
            println!("{layer}, {what}: in force on all {WORKERS} workers after {time:?}; load: {sent} requests");
            assert!(time <= BOUND, "{layer}, {what}: {time:?}");
        }
    };
    changes("admin", &|| set(&stack, &[&format!("{KEY}=2")]), &|| set(&stack, &[&format!("{KEY}=")]));
    changes("disk", &|| set_on_disk(&stack, "one", [(KEY, "2")]), &|| set_on_disk(&stack, "none", []));
    changes("RTDS", &|| xds.set(json!({KEY: 2})), &|| xds.set(json!({})));
    load.finish();
    assert_no_restart(&stack);
}

/// Whatever the key says, a note with 21 mentions is too much, and the other kinds have one right answer. One with 3 mentions has two.
fn kinds() -> Vec<Kind> {
    let mut kinds = usual();
    kinds.push(Kind::new(mentioning(3), |response| passed(response) || refused_by(response, "inbox.mentions")));
    kinds.push(Kind::new(mentioning(21), |response| refused_by(response, "inbox.mentions")));
    kinds
}
