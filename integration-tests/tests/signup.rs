//! What the sign-up rule does to real requests, through Envoy.

use integration_tests::client::exchange;
use integration_tests::harness::start;
use integration_tests::metrics::Metrics;
use serde_json::{Value, json};
use xtask::http::Response;
use xtask::origin::Origin;
use xtask::stack::Stack;

const POLICY: &str = r#"{"signup":{"blocked_domains":["blocked.com"],"disposable":"refuse"}}"#;

/// The address of the founding report, and its kin: each names several addresses, or one that some reader takes for another.
const HOSTILE: [&str; 46] = [
    "me@gmail.com@ <me@blocked.com>",
    "me@gmail.com@<me@blocked.com>",
    "me@gmail.com@ me@blocked.com",
    "me@gmail.com@blocked.com",
    "me@gmail.com <me@blocked.com>",
    "<me@blocked.com>",
    "\"me@gmail.com\" <me@blocked.com>",
    "\"me@gmail.com\"@blocked.com",
    "me@gmail.com,me@blocked.com",
    "me@gmail.com;me@blocked.com",
    "me@gmail.com me@blocked.com",
    "me@gmail.com\nme@blocked.com",
    "me@gmail.com\r\nBcc: me@blocked.com",
    "me@gmail.com\u{0}@blocked.com",
    "me@gmail.com\t@blocked.com",
    "me(@gmail.com)@blocked.com",
    "me@(gmail.com)blocked.com",
    "me@blocked.com(@gmail.com)",
    "@gmail.com:me@blocked.com",
    "<@gmail.com:me@blocked.com>",
    "me%blocked.com@gmail.com",
    "blocked.com!me@gmail.com",
    "me@[127.0.0.1]",
    "me@[IPv6:::1]",
    "me@blocked.com",
    "me@BLOCKED.com",
    "me@a.blocked.com",
    "me@blocked.com.",
    "me@ｂlocked.com",
    "me@blocked\u{3002}com",
    "me@blocked\u{ad}.com",
    "me@blo\u{200b}cked.com",
    "me@localhost",
    "me@a",
    "me@.com",
    "me@a..com",
    "me@-a.com",
    "me@a_b.com",
    ".me@a.com",
    "me.@a.com",
    "m..e@a.com",
    "me",
    "@",
    "me@",
    "group:me@gmail.com,me@blocked.com;",
    "=?utf-8?q?me=40gmail.com?=@blocked.com",
];

const ORDINARY: [&str; 12] = [
    "me@gmail.com",
    "first.last+tag@mail.example.co.uk",
    "o'neill@example.ie",
    "a@b.jp",
    "me@unblocked.com",
    "me@blocked.com.example",
    "user_name-1@sub-domain.example.org",
    "me@xn--bcher-kva.example",
    "me@bücher.example",
    "用户@例子.广告",
    "иван@пример.рф",
    "jörg@müller.example",
];

fn post(stack: &Stack, path: &str, body: &str) -> Response {
    post_as(stack, path, "Content-Type: application/json\r\n", body)
}

