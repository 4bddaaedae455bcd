//! The manifest of the running server: learned by the real media service, asked for by the filter in a real Envoy, in force on every worker, and kept when nobody can say what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use integration_tests::client::{PATIENCE, exchange};
use integration_tests::harness::{assert_no_restart, logged, page};
use integration_tests::load::{Kind, Load};
use integration_tests::metrics::Metrics;
use integration_tests::site::{Answer, Asked, Site};
use sekisho::page::manifest::Integrity;
use xtask::http::Response;
use xtask::process::wait_until;
use xtask::stack::{Options, Stack};

const WORKERS: u32 = 4;
/// A connection lands on any worker; so many miss one of four once in 10^12.
const FRESH: usize = 100;
/// Three looks at the pages, with more than a second between the first two, on a machine whose cores are all busy.
const LEARNING: Duration = Duration::from_secs(15);

/// A server whose build is a number: its page has an inline script of the build, a module, and two scripts that an attacker put there, of which one is another each time
/// and one repeats what was asked for.
fn site(build: &Arc<AtomicUsize>) -> Site {
    let (build, count) = (Arc::clone(build), AtomicUsize::new(0));
    Site::start(move |asked: &Asked| {
        let build = build.load(Ordering::SeqCst);
        let path = asked.target.split('?').next().unwrap_or_default();
        match path.strip_prefix("/vite/").and_then(|file| file.strip_suffix(".js")) {
            Some(file) if file == build.to_string() => {
                Answer::of("text/javascript", format!("export const build = {build};"))
            }
            Some(_) => Answer::missing(),
            None => {
                let (number, target) = (count.fetch_add(1, Ordering::SeqCst), &asked.target);
                let page = format!(
                    "<!DOCTYPE html><html><head><script>{}</script><script type=\"module\" src=\"/vite/{build}.js\"></script></head>\
                     <body><script>evil({number})</script><script>evil('{target}')</script></body></html>",
                    script(build)
                );
                Answer::of("text/html; charset=utf-8", page)
            }
        }
    })
}

fn script(build: usize) -> String {
    format!("window.build = {build};")
}

fn source(script: &str) -> String {
    format!("'{}'", Integrity::sha256(script.as_bytes()))
}

