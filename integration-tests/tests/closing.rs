//! A server that closes, by one runtime key: other servers are told that it is gone, people keep their pages; and back.

use std::io::{Read, Write};

use integration_tests::client::{ACTIVITY_JSON, connect, delivery, exchange};
use integration_tests::harness::{FORGED, LIKE, assert_no_restart, set, start};
use integration_tests::load::{Kind, Load, passed, refused_by};
use integration_tests::metrics::metric;
use integration_tests::workers::Workers;
use xtask::http::Response;
use xtask::json;
use xtask::origin::{Origin, Request};
use xtask::stack::Stack;

const POLICY: &str = r#"{"runtime":{"poll_seconds":1}}"#;
const WORKERS: usize = 2;
const ACTIVITY: &str = "application/activity+json";
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// A name, and the request.
type Named = (String, Vec<u8>);

/// What only other servers ask for.
fn of_servers() -> Vec<Named> {
    let mut all: Vec<Named> = [
        ("/.well-known/webfinger?resource=acct:a@sekisho.example", "*/*"),
        ("/.well-known/nodeinfo", "application/json"),
        ("/nodeinfo/2.1", "application/json"),
        ("/.well-known/host-meta", BROWSER),
        ("/users/9abc", ACTIVITY),
        ("/@alice", "application/activity+json, application/ld+json"),
        ("/notes/9abc", r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#),
        ("/users/9abc/outbox?page=true", "*/*"),
        ("/emojis/blob", "*/*"),
    ]
    .map(|(target, accept)| get(target, accept))
    .into();
    all.push(("POST /inbox".to_owned(), delivery("/inbox", ACTIVITY_JSON, LIKE)));
    all.push(("POST /users/9abc/inbox".to_owned(), delivery("/users/9abc/inbox", ACTIVITY_JSON, LIKE)));
    all
}

/// The pages of people.
fn pages() -> Vec<Named> {
    ["/", "/@alice", "/users/9abc", "/notes/9abc"].map(|target| get(target, BROWSER)).into()
}

/// What pages are made of, and what people take their data with.
fn of_people() -> Vec<Named> {
    let mut all: Vec<Named> = [("/vite/app.js", "*/*"), ("/files/9abc", "image/avif,image/webp,*/*;q=0.8")]
        .map(|(target, accept)| get(target, accept))
        .into();
    for target in ["/api/i", "/api/i/export-notes", "/api/signin-flow"] {
        all.push((format!("POST {target}"), delivery(target, "Content-Type: application/json\r\n", b"{}")));
    }
    all
}

fn get(target: &str, accept: &str) -> Named {
    let request = format!("GET {target} HTTP/1.1\r\nHost: sekisho.example\r\nAccept: {accept}\r\n\r\n");
    (format!("GET {target}"), request.into_bytes())
}

#[test]
fn one_key_closes_the_server_and_opens_it_again() {
    let (origin, stack) = start(|options| options.policy(POLICY));
    let mut workers = Workers::reach(&stack, WORKERS, &get("/", BROWSER).1);
    let (_, webfinger) = get("/.well-known/webfinger?resource=acct:a@sekisho.example", "*/*");
    let mut change = |keys: &[&str], request: &[u8], status: u16| {
        workers.time_to(request, status, || set(&stack, keys));
        // What was under way when the last worker changed has long ended.
        drop(origin.take_requests());
    };
    assert_open(&stack);
    let load = Load::start(stack.addr(), kinds());

    change(&["sekisho.closing.mode=enforce"], &webfinger, 410);
    assert_gone(&stack);
    for (name, request) in pages().into_iter().chain(of_people()) {
        assert!(is_up(&exchange(stack.addr(), &request).unwrap()), "{name}");
    }
    assert_streams(&stack);
    assert_only_people_came(&origin);

    change(&["sekisho.closing.farewell=Good%20bye%20%26%20thanks.%0A%0A%3Cb%3E"], &get("/", BROWSER).1, 410);
    assert_gone(&stack);
    for (name, request) in pages() {
        let page = exchange(stack.addr(), &request).unwrap();
        assert_eq!((page.status, page.field("content-type")), (410, Some("text/html; charset=utf-8")), "{name}");
        assert!(page.text().contains("<p>Good bye &amp; thanks.</p>\n<p>&lt;b&gt;</p>"), "{name}: {}", page.text());
        assert_eq!(page.field("cache-control"), Some("no-store"));
        assert!(page.field("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    }
    for (name, request) in of_people() {
        assert!(is_up(&exchange(stack.addr(), &request).unwrap()), "{name}");
    }
    assert_streams(&stack);
    assert_only_people_came(&origin);

    change(&["sekisho.closing.mode=off"], &webfinger, 200);
    assert_open(&stack);
    load.finish();
    assert_no_restart(&stack);
}

#[test]
fn in_shadow_it_stays_open_and_is_told_who_came() {
    let (_origin, stack) = start(|options| options.policy(r#"{"closing":{"mode":"shadow","farewell":"Good bye."}}"#));
    assert_open(&stack);
    // Its own rule refuses it as ever.
    let forged = exchange(stack.addr(), &delivery("/inbox", ACTIVITY_JSON, FORGED)).unwrap();
    assert!(refused_by(&forged, "inbox.owner"));
    let noted = of_servers().len() + pages().len() + 1;
    let lines = stack.access_lines(noted, |line| line.contains(r#""sekisho.shadow":"closing""#)).unwrap();
    assert_eq!(lines.len(), noted);
    // Only deliveries have a verdict.
    let verdict = |wanted: &str| {
        let verdicts = lines.iter().map(|line| json::field(line, "sekisho.verdict").unwrap_or_default());
        verdicts.filter(|verdict| verdict == wanted).count()
    };
    assert_eq!([verdict("accept"), verdict("reject"), verdict("")], [2, 1, noted - 3]);
    let shadow = ["rule=closing", "mode=shadow", "verdict=reject"];
    assert_eq!(metric(&stack, "sekisho_decisions", &shadow), Some(noted as u64));
}

/// Whatever changes, what people use stays up, other servers get one of two answers, and what is forged never passes.
fn kinds() -> Vec<Kind> {
    let forged = delivery("/inbox", ACTIVITY_JSON, FORGED);
    vec![
        Kind::new(get("/vite/app.js", "*/*").1, is_up),
        Kind::new(delivery("/api/i", "Content-Type: application/json\r\n", b"{}"), is_up),
        Kind::new(get("/users/9abc", ACTIVITY).1, |response| is_up(response) || is_gone(response)),
        Kind::new(delivery("/inbox", ACTIVITY_JSON, LIKE), |response| passed(response) || is_gone(response)),
        Kind::new(forged, |response| refused_by(response, "inbox.owner") || is_gone(response)),
    ]
}

fn is_up(response: &Response) -> bool {
    matches!(response.status, 200 | 204)
}

fn is_gone(response: &Response) -> bool {
    let told = [response.field("content-type"), response.field("cache-control")];
    response.status == 410
        && refused_by(response, "closing")
        && told == [Some("application/json; charset=utf-8"), Some("no-store")]
}

fn assert_open(stack: &Stack) {
    for (name, request) in of_servers().into_iter().chain(pages()).chain(of_people()) {
        let response = exchange(stack.addr(), &request).unwrap();
        assert!(is_up(&response) || passed(&response), "{name}: {}", response.status);
    }
    assert_streams(stack);
}

fn assert_gone(stack: &Stack) {
    for (name, request) in of_servers() {
        let response = exchange(stack.addr(), &request).unwrap();
        assert!(is_gone(&response), "{name}: {} {}", response.status, response.text());
    }
}

/// Asserts that nothing came to the origin since its record was taken but what people ask for.
fn assert_only_people_came(origin: &Origin) {
    let requests = origin.take_requests();
    assert!(!requests.is_empty());
    let of_people = |request: &Request| {
        let accept = request.field("accept").unwrap_or_default();
        let path = request.path();
        path == b"/streaming"
            || path.starts_with(b"/api/")
            || accept.starts_with(b"text/html")
            || path.starts_with(b"/vite/")
            || path.starts_with(b"/files/")
    };
    for request in requests {
        assert!(of_people(&request), "{}", String::from_utf8_lossy(request.head()));
    }
}

/// Asserts that a tunnel opens and carries bytes both ways.
fn assert_streams(stack: &Stack) {
    let upgrade =
        "GET /streaming HTTP/1.1\r\nHost: sekisho.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let mut stream = connect(stack.addr()).unwrap();
    stream.write_all([upgrade, "ping"].concat().as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with(b"\r\n\r\nping") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend(&buffer[..count]);
    }
    assert!(seen.starts_with(b"HTTP/1.1 101"));
}
