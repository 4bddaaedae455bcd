use super::suggest::Evidence;
use super::*;
use proptest::prelude::*;

const CSP: Option<&[u8]> = Some(b"application/csp-report");
const API: Option<&[u8]> = Some(b"application/reports+json");

/// What Chromium 156 sends for `report-uri`.
const CHROMIUM: &str = r#"{"csp-report":{"document-uri":"https://a.example/notes/9xyz?q=secret#f","referrer":"","violated-directive":"script-src-elem",
    "effective-directive":"script-src-elem","original-policy":"script-src 'self'; report-uri /r","disposition":"report","blocked-uri":"https://u:p@X.example/p?q",
    "line-number":1,"source-file":"https://a.example/notes/9xyz","status-code":200,"script-sample":"secret"}}"#;

/// What Chromium sends for `report-to`: both types, and one that we do not know.
const CHROMIUM_API: &str = r#"[{"age":7,"body":{"blockedURL":"inline","columnNumber":1,"disposition":"enforce","documentURL":"https://a.example/@alice/pages","effectiveDirective":
    "script-src-attr","lineNumber":3,"originalPolicy":"..","referrer":"","sample":"alert(1)","sourceFile":"https://a.example/","statusCode":200},"type":"csp-violation",
    "url":"https://a.example/","user_agent":"Mozilla/5.0"},
    {"age":0,"body":{"blockedURL":"https://a.example/vite/ja/x.js?1","destination":"script","documentURL":"https://a.example/","reportOnly":true},"type":"integrity-violation",
    "url":"https://a.example/","user_agent":"Mozilla/5.0"},
    {"age":0,"body":{"id":"x"},"type":"deprecation","url":"https://a.example/","user_agent":"Mozilla/5.0"}]"#;

/// CSP2, as old Safari and Firefox sent it: the directive with its value, no disposition.
const OLD: &str = r#"{"csp-report":{"document-uri":"https://a.example:8443/","violated-directive":"img-src 'self' data:","blocked-uri":"http://127.0.0.1","original-policy":"."}}"#;

/// WebKit: no array.
const WEBKIT: &str = r#"{"type":"csp-violation","url":"https://a.example/","age":0,"body":{"documentURL":"https://a.example/","effectiveDirective":"connect-src","blockedURL":
    "wss://a.example/streaming","disposition":"enforce"}}"#;

fn read(content_type: Option<&[u8]>, body: &[u8]) -> Result<Reports, ReportError> {
    super::read(content_type, body, |_| true)
}

fn lines(content_type: Option<&[u8]>, body: &str) -> Vec<String> {
    let reports = read(content_type, body.as_bytes()).unwrap();
    let line = |violation: &Violation| Line::new(violation, 1).to_string();
    reports.violations.iter().map(|v| line(v).replace("sekisho: page: violation: ", "")).collect()
}

#[test]
fn what_browsers_send() {
    assert_eq!(
        lines(CSP, CHROMIUM),
        ["directive=script-src-elem blocked=https://x.example disposition=report count=1 page=/notes"]
    );
    assert_eq!(
        lines(API, CHROMIUM_API),
        [
            "directive=script-src-attr blocked=inline disposition=enforce count=1 page=/@*",
            "directive=integrity-script blocked=self/vite disposition=report count=1 page=/",
        ]
    );
    assert_eq!(read(API, CHROMIUM_API.as_bytes()).unwrap().ignored, 1);
    assert_eq!(lines(CSP, OLD), ["directive=img-src blocked=http://127.0.0.1 disposition=enforce count=1 page=/"]);
    assert_eq!(
        lines(Some(b"application/json; charset=utf-8"), WEBKIT),
        ["directive=connect-src blocked=self/streaming disposition=enforce count=1 page=/"]
    );
    assert_eq!(lines(API, "[]"), [""; 0]);
}

