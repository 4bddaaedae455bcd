//! What `envoy/envoy.yaml` does by itself, tried with a filter that does nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a helper may fail the test it helps")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use integration_tests::client::{PATIENCE, connect, exchange};
use integration_tests::harness::LOCAL;
use xtask::http::{self, Response};
use xtask::json;
use xtask::origin::{Origin, Request};
use xtask::process::wait_until;
use xtask::stack::{Options, Stack};
use xtask::workspace::wasm_module;

struct Edge {
    origin: Origin,
    stack: Stack,
}

impl Edge {
    fn start(edits: &[(&str, &str)]) -> Self {
        let origin = Origin::spawn(LOCAL).unwrap();
        let options = Options::new(origin.addr()).unwrap().module(wasm_module("noop"));
        // Envoy waits so long for a client that it has refused to close first, and ours do not.
        let options = options.edit("delayed_close_timeout: 1s", "delayed_close_timeout: 0.02s");
        let options = edits.iter().fold(options, |options, (from, to)| options.edit(*from, *to));
        Self { stack: Stack::start(&options).unwrap(), origin }
    }

    fn connect(&self) -> TcpStream {
        connect(self.stack.addr()).unwrap()
    }

    /// Sends the bytes and reads one answer; the connection has to end after it.
    fn send(&self, raw: impl AsRef<[u8]>) -> Response {
        let mut stream = self.connect();
        stream.write_all(raw.as_ref()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        http::parse(&answer).unwrap_or_else(|| panic!("no answer to {}", String::from_utf8_lossy(raw.as_ref())))
    }

    fn get(&self, target: &str) -> Response {
        self.send(request("GET", target, ""))
    }

    fn only_request(&self) -> Request {
        let mut requests = self.origin.take_requests();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }
}

fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: social.test\r\nConnection: close\r\n{fields}\r\n")
}

#[test]
fn the_server_sees_the_request_and_nothing_of_envoy() {
    let edge = Edge::start(&[]);
    let body = "{\"a\":  1}\n";
    let fields = format!(
        "Content-Length: {}\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Host: evil.test\r\n\
        Forwarded: for=192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\nx-request-id: mine\r\n",
        body.len()
    );
    let answer = edge.send(request("POST", "/users/a/inbox?b=%2E", &fields) + body);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.field("x-envoy-upstream-service-time"), None);
    let seen = edge.only_request();
    assert_eq!(seen.target(), b"/users/a/inbox?b=%2E");
    assert_eq!(seen.body(), body.as_bytes());
    assert_eq!(seen.field("host"), Some(&b"social.test"[..]));
    // Misskey believes the first entry: it is the peer's, whatever the client wrote.
    assert_eq!(seen.field("x-forwarded-for"), Some(&b"127.0.0.1"[..]));
    for forged in ["x-forwarded-host", "forwarded", "x-real-ip"] {
        assert_eq!(seen.field(forged), None, "{forged}");
    }
    assert_ne!(seen.field("x-request-id"), Some(&b"mine"[..]));
    assert!(!String::from_utf8_lossy(seen.head()).contains("x-envoy"));
}

