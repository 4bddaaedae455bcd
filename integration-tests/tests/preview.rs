//! Previews of links through a real Envoy: what an attacker's page says reaches no browser, and what is right passes byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use integration_tests::client::exchange;
use integration_tests::corpora;
use integration_tests::harness::assert_no_restart;
use integration_tests::previews::{self, Case};
use integration_tests::site::{Answer, Asked, Site};
use serde_json::{Value, json};
use xtask::http::Response;
use xtask::stack::{Options, Stack};

const JSON: &str = "application/json; charset=utf-8";

/// How often a browser may ask for it again, as Misskey has it.
const KEPT: &str = "max-age=86400, immutable";

/// A server that answers each link with the body of its number: `/url?url=https://asked.example/page&n=NUMBER`.
fn site(answers: Vec<Answer>) -> Site {
    let answers = Arc::new(answers);
    Site::start(move |asked: &Asked| {
        let number = asked.target.rsplit_once("n=").and_then(|(_, number)| number.parse::<usize>().ok());
        number.and_then(|number| answers.get(number)).cloned().unwrap_or_else(Answer::missing)
    })
}

fn stack(site: &Site, preview: &Value) -> Stack {
    let policy = json!({ "preview": preview }).to_string();
    Stack::start(&Options::new(site.addr()).unwrap().policy(policy)).unwrap()
}