#[test]
fn what_is_no_report() {
    let status = |content_type, body: &[u8]| read(content_type, body).map_err(|error| error.status());
    assert_eq!(status(None, b"{}"), Err(415));
    assert_eq!(status(Some(b"text/plain"), b"{}"), Err(415));
    assert_eq!(status(Some(b"application/csp-report, text/html"), b"{}"), Err(415));
    for body in ["", "{", "\"x\"", "7", "null", "{\"a\":1,\"a\":2}", "[{}] x", "\u{feff}\u{feff}{}"] {
        assert_eq!(status(CSP, body.as_bytes()), Err(400), "{body}");
    }
    assert_eq!(status(CSP, b"\xff"), Err(400));
    let padded = |length: usize| format!("[]{}", " ".repeat(length - 2));
    assert!(status(API, padded(MAX_REPORT_BYTES).as_bytes()).is_ok());
    assert_eq!(status(API, padded(MAX_REPORT_BYTES + 1).as_bytes()), Err(413));
    for body in [
        "{}",
        "[7]",
        r#"{"csp-report":7}"#,
        r#"{"csp-report":{}}"#,
        r#"[{"type":"csp-violation"}]"#,
        r#"[{"type":7,"body":{}}]"#,
    ] {
        assert_eq!(read(API, body.as_bytes()).unwrap(), Reports { ignored: 1, ..Reports::default() }, "{body}");
    }
}

#[test]
fn only_pages_of_our_own_are_reported() {
    let places = |document: &str| {
        let body = format!(
            r#"{{"csp-report":{{"document-uri":"{document}","effective-directive":"img-src","blocked-uri":"https://x.example/"}}}}"#
        );
        let reports = super::read(CSP, body.as_bytes(), |host| host == "a.example").unwrap();
        assert_eq!(reports.is_of_another_host, document.contains("b.example"));
        reports.violations.into_iter().map(|violation| violation.blocked.at).collect::<Vec<_>>()
    };
    assert_eq!(places("https://a.example:8443/x"), ["https://x.example"]);
    assert_eq!(places("https://b.example/x"), <Vec<String>>::new());
    assert_eq!(places("about"), [""], "counted, without a name");
}

#[test]
fn only_so_many_are_read() {
    let reports = |count: usize| format!("[{}]", vec![CHROMIUM; count].join(","));
    assert_eq!(read(API, reports(MAX_REPORTS).as_bytes()).unwrap().ignored, 0);
    let read = read(API, reports(MAX_REPORTS + 2).as_bytes()).unwrap();
    assert_eq!((read.violations.len(), read.ignored), (MAX_REPORTS, 2));
}

#[test]
fn what_was_blocked() {
    let long = format!("https://{}.example/", "a".repeat(130));
    let very_long = format!("https://a.example/{}", "a".repeat(5000));
    for (text, label, at) in [
        ("", "none", ""),
        ("inline", "inline", ""),
        ("eval", "eval", ""),
        ("wasm-eval", "wasm_eval", ""),
        ("trusted-types-sink", "trusted_types", ""),
        ("data", "data", ""),
        ("data:text/html,secret", "data", ""),
        ("blob:https://a.example/1-2", "blob", ""),
        ("about:srcdoc", "about", ""),
        ("chrome-extension", "extension", ""),
        ("moz-extension://1/x.js", "extension", ""),
        ("safari-web-extension://1", "extension", ""),
        ("https://a.example/files/1?x", "self", "/files"),
        ("HTTPS://A.EXAMPLE:443/", "self", "/"),
        ("wss://a.example/x", "self", "/x"),
        ("https://a.example/@alice", "self", "/@*"),
        ("https://a.example/%40alice", "self", "/@*"),
        ("https://a.example/a%0ab/", "self", "/*"),
        ("https://a.example/%E3%81%82/", "self", "/*"),
        ("https://a.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/", "self", "/*"),
        ("https://a.example:8443/x", "other", "https://a.example:8443"),
        ("http://a.example/x", "other", "http://a.example"),
        ("https://B.example/secret", "other", "https://b.example"),
        ("https://日本.example/", "other", "https://xn--wgv71a.example"),
        ("https://[::1]/", "other", ""),
        ("https://a_b.example/", "other", ""),
        (&long, "other", ""),
        (&very_long, "unknown", ""),
        ("https", "unknown", ""),
        ("https://", "unknown", ""),
        ("ftp://a.example", "unknown", ""),
        ("\n", "unknown", ""),
    ] {
        let blocked = Blocked::read(text, "https://a.example/x");
        assert_eq!((blocked.kind.label(), blocked.at.as_str()), (label, at), "{text}");
    }
    assert_eq!(page("about:blank"), "");
    assert_eq!(page("not a url"), "");
    assert_eq!(page("https://a.example"), "/");
}

