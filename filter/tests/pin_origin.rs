//! `sekisho pin` and the learner, against servers that are other than they seem: changed behind the same URL, behind another name, behind ourselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod pin_site;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use pin_site::origin::{Answer, Origin, ok, redirect, text};
use pin_site::{css, hash, html, js, missing, options, pin, problems};
use sekisho::page::manifest::Integrity;
use sekisho::pin::learn::{Learner, Settings, Step, Why};
use sekisho::pin::{self, Options, PublicHost};

fn learner(origin: &Origin) -> Learner {
    Learner::new(Settings { options: options(origin), period: Duration::ZERO })
}

fn manifest(learner: &Learner) -> String {
    String::from_utf8(learner.answer(&HeaderMap::new()).body().to_vec()).unwrap()
}

fn integrity(body: &str) -> String {
    Integrity::sha384(body.as_bytes()).to_string()
}

fn in_trouble() -> Answer {
    text("HTTP/1.1 503 -\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<script>sorry</script>")
}

fn is_learned(step: &Step, why: &Why) -> bool {
    matches!(step, Step::Learned { why: found, .. } if found == why)
}

#[tokio::test]
async fn a_file_that_changed_behind_its_url_is_learned_again() {
    let state = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&state);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let state = now.load(Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            "/" => html("<script src=/a.js></script><script src=/b.js></script>"),
            // For good, for a moment, and while all is read.
            "/a.js" if state == 3 => in_trouble(),
            "/a.js" if state == 5 => Answer::Bytes(Vec::new()),
            "/a.js" if state >= 100 => js(&now.fetch_add(1, Ordering::Relaxed).to_string()),
            "/a.js" => js(&format!("a={state}")),
            "/b.js" if state >= 6 => missing(),
            "/b.js" => js("b"),
            _ => missing(),
        }
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    let before = origin.connections();
    assert!(matches!(learner.step().await, Step::Unchanged));
    assert_eq!(origin.connections() - before, 2 + 2, "`/` twice, and each file");

    let changed = Why::Changed("/a.js".to_owned());
    state.store(2, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(is_learned(&step, &changed), "{step}");
    assert!(step.to_string().starts_with("pages: learned again, /a.js has changed: inline: "), "{step}");
    assert!(manifest(&learner).contains(&integrity("a=2")) && !manifest(&learner).contains(&integrity("a=1")));

    // Trouble changes nothing, and costs the server no second look at all.
    let good = manifest(&learner);
    for trouble in [3, 5] {
        state.store(trouble, Ordering::Relaxed);
        let before = origin.connections();
        assert!(matches!(learner.step().await, Step::Unchanged));
        assert_eq!(origin.connections() - before, 4);
        assert_eq!(manifest(&learner), good);
    }
    // What is never the same would be left out: the last good one stays.
    state.store(100, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(matches!(&step, Step::Worse { why, .. } if *why == changed), "{step}");
    assert!(step.to_string().starts_with("pages: /a.js has changed, but the last manifest stays"), "{step}");
    assert_eq!(manifest(&learner), good);
    // What is gone for good is gone.
    state.store(6, Ordering::Relaxed);
    assert!(matches!(learner.step().await, Step::Learned { why: Why::Changed(_), .. }));
    assert!(manifest(&learner).contains(&integrity("a=6")) && !manifest(&learner).contains("/b.js"));
}

#[tokio::test]
async fn another_page_that_changed_is_learned_again() {
    let state = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&state);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let state = now.load(Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            "/" => html("<script>a</script>"),
            "/about" if state == 2 => in_trouble(),
            "/about" => html(&format!("<script>about={state}</script><script>nonce={target}</script>")),
            _ => missing(),
        }
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    let good = manifest(&learner);
    assert!(good.contains(&hash("about=1")));
    state.store(2, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(matches!(step, Step::Worse { why: Why::Incomplete, .. }), "{step}");
    assert_eq!(manifest(&learner), good);
    state.store(3, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(is_learned(&step, &Why::Changed("/about".to_owned())), "{step}");
    assert!(manifest(&learner).contains(&hash("about=3")) && !manifest(&learner).contains(&hash("about=1")));
}

/// A server with a file that changed for good, and something else that is wrong with it for so many readings: what `Learner::keep` told until the new file was in force,
/// how often all was read for it, and the manifest.
async fn kept(wrong: &'static str, readings: usize) -> (String, usize, String) {
    let (state, starts) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let (now, count) = (Arc::clone(&state), Arc::clone(&starts));
    let origin = Origin::plain("127.0.0.1", move |target| {
        let state = now.load(Ordering::Relaxed);
        let path = target.split('?').next().unwrap();
        // Only a reading asks for it, three times, first of all without a query.
        if target == "/flush" && state == 2 {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let is_wrong = path == wrong && state == 2 && count.load(Ordering::Relaxed) <= readings;
        match path {
            _ if is_wrong && path == "/dynamic.js" => js(&format!("{:?}", std::time::Instant::now())),
            _ if is_wrong => page_of(403, "<script>no</script>"),
            "/" => html("<script src=/a.js></script><script src=/b.js></script><script src=/dynamic.js></script>"),
            "/about" => html("<script>about</script>"),
            "/a.js" => js(&format!("a={state}")),
            "/b.js" | "/dynamic.js" => js("b"),
            _ => missing(),
        }
    })
    .await;
    let learner = Arc::new(Learner::new(Settings { options: options(&origin), period: Duration::from_millis(1) }));
    let told = Arc::new(Mutex::new(String::new()));
    let (keeper, lines) = (Arc::clone(&learner), Arc::clone(&told));
    let keeping = tokio::spawn(async move {
        keeper.keep(|line| lines.lock().unwrap().push_str(&format!("{line}\n"))).await;
    });
    let until_it_has = async |part: &str| {
        while !manifest(&learner).contains(part) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until_it_has(&integrity("a=1")).await;
    state.store(2, Ordering::Relaxed);
    tokio::time::timeout(Duration::from_secs(60), until_it_has(&integrity("a=2"))).await.unwrap();
    keeping.abort();
    let told = told.lock().unwrap().clone();
    (told, starts.load(Ordering::Relaxed), manifest(&learner))
}

#[tokio::test]
async fn what_is_gone_for_good_does_not_keep_an_old_file_in_force() {
    const TRIES: usize = 5;
    for (wrong, lost) in [
        ("/about", "given up: /about: the page has status 403"),
        ("/b.js", "/b.js: status 403"),
        ("/dynamic.js", "/dynamic.js: changed between two fetches"),
    ] {
        let (told, readings, manifest) = kept(wrong, usize::MAX).await;
        assert_eq!(told.matches("has changed, but the last manifest stays").count(), TRIES - 1, "{told}");
        assert!(told.contains("given up after 5 tries, known before: 1") && told.contains(lost), "{told}");
        assert!(readings >= TRIES, "{told}");
        assert!(!manifest.contains(&integrity("a=1")), "{manifest}");
    }
}

#[tokio::test]
async fn what_passes_takes_nothing_away() {
    const READINGS: usize = 3;
    for wrong in ["/about", "/b.js", "/dynamic.js"] {
        let (told, _, manifest) = kept(wrong, READINGS).await;
        // A page may be there again in the midst of one.
        let worse = told.matches("has changed, but the last manifest stays").count();
        assert!((READINGS..=READINGS + 1).contains(&worse), "{told}");
        assert!(!told.contains("given up"), "{told}");
        assert!(manifest.contains("/b.js") && manifest.contains("/dynamic.js"), "{manifest}");
        assert!(manifest.contains(&hash("about")), "{manifest}");
    }
}

#[tokio::test]
async fn a_reading_that_fails_is_told_as_such() {
    let state = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&state);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let state = now.load(Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            "/" => html("<script src=/a.js></script>"),
            "/a.js" => js(&format!("a={state}")),
            // A look does not ask for it: it was no page.
            "/about" if state == 2 => ok("Content-Type: text/html\r\nETag: W/\"x-sk0123abcd\"\r\n", b"a"),
            _ => missing(),
        }
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    let good = manifest(&learner);
    state.store(2, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(matches!(&step, Step::Unread { why, .. } if *why == Why::Changed("/a.js".to_owned())), "{step}");
    assert!(step.to_string().starts_with("pages: not learned, what is known stays: /about came through"), "{step}");
    assert_eq!(manifest(&learner), good);
    assert!(learner.metrics().contains("\nsekisho_page_manifest_failures_total 1\n"));
    state.store(3, Ordering::Relaxed);
    assert!(is_learned(&learner.step().await, &Why::Changed("/a.js".to_owned())));
}

#[tokio::test]
async fn a_build_that_comes_while_all_is_read_is_not_half_learned() {
    // The look takes `/` twice, the reading three times: the last of them shows the new build.
    const LOOKS_OF_THE_OLD_BUILD: usize = 4;
    let (state, looks) = (Arc::new(AtomicUsize::new(1)), AtomicUsize::new(0));
    let now = Arc::clone(&state);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let state = now.load(Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            "/" if state == 2 && looks.fetch_add(1, Ordering::Relaxed) >= LOOKS_OF_THE_OLD_BUILD => {
                html("<script>new</script><script src=/a.js></script>")
            }
            "/" => html("<script>old</script><script src=/a.js></script>"),
            "/a.js" => js(&state.to_string()),
            _ => missing(),
        }
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    let good = manifest(&learner);
    state.store(2, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(matches!(step, Step::Worse { why: Why::Changed(_), .. }), "{step}");
    assert_eq!(manifest(&learner), good);
    assert!(is_learned(&learner.step().await, &Why::ShellChanged));
    assert!(manifest(&learner).contains(&hash("new")) && manifest(&learner).contains(&integrity("2")));
}

#[tokio::test]
async fn many_files_have_their_turn() {
    const FILES: usize = 100;
    const AT_ONCE: usize = 16;
    let state = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&state);
    let origin = Origin::plain("127.0.0.1", move |target| match target.split('?').next().unwrap() {
        "/" => html(&(0..FILES).map(|n| format!("<script src=/{n}.js></script>")).collect::<String>()),
        "/57.js" => js(&format!("{}", now.load(Ordering::Relaxed))),
        path if path.ends_with(".js") => js("a"),
        _ => missing(),
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    state.store(1, Ordering::Relaxed);
    for look in 1..=FILES.div_ceil(AT_ONCE) {
        let before = origin.connections();
        let step = learner.step().await;
        if is_learned(&step, &Why::Changed("/57.js".to_owned())) {
            assert!(look > 1);
            return;
        }
        assert!(matches!(step, Step::Unchanged), "{step}");
        assert_eq!(origin.connections() - before, 2 + AT_ONCE);
    }
    panic!("not seen");
}

fn page_of(status: u16, body: &str) -> Answer {
    let length = body.len();
    text(&format!("HTTP/1.1 {status} -\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"))
}

#[tokio::test]
async fn the_status_of_pages_is_told() {
    let origin = Origin::plain("127.0.0.1", |target| match target.split('?').next().unwrap() {
        "/" => html("<script>a</script>"),
        "/about" => page_of(404, "b"),
        "/cli" => page_of(503, "c"),
        "/notes/%00" => page_of(500, "d"),
        "/named" => page_of(410, "e"),
        "/fine" => html("f"),
        path if path.starts_with("/@") => page_of(429, "g"),
        _ => page_of(404, "<script>error</script>"),
    })
    .await;
    let (manifest, report) = pin(&origin).await;
    // Pages that are read for their error are fine: `/{}`, `/notes/%00` and others.
    let told = |path: &str, status: u16| format!("note: {path}: the page has status {status}, and was taken as it is");
    let expected: Vec<String> = [
        ("/@{}", 429),
        ("/_info_card_", 404),
        ("/about", 404),
        ("/auth/sign_in", 404),
        ("/bios", 404),
        ("/cli", 503),
        ("/explore", 404),
        ("/flush", 404),
        ("/login", 404),
    ]
    .map(|(path, status)| told(path, status))
    .to_vec();
    assert_eq!(problems(&report, "has status"), expected);
    assert!(report.is_complete());
    assert_eq!(manifest.inline.scripts.len(), 2);

    // What somebody named has to be there, also where it would be expected not to.
    let mut options = options(&origin);
    options.pages = ["/named", "/fine", "/notes/{}"].map(str::to_owned).to_vec();
    let (_, report) = pin::run(&options, &mut ()).await.unwrap();
    assert_eq!(
        problems(&report, "left out: "),
        [
            "left out: /named: the page has status 410, and was taken as it is",
            "left out: /notes/{}: the page has status 404, and was taken as it is"
        ]
    );
}

fn command(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sekisho")).arg("pin").args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_first_page_a_manifest_is_not_complete() {
    for (answer, why) in [
        (page_of(503, "<script>sorry</script>"), "left out: /: the page has status 503"),
        (missing(), "left out: /: no HTML, but \"text/plain\""),
        (redirect("https://social.example/"), "left out: /: redirected to https://social.example/"),
    ] {
        let origin = Origin::plain("127.0.0.1", move |target| match target.split('?').next().unwrap() {
            "/" => answer.clone(),
            "/about" => html("a"),
            _ => missing(),
        })
        .await;
        let (status, printed, told) = command(&[&format!("http://{}", origin.address)]);
        assert_eq!(status, Some(3), "{told}");
        assert!(told.contains(why) && printed.starts_with('{'), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_another_name() {
    // It redirects whoever did not come by https and by its name, as Mastodon does.
    let origin = Origin::plain("127.0.0.1", |target| match target.split('?').next().unwrap() {
        "/" => html(
            "<script src=https://social.example/a.js></script><script src=http://social.example/b.js></script>\
             <script src=//social.example:443/c.js></script><script src=/d.js></script>\
             <script src=https://social.example:8443/no.js></script><script src=https://cdn.example/no.js></script>\
             <script type=module>import('https://social.example/m/e.js')</script>\
             <link rel=stylesheet href=https://social.example/f.css>",
        ),
        "/m/e.js" => js(
            "import'http://social.example/m/g.js';const a='modulepreload',b=function(c){return'https://social.example/m/'+c};\
             const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=['h.css'])))=>i.map(i=>d[i])",
        ),
        "/about" => redirect("http://social.example/about/more"),
        "/about/more" => html("<base href=https://social.example/x/><script src=y.js></script>"),
        "/login" => redirect("https://other.example/"),
        path if path.ends_with(".js") => js("a"),
        path if path.ends_with(".css") => css("a{}"),
        _ => missing(),
    })
    .await;
    let host = PublicHost::new("social.example");
    let (manifest, report) = pin::run(&Options { host, ..options(&origin) }, &mut ()).await.unwrap();
    assert_eq!(manifest.scripts.keys().collect::<Vec<_>>(), ["/a.js", "/b.js", "/c.js", "/d.js", "/x/y.js"]);
    assert_eq!(manifest.modules.keys().collect::<Vec<_>>(), ["/m/e.js", "/m/g.js"]);
    assert_eq!(manifest.styles.keys().collect::<Vec<_>>(), ["/f.css", "/m/h.css"]);
    let others = [
        "note: https://cdn.example/no.js: not pinned: other origin",
        "note: https://social.example:8443/no.js: not pinned: other origin",
    ];
    assert_eq!(problems(&report, "other origin"), others);
    assert!(report.is_complete(), "{:?}", report.problems);
    for head in origin.heads() {
        let head = head.to_ascii_lowercase();
        assert_eq!(head.matches("\r\nhost: ").count(), 1, "{head}");
        assert!(head.contains("\r\nhost: social.example\r\n"), "{head}");
        assert!(head.contains("\r\nx-forwarded-proto: https\r\n"), "{head}");
    }

    let url = format!("http://{}", origin.address);
    let (status, printed, told) = command(&[&url, "--host", "Social.Example"]);
    assert_eq!((status, printed.trim_end()), (Some(0), format!("{:#}", manifest.to_json()).as_str()), "{told}");
    // Without the name they are somebody else's.
    let (_, report) = pin(&origin).await;
    assert!(problems(&report, "https://social.example/a.js: not pinned: other origin").len() == 1);
    for host in ["https://social.example", "a b", "", "[::1]", "social.example:99999"] {
        let (status, _, told) = command(&[&url, "--host", host]);
        assert!(status == Some(2) && told.contains("is no host such as"), "{told}");
    }
}

#[tokio::test]
async fn what_is_not_the_same_for_everybody_has_no_integrity() {
    let state = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&state);
    let with = |fields: &str, body: &str| ok(&format!("Content-Type: text/javascript\r\n{fields}"), body.as_bytes());
    let origin = Origin::plain("127.0.0.1", move |target| match target.split('?').next().unwrap() {
        "/" => html(
            "<script type=module src=/agent.js></script><script type=module src=/cookie.js></script>\
             <script type=module src=/mine.js></script><script type=module src=/plain.js></script>\
             <link rel=stylesheet href=/later.css>",
        ),
        "/agent.js" => with("Vary: Accept-Encoding, User-Agent\r\n", "import './part.js'"),
        "/cookie.js" => with("Set-Cookie: a=b\r\n", "a"),
        "/mine.js" => with("Cache-Control: private, max-age=60\r\n", "a"),
        "/plain.js" => with("Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n", "a"),
        "/part.js" => js("part"),
        "/later.css" if now.load(Ordering::Relaxed) == 0 => css("a{}"),
        "/later.css" => ok("Content-Type: text/css\r\nCache-Control: no-store\r\n", b"a{}"),
        _ => missing(),
    })
    .await;
    let (manifest, report) = pin(&origin).await;
    assert_eq!(manifest.modules.keys().collect::<Vec<_>>(), ["/part.js", "/plain.js"]);
    assert_eq!(manifest.styles.len(), 1);
    // They may be loaded all the same.
    assert_eq!(manifest.unpinned.iter().collect::<Vec<_>>(), ["/agent.js", "/cookie.js", "/mine.js"]);
    let root = format!("http://{}", origin.address);
    let expected = [("agent", "Vary: User-Agent"), ("cookie", "Set-Cookie"), ("mine", "Cache-Control: private")]
        .map(|(file, why)| format!("note: {root}/{file}.js: not pinned: not the same for everybody ({why})"));
    assert_eq!(problems(&report, "everybody"), expected);
    assert!(report.is_complete(), "{:?}", report.problems);

    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    state.store(1, Ordering::Relaxed);
    assert!(is_learned(&learner.step().await, &Why::Changed("/later.css".to_owned())));
    assert!(!self::manifest(&learner).contains("/later.css"));
    assert!(matches!(learner.step().await, Step::Unchanged));
}

#[tokio::test(flavor = "multi_thread")]
async fn not_through_ourselves() {
    // 0: the server, which has an import map of its build tool's. What comes through us: 1: the same with our `Via`; 2: with our tag, and the page that has it is another than `/`.
    let state = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&state);
    let map = r#"<script type="importmap">{"integrity":{"/a.js":"sha384-x"}}</script>"#;
    let origin = Origin::plain("127.0.0.1", move |target| {
        let page = "<script type=module src=/a.js></script><script>a</script>";
        match (target.split('?').next().unwrap(), now.load(Ordering::Relaxed)) {
            ("/", 1) => {
                ok("Content-Type: text/html\r\nVia: 1.1 sekisho-5ea1c0de5ea1\r\n", format!("{map}{page}").as_bytes())
            }
            ("/", _) => ok("Content-Type: text/html\r\nVia: 1.1 a\r\n", format!("{map}{page}").as_bytes()),
            ("/about", 2) => ok("Content-Type: text/html\r\nETag: W/\"x-sk0123abcd\"\r\n", page.as_bytes()),
            ("/about", _) => ok("Content-Type: text/html\r\nETag: W/\"x\"\r\n", page.as_bytes()),
            ("/a.js", _) => js("a"),
            _ => missing(),
        }
    })
    .await;
    let learner = learner(&origin);
    assert!(is_learned(&learner.step().await, &Why::First));
    let good = manifest(&learner);
    let url = format!("http://{}", origin.address);
    for (through_us, why) in
        [(1, "/ came through Sekisho itself, as its Via and its import map"), (2, "/about came through Sekisho")]
    {
        state.store(through_us, Ordering::Relaxed);
        let (status, printed, told) = command(&[&url]);
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{told}");
        assert!(told.contains(why) && told.contains("Give the address of the server behind it"), "{told}");
        let step = learner.step().await;
        assert!(matches!(step, Step::Failed(_)), "{step}");
        assert!(step.to_string().starts_with(&format!("pages: not learned, what is known stays: {why}")), "{step}");
        assert_eq!(manifest(&learner), good);
    }
    assert!(learner.metrics().contains("\nsekisho_page_manifest_failures_total 2\n"));
    state.store(0, Ordering::Relaxed);
    assert!(matches!(learner.step().await, Step::Unchanged));
}
