//! Pages in the second host: nginx with ngx_wasm_module at `$NGINX`. Skipped without it.

use std::net::TcpListener;
use std::path::PathBuf;

use integration_tests::client::exchange;
use integration_tests::harness::logged;
use integration_tests::site::{Answer, Asked, Site};
use xtask::http::Response;
use xtask::stack::{Options, Proxy, Stack};

const HTML: &str = "text/html; charset=utf-8";
const CSP: &str = "content-security-policy";

/// nginx takes policies of at most 4094 bytes: a manifest of a few files fits.
const POLICY: &str = r#"{"page":{"preset":"misskey","upgrade":true,"manifest":{"version":1,
    "modules":{"/vite/m.js":"sha384-CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"}}}}"#;

fn page() -> String {
    let text = "<p>一二三 <b>x</p>\n".repeat(3000);
    format!("<!DOCTYPE html><html><head><link rel=modulepreload href=\"/vite/m.js\"></head><body>{text}</body></html>")
}

fn answer(asked: &Asked) -> Answer {
    let html = || Answer::of(HTML, page());
    match asked.target.as_str() {
        "/many" => (0..150).fold(html(), |answer, number| answer.with(&format!("x-{number}"), "y")),
        "/many-policies" => (0..105).fold(html(), |answer, _| answer.with(CSP, "x")),
        "/digests" => {
            html().with("content-md5", "x").with("digest", "x").with("last-modified", "x").with("etag", "\"v1\"")
        }
        "/chunks" => html().in_chunks(777),
        "/api/meta" => Answer::of("application/json", "{}"),
        "/files/1" => Answer::of("image/svg+xml", "<svg/>"),
        "/vite/m.js" => Answer::of("text/javascript", "1"),
        _ => html(),
    }
}

#[test]
fn pages_in_nginx() {
    let Some(nginx) = std::env::var_os("NGINX").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        println!("skipped: $NGINX names no nginx with ngx_wasm_module");
        return;
    };
    let site = Site::start(answer);
    let mut options =
        Options::new(site.addr()).unwrap().policy(POLICY).edit("worker_processes auto", "worker_processes 1");
    options.proxy = Proxy::Nginx(nginx);
    options.listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stack = Stack::start(&options).unwrap();
    let get = |target: &str, fields: &str| -> Response {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: a.example\r\nAccept: text/html\r\nConnection: close\r\n{fields}\r\n"
        );
        exchange(stack.addr(), request.as_bytes()).unwrap()
    };
    let policies = |response: &Response| {
        response.head.lines().filter(|line| line.to_lowercase().starts_with("content-security-policy:")).count()
    };
    for _ in 0..2 {
        // nginx cannot show more than 100 fields at once: asking for them would cost the worker.
        for (target, count) in [("/", 1), ("/many", 1), ("/digests", 1), ("/chunks", 1), ("/many-policies", 106)] {
            let got = get(target, "");
            let body = got.text();
            assert_eq!((got.status, policies(&got)), (200, count), "{target}");
            assert!(got.head.contains("script-src a.example/vite/"), "{target}: {}", got.head);
            assert!(body.contains(r#"<script type="importmap">{"integrity":{"/vite/m.js":"#), "{target}");
            assert!(body.ends_with("</body></html>") && body.len() > page().len(), "{target}: {} bytes", body.len());
            for name in ["content-length", "content-md5", "digest", "last-modified"] {
                assert_eq!(got.field(name), None, "{target}");
            }
        }
    }
    for target in ["/api/meta", "/files/1"] {
        let got = get(target, "");
        assert!(got.field(CSP).is_some_and(|policy| policy.contains("sandbox")), "{target}: {}", got.head);
    }
    let script = get("/vite/m.js", "");
    assert_eq!((script.field("x-content-type-options"), policies(&script)), (Some("nosniff"), 1));
    // A field that is removed reaches the server of nginx all the same: so another one takes its place.
    let _stale = get("/digests", "If-None-Match: \"v1\"\r\nIf-Modified-Since: Sun, 22 Nov 2026 14:09:10 GMT\r\n");
    assert_eq!(site.asked().pop().unwrap().field("if-none-match"), Some("\"sekisho-none\""));
    let tag = get("/digests", "").field("etag").unwrap().to_owned();
    let _known = get("/digests", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(site.asked().pop().unwrap().field("if-none-match"), Some("W/\"v1\""));
    assert!(site.asked().iter().all(|asked| asked.field("accept-encoding").is_none()));
    let packed = get("/", "Accept-Encoding: gzip\r\n");
    assert_eq!(packed.field("content-encoding"), Some("gzip"), "{}", packed.head);
    let upgrade = get("/notes/1", "Upgrade-Insecure-Requests: 1\r\n");
    assert_eq!((upgrade.status, upgrade.field("location")), (307, Some("https://a.example/notes/1")));
    assert_eq!(logged(&stack, "exited on signal") + logged(&stack, "error while executing"), 0);
}