#[test]
fn what_extensions_inject_is_noise() {
    let body = r#"{"csp-report":{"document-uri":"https://a.example/","effective-directive":"style-src-elem","blocked-uri":"inline","source-file":"moz-extension"}}"#;
    let reports = read(CSP, body.as_bytes()).unwrap();
    assert_eq!(reports.violations[0].blocked.kind, BlockedKind::Extension);
    assert_eq!(Table::default().note(&reports.violations[0], 0), Told::Nothing);
}

fn violation(at: &str) -> Violation {
    let kind = if at.is_empty() { BlockedKind::Inline } else { BlockedKind::Other };
    let blocked = Blocked { kind, at: at.to_owned() };
    Violation { kind: Kind::Csp, disposition: Disposition::Report, directive: "img-src", blocked, page: "/".to_owned() }
}

#[test]
fn each_violation_is_told_by_powers_of_ten() {
    let mut table = Table::default();
    let told: Vec<Told> =
        (0..1000).map(|_| table.note(&violation(""), 0)).filter(|told| *told != Told::Nothing).collect();
    assert_eq!(told, [1, 10, 100, 1000].map(Told::Line));
    let enforced = Violation { disposition: Disposition::Enforce, ..violation("") };
    assert_eq!(table.note(&enforced, 0), Told::Line(1));
    let elsewhere = Violation { page: "/x".to_owned(), ..violation("") };
    assert_eq!(table.note(&elsewhere, 0), Told::Nothing);
}

#[test]
fn a_full_table_is_told_once() {
    let mut table = Table::default();
    let told: Vec<Told> = (0..600).map(|n| table.note(&violation(&format!("https://{n}.example")), 0)).collect();
    let lines = told.iter().filter(|told| **told == Told::Line(1)).count();
    assert_eq!((lines, told[lines], told.iter().filter(|told| **told == Told::Full).count()), (384, Told::Full, 1));
    // What is known is still counted, and what names no host has its place.
    assert_eq!(table.note(&violation("https://0.example"), 0), Told::Nothing);
    assert_eq!(table.note(&violation(""), 0), Told::Line(1));
    // An hour later there is room again, for names.
    const HOUR: u64 = 3_600_000_000_000;
    assert_eq!(table.note(&violation("https://601.example"), HOUR - 1), Told::Nothing);
    assert_eq!(table.note(&violation("https://601.example"), HOUR), Told::Line(1));
    assert_eq!(table.note(&violation(""), HOUR), Told::Nothing);
}

#[test]
fn bodies_are_read_at_a_rate() {
    const SECOND: u64 = 1_000_000_000;
    let mut bucket = Bucket::new(2, 3);
    let mut taken = |now: u64| (0..10).filter(|_| bucket.take(now)).count();
    assert_eq!(taken(5 * SECOND), 3);
    assert_eq!(taken(5 * SECOND + SECOND / 2 - 1), 0);
    assert_eq!(taken(5 * SECOND + SECOND / 2), 1);
    assert_eq!(taken(0), 0);
    assert_eq!(taken(SECOND), 2);
    assert_eq!(taken(u64::MAX), 3);
    assert_eq!(taken(u64::MAX), 0);
    assert!(!Bucket::new(1, 0).take(0));
    let mut never = Bucket::new(0, 1);
    assert_eq!((never.take(0), never.take(u64::MAX)), (true, false));
}

