//! The smaller guards in the second host: nginx with ngx_wasm_module at `$NGINX`. Skipped without it.

use std::net::TcpListener;
use std::path::PathBuf;

use integration_tests::client::exchange;
use integration_tests::harness::logged;
use integration_tests::site::{Answer, Asked, Site};
use serde_json::Value;
use xtask::http::Response;
use xtask::stack::{Options, Proxy, Stack};

const POLICY: &str = r#"{"via":{"pseudonym":"gate.example"},"signup":{"blocked_domains":["blocked.com"]},
    "routes":{"blocked":{"presets":["hide-api-doc"]},"token":{"token":"0123456789abcdef"}}}"#;

const HOSTILE: &str = r#"{"title":"t","player":{"url":"https://evil.example/","width":1,"height":1,"allow":[]},"url":"https://a.example/"}"#;

fn answer(asked: &Asked) -> Answer {
    let preview = || Answer::of("application/json", HOSTILE);
    match asked.target.split('&').nth(1) {
        Some("whole") => preview().with("etag", "\"v1\""),
        Some("chunks") => preview().in_chunks(7),
        Some("many") => (0..150).fold(preview(), |answer, number| answer.with(&format!("x-{number}"), "y")),
        Some("large") => Answer::of("application/json", format!("{{\"title\":\"{}\"}}", "x".repeat(300_000))),
        _ => Answer::of("text/plain", "reached"),
    }
}

#[test]
fn guards_in_nginx() {
    let Some(nginx) = std::env::var_os("NGINX").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        println!("skipped: $NGINX names no nginx with ngx_wasm_module");
        return;
    };
    let site = Site::start(answer);
    let mut options = Options::new(site.addr()).unwrap().policy(POLICY);
    options.proxy = Proxy::Nginx(nginx);
    options.listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stack = Stack::start(&options).unwrap();
    let ask = |method: &str, target: &str, fields: &str, body: &str| -> Response {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        );
        exchange(stack.addr(), request.as_bytes()).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    };
    let get = |target: &str, fields: &str| ask("GET", target, fields, "");

    let page = get("/", "Via: 1.1 edge\r\n");
    assert_eq!(page.field("via"), Some("1.1 gate.example"));
    let asked = site.asked().pop().unwrap();
    assert_eq!(
        (asked.field("via"), asked.field("cdn-loop")),
        (Some("1.1 edge, 1.1 gate.example"), Some("gate.example"))
    );
    let _page = get("/", "CDN-Loop: cloudflare; loops=1\r\n");
    let asked = site.asked().pop().unwrap();
    assert_eq!(asked.field("cdn-loop"), Some("cloudflare; loops=1, gate.example"), "{}", asked.head);
    for fields in ["Via: 1.1 edge, 1.1 gate.example\r\n", "CDN-Loop: gate.example\r\n"] {
        assert_eq!(get("/", fields).status, 508, "{fields}");
    }

    // nginx takes dot segments out of what the filter sees, and passes on what was sent.
    for target in ["/x/../api-doc", "/vite/%2e%2e/api-doc", "/api-doc/%2E%2e/x", "/api%2ddoc", "/API-doc", "//api-doc"]
    {
        let status = get(target, "").status;
        assert!([400, 404].contains(&status), "{target}: {status}");
    }
    assert_eq!(get("/queue", "").status, 401);
    assert_eq!(get("/queue", "").field("www-authenticate").map(|value| value.starts_with("Basic ")), Some(true));
    assert_eq!(get("/queue", "Authorization: Bearer 0123456789abcdef\r\n").status, 200);
    assert_eq!(site.asked().pop().unwrap().field("authorization").unwrap_or_default(), "");

    let json = "Content-Type: application/json\r\n";
    let hostile = r#"{"emailAddress":"me@gmail.com@ <me@blocked.com>"}"#;
    assert_eq!(ask("POST", "/api/signup", json, hostile).status, 400);
    assert_eq!(ask("POST", "/api/signup", json, r#"{"emailAddress":"me@gmail.com"}"#).status, 200);
    assert_eq!(ask("POST", "/api/signup", json, "").status, 400);

    for _ in 0..2 {
        for (kind, title) in [("whole", "t"), ("chunks", "t"), ("many", "t"), ("large", "https://a.example/")] {
            let got = get(&format!("/url?url=https://a.example/&{kind}"), "Range: bytes=0-1\r\n");
            let found: Value = serde_json::from_slice(&got.body).unwrap_or_default();
            assert_eq!(
                (&found["title"], &found["player"]["url"]),
                (&title.into(), &Value::Null),
                "{kind}: {}",
                got.text()
            );
            assert_eq!(got.field("etag"), None, "{kind}");
        }
    }
    assert_eq!(logged(&stack, "exited on signal") + logged(&stack, "error while executing"), 0);
}
