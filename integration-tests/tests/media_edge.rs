//! What stands between the media service and its clients: hosts, limits, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use integration_tests::client::{PATIENCE, connect, exchange};
use integration_tests::media::{Media, commented_host, encoded, request};
use xtask::http;
use xtask::process::{Signal, signal, wait_until};

#[test]
fn a_host_of_its_own_answers_at_the_root() {
    let (from, to) = commented_host();
    let media = Media::start("", |options| options.edit(from, to));
    let source = encoded(&media.origin.url("/data/still.png"));
    let ask = |method: &str, host: &str, target: &str| {
        let request = request(method, target, "User-Agent: Mozilla/5.0\r\nConnection: close\r\n");
        let request = String::from_utf8(request).unwrap().replace("sekisho.example", host);
        exchange(media.stack.addr(), request.as_bytes()).unwrap()
    };
    for target in [
        format!("/?url={source}&avatar=1"),
        format!("/avatar.webp?url={source}&avatar=1"),
        format!("/proxy/avatar.webp?url={source}&avatar=1"),
    ] {
        let answer = ask("GET", "media.example", &target);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("image/webp")), "{target}");
    }
    for path in [
        "/metrics",
        "/healthz",
        "/%6detrics",
        "//metrics",
        "/metrics?x",
        "/x/../healthz",
        "/metrics/",
        "/page-manifest",
    ] {
        assert_eq!(ask("GET", "media.example", path).status, 404, "{path}");
    }
    assert_eq!(ask("POST", "media.example", "/inbox").status, 405);
    media.assert_upstream_saw_none();
    // Elsewhere these paths are the server's own.
    assert!(ask("GET", "sekisho.example", "/metrics").text().contains("demo origin"));
    // And where the service is asked itself, they are there, for Prometheus and the health check.
    assert!(media.metric("sekisho_media_requests_total{outcome=\"converted\"}") >= 1);
    // It learns no manifest unless it is told of which server.
    let request = request("GET", "/page-manifest", "Connection: close\r\n");
    assert_eq!(exchange(media.addr(), &request).unwrap().status, 404);
    assert_eq!(media.stack.admin().stat("cluster.media.health_check.failure"), Some(0));
    assert!(media.stack.admin().stat("cluster.media.health_check.success") > Some(0));
}

#[test]
fn who_asks_too_much_is_told_when_to_come_back() {
    let limits = r#","client_requests_per_minute":1,"client_burst_requests":5"#;
    let media = Media::start(limits, |options| options);
    let statuses: Vec<u16> = (0..8)
        // What a client says of itself counts for nothing: Envoy tells the address that it sees.
        .map(|n| {
            media.ask("GET", &media.target("/data/still.png", "static"), &format!("X-Forwarded-For: 192.0.2.{n}\r\n"))
        })
        .map(|answer| answer.status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    let limited = media.get(&media.target("/data/still.png", "static"));
    let after: u64 = limited.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(limited.field("cache-control"), Some("no-store"));
    assert_eq!(media.metric("sekisho_media_limited_total"), 4);
}

#[test]
fn the_end_lets_a_stream_end() {
    let mut media = Media::start("", |options| options);
    let mut stream = begin(&media, "/gated");
    let mut begun = vec![0; 20_000];
    stream.read_exact(&mut begun).unwrap();
    let pid = media.stack.media().unwrap().pid();
    signal(pid, Signal::Term);
    // It takes nothing new ..
    assert!(wait_until(PATIENCE, || TcpStream::connect(media.addr()).is_err()), "it still listens");
    assert_eq!(media.stack.media_exited(), None);
    // .. and ends what it began.
    media.origin.open_gate();
    stream.read_to_end(&mut begun).unwrap();
    let answer = http::parse(&begun).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 100_000));
    assert!(wait_until(PATIENCE, || media.stack.media_exited().is_some()), "it did not end");
    assert_eq!(media.stack.media_exited().as_deref(), Some("exit status: 0"));
    assert_eq!(media.get(&media.target("/data/still.png", "")).status, 503);
    media.assert_upstream_saw_none();
}

/// A client that goes away takes its fetch with it.
#[test]
fn nothing_is_fetched_for_who_is_gone() {
    let media = Media::start("", |options| options);
    let mut stream = begin(&media, "/gated");
    stream.read_exact(&mut [0; 20_000]).unwrap();
    drop(stream);
    let active = || media.stack.admin().stat("cluster.media.upstream_rq_active");
    assert!(wait_until(PATIENCE, || active() == Some(0)), "{:?}", active());
    media.origin.open_gate();
    assert_eq!(media.get(&media.target("/data/still.png", "")).status, 200);
}

fn begin(media: &Media, path: &str) -> TcpStream {
    let mut stream = connect(media.stack.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE + Duration::from_secs(10))).unwrap();
    let request = request("GET", &media.target(path, ""), "User-Agent: Mozilla/5.0\r\nConnection: close\r\n");
    stream.write_all(&request).unwrap();
    stream
}