#[test]
fn lines_are_read_back() {
    let own = Blocked { kind: BlockedKind::SelfOrigin, at: "/vite".to_owned() };
    for blocked in [violation("https://x.example:8443").blocked, own]
        .into_iter()
        .chain(BlockedKind::ALL.iter().map(|k| (*k).into()))
    {
        let line = Line::new(&Violation { blocked, ..violation("") }, 100);
        let log = format!("[2026-11-22 10:00:00.000][7][info][wasm] wasm log sekisho: {line}");
        assert_eq!(Line::parse(&log), Some(line));
    }
    for bad in [
        "",
        FULL,
        "sekisho: page: violation: directive=nothing blocked=inline disposition=report count=1 page=/",
        "sekisho: page: violation: directive=img-src blocked=what disposition=report count=1 page=/",
        "sekisho: page: violation: directive=img-src blocked=inline disposition=maybe count=1 page=/",
        "sekisho: page: violation: directive=img-src blocked=inline disposition=report count=0 page=/",
        "sekisho: page: violation: directive=img-src blocked=inline disposition=report",
    ] {
        assert_eq!(Line::parse(bad), None, "{bad}");
    }
}

#[test]
fn sources_are_suggested() {
    let mut evidence = Evidence::default();
    let line = |directive: &str, blocked: &str, count: u64| {
        format!(
            "[info] sekisho: page: violation: directive={directive} blocked={blocked} disposition=report count={count} page=/\n"
        )
    };
    let log = [
        line("img-src", "https://b.example", 1),
        line("img-src", "https://a.example", 1),
        line("img-src", "https://a.example", 10),
        line("img-src", "data", 1),
        line("img-src", "http://c.example", 1),
        line("img-src", "https://10.0.0.1", 1),
        line("connect-src", "wss://w.example", 1),
        line("worker-src", "blob", 1),
        line("font-src", "self/static", 1),
        line("script-src-elem", "https://s.example", 1),
        line("script-src-elem", "inline", 1),
        line("script-src-elem", "data", 1),
        line("script-src", "eval", 1),
        line("script-src-elem", "self/files", 1),
        line("frame-ancestors", "https://evil.example", 1),
        line("integrity-script", "https://cdn.example", 1),
        "[info] something else\n{\"no\":\"report\"}\n{broken\n".to_owned(),
        CHROMIUM.replace('\n', ""),
    ];
    evidence.read(log.concat().as_bytes());
    let suggestion = evidence.suggest();
    assert_eq!(
        suggestion.to_json().to_string(),
        r#"{"page":{"sources":{"connect-src":["wss://w.example"],"font-src":["'self'"],"img-src":["https://a.example","data:","https://b.example"],"script-src-elem":["https://s.example","https://x.example"],"worker-src":["blob:"]}}}"#
    );
    let told = suggestion.explain().join("\n");
    for part in [
        "violations: 25 (blocked: 0)",
        "add img-src: https://a.example (10)",
        "add script-src-elem: https://s.example (1): whoever runs this host",
        "not added: script-src-elem: inline (1): the server's own, new since the last `sekisho pin`",
        "not added: script-src: eval (1)",
        "not added: script-src-elem: self /files (1): your own host",
        "not added: img-src: other http://c.example (1): not https",
        "not added: img-src: other https://10.0.0.1 (1): no source",
        "not added: frame-ancestors: other https://evil.example (1): somebody frames",
        "not added: integrity-script",
        "lines of JSON that are no reports: 1",
        "anybody can send reports",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let none = Evidence::default().suggest();
    assert_eq!((none.to_json().to_string().as_str(), none.explain().len()), (r#"{"page":{"sources":{}}}"#, 1));
}

proptest! {
    #[test]
    fn nothing_leaves_but_plain_words(blocked in ".{0,80}", document in "(https://a.example/)?.{0,40}", directive in ".{0,20}") {
        let body = serde_json::json!({"csp-report": {"document-uri": document, "blocked-uri": blocked, "effective-directive": directive}});
        for violation in read(CSP, body.to_string().as_bytes()).unwrap().violations {
            let line = Line::new(&violation, 1);
            let text = line.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && text.len() < 400, "{}", text);
            prop_assert_eq!(Line::parse(&text), Some(line));
        }
    }

    #[test]
    fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(API, &body);
        Evidence::default().read(&body);
    }
}
