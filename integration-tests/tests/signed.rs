//! Really signed requests of real implementations reach the origin byte for byte.

use integration_tests::client::exchange;
use integration_tests::corpora;
use integration_tests::harness::start;
use xtask::http::split;

/// Some come from test hosts with http ids on loopback ports, and apkit sends `application/json`, which is refused by default because
/// Misskey would leave it hanging.
const POLICY: &str = r#"{"inbox":{"content_type":{"also":["application/json"]},
    "origin":{"allow_http":true,"allowed_ports":[47301,47302,47310,47321]}}}"#;

fn requests() -> Vec<(String, Vec<u8>)> {
    let Some(set) = corpora::set("signed") else { return Vec::new() };
    let mut files: Vec<_> = std::fs::read_dir(set.join("open")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

fn fields(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = split(line, b":").unwrap();
            (String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii().to_vec())
        })
        .collect()
}

#[test]
fn signed_requests_arrive_unchanged() {
    let requests = requests();
    if requests.is_empty() {
        return;
    }
    let (origin, stack) = start(|options| options.policy(POLICY));
    for (name, request) in &requests {
        let response = exchange(stack.addr(), request).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(response.status < 300, "{name}: {} {}", response.status, response.text());
        let arrived = origin.take_requests().pop().unwrap_or_else(|| panic!("{name} did not arrive"));
        let (head, body) = split(request, b"\r\n\r\n").or_else(|| split(request, b"\n\n")).unwrap();
        assert_eq!(arrived.body(), body, "{name}");
        let request_line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap();
        let arrived_line = arrived.head().split(|byte| *byte == b'\r').next().unwrap();
        assert_eq!(arrived_line, request_line, "{name}");
        // The proxy may add fields. What belongs to one connection (RFC 9110 section 7.6.1) stays on it.
        let arrived_fields = fields(arrived.head());
        for field in fields(head).iter().filter(|(name, _)| name != "connection") {
            assert!(arrived_fields.contains(field), "{name}: {field:?} in {arrived_fields:?}");
        }
    }
    println!("{} signed requests arrived unchanged", requests.len());
}

#[test]
fn by_default_plain_json_is_refused_signed_or_not() {
    let requests = requests();
    let apkit: Vec<_> = requests.iter().filter(|(name, _)| name.contains("apkit")).collect();
    if apkit.is_empty() {
        return;
    }
    let (_origin, stack) = start(|options| options);
    for (name, request) in apkit {
        let response = exchange(stack.addr(), request).unwrap();
        assert_eq!(response.status, 415, "{name}");
        assert!(response.text().contains("inbox.content_type"), "{name}");
    }
}