fn policy(site: &Site, more: &str) -> String {
    format!(r#"{{"page":{{"preset":"misskey","learn_origin":"http://{}","learn_seconds":1{more}}}}}"#, site.addr())
}

fn start(site: &Site) -> Stack {
    let policy = policy(site, "");
    let options = Options::new(site.addr()).unwrap().policy(&policy).media(&policy).concurrency(WORKERS);
    Stack::start(&options).unwrap()
}

fn get(stack: &Stack, target: &str) -> Response {
    exchange(stack.addr(), &page(target)).unwrap()
}

fn csp(response: &Response) -> &str {
    response.field("content-security-policy").unwrap()
}

/// Waits until all pages, whatever worker they come from, trust `yes`; how long that took.
fn trusted_everywhere(stack: &Stack, yes: &str, within: Duration) -> Duration {
    let begun = Instant::now();
    let is_trusted = || (0..FRESH).all(|_| csp(&get(stack, "/")).contains(yes));
    assert!(wait_until(within, is_trusted), "after {within:?}: {}", csp(&get(stack, "/")));
    begun.elapsed()
}

fn polls(stack: &Stack, result: &str) -> u64 {
    Metrics::read(stack).sum("sekisho_page_manifest_polls", &[&format!("result={result}")]).unwrap_or_default()
}

fn gauge(stack: &Stack, name: &str) -> u64 {
    Metrics::read(stack).sum(&format!("sekisho_page_manifest_{name}"), &[]).unwrap_or_default()
}

fn served(stack: &Stack, target: &str) -> Response {
    exchange(stack.media_addr().unwrap(), &page(target)).unwrap()
}

fn told(stack: &Stack, text: &str) -> usize {
    std::fs::read_to_string(stack.media().unwrap().log()).unwrap().matches(text).count()
}

#[test]
fn the_manifest_follows_the_server() {
    let build = Arc::new(AtomicUsize::new(1));
    let site = site(&build);
    let mut stack = start(&site);
    let (first, second) = (source(&script(1)), source(&script(2)));

    // Learned without anybody pinning anything.
    println!("learned: in force on every worker after {:?}", trusted_everywhere(&stack, &first, LEARNING));
    let answer = get(&stack, "/");
    let integrity = Integrity::sha384(b"export const build = 1;");
    assert!(answer.text().contains(&format!("integrity=\"{integrity}\"")), "{}", answer.text());
    assert_eq!((logged(&stack, "pages: manifest loaded: "), told(&stack, "pages: learned: inline: 1 scripts")), (1, 1));
    assert!(told(&stack, &format!("trusted: inline script: {}", Integrity::sha256(script(1).as_bytes()))) == 1);
    // The service is asked at its own address; here the path is the server's own.
    assert!(get(&stack, "/page-manifest").text().starts_with("<!DOCTYPE"));
    let manifest = served(&stack, "/page-manifest");
    assert_eq!((manifest.status, manifest.field("content-type")), (200, Some("application/json")));
    assert!(served(&stack, "/metrics").text().contains("\nsekisho_page_manifest_urls 1\n"));

    // One worker asks for all, and what has not changed is not sent again.
    let (before, begun) = (polls(&stack, "unchanged"), Instant::now());
    assert!(wait_until(PATIENCE, || polls(&stack, "unchanged") >= before + 3));
    let (asked, elapsed) = (polls(&stack, "unchanged") - before, begun.elapsed());
    assert!(asked <= elapsed.as_secs() + 2, "{asked} questions in {elapsed:?}");
    assert_eq!((polls(&stack, "ok"), polls(&stack, "failed")), (1, 0));
    let fingerprint = gauge(&stack, "fingerprint");
    assert!(fingerprint > 0 && gauge(&stack, "loaded_seconds") > 0 && gauge(&stack, "read_seconds") > 0);

    injected_scripts_are_not_trusted(&stack);

    // Another build, while people read.
    let load = Load::start(stack.addr(), vec![Kind::new(page("/notes/1"), |response| response.status == 200)]);
    assert!(wait_until(PATIENCE, || load.sent() > 50));
    build.store(2, Ordering::SeqCst);
    println!("another build: in force on every worker after {:?}", trusted_everywhere(&stack, &second, LEARNING));
    assert!(!csp(&get(&stack, "/")).contains(&first), "the old build is trusted no more");
    let integrity = Integrity::sha384(b"export const build = 2;");
    assert!(get(&stack, "/").text().contains(&format!("integrity=\"{integrity}\"")));
    load.finish();
    assert_eq!(told(&stack, "pages: learned again, the server has another build: "), 1);
    assert_ne!(gauge(&stack, "fingerprint"), fingerprint);
    injected_scripts_are_not_trusted(&stack);

    // The service goes: what it last said stays, also under a policy that is published meanwhile.
    stack.stop_media();
    assert!(wait_until(PATIENCE, || polls(&stack, "failed") >= 3));
    assert!((0..FRESH).all(|_| csp(&get(&stack, "/")).contains(&second)));
    assert_eq!(logged(&stack, "pages: the manifest cannot be read, what is in force stays: "), 1);
    let marked = policy(&site, r#","captcha":"hcaptcha""#);
    stack.publish(&marked).unwrap();
    let is_published = || {
        (0..FRESH).all(|_| {
            let answer = get(&stack, "/");
            assert!(csp(&answer).contains(&second), "there is a moment without: {}", csp(&answer));
            csp(&answer).contains("hcaptcha.com")
        })
    };
    assert!(wait_until(PATIENCE, is_published));
    assert_no_restart(&stack);
}

/// All inline scripts that a page has, whatever they are; of these only the server's own may be trusted.
fn injected_scripts_are_not_trusted(stack: &Stack) {
    for n in 0..20 {
        let answer = get(stack, &format!("/notes/{n}"));
        let (text, csp) = (answer.text(), csp(&answer));
        let inline = |script: &&str| !script.starts_with("{\"integrity\"");
        let scripts: Vec<&str> = text
            .split("<script")
            .skip(1)
            .filter_map(|rest| rest.split_once('>')?.1.split("</script>").next())
            .collect();
        let scripts: Vec<&str> = scripts.into_iter().filter(|text| !text.is_empty()).filter(inline).collect();
        assert_eq!(scripts.len(), 3, "{text}");
        let trusted: Vec<&&str> = scripts.iter().filter(|script| csp.contains(&source(script))).collect();
        assert!(matches!(trusted.as_slice(), [one] if one.starts_with("window.build")), "{trusted:?}");
        assert!(!csp.split("script-src").nth(1).unwrap().split(';').next().unwrap().contains("unsafe-inline"), "{csp}");
    }
}

#[test]
fn a_server_under_another_name() {
    // To the learner it answers only under its public name; a page that nobody else would look for has a script of its own; a file changes behind its URL.
    let version = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&version);
    let file = |version: usize| format!("export const version = {version};");
    let site = Site::start(move |asked: &Asked| {
        let is_learner = asked.field("user-agent").is_some_and(|agent| agent.contains("sekisho-pin"));
        let is_public =
            asked.field("host") == Some("social.example") && asked.field("x-forwarded-proto") == Some("https");
        match asked.target.split('?').next().unwrap_or_default() {
            _ if is_learner && !is_public => Answer::plain(301, "").with("location", "https://social.example/"),
            "/vite/entry.js" => Answer::of("text/javascript", file(now.load(Ordering::SeqCst))),
            "/plugin" => Answer::of("text/html", "<head><script>plugin()</script></head>"),
            _ => Answer::of(
                "text/html",
                "<head><script>shell()</script><script type=\"module\" src=\"/vite/entry.js\"></script></head>",
            ),
        }
    });
    let policy = policy(&site, r#","learn_host":"social.example","learn_pages":["/plugin"]"#);
    let stack =
        Stack::start(&Options::new(site.addr()).unwrap().policy(&policy).media(&policy).concurrency(WORKERS)).unwrap();
    trusted_everywhere(&stack, &source("plugin()"), LEARNING);
    assert!(csp(&get(&stack, "/")).contains(&source("shell()")));
    let has = |version: usize| {
        let integrity = Integrity::sha384(file(version).as_bytes());
        get(&stack, "/").text().contains(&format!("integrity=\"{integrity}\""))
    };
    assert!(has(1) && !has(2));
    version.store(2, Ordering::SeqCst);
    assert!(wait_until(LEARNING, || (0..FRESH).all(|_| has(2))));
    assert_eq!(told(&stack, "pages: learned again, /vite/entry.js has changed: "), 1);
    assert_no_restart(&stack);
}

#[test]
fn what_is_no_manifest_changes_nothing() {
    const GOOD: usize = 4;
    // What answers for the service: the server itself, as it likes.
    let mood = Arc::new(AtomicUsize::new(0));
    let manifest = |script: &str| {
        let hash = Integrity::sha256(script.as_bytes());
        format!(r#"{{"version":1,"inline":{{"scripts":["{hash}"]}}}}"#)
    };
    let now = Arc::clone(&mood);
    let site = Site::start(move |asked: &Asked| match asked.target.as_str() {
        "/page-manifest" => {
            let json = |text: String| Answer::of("application/json", text);
            match now.load(Ordering::SeqCst) {
                0 => Answer { status: 503, body: Vec::new(), ..Answer::missing() },
                1 => json("<html>".to_owned()),
                2 => json(format!("{{\"version\":1}}{}", " ".repeat(5 * 1024 * 1024))),
                3 => Answer { status: 304, body: Vec::new(), ..Answer::missing() },
                _ => json(manifest("good()")),
            }
        }
        _ => Answer::of("text/html", "<script>good()</script>"),
    });
    let stack = Stack::start(
        &Options::new(site.addr()).unwrap().policy(policy(&site, r#","learn_cluster":"server""#)).concurrency(WORKERS),
    )
    .unwrap();
    let good = source("good()");
    let base = csp(&get(&stack, "/")).to_owned();
    assert!(!base.contains("script-src") && base.contains("object-src 'none'"), "{base}");
    assert!(wait_until(PATIENCE, || polls(&stack, "unlearned") > 2));
    assert_eq!(logged(&stack, "has not learned the manifest yet"), 1);
    for bad in 1..GOOD {
        mood.store(bad, Ordering::SeqCst);
        let before = polls(&stack, "failed");
        assert!(wait_until(PATIENCE, || polls(&stack, "failed") >= before + 2), "{bad}");
        assert_eq!(csp(&get(&stack, "/")), base);
    }
    assert_eq!(logged(&stack, "pages: the manifest cannot be read"), 1);
    mood.store(GOOD, Ordering::SeqCst);
    trusted_everywhere(&stack, &good, LEARNING);
    assert_eq!(logged(&stack, "pages: the manifest can be read"), 1);
    for bad in 0..3 {
        mood.store(bad, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(2500));
        assert!((0..FRESH).all(|_| csp(&get(&stack, "/")).contains(&good)), "{bad}");
    }
    assert_no_restart(&stack);
}

#[test]
fn a_manifest_as_large_as_misskeys() {
    const MODULES: usize = 480;
    const MAX_SLOWEST: Duration = Duration::from_secs(2);
    // As the names of Misskey's languages are; the first is the one that a browser gets which asks for none.
    let other = |n: u8| format!("x{}-XX", char::from(b'a' + n));
    let languages: Vec<String> = std::iter::once("en-US".to_owned()).chain((0..26).map(other)).collect();
    let members = languages.iter().flat_map(|language| (0..MODULES).map(move |n| (language, n)));
    let members: Vec<String> = members
        .map(|(language, n)| {
            let integrity = Integrity::sha384(format!("{language}{n}").as_bytes());
            format!("\"/vite/{language}/assets/{n:08x}.js\":\"{integrity}\"")
        })
        .collect();
    let manifest = |number: usize| {
        let hash = Integrity::sha256(script(number).as_bytes());
        format!(r#"{{"version":1,"inline":{{"scripts":["{hash}"]}},"modules":{{{}}}}}"#, members.join(","))
    };
    let (manifests, build) = ([1, 2, 3, 4].map(manifest), Arc::new(AtomicUsize::new(0)));
    let (bytes, now) = (manifests[0].len(), Arc::clone(&build));
    let site = Site::start(move |asked: &Asked| match (asked.target.as_str(), now.load(Ordering::SeqCst)) {
        ("/page-manifest", 0) => Answer { status: 503, body: Vec::new(), ..Answer::missing() },
        ("/page-manifest", build) => Answer::of("application/json", manifests[build - 1].clone()),
        _ => Answer::of("text/html", "<html><head><script>1</script></head></html>"),
    });
    let stack = Stack::start(
        &Options::new(site.addr()).unwrap().policy(policy(&site, r#","learn_cluster":"server""#)).concurrency(WORKERS),
    )
    .unwrap();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() / 1024
    };
    println!("{} modules, {bytes} bytes; Envoy before: {} MiB", MODULES * languages.len(), memory());
    for number in 1..=4 {
        let load = Load::start(stack.addr(), vec![Kind::new(page("/"), |response| response.status == 200)]);
        build.store(number, Ordering::SeqCst);
        let time = trusted_everywhere(&stack, &source(&script(number)), LEARNING);
        let slowest = load.slowest();
        load.finish();
        println!("{number}: in force on all {WORKERS} workers after {time:?}; Envoy: {} MiB", memory());
        assert!(slowest < MAX_SLOWEST, "{slowest:?}");
    }
    assert!(get(&stack, "/").text().contains("importmap"));
    assert_no_restart(&stack);
}