fn ask(stack: &Stack, target: &str, fields: &str) -> Response {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: own.example\r\nAccept: */*\r\n{fields}Connection: close\r\n\r\n");
    exchange(stack.addr(), request.as_bytes()).unwrap()
}

fn get(stack: &Stack, number: usize) -> Response {
    ask(stack, &format!("{}&n={number}", previews::target()), "")
}

fn answer(case: &Case) -> Answer {
    Answer::of(JSON, case.body.clone()).status(case.status).with("cache-control", KEPT).with("etag", "\"v1\"")
}

/// That an answer is what a case says.
fn assert_is(got: &Response, case: &Case) {
    let name = &case.name;
    assert_eq!((got.status, got.field("content-type")), (case.status, Some(JSON)), "{name}: {}", got.head);
    assert_eq!(got.field("x-content-type-options"), Some("nosniff"), "{name}");
    // It may be kept as long as the server says; but what it is a tag of is not what was passed on.
    assert_eq!((got.field("cache-control"), got.field("etag")), (Some(KEPT), None), "{name}: {}", got.head);
    assert!(
        got.field("content-length").is_none_or(|length| length == got.body.len().to_string()),
        "{name}: {}",
        got.head
    );
    match &case.becomes {
        None => assert!(got.body == case.body, "{name}: {}", got.text()),
        Some(becomes) => {
            let found: Value =
                serde_json::from_slice(&got.body).unwrap_or_else(|error| panic!("{name}: {error}: {}", got.text()));
            assert_eq!(found, *becomes, "{name}");
        }
    }
}

#[test]
fn each_preview_becomes_what_it_should() {
    let mut by_policy: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in previews::all() {
        by_policy.entry(case.policy.to_string()).or_default().push(case);
    }
    let (mut hostile, mut right) = (0, 0);
    for cases in by_policy.values() {
        // Whole, and in pieces that end within characters and escapes.
        let whole = cases.iter().map(answer);
        let pieces = cases.iter().map(|case| answer(case).in_chunks((case.body.len() / 50).max(1)));
        let site = site(whole.chain(pieces).collect());
        let stack = stack(&site, &cases[0].policy);
        for (number, case) in cases.iter().enumerate() {
            assert_is(&get(&stack, number), case);
            assert_is(&get(&stack, cases.len() + number), case);
            *(if case.becomes.is_some() { &mut hostile } else { &mut right }) += 1;
        }
        assert_no_restart(&stack);
    }
    println!("{hostile} hostile previews are cleaned, {right} others pass byte by byte");
    assert!(hostile >= 30 && right >= 5);
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn previews_that_summaly_makes() {
    let Some(set) = corpora::set("summaly") else { return };
    let outputs = files(&set.join("open/output"));
    let site = site(outputs.iter().map(|(_, body)| Answer::of(JSON, body.clone())).collect());
    let strict = stack(&site, &json!({}));
    let listed = stack(&site, &json!({"player_hosts": ["example.com"]}));
    let mut without = 0;
    for (number, (name, body)) in outputs.iter().enumerate() {
        let given: Value = serde_json::from_slice(body).unwrap();
        let url = given["player"]["url"].as_str();
        assert!(get(&listed, number).body == *body, "{name}");
        let got = get(&strict, number);
        let found: Value = serde_json::from_slice(&got.body).unwrap();
        match url {
            Some(url) if !url.starts_with("https://www.youtube.com/") => {
                let mut expected = given.clone();
                expected["player"] = json!({"url": null, "width": null, "height": null, "allow": []});
                assert_eq!(found, expected, "{name}");
            }
            _ => assert!(got.body == *body, "{name}"),
        }
        assert!(!name.contains("--invalid--") || found["player"]["url"].is_null(), "{name}");
        without += usize::from(found["player"]["url"].is_null());
    }
    println!("{} previews, {without} of them without a player", outputs.len());
    assert!(without >= 11);
    assert_no_restart(&strict);
    assert_no_restart(&listed);
}

const HOSTILE: &str = r#"{"title":"t","player":{"url":"https://evil.example/"},"url":"https://a.example/"}"#;

fn is_cleaned(response: &Response) -> bool {
    serde_json::from_slice::<Value>(&response.body).is_ok_and(|found| found["player"]["url"].is_null())
}

#[test]
fn whatever_path_a_router_takes_for_it() {
    let site = site(vec![Answer::of(JSON, HOSTILE)]);
    let stack = stack(&site, &json!({}));
    for path in [
        "/url",
        "//url",
        "/%75rl",
        "/u%72l",
        "/./url",
        "/x/../url",
        "/x/%2e%2e/url",
        "/url/",
        "/URL",
        "/%2575rl",
        "/url;x=1",
    ] {
        let got = ask(&stack, &format!("{path}?url=https%3A%2F%2Fa.example%2F&n=0"), "");
        // Envoy may refuse a path, or send the client to another.
        assert!(is_cleaned(&got) || got.status >= 300, "{path}: {}", got.text());
    }
    for path in ["/urls", "/api/url", "/url/x"] {
        let got = ask(&stack, &format!("{path}?n=0"), "");
        assert_eq!(got.text(), HOSTILE, "{path}");
    }
    assert_no_restart(&stack);
}

#[test]
fn the_server_is_asked_for_a_whole_answer_in_plain_bytes() {
    let site = site(vec![
        Answer::of(JSON, HOSTILE),
        // It does as it likes.
        Answer::of(JSON, "\u{1f}\u{8b}packed").with("content-encoding", "gzip"),
        Answer::of(JSON, HOSTILE).status(206).with("content-range", "bytes 0-9/10"),
        Answer::of(JSON, HOSTILE).status(500),
        Answer::plain(200, HOSTILE),
        Answer::of("text/plain", HOSTILE),
        Answer::of(JSON, HOSTILE).with("content-type", "text/html"),
    ]);
    let stack = stack(&site, &json!({}));
    let conditions = "Accept-Encoding: gzip, br\r\nRange: bytes=0-9\r\nIf-None-Match: \"v1\"\r\nIf-Modified-Since: Sun, 22 Nov 2026 14:09:10 GMT\r\n";
    let got = ask(&stack, &format!("{}&n=0", previews::target()), conditions);
    assert!(got.status == 200 && is_cleaned(&got), "{}", got.head);
    let asked = site.asked().pop().unwrap();
    assert_eq!((asked.field("accept-encoding"), asked.field("range")), (Some("identity"), None), "{}", asked.head);
    assert_eq!((asked.field("if-none-match"), asked.field("if-modified-since")), (None, None), "{}", asked.head);
    for number in 1..7 {
        let got = get(&stack, number);
        assert!(is_cleaned(&got), "{number}: {}", got.text());
        assert_eq!(
            (got.field("content-type"), got.field("content-encoding")),
            (Some(JSON), None),
            "{number}: {}",
            got.head
        );
    }
    assert_no_restart(&stack);
}

#[test]
fn what_is_no_preview_passes() {
    let page = "<!DOCTYPE html><title>not found</title>";
    let site = site(vec![
        Answer::of("text/html; charset=utf-8", page).status(404),
        Answer::plain(302, "").with("location", "/elsewhere"),
        Answer::plain(204, ""),
        Answer::plain(400, ""),
    ]);
    let stack = stack(&site, &json!({}));
    for (number, status, body) in [(0, 404, page), (1, 302, ""), (2, 204, ""), (3, 400, "")] {
        let got = get(&stack, number);
        assert_eq!((got.status, got.text().as_str()), (status, body), "{number}: {}", got.head);
    }
    assert_no_restart(&stack);
}

#[test]
fn in_shadow_and_off_every_byte_passes() {
    let site = site(vec![Answer::of(JSON, HOSTILE).with("etag", "\"v1\"")]);
    for mode in ["shadow", "off"] {
        let stack = stack(&site, &json!({ "mode": mode }));
        let got = get(&stack, 0);
        assert_eq!((got.text().as_str(), got.field("etag")), (HOSTILE, Some("\"v1\"")), "{mode}: {}", got.head);
        assert_no_restart(&stack);
    }
}