#[test]
fn ambiguous_requests_are_refused() {
    let edge = Edge::start(&[]);
    let cases: &[(&str, &str, u16)] = &[
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
        ("the same host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        ("no host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 426),
        (
            "both lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("an underscore", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX_Y: 1\r\n\r\n", 400),
        ("a NUL", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: a\0b\r\n\r\n", 400),
        ("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        ("another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ];
    for (name, raw, status) in cases {
        assert_eq!(edge.send(raw).status, *status, "{name}");
    }
    let many: String = (0..101).map(|i| format!("X-{i}: 1\r\n")).collect();
    assert_eq!(edge.send(request("GET", "/", &many)).status, 431);
    let long = format!("X: {}\r\n", "a".repeat(33 << 10));
    assert_eq!(edge.send(request("GET", "/", &long)).status, 431);
    assert_eq!(edge.origin.requests().len(), 0);
}

#[test]
fn there_is_one_path() {
    let edge = Edge::start(&[]);
    for (sent, seen) in [
        ("//inbox", "/inbox"),
        ("/vite/../inbox", "/inbox"),
        ("/vite/%2e%2e/inbox", "/inbox"),
        ("/vite\\..\\inbox", "/inbox"),
        ("/%69nbox", "/inbox"),
        ("/api/../files/a?b=../c", "/files/a?b=../c"),
    ] {
        edge.get(sent);
        assert_eq!(String::from_utf8_lossy(edge.only_request().target()), seen, "{sent}");
    }
    let escaped = edge.get("/vite/..%2finbox");
    assert_eq!((escaped.status, escaped.field("location")), (307, Some("/inbox")));
    assert_eq!(edge.origin.requests().len(), 0);
}

#[test]
fn a_tunnel_opens_on_the_streaming_route_only() {
    let edge = Edge::start(&[]);
    let upgrade = "GET /streaming?i=SECRET HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    // Also behind another Envoy like this one, which has marked the request.
    for marked in [upgrade.to_owned(), upgrade.replace("Host: a\r\n", "Host: a\r\nX-Sekisho-Unread: 1\r\n")] {
        let mut stream = edge.connect();
        stream.write_all(marked.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 101");
        stream.write_all(b"ping").unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"ping") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
    }
    for target in ["/", "/inbox", "/vite/streaming"] {
        let other = upgrade.replace("/streaming?i=SECRET", target).replace("Upgrade\r\n", "Upgrade, close\r\n");
        assert_eq!(edge.send(other).status, 403, "{target}");
    }
    // The query of /streaming is a credential.
    let lines = edge.stack.access_lines(2, |line| line.contains("\"/streaming\"")).unwrap();
    assert!(lines.iter().all(|line| !line.contains("SECRET")), "{lines:?}");
    let mut routes: Vec<_> = lines.iter().filter_map(|line| json::field(line, "route")).collect();
    routes.sort();
    assert_eq!(routes, ["streaming", "streaming-again"]);
}

#[test]
fn the_filter_is_off_only_where_nothing_can_be_posted() {
    let edge = Edge::start(&[]);
    for (method, target) in
        [("GET", "/vite/a.js"), ("POST", "/vite/a.js"), ("GET", "/vite"), ("GET", "/"), ("POST", "/")]
    {
        edge.send(request(method, target, "Content-Length: 0\r\n"));
    }
    let lines = edge.stack.access_lines(6, |_| true).unwrap();
    let routes: Vec<String> = lines.iter().filter_map(|line| json::field(line, "route")).collect();
    assert_eq!(routes, ["pages", "assets", "rest", "pages", "pages", "rest"]);
}

#[test]
fn the_admin_interface_is_small_and_private() {
    let edge = Edge::start(&[]);
    let admin = edge.stack.admin();
    for (target, status) in [
        ("/ready", 200),
        ("/stats", 200),
        ("/stats/prometheus", 200),
        ("/runtime", 200),
        ("/config_dump", 403),
        ("/certs", 403),
        ("/", 403),
    ] {
        assert_eq!(admin.get(target).unwrap().status, status, "{target}");
    }
    assert_eq!(admin.post("/quitquitquit").unwrap().status, 403);
    assert_eq!(admin.post("/runtime_modify?sekisho.inbox.mentions.max=9").unwrap().status, 200);
    assert!(admin.get("/runtime").unwrap().text().contains("sekisho.inbox.mentions.max"));
    let mode = std::fs::metadata(edge.stack.dir().join("admin.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn prometheus_reads_one_page_of_it() {
    let edge = Edge::start(&[]);
    edge.get("/notes/abc");
    edge.send(request("POST", "/api/signin-flow", "Content-Length: 0\r\n"));
    let addr = edge.stack.metrics_addr();
    assert!(addr.ip().is_loopback() && addr != edge.stack.addr());
    let ask = |method: &str, target: &str| exchange(addr, request(method, target, "").as_bytes()).unwrap();
    for (method, target, status) in [
        ("GET", "/stats/prometheus", 200),
        ("GET", "/stats/prometheus?usedonly", 200),
        ("POST", "/stats/prometheus", 404),
        ("PUT", "/stats/prometheus", 404),
        ("GET", "/stats/prometheus/", 404),
        ("GET", "/stats/prometheus/../../runtime", 404),
        ("GET", "/stats", 404),
        ("GET", "/", 404),
        ("GET", "/runtime", 404),
        ("POST", "/runtime_modify?sekisho.inbox.mentions.max=9", 404),
        ("GET", "/inbox", 404),
    ] {
        assert_eq!(ask(method, target).status, status, "{method} {target}");
    }
    assert!(!edge.stack.admin().get("/runtime").unwrap().text().contains("sekisho.inbox"));
    // By route: Envoy merges its histograms every five seconds.
    let has = |text: &str| ask("GET", "/stats/prometheus").text().contains(text);
    // Of the pages one is the probe of `Stack`.
    for (route, count) in [("pages", 2), ("signin", 1)] {
        let labels = format!(r#"envoy_virtual_host="server",envoy_route="{route}""#);
        assert!(has(&format!("envoy_vhost_route_upstream_rq_total{{{labels}}}")), "{route}");
        let in_time = format!(r#"envoy_vhost_route_upstream_rq_time_bucket{{{labels},le="60000"}} {count}"#);
        assert!(wait_until(PATIENCE, || has(&in_time)), "{in_time}");
    }
}

#[test]
fn slow_clients_are_cut_off() {
    let edge = Edge::start(&[
        ("request_headers_timeout: 10s", "request_headers_timeout: 0.3s"),
        ("idle_timeout: 15s", "idle_timeout: 0.3s"),
        ("max_stream_duration: 60s", "max_stream_duration: 0.9s"),
    ]);
    assert_eq!(edge.send("GET / HTTP/1.1\r\nHost: a\r\n").status, 408);
    assert_eq!(edge.send(request("POST", "/inbox", "Content-Length: 9\r\n") + "{").status, 408);
    // One that always sends a little is never idle, and is over at the end of its time all the same.
    let mut stream = edge.connect();
    stream.write_all(request("POST", "/inbox", "Content-Length: 99999\r\n").as_bytes()).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut answer = [0; 12];
        reader.read_exact(&mut answer).map(|()| answer)
    });
    while !reading.is_finished() {
        // The connection may end at any byte.
        let _ = stream.write_all(b"x");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(&reading.join().unwrap().unwrap(), b"HTTP/1.1 408");
}

#[test]
fn connections_are_limited() {
    let limit = "max_active_downstream_connections: 10000";
    let edge = Edge::start(&[(limit, "max_active_downstream_connections: 5")]);
    let open: Vec<TcpStream> = (0..50).map(|_| edge.connect()).collect();
    let refused = || edge.stack.admin().stat("listener.sekisho.downstream_global_cx_overflow");
    assert!(wait_until(PATIENCE, || refused() == Some(45)), "{:?}", refused());
    drop(open);
    let active = "http.sekisho.downstream_cx_active";
    assert!(wait_until(PATIENCE, || edge.stack.admin().stat(active) == Some(0)));
    assert_eq!(edge.get("/").status, 200);
}

#[test]
fn an_upload_streams_through_without_a_limit() {
    let edge = Edge::start(&[]);
    let body = vec![b'x'; 5 << 20];
    let head = request("POST", "/api/drive/files/create", &format!("Content-Length: {}\r\n", body.len()));
    assert_eq!(edge.send([head.as_bytes(), &body].concat()).status, 204);
    assert_eq!(edge.only_request().body().len(), body.len());
}

/// Asks as the client that the one trusted proxy in front names.
fn as_client(edge: &Edge, client: &str, method: &str, target: &str) -> Response {
    edge.send(request(method, target, &format!("X-Forwarded-For: {client}\r\nContent-Length: 0\r\n")))
}

#[test]
fn what_is_tried_by_guessing_has_a_limit_for_each_client() {
    let edge = Edge::start(&[("xff_num_trusted_hops: 0", "xff_num_trusted_hops: 1")]);
    for (target, tries) in [("/api/signin-flow", 20), ("/api/signup", 20), ("/api/notes/search", 60)] {
        let statuses: Vec<u16> =
            (0..=tries + 2).map(|_| as_client(&edge, "203.0.113.7", "POST", target).status).collect();
        // A bucket may be filled up by one or two meanwhile.
        let passed = statuses.iter().take_while(|status| **status != 429).count();
        assert!((tries..=tries + 2).contains(&passed), "{target}: {statuses:?}");
        // One may have come in since.
        let mut limited = (0..3).map(|_| as_client(&edge, "203.0.113.7", "POST", target));
        let limited = limited.find(|answer| answer.status == 429).unwrap();
        assert!(limited.field("retry-after").is_some(), "{target}");
        assert_eq!(limited.field("access-control-allow-origin"), Some("*"));
        let body = limited.text();
        assert!(body.contains("\"code\":\"RATE_LIMIT_EXCEEDED\""), "{body}");
        // What makes a path or a query one of a delivery does not help.
        for other in ["?rest_route=/inbox", ";inbox", "/?x=inbox"] {
            let statuses = (0..3).map(|_| as_client(&edge, "203.0.113.7", "POST", &format!("{target}{other}")).status);
            assert!(statuses.into_iter().any(|status| status == 429), "{target}{other}");
        }
        // Others are not held back by it, and a preflight is no try.
        assert_ne!(as_client(&edge, "203.0.113.8", "POST", target).status, 429, "{target}");
        assert_ne!(as_client(&edge, "203.0.113.7", "OPTIONS", target).status, 429, "{target}");
    }
    // Another spelling of the same, and another address of the same /64.
    for client in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"] {
        for _ in 0..7 {
            as_client(&edge, client, "POST", "//api/x/../signin;x");
        }
    }
    assert_eq!(as_client(&edge, "2001:db8::9", "POST", "/api/signin").status, 429);
    assert_ne!(as_client(&edge, "2001:db8:0:1::9", "POST", "/api/signin").status, 429);
    assert!(edge.stack.admin().stat("rate_signin.http_local_rate_limit.rate_limited") > Some(0));
    // The limit is live.
    integration_tests::harness::set(&edge.stack, &["rate.signin.enforced=0"]);
    assert_ne!(as_client(&edge, "2001:db8::9", "POST", "/api/signin").status, 429);
}