fn post_as(stack: &Stack, path: &str, fields: &str, body: &str) -> Response {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    );
    exchange(stack.addr(), head.as_bytes()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sign_up(address: &str) -> String {
    json!({"username": "me", "password": "correct horse", "invitationCode": "", "emailAddress": address}).to_string()
}

fn reached(origin: &Origin) -> usize {
    origin.take_requests().len()
}

#[test]
fn two_addresses_in_one_are_refused_and_ordinary_ones_reach_the_server() {
    let (origin, stack) = start(|options| options.policy(POLICY));
    for address in HOSTILE {
        let answer = post(&stack, "/api/signup", &sign_up(address));
        assert_eq!(answer.status, 400, "{address:?}: {}", answer.text());
        let error: Value = serde_json::from_str(&answer.text()).unwrap_or_default();
        assert_eq!(error["error"]["code"], "UNAVAILABLE", "{address:?}");
        assert_eq!(error["error"]["kind"], "client");
        let update = json!({"i": "token", "password": "x", "email": address}).to_string();
        assert_eq!(post(&stack, "/api/i/update-email", &update).status, 400, "{address:?}");
        let asked = post(&stack, "/api/email-address/available", &json!({"emailAddress": address}).to_string());
        let told: Value = serde_json::from_str(&asked.text()).unwrap_or_default();
        assert_eq!((asked.status, &told["available"]), (200, &json!(false)), "{address:?}: {told}");
        assert!(["format", "banned"].iter().any(|reason| told["reason"] == *reason), "{address:?}: {told}");
        assert_eq!(reached(&origin), 0, "{address:?} reached the server");
    }
    for address in ORDINARY {
        let body = sign_up(address);
        assert_eq!(post(&stack, "/api/signup", &body).status, 204, "{address}");
        let requests = origin.take_requests();
        assert_eq!(requests.iter().map(|request| request.body().to_vec()).collect::<Vec<_>>(), [body.into_bytes()]);
    }
    // Where no address is asked for, the form sends it empty.
    for body in [sign_up(""), json!({"username": "me", "emailAddress": null}).to_string(), "{}".to_owned()] {
        assert_eq!(post(&stack, "/api/signup", &body).status, 204, "{body}");
    }
    assert_eq!(reached(&origin), 3);
    let text = post(&stack, "/api/email-address/available", r#"{"emailAddress":"me@mailinator.com"}"#).text();
    assert_eq!(text, r#"{"available":false,"reason":"disposable"}"#);
    let metrics = Metrics::read(&stack);
    let refused = metrics.sum("sekisho_decisions", &["rule=signup", "verdict=reject"]);
    assert_eq!(refused, u64::try_from(3 * HOSTILE.len() + 1).ok(), "{}", metrics.shown());
    assert_eq!(metrics.sum("sekisho_decisions", &["verdict=accept"]), Some(0), "no sign-up is a delivery");
    // Neither addresses nor passwords are logged.
    let lines = stack.access_lines(3 * HOSTILE.len(), |line| line.contains(r#""sekisho.rule":"signup""#)).unwrap();
    assert!(
        lines.iter().all(|line| !line.contains("gmail") && !line.contains("horse") && !line.contains("blocked.com"))
    );
}

#[test]
fn games_with_types_keys_and_paths() {
    let (origin, stack) = start(|options| options.policy(POLICY));
    let blocked = sign_up("me@blocked.com");
    for body in [
        r#"{"emailAddress":"me@gmail.com","emailAddress":"me@blocked.com"}"#,
        r#"{"emailAddress":"me@gmail.com","email\u0041ddress":"me@blocked.com"}"#,
        r#"{"emailAddress":["me@blocked.com"]}"#,
        r#"{"emailAddress":{"toString":"me@blocked.com"}}"#,
        r#"{"emailAddress":true}"#,
        r#"["me@blocked.com"]"#,
        r#"{"emailAddress":"me\u0040blocked.com"}"#,
        r#"{"emailAddress":"me@gmail.com"} {"emailAddress":"me@blocked.com"}"#,
        "emailAddress=me@blocked.com",
        "",
    ] {
        let status = post(&stack, "/api/signup", body).status;
        assert_eq!(status, 400, "{body}");
    }
    for path in [
        "/api/signup/",
        "//api//signup",
        "/api/./signup",
        "/api/x/../signup",
        "/api/%73ignup",
        "/API/signup",
        "/api/signup;x",
        "/api/signup?a=b",
        "/api\\signup",
        "/api/sign%2575p",
    ] {
        let mut answer = post(&stack, path, &blocked);
        if answer.status == 307 {
            let other = answer.field("location").unwrap_or_default().to_owned();
            let plain = other.strip_prefix("http://a.example").unwrap_or(&other);
            answer = post(&stack, plain, &blocked);
        }
        assert_eq!(answer.status, 400, "{path}: {}", answer.head);
    }
    for fields in [
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        assert_eq!(post_as(&stack, "/api/signup", fields, &blocked).status, 415, "{fields}");
    }
    let large = format!(r#"{{"emailAddress":"me@gmail.com","x":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(post(&stack, "/api/signup", &large).status, 413);
    let chunked = format!(
        "POST /api/signup HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{blocked}\r\n0\r\n\r\n",
        blocked.len()
    );
    assert_eq!(exchange(stack.addr(), chunked.as_bytes()).map(|answer| answer.status).ok(), Some(400));
    assert_eq!(reached(&origin), 0);
    // Another API call is none of this.
    assert_eq!(post(&stack, "/api/notes/create", r#"{"text":"me@blocked.com","text":1}"#).status, 204);
}
