//! What becomes of the heads and bytes of responses in a real Envoy: of pages, of what is no page, and of what has to pass as it is.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use integration_tests::client::{connect, exchange};
use integration_tests::harness::assert_no_restart;
use integration_tests::site::{Answer, Asked, Site};
use sekisho::page::PageRequest;
use sekisho::page::fields::Rewrite;
use sekisho::policy::Policy;
use xtask::http::Response;
use xtask::stack::{Options, Stack};

const KNOWN: &str = r#""manifest":{"version":1,"inline":{"scripts":["sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]},
    "scripts":{"/vite/a.js":"sha384-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"},
    "modules":{"/vite/m.js":"sha384-CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"}}"#;

const HTML: &str = "text/html; charset=utf-8";
const CSP: &str = "content-security-policy";
const LOCKED: &str = "sandbox allow-downloads";

/// What a server sends that is careless about everything.
fn page() -> String {
    let text = "<p class=\"é\">一二三 &amp; <b>x</p>\n".repeat(300);
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><link rel=modulepreload href=\"/vite/m.js\">\
         <script src='/vite/a.js'></script></head><body>{text}<script>1</script></body></html>"
    )
}

fn site() -> Site {
    Site::start(|asked: &Asked| {
        let path = asked.target.split('?').next().unwrap_or_default();
        let html = || Answer::of(HTML, page());
        match path {
            "/tagged" if asked.field("if-none-match").is_some_and(|tags| tags.contains("\"v1\"")) => {
                Answer::plain(304, "").with("etag", "\"v1\"").with(CSP, "img-src x.example")
            }
            "/tagged" => html().with("etag", "\"v1\"").with("last-modified", "Sun, 22 Nov 2026 14:09:10 GMT"),
            "/api/tagged" if asked.field("if-none-match") == Some("\"v1\"") => {
                Answer::plain(304, "").with("etag", "\"v1\"")
            }
            "/api/tagged" => Answer::of("application/json", "{}").with("etag", "\"v1\""),
            "/range" => html().status(206).with("content-range", "bytes 0-9999/20000"),
            "/gzip" => Answer::of(HTML, packed(page().as_bytes())).with("content-encoding", "gzip"),
            "/redirect" => html().status(302).with("location", "/"),
            "/nothing" => Answer::plain(204, ""),
            "/error" => html().status(500),
            "/streaming" => Answer::plain(101, "").with("upgrade", "websocket").with("connection", "upgrade"),
            "/csp" => html().with(CSP, "default-src 'self'; frame-ancestors 'none'"),
            "/csp-two" => html().with(CSP, "img-src * data: blob:").with(CSP, "object-src 'none'"),
            "/csp-weak" => html().with(CSP, "img-src * data: blob:; report-uri /theirs"),
            "/strong" => html()
                .with("x-frame-options", "DENY")
                .with("referrer-policy", "no-referrer")
                .with("permissions-policy", "camera=()")
                .with("cross-origin-opener-policy", "same-origin")
                .with("cross-origin-resource-policy", "same-site"),
            "/weak" => html().with("referrer-policy", "unsafe-url").with("cross-origin-opener-policy", "unsafe-none"),
            "/api/meta" => Answer::of("application/json", "{}"),
            "/files/1" => Answer::of("image/svg+xml", "<svg/>"),
            "/files/2" => Answer::of(HTML, "<script>1</script>"),
            "/untyped" => Answer::plain(200, "<script>1</script>"),
            "/typed-twice" => Answer::of(HTML, "<b>").with("content-type", "text/plain"),
            "/sw.js" | "/vite/a.js" => Answer::of("text/javascript", "1"),
            "/xhtml" => Answer::of("application/xhtml+xml", page()),
            "/utf-16" => Answer::of("text/html; charset=utf-16le", page()),
            _ => match path.strip_prefix("/chunks/").and_then(|size| size.parse().ok()) {
                Some(size) => html().in_chunks(size),
                None => html(),
            },
        }
    })
}

