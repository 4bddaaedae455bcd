//! Pages in a real browser, through a real Envoy: what a server's own page needs works without a violation, and what an attacker puts into it is blocked by the browser, which
//! reports it. What is asserted is what the browser did, never a field that we set ourselves.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use integration_tests::browser::Browser;
use integration_tests::client::exchange;
use integration_tests::harness::{LOCAL, assert_no_restart, logged};
use integration_tests::metrics::Metrics;
use integration_tests::site::{Answer, Asked, Site};
use sekisho::page::manifest::Integrity;
use serde_json::Value;
use xtask::process::wait_until;
use xtask::stack::{Options, Stack};
use xtask::workspace::target_dir;

/// The shell, as Misskey's is: constant inline scripts, data that varies, and a loader that imports the rest.
const SHELL: &str = r#"<!DOCTYPE html><html><head><meta charset="utf-8"/><link rel="stylesheet" href="/vite/app.css"/>
<link rel="modulepreload" href="/vite/assets/part.js"/>HEAD
<style>#app { width: 10px }</style>
<script>window.events = []; window.ran = [];
document.addEventListener('securitypolicyviolation', e => events.push(e.effectiveDirective + ' ' + e.disposition));</script>
<script type="application/json" id="misskey_meta" data-generated-at="VARIES">{"n":VARIES}</script></head>
<body><div id="app" style="height: 7px"></div>BODY
<script>
(async () => {
	await import('/vite/assets/app.js').then(m => m.start()).catch(e => ran.push('no app'));
	await new Promise(done => setTimeout(done, 500));
	const app = document.getElementById('app');
	const result = { ran, events, color: getComputedStyle(app).color, width: app.offsetWidth, height: app.offsetHeight };
	await fetch('/api/result', { method: 'POST', body: JSON.stringify(result) });
})();
</script></body></html>"#;

const APP: &str = "import { part } from './part.js';
const wait = (ms) => new Promise(done => setTimeout(done, ms));
export async function start() {
	ran.push(part());
	await import('./lazy.js').then(m => ran.push(m.lazy())).catch(() => ran.push('no lazy'));
	await fetch('/api/meta').then(r => r.json()).then(() => ran.push('fetch')).catch(() => ran.push('no fetch'));
	const worker = new Worker('/vite/assets/worker.js');
	await Promise.race([wait(5000), new Promise(done => { worker.onmessage = () => { ran.push('worker'); done(); }; })]);
	const image = new Image();
	image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=';
	await image.decode().then(() => ran.push('image')).catch(() => ran.push('no image'));
}
";

/// What runs when nothing is blocked.
const ALL: [&str; 5] = ["part", "lazy", "fetch", "worker", "image"];

/// What of the server is not as it was pinned.
#[derive(Default)]
struct Tampered {
    module: AtomicBool,
    style: AtomicBool,
    preload: AtomicBool,
}

fn site(tampered: &Arc<Tampered>) -> Site {
    let (tampered, count) = (Arc::clone(tampered), AtomicU32::new(0));
    Site::start(move |asked: &Asked| {
        let path = asked.target.split('?').next().unwrap_or_default();
        let is = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        let script = |text: &str| Answer::of("text/javascript; charset=utf-8", text);
        match path {
            "/vite/app.css" if is(&tampered.style) => Answer::of("text/css", "#app { color: rgb(6, 6, 6) }"),
            "/vite/app.css" => Answer::of("text/css", "#app { color: rgb(1, 2, 3) }"),
            "/vite/assets/app.js" => script(APP),
            "/vite/assets/part.js" if is(&tampered.preload) => script("export const part = () => 'evil part';"),
            "/vite/assets/part.js" => script("export const part = () => 'part';"),
            "/vite/assets/lazy.js" if is(&tampered.module) => script("export const lazy = () => 'evil lazy';"),
            "/vite/assets/lazy.js" => script("export const lazy = () => 'lazy';"),
            "/vite/assets/worker.js" => script("postMessage('up');"),
            "/vite/assets/unpinned.js" => script("ran.push('unpinned');"),
            "/api/result" | "/api/meta" => Answer::of("application/json", "{}"),
            // What somebody uploaded: Misskey serves it like this, without nosniff.
            "/files/evil" => Answer::of("application/octet-stream", "ran.push('evil file');"),
            "/files/evil.js" => script("ran.push('evil file');"),
            "/files/evil.html" => Answer::of("text/html", "<script>parent.document.title = 'evil'</script>"),
            _ => {
                let number = count.fetch_add(1, Ordering::SeqCst).to_string();
                let attack =
                    path.strip_prefix("/attack/").and_then(|name| ATTACKS.iter().find(|attack| attack.0 == name));
                let unpinned =
                    if path == "/unpinned" { "<script src='/vite/assets/unpinned.js'></script>" } else { "" };
                let (head, body) = attack.map_or(("", unpinned), |attack| (attack.1, attack.2));
                let page = SHELL.replace("VARIES", &number).replace("HEAD", head).replace("BODY", body);
                let answer = Answer::of("text/html; charset=utf-8", page);
                if path == "/strict" { answer.with("content-security-policy", &own_policy()) } else { answer }
            }
        }
    })
}

