//! Failed authentications are seen at the edge: those that the server behind refuses, and no others.

use integration_tests::client::{ACTIVITY_JSON, PATIENCE, delivery, exchange};
use integration_tests::harness::{FORGED, LIKE, start};
use integration_tests::metrics::Metrics;
use xtask::process::wait_until;

#[test]
fn what_the_server_refuses_is_counted_by_route_and_status() {
    let (origin, stack) = start(|options| options);
    let send = |request: &[u8]| exchange(stack.addr(), request).unwrap().status;
    let like = delivery("/inbox", ACTIVITY_JSON, LIKE);
    let post = |target: &str| delivery(target, "Content-Type: application/json\r\n", b"{}");
    let sign_in = [post("/api/signin-flow"), post("/api/signin")];
    let counted = || {
        let metrics = Metrics::read(&stack);
        ["signin", "inbox"].map(|route| {
            ["401", "403"].map(|status| {
                let labels = [format!("route={route}"), format!("status={status}")];
                metrics.sum("sekisho_auth_failures", &labels.each_ref().map(String::as_str)).unwrap()
            })
        })
    };
    assert_eq!((send(&like), send(&sign_in[0])), (202, 204));
    for status in [401, 403, 500] {
        origin.answer_posts_with(status);
        for request in [&like, &sign_in[0], &sign_in[1], &post("/api/i")] {
            assert_eq!(send(request), status);
        }
    }
    // Refused by the filter itself.
    assert_eq!(send(&delivery("/inbox", ACTIVITY_JSON, FORGED)), 403);
    // A request is counted when it is over, which may be after the client has its answer.
    assert!(wait_until(PATIENCE, || counted() == [[2, 2], [1, 1]]), "{:?}", counted());
}