fn start(page: &str) -> (Site, Stack) {
    let site = site();
    let stack = Stack::start(&Options::new(site.addr()).unwrap().policy(format!(r#"{{"page":{{{page}}}}}"#))).unwrap();
    (site, stack)
}

const NAVIGATION: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

fn ask(stack: &Stack, method: &str, target: &str, fields: &str) -> Response {
    let fields = if fields.to_lowercase().contains("host: ") {
        fields.to_owned()
    } else {
        format!("Host: a.example\r\n{fields}")
    };
    let request = format!("{method} {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
    if method != "HEAD" {
        return exchange(stack.addr(), request.as_bytes()).unwrap();
    }
    // There is no body, whatever the head says about it.
    let mut stream = connect(stack.addr()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = String::new();
    stream.read_to_string(&mut head).unwrap();
    let head = head.strip_suffix("\r\n\r\n").expect("no body").to_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head, body: Vec::new() }
}

fn get(stack: &Stack, target: &str) -> Response {
    ask(stack, "GET", target, NAVIGATION)
}

fn fields(response: &Response) -> BTreeSet<(String, String)> {
    let lines = response.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let all = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    all.filter(|(name, _)| !matches!(name.as_str(), "date" | "via")).collect()
}

fn all<'r>(response: &'r Response, name: &'r str) -> Vec<&'r str> {
    let lines = response.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// The page as it is rewritten natively, in one piece.
fn rewritten(policy: &str) -> Vec<u8> {
    let page = Policy::parse(format!(r#"{{"page":{{{policy}}}}}"#).as_bytes()).unwrap().page;
    let request = PageRequest { host: Some("a.example".into()), ..PageRequest::of(b"/") };
    let mut rewriter = page.rewriter(&request, Rewrite::WithImportMap, Some(HTML.as_bytes())).unwrap();
    let mut bytes = rewriter.write(self::page().as_bytes());
    bytes.extend(rewriter.end());
    bytes
}

fn misskey() -> String {
    format!(r#""preset":"misskey",{KNOWN}"#)
}

#[test]
fn the_head_of_a_page_that_is_rewritten() {
    let (site, stack) = start(&misskey());
    let expected = rewritten(&misskey());
    let got = get(&stack, "/");
    assert_eq!(got.text(), String::from_utf8(expected.clone()).unwrap());
    assert_ne!(got.text(), page());
    // A length would be that of the server's own bytes.
    assert_eq!((all(&got, "content-length").len(), all(&got, CSP).len()), (0, 1));
    assert!(got.field(CSP).unwrap().contains("script-src a.example/vite/"), "{}", got.head);

    // HEAD says what GET says, and has no length of bytes that nobody gets.
    let head = ask(&stack, "HEAD", "/", NAVIGATION);
    let without_framing = |response: &Response| {
        let mut fields = fields(response);
        fields.retain(|(name, _)| name != "transfer-encoding");
        fields
    };
    assert_eq!(without_framing(&head), without_framing(&got));
    let json = ask(&stack, "HEAD", "/api/meta", "");
    assert_eq!((json.field("content-length"), all(&json, CSP).len()), (Some("2"), 1));

    // Chunks that end within tags, characters and attribute values.
    for size in [1, 2, 3, 7, 64, 1000, 5000] {
        let got = get(&stack, &format!("/chunks/{size}"));
        assert!(got.body == expected, "chunks of {size}: {}", got.text());
    }
    // So are errors, which Misskey writes with scripts of their own.
    let error = get(&stack, "/error");
    assert_eq!((error.status, error.body == expected, all(&error, CSP).len()), (500, true, 1));

    // And what answers a form, or somebody who asks for no page by name: the scripts of the page's own host are not blocked there.
    let form = ask(&stack, "POST", "/error", &format!("{NAVIGATION}Content-Length: 0\r\n"));
    let picture = ask(&stack, "GET", "/", "Accept: image/avif,*/*;q=0.8\r\n");
    for (name, answer) in [("form", &form), ("picture", &picture)] {
        assert_eq!(all(answer, CSP), all(&got, CSP), "{name}");
        assert!(answer.body == expected, "{name}");
    }

    // The server is asked for plain bytes, and what the client gets is packed again.
    let packed = ask(&stack, "GET", "/packed", &format!("{NAVIGATION}Accept-Encoding: gzip, deflate, br\r\n"));
    assert_eq!(packed.field("content-encoding"), Some("gzip"), "{}", packed.head);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == expected);
    let asked = |target: &str| site.asked().into_iter().rfind(|asked| asked.target == target).unwrap();
    assert_eq!(asked("/packed").field("accept-encoding"), Some("identity"));
    // What is no page may be packed by the server; who does not say what it accepts does not begin to.
    let _script = ask(&stack, "GET", "/sw.js", "Accept: */*\r\nAccept-Encoding: gzip\r\n");
    assert_eq!(asked("/sw.js").field("accept-encoding"), Some("gzip"));
    assert_eq!(asked("/").field("accept-encoding"), None);
    assert_no_restart(&stack);
}

#[test]
fn a_page_is_revalidated() {
    let (site, stack) = start(&misskey());
    let first = get(&stack, "/tagged");
    let tag = first.field("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\"v1-sk") && first.field("last-modified").is_none(), "{}", first.head);
    let last = || site.asked().pop().unwrap();
    let revalidate = |fields: &str| ask(&stack, "GET", "/tagged", &format!("{NAVIGATION}{fields}"));

    for tags in [tag.clone(), format!("\"x\", {tag}"), tag.trim_start_matches("W/").to_owned()] {
        let known = revalidate(&format!("If-None-Match: {tags}\r\n"));
        assert_eq!((known.status, known.field("etag"), known.body.len()), (304, Some(&*tag), 0), "{tags}");
        // The stored page keeps the policies that it has: the server's came again, and alone would take their place.
        assert_eq!((all(&first, CSP).len(), all(&known, CSP).len()), (1, 0), "{}", known.head);
        assert_eq!(known.field("x-frame-options"), None, "{}", known.head);
        assert!(last().field("if-none-match").unwrap().ends_with("\"v1\""));
    }
    // Other tags are of a page that we did not make, or made under another policy.
    let other = format!("{}0\"", &tag[..tag.len() - 2]);
    for tags in ["\"v1\"", "W/\"v1\"", "*", if other == tag { "\"x\"" } else { &other }] {
        let unknown =
            revalidate(&format!("If-None-Match: {tags}\r\nIf-Modified-Since: Sun, 22 Nov 2026 14:09:10 GMT\r\n"));
        assert_eq!((unknown.status, unknown.field("etag")), (200, Some(&*tag)), "{tags}");
        assert_eq!((last().field("if-none-match"), last().field("if-modified-since")), (None, None), "{tags}");
    }
    let _dated = revalidate("If-Modified-Since: Sun, 22 Nov 2026 14:09:10 GMT\r\n");
    assert_eq!(last().field("if-modified-since"), None, "what is stored may be older than the policy");
    // What is no page keeps its own tags, also where the client does not say what it wants.
    let json = ask(&stack, "GET", "/api/tagged", "Accept: */*\r\n");
    assert_eq!(json.field("etag"), Some("\"v1\""));
    let json = ask(&stack, "GET", "/api/tagged", "Accept: */*\r\nIf-None-Match: \"v1\"\r\n");
    assert_eq!((json.status, all(&json, CSP).len()), (304, 0), "{}", json.head);
    assert_no_restart(&stack);
}

#[test]
fn what_cannot_be_rewritten_has_a_policy_all_the_same() {
    let (_site, stack) = start(&misskey());
    let map = |response: &Response| response.field(CSP).unwrap().matches("'sha256-").count();
    let whole = map(&get(&stack, "/"));
    for (target, body) in [
        ("/range", page().into_bytes()),
        ("/gzip", packed(page().as_bytes())),
        ("/xhtml", page().into_bytes()),
        ("/utf-16", page().into_bytes()),
    ] {
        let got = get(&stack, target);
        assert!(got.body == body, "{target}");
        assert_eq!(got.field("content-length"), Some(&*body.len().to_string()), "{target}");
        assert_eq!(map(&got) + 1, whole, "{target}: one hash less, of the import map: {}", got.head);
    }
    assert_no_restart(&stack);
}

#[test]
fn what_is_no_page() {
    let (site, stack) = start(&misskey());
    for (target, status) in [("/redirect", 302), ("/nothing", 204)] {
        let got = get(&stack, target);
        assert_eq!(
            (got.status, all(&got, CSP).len(), got.field("x-content-type-options")),
            (status, 0, None),
            "{target}"
        );
    }
    // Only a 101 makes a WebSocket; the filter is off there.
    let upgrade = "GET /streaming HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let mut stream = connect(stack.addr()).unwrap();
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && !head.contains(CSP) && !head.contains("nosniff"), "{head}");

    for target in ["/api/meta", "/files/1", "/files/2", "/%66iles/2", "/untyped", "/typed-twice"] {
        let got = get(&stack, target);
        assert!(got.field(CSP).is_some_and(|policy| policy.contains(LOCKED)), "{target}: {}", got.head);
        assert_eq!((all(&got, CSP).len(), got.field("x-content-type-options")), (1, Some("nosniff")), "{target}");
    }
    // A policy of a script would be that of a worker. The others pass by the route of assets, where the filter is off: a page there, of a server that answers so for unknown files,
    // has no inline scripts.
    const INERT: &str = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";
    for (target, policies) in [("/sw.js", vec![]), ("/vite/a.js", vec![INERT]), ("/embed_vite/page", vec![INERT])] {
        let got = get(&stack, target);
        assert_eq!((all(&got, CSP), all(&got, "x-content-type-options")), (policies, vec!["nosniff"]), "{target}");
    }
    // Our own refusals, and our own pages.
    let report = ask(&stack, "POST", "/_sekisho/reports", "Content-Type: text/plain\r\nContent-Length: 0\r\n");
    assert_eq!((report.status, all(&report, CSP).len()), (400, 0));
    let body = "x";
    let refused = exchange(
        stack.addr(),
        format!(
            "POST /inbox HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    let refused = refused.unwrap();
    assert_eq!((refused.status, all(&refused, CSP).len()), (415, 0), "{}", refused.head);
    assert!(site.asked().iter().all(|asked| asked.method != "POST"));
    drop(stack);

    let site = self::site();
    let policy = r#"{"closing":{"mode":"enforce"},"page":{"preset":"misskey"}}"#;
    let stack = Stack::start(&Options::new(site.addr()).unwrap().policy(policy)).unwrap();
    let farewell = get(&stack, "/.well-known/host-meta");
    assert_eq!((farewell.status, all(&farewell, CSP).len()), (410, 0), "{}", farewell.head);
    assert!(site.asked().iter().all(|asked| asked.target != "/.well-known/host-meta"));
    assert_no_restart(&stack);
}

#[test]
fn the_policy_of_the_server_is_never_loosened() {
    let (_site, stack) = start(&misskey());
    for (target, theirs) in [
        ("/csp", vec!["default-src 'self'; frame-ancestors 'none'"]),
        ("/csp-two", vec!["img-src * data: blob:", "object-src 'none'"]),
        ("/csp-weak", vec!["img-src * data: blob:; report-uri /theirs"]),
    ] {
        let got = get(&stack, target);
        let policies: Vec<&str> = all(&got, CSP).iter().flat_map(|value| value.split(',')).map(str::trim).collect();
        assert_eq!(policies.len(), theirs.len() + 1, "{target}: {}", got.head);
        assert!(theirs.iter().all(|policy| policies.contains(policy)), "{target}: {policies:?}");
    }
    drop(stack);
    let (_site, stack) = start(&format!(r#""merge":"replace",{}"#, misskey()));
    for (target, kept) in [("/csp", true), ("/csp-two", false), ("/csp-weak", false)] {
        let got = get(&stack, target);
        // Ours allows scripts of another host, which `default-src 'self'` does not.
        assert_eq!(all(&got, CSP).len(), 1 + usize::from(kept), "{target}: {}", got.head);
    }
    assert_no_restart(&stack);
}

#[test]
fn security_fields_are_set_where_they_are_missing_or_weaker() {
    let (_site, stack) = start(&misskey());
    let names = [
        "x-frame-options",
        "referrer-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "x-content-type-options",
    ];
    for (target, expected) in [
        ("/", ["SAMEORIGIN", "strict-origin-when-cross-origin", "same-origin-allow-popups", "same-origin", "nosniff"]),
        (
            "/weak",
            ["SAMEORIGIN", "strict-origin-when-cross-origin", "same-origin-allow-popups", "same-origin", "nosniff"],
        ),
        ("/strong", ["DENY", "no-referrer", "same-origin", "same-site", "nosniff"]),
    ] {
        let got = get(&stack, target);
        assert_eq!(names.map(|name| all(&got, name)), expected.map(|value| vec![value]), "{target}");
        assert_eq!(all(&got, "permissions-policy").len(), 1);
    }
    assert_eq!(get(&stack, "/strong").field("permissions-policy"), Some("camera=()"));
    // Made for frames of other sites.
    let embed = get(&stack, "/embed/notes/1");
    assert_eq!((embed.field("x-frame-options"), embed.field("cross-origin-resource-policy")), (None, None));
    assert!(embed.field(CSP).unwrap().contains("frame-ancestors *"));
}

#[test]
fn off_and_shadow_change_nothing() {
    let targets = ["/", "/tagged", "/gzip", "/range", "/api/meta", "/files/2", "/untyped", "/csp", "/strong", "/sw.js"];
    let request = |stack: &Stack, target: &str| {
        let got = ask(
            stack,
            "GET",
            target,
            &format!("{NAVIGATION}If-None-Match: \"x\"\r\nIf-Modified-Since: x\r\nUpgrade-Insecure-Requests: 1\r\n"),
        );
        (got.status, fields(&got), got.body)
    };
    let heads = |site: &Site| -> Vec<String> {
        // Who was on the way is told in any case.
        let other = ["x-request-id", "via:", "cdn-loop:"];
        let own = |line: &&str| !other.iter().any(|name| line.starts_with(name));
        site.asked().iter().map(|asked| asked.head.lines().filter(own).collect::<Vec<_>>().join("\n")).collect()
    };
    let answers = |policy: &str| {
        let (site, stack) = start(policy);
        let answers: Vec<_> = targets.map(|target| request(&stack, target)).into();
        assert_no_restart(&stack);
        (answers, heads(&site))
    };
    let off = answers(&format!(r#""mode":"off",{}"#, misskey()));
    let shadow = answers(&format!(r#""mode":"shadow",{}"#, misskey()));
    assert_eq!(off, shadow);
    // The same Envoy, and a module that does nothing.
    let site = site();
    let module = xtask::workspace::wasm_module("noop");
    let stack = Stack::start(&Options::new(site.addr()).unwrap().module(module)).unwrap();
    let plain: Vec<_> = targets.map(|target| request(&stack, target)).into();
    assert_eq!(off, (plain, heads(&site)));
}

#[test]
fn dispositions() {
    const REPORT_ONLY: &str = "content-security-policy-report-only";
    for (disposition, enforced, reported) in [("report", 0, 1), ("both", 1, 1)] {
        let (_site, stack) = start(&format!(r#""disposition":"{disposition}",{}"#, misskey()));
        let got = get(&stack, "/");
        assert_eq!((all(&got, CSP).len(), all(&got, REPORT_ONLY).len()), (enforced, reported), "{}", got.head);
        assert!(got.body == page().as_bytes(), "integrity would block");
        let report = got.field(REPORT_ONLY).unwrap();
        assert!(
            report.contains("script-src a.example/vite/") && report.contains("; report-uri /_sekisho/reports"),
            "{report}"
        );
        // Without https an endpoint of the Reporting API would only keep browsers from `report-uri`.
        assert!(!report.contains("report-to") && got.field("reporting-endpoints").is_none());
    }
}

#[test]
fn hosts_that_stand_in_a_policy() {
    let (_site, stack) = start(&misskey());
    let policy = |stack: &Stack, host: &str| {
        let got = ask(stack, "GET", "/", &format!("{NAVIGATION}Host: {host}\r\n"));
        (got.status, got.field(CSP).unwrap_or_default().to_owned())
    };
    for (host, written) in
        [("a.example", "a.example/vite/"), ("A.Example:8443", "a.example:8443/vite/"), ("a.example.", "/vite/")]
    {
        let (status, policy) = policy(&stack, host);
        assert!(status == 200 && policy.contains(written), "{host}: {policy}");
    }
    for hostile in [
        "a;script-src *",
        "*",
        "*.example",
        "[::1]",
        "a b",
        "a.example;",
        "'unsafe-inline'",
        "a.example:80;x",
        "a,b",
        "x/vite/",
        "a@b",
        "\u{e9}.example",
    ] {
        let (status, policy) = policy(&stack, hostile);
        // Envoy itself refuses some of them.
        let script = policy.split("; ").find(|directive| directive.starts_with("script-src "));
        let is_clean = script.is_none_or(|script| {
            script
                .split(' ')
                .skip(1)
                .all(|source| source.starts_with("'sha256-") || source.starts_with("https://esm.sh/"))
        });
        assert!(is_clean && (status >= 400 || script.is_some()), "{hostile}: {status} {policy}");
        assert!(!policy.contains("/vite/") && !policy.contains("wss://"), "{hostile}: {policy}");
    }
    drop(stack);
    let (_site, stack) = start(&format!(r#""hosts":["a.example","b.example:8443"],{}"#, misskey()));
    for (host, written) in [
        ("a.example", "a.example"),
        ("b.example:8443", "b.example:8443"),
        ("c.example", "a.example"),
        ("*", "a.example"),
    ] {
        let (status, policy) = policy(&stack, host);
        let expected = format!("script-src {written}/vite/ ");
        assert!(status >= 400 || policy.contains(&expected), "{host}: {status} {policy}");
    }
    assert_no_restart(&stack);
}