/// A policy of the server's own, which knows its inline scripts and no other.
fn own_policy() -> String {
    let scripts = SHELL.split("<script>").skip(1).filter_map(|rest| rest.split_once("</script>"));
    let hashes = scripts.map(|(text, _)| format!(" '{}'", Integrity::sha256(text.as_bytes())));
    format!("script-src 'self'{}", hashes.collect::<String>())
}

/// What an attacker may get into a page: name, in the head, in the body, what blocks it.
const ATTACKS: [(&str, &str, &str, &str); 9] = [
    ("inline", "", "<script>ran.push('evil inline')</script>", "script-src-elem"),
    ("handler", "", "<img src='x:' onerror=\"ran.push('evil handler')\">", "script-src-attr"),
    ("file", "", "<script src='/files/evil.js'></script>", "script-src-elem"),
    // A path of scripts that redirects to a file: browsers ignore the path behind a redirect. What is left is `nosniff`.
    ("redirect", "", "<script src='/vite/..%2ffiles%2fevil'></script>", ""),
    ("foreign", "", "<script src='http://127.0.0.2:9/evil.js'></script>", "script-src-elem"),
    ("frame", "", "<iframe src='http://127.0.0.2:9/player'></iframe>", "frame-src"),
    ("base", "<base href='http://127.0.0.2:9/'>", "", "base-uri"),
    ("object", "", "<object data='/files/evil.html' type='text/html'></object>", "object-src"),
    (
        "map",
        "<script type=\"importmap\">{\"imports\":{\"/vite/assets/app.js\":\"/files/evil.js\"}}</script>",
        "",
        "script-src-elem",
    ),
];

/// The manifest of a site, as an operator makes it.
fn pin(site: &Site) -> String {
    let binary = target_dir().join("release/sekisho");
    let output = Command::new(binary).arg("pin").arg(format!("http://{}/", site.addr())).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| code == 0 || code == 3), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

fn start(site: &Site, page: &str) -> Stack {
    let policy = format!(r#"{{"page":{{{page}"manifest":{}}}}}"#, pin(site));
    Stack::start(&Options::new(site.addr()).unwrap().policy(policy)).unwrap()
}

/// What became of a page in the browser.
struct Outcome {
    ran: Vec<String>,
    events: Vec<String>,
    color: String,
    size: (u64, u64),
}

fn open(browser: &Browser, stack: &Stack, site: &Site, path: &str) -> Outcome {
    let results = || site.asked().into_iter().filter(|asked| asked.target == "/api/result").map(|asked| asked.body);
    let before = results().count();
    let told = browser.open(&format!("http://{}{path}", stack.addr()), &[], || results().nth(before));
    let result: Value = serde_json::from_slice(&told).unwrap();
    let texts = |key: &str| {
        let texts = result[key].as_array().unwrap().iter();
        texts.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let size = |key: &str| result[key].as_u64().unwrap();
    Outcome {
        ran: texts("ran"),
        events: texts("events"),
        color: result["color"].as_str().unwrap().to_owned(),
        size: (size("width"), size("height")),
    }
}

fn count(stack: &Stack, name: &str, labels: &[&str]) -> u64 {
    Metrics::read(stack).sum(name, labels).unwrap_or_default()
}

const STRICT: &str = r#""preset":"misskey","disposition":"enforce","#;

#[test]
fn the_page_works_and_attacks_are_blocked_and_reported() {
    let Some(browser) = Browser::find() else { return };
    let site = site(&Arc::default());
    let stack = start(&site, STRICT);
    let page = open(&browser, &stack, &site, "/");
    assert_eq!(page.events, [""; 0], "a page of the server violates its own policy");
    assert_eq!(page.ran, ALL);
    assert_eq!((page.color.as_str(), page.size), ("rgb(1, 2, 3)", (10, 7)));
    let rewritten = || count(&stack, "sekisho_pages", &["result=rewritten"]) > 0;
    assert!(wait_until(Duration::from_secs(10), rewritten), "pages are counted at the next tick");

    for (name, _, body, directive) in ATTACKS {
        let page = open(&browser, &stack, &site, &format!("/attack/{name}"));
        assert!(page.ran.iter().all(|text| !text.contains("evil")), "{name}: {:?}", page.ran);
        assert_eq!(page.ran, ALL, "{name}: the page itself goes on");
        if !directive.is_empty() {
            // What stands in the head is blocked before the page can listen.
            let is_heard = body.is_empty() || page.events.contains(&format!("{directive} enforce"));
            assert!(is_heard, "{name}: {:?}", page.events);
            let directive = format!("directive={directive}");
            let counted = || count(&stack, "sekisho_violations", &[&directive, "disposition=enforce"]) > 0;
            assert!(wait_until(Duration::from_secs(10), counted), "{name}: no report of {directive} arrived");
        }
    }
    // Each distinct violation is told once, whoever repeats it.
    let told = || logged(&stack, "violation: directive=script-src-elem blocked=inline ");
    assert_eq!(told(), 1);
    let _again = open(&browser, &stack, &site, "/attack/inline");
    assert_eq!(told(), 1);
    assert_no_restart(&stack);
}

#[test]
fn what_was_tampered_with_does_not_run() {
    let Some(browser) = Browser::find() else { return };
    let tampered = Arc::new(Tampered::default());
    let site = site(&tampered);
    let stack = start(&site, STRICT);
    assert_eq!(open(&browser, &stack, &site, "/").ran, ALL);

    tampered.module.store(true, Ordering::SeqCst);
    let page = open(&browser, &stack, &site, "/");
    assert!(page.ran.contains(&"no lazy".to_owned()) && !page.ran.concat().contains("evil"), "{:?}", page.ran);
    tampered.module.store(false, Ordering::SeqCst);

    tampered.style.store(true, Ordering::SeqCst);
    assert_eq!(open(&browser, &stack, &site, "/").color, "rgb(0, 0, 0)", "neither the style nor another in its place");
    tampered.style.store(false, Ordering::SeqCst);

    tampered.preload.store(true, Ordering::SeqCst);
    assert_eq!(open(&browser, &stack, &site, "/").ran, ["no app"], "a module that needs it does not run");
    tampered.preload.store(false, Ordering::SeqCst);

    // The same without integrity: the test can tell.
    drop(stack);
    let stack = start(&site, r#""preset":"misskey","integrity":false,"import_map":false,"#);
    tampered.preload.store(true, Ordering::SeqCst);
    assert!(open(&browser, &stack, &site, "/").ran.contains(&"evil part".to_owned()));
}

#[test]
fn reports_come_before_anything_is_blocked() {
    let Some(browser) = Browser::find() else { return };
    let site = site(&Arc::default());
    let stack = start(&site, r#""preset":"misskey","disposition":"report","#);
    let page = open(&browser, &stack, &site, "/attack/inline");
    assert!(page.ran.contains(&"evil inline".to_owned()), "{:?}", page.ran);
    assert!(page.events.contains(&"script-src-elem report".to_owned()), "{:?}", page.events);
    let reported = || count(&stack, "sekisho_violations", &["disposition=report"]) > 0;
    assert!(wait_until(Duration::from_secs(10), reported));
}

#[test]
fn integrity_policy_lets_what_is_known_run_and_nothing_else() {
    let Some(browser) = Browser::find() else { return };
    let site = site(&Arc::default());
    for (strength, runs_unpinned) in [("enforce", false), ("report", true)] {
        let stack = start(&site, &format!(r#""preset":"misskey","integrity_policy":"{strength}","#));
        // The loader stands after the script, which so ran before it, or never.
        let page = open(&browser, &stack, &site, "/unpinned");
        let ran = |name: &str| page.ran.iter().any(|ran| ran == name);
        assert!(ran("part") && ran("lazy"), "{strength}: {:?}", page.ran);
        assert_eq!(ran("unpinned"), runs_unpinned, "{strength}: {:?}", page.ran);
    }
}

#[test]
fn no_import_map_where_the_servers_own_policy_would_block_it() {
    let Some(browser) = Browser::find() else { return };
    let site = site(&Arc::default());
    let stack = start(&site, STRICT);
    // With the hashes of its own inline scripts, as a server has it that knows them.
    let own = |page: &str| open(&browser, &stack, &site, page);
    assert_eq!((own("/strict").events, own("/strict").ran), (vec![], ALL.map(str::to_owned).to_vec()));
}

#[test]
fn reports_are_bounded() {
    let stack = Stack::start(&Options::new(LOCAL).unwrap().policy(r#"{"page":{"reports_per_second":1}}"#)).unwrap();
    let post = |content_type: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /_sekisho/reports HTTP/1.1\r\nHost: a.example\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        exchange(stack.addr(), request.as_bytes()).unwrap().status
    };
    let report = r#"{"csp-report":{"document-uri":"http://a.example/notes/1?secret=1","violated-directive":"img-src",
        "effective-directive":"img-src","blocked-uri":"https://x.example/a?b","disposition":"report"}}"#;
    assert_eq!(post("application/csp-report", report), 204);
    assert_eq!(post("application/csp-report", "{"), 400);
    assert_eq!(post("text/plain", report), 415);
    assert_eq!(post("application/csp-report", &" ".repeat(100_000)), 413);
    let limited = (0..20).map(|_| post("application/csp-report", report)).filter(|status| *status == 429).count();
    assert!(limited > 0);
    assert_eq!(logged(&stack, "secret=1"), 0);
    let line = "violation: directive=img-src blocked=https://x.example disposition=report count=1 page=/notes";
    assert_eq!(logged(&stack, line), 1);
    assert_no_restart(&stack);
}
