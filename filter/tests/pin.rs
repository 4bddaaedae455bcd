//! `sekisho pin`, against servers of which each has something wrong.
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

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use pin_site::origin::{Answer, Authority, Origin, ok, redirect, text};
use pin_site::{css, hash, html, js, missing, options, pin, problems};
use sekisho::json;
use sekisho::page::manifest::{Integrity, Manifest};
use sekisho::pin::learn::{Learner, Settings, Step, Why};
use sekisho::pin::{self, Options, Progress, Stage, js, loader};
use url::Url;

#[derive(Default)]
struct Steps(Vec<(Stage, usize, usize)>);

impl Progress for Steps {
    fn step(&mut self, stage: Stage, done: usize, known: usize) {
        self.0.push((stage, done, known));
    }
}

#[tokio::test]
async fn three_hundred_modules() {
    let origin = Origin::plain("127.0.0.1", |target| match target.split('?').next().unwrap() {
        "/" => html("<link rel=stylesheet href=/a.css><script>import('/m/0.js')</script>"),
        "/a.css" => css("a{}"),
        path => {
            let number = path.strip_prefix("/m/").and_then(|path| path.strip_suffix(".js")?.parse::<usize>().ok());
            match number {
                // A list, in turns static, dynamic, exported.
                Some(0) => js(&(1..300)
                    .step_by(3)
                    .map(|n| format!("import './{n}.js';import(`./{}.js`);export*from\"../m/{}.js\";", n + 1, n + 2))
                    .collect::<String>()),
                Some(number) if number <= 300 => js(&format!("export default {number}")),
                _ => missing(),
            }
        }
    })
    .await;
    let mut steps = Steps::default();
    let (manifest, report) = pin::run(&options(&origin), &mut steps).await.unwrap();
    assert_eq!((manifest.modules.len(), manifest.styles.len(), manifest.scripts.len()), (301, 1, 0));
    assert_eq!(manifest.modules["/m/7.js"], Integrity::sha384(b"export default 7"));
    assert_eq!(manifest.inline.scripts.len(), 1);
    assert!(report.is_complete(), "{:?}", report.problems);
    let files: Vec<_> = steps.0.iter().filter(|(stage, ..)| *stage == Stage::Files).collect();
    assert_eq!(files.last(), Some(&&(Stage::Files, 302, 302)));
    assert_eq!(files.len(), 302);
    assert!(steps.0.iter().any(|(stage, ..)| *stage == Stage::Again));
    // What is printed can be read.
    let printed = manifest.to_json().to_string();
    assert_eq!(Manifest::read(&json::parse(printed.as_bytes()).unwrap()).unwrap(), manifest);
    // No cookies, no credentials.
    assert!(origin.heads().iter().all(|head| !head.to_ascii_lowercase().contains("cookie")));
}

#[tokio::test]
async fn each_problem_is_told() {
    let count = AtomicUsize::new(0);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            "/" => html(&format!(
                "<script>good()</script><script>nonce={number}</script>\
                 <script>path='{target}'</script><p onclick='ok()'><p onclick='at({number})'><style>s{{}}</style>\
                 <script src=/missing.js></script><script src=/moved.js></script><script src=/typed.js></script>\
                 <link rel=stylesheet href=/typed.css><script src=/changing.js></script>\
                 <script src=/unread.js></script><script src=/gone.js></script><script src=/packed.js></script>\
                 <script src=https://cdn.example/x.js></script><script src=/fine.js></script>\
                 <script src='/bust.js?{number}'></script>"
            )),
            "/away" => redirect("https://other.example/"),
            "/moved.js" => redirect("/fine.js"),
            "/typed.js" => html("a"),
            "/typed.css" => js("a"),
            "/changing.js" => js(&number.to_string()),
            "/unread.js" => js("a='\nimport('/never.js')"),
            "/gone.js" => Answer::Bytes(Vec::new()),
            "/packed.js" => ok("Content-Type: text/javascript\r\nContent-Encoding: gzip\r\n", b"x"),
            "/fine.js" => js("import('bare');import('/'+x);a='<a onclick=\"inner()\">'"),
            _ => missing(),
        }
    })
    .await;
    let mut options = options(&origin);
    options.pages = vec!["/away".to_owned(), "/nothing".to_owned()];
    let (manifest, report) = pin::run(&options, &mut ()).await.unwrap();
    let told = |part: &str| {
        let found = problems(&report, part);
        assert!(!found.is_empty(), "{part}: {:#?}", report.problems);
        found
    };
    assert_eq!(manifest.inline.scripts.iter().map(Integrity::as_str).collect::<Vec<_>>(), [hash("good()")]);
    let mut handlers = [hash("ok()"), hash("inner()")];
    handlers.sort();
    assert_eq!(manifest.inline.handlers.iter().map(Integrity::as_str).collect::<Vec<_>>(), handlers);
    assert_eq!(manifest.inline.styles.len(), 1);
    // What cannot be read to its end is known all the same; what it loads is not.
    assert_eq!(manifest.scripts.keys().collect::<Vec<_>>(), ["/fine.js", "/unread.js"]);
    assert!(manifest.modules.is_empty() && manifest.styles.is_empty());
    for (part, why) in [
        ("nonce=", "inline script varies"),
        ("path=", "inline script repeats the request"),
        ("at(", "event handler varies"),
        ("/missing.js", "status 404"),
        ("/moved.js", "redirected to http"),
        ("/typed.js", "wrong type: JavaScript is needed, found \"text/html\""),
        ("/typed.css", "wrong type: text/css is needed"),
        ("/changing.js", "changed between two fetches"),
        ("/unread.js", "a string without an end"),
        ("/gone.js", "unreachable"),
        ("/packed.js", "content_encoding"),
        ("/bust.js", "script varies"),
        ("/away", "redirected to https://other.example/"),
        ("/nothing", "no HTML"),
    ] {
        assert!(told(part).iter().any(|line| line.starts_with("left out: ") && line.contains(why)), "{part}: {why}");
    }
    for (part, why) in
        [("cdn.example", "other origin"), ("bare", "bare name"), ("/fine.js", "1 import()"), ("/cli", "no HTML")]
    {
        assert!(told(part).iter().any(|line| line.starts_with("note: ") && line.contains(why)), "{part}: {why}");
    }
    assert!(!report.is_complete());
}

#[tokio::test]
async fn only_what_is_constant_on_all_looks() {
    // The third look comes after the files: by then the script is another.
    let count = AtomicUsize::new(0);
    let origin = Origin::plain("127.0.0.1", move |target| match target.split('?').next().unwrap() {
        "/" if count.fetch_add(1, Ordering::Relaxed) < 2 => html("<script>a</script><script>b</script>"),
        "/" => html("<script>a</script>"),
        _ => missing(),
    })
    .await;
    let (manifest, report) = pin(&origin).await;
    assert_eq!(manifest.inline.scripts.iter().map(Integrity::as_str).collect::<Vec<_>>(), [hash("a")]);
    assert_eq!(problems(&report, "inline script varies").len(), 1);
}

#[tokio::test]
async fn languages_and_builds() {
    let origin = Origin::plain("127.0.0.1", |target| match target.split('?').next().unwrap() {
        "/" => html(
            "<script>const E=\"scripts/e.js\";const L=[\"ja-JP\",\"en-US\",\"xx\"];</script>\
                 <script>import(E?`/vite/${E.replace('scripts',l)}`:'/vite/src/boot.ts')</script>",
        ),
        "/vite/ja-JP/e.js" => js("import{_ as a}from'./p.js';import('./x.js')"),
        "/vite/en-US/e.js" => js("import'./p.js'"),
        "/vite/ja-JP/p.js" | "/vite/en-US/p.js" => js("const a='modulepreload',b=function(c){return'/vite/'+c}"),
        "/vite/ja-JP/x.js" => {
            js("const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=['assets/x.css'])))=>i.map(i=>d[i])")
        }
        "/vite/assets/x.css" => css("x{}"),
        _ => missing(),
    })
    .await;
    let (manifest, report) = pin(&origin).await;
    let modules = ["/vite/en-US/e.js", "/vite/en-US/p.js", "/vite/ja-JP/e.js", "/vite/ja-JP/p.js", "/vite/ja-JP/x.js"];
    assert_eq!(manifest.modules.keys().collect::<Vec<_>>(), modules);
    assert_eq!(manifest.styles.keys().collect::<Vec<_>>(), ["/vite/assets/x.css"]);
    assert!(report.is_complete(), "{:?}", report.problems);
    assert_eq!(problems(&report, "/vite/xx/e.js").len(), 1);

    let mut options = options(&origin);
    options.languages = vec!["en-US".to_owned(), "de-DE".to_owned()];
    let (manifest, report) = pin::run(&options, &mut ()).await.unwrap();
    assert_eq!(manifest.modules.keys().collect::<Vec<_>>(), ["/vite/en-US/e.js", "/vite/en-US/p.js"]);
    assert_eq!(problems(&report, "no scripts for this language"), ["left out: de-DE: no scripts for this language"]);

    options.languages = vec!["xx".to_owned()];
    let (_, report) = pin::run(&options, &mut ()).await.unwrap();
    assert_eq!(problems(&report, "entry was not found").len(), 1);
}

/// The pages of a real Misskey give the hashes that a browser's console and an independent program gave.
#[tokio::test]
async fn a_real_misskey() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/misskey-live");
    let Ok(analysis) = std::fs::read_to_string(corpus.join("html-analysis.txt")) else {
        println!("skipped: no {}", corpus.display());
        return;
    };
    let files = [
        ("/", "root"),
        ("/about", "about"),
        ("/embed/notes/", "embed_note"),
        ("/embed/user-timeline/", "embed_user"),
        ("/flush", "flush"),
        ("/cli", "cli"),
        ("/bios", "bios"),
        ("/_info_card_", "info_card"),
        ("/notes/%00", "nul_profile"),
        ("/api-doc", "api_doc"),
        ("/sk", "page_404"),
    ];
    let pages = files.map(|(path, file)| (path, std::fs::read(corpus.join(format!("open/{file}.http"))).unwrap()));
    let origin = Origin::plain("127.0.0.1", move |target| {
        let target = target.split('?').next().unwrap();
        let of = |(path, _): &&(&str, Vec<u8>)| {
            if path.len() > 3 && path.ends_with('/') || *path == "/sk" {
                target.starts_with(path)
            } else {
                target == *path
            }
        };
        match pages.iter().find(of) {
            Some((_, bytes)) => Answer::Bytes(bytes.clone()),
            None if target.ends_with(".css") => css("a{}"),
            None if target.starts_with("/static-assets/misc/") => js("misc()"),
            None if target.starts_with("/vite/") && target.ends_with(".js") => js("export default 1"),
            None if target.starts_with("/embed_vite/") && target.ends_with(".js") => js("export default 2"),
            None => missing(),
        }
    })
    .await;
    let mut options = options(&origin);
    options.pages = vec!["/api-doc".to_owned()];
    let (manifest, report) = pin::run(&options, &mut ()).await.unwrap();
    let expected = |kind: &str| {
        let lines = analysis.lines().filter(|line| line.trim_start().starts_with(&format!("('{kind}'")));
        // Neither data blocks nor what is empty.
        let lines = lines.filter(|line| !line.contains("'application/json'") && !line.contains(", 0, ''"));
        let mut hashes: Vec<_> = lines
            .filter_map(|line| Some(line.split('\'').find(|part| part.starts_with("sha256-"))?.to_owned()))
            .collect();
        hashes.sort();
        hashes.dedup();
        hashes
    };
    let scripts: Vec<_> = manifest.inline.scripts.iter().map(ToString::to_string).collect();
    let styles: Vec<_> = manifest.inline.styles.iter().map(ToString::to_string).collect();
    assert_eq!(scripts, expected("SCRIPT"), "{:#?}", report.problems);
    assert_eq!(scripts.len(), 4);
    assert_eq!(styles, expected("STYLE"));
    // Of the error page, of the boot loader, of the embedded one's.
    let mut handlers = ["location.reload();", "location.reload(true);", "location.reload(!0)"].map(hash);
    handlers.sort();
    assert_eq!(manifest.inline.handlers.iter().map(ToString::to_string).collect::<Vec<_>>(), handlers);
    // One entry for each language, of both builds.
    assert_eq!(manifest.modules.len(), 2 * 28, "{:?}", manifest.modules.keys());
    assert!(manifest.modules.contains_key("/vite/ja-JP/k4E4oytZ0-Dvt6UJKo.js"));
    assert!(manifest.scripts.contains_key("/static-assets/misc/error.js"));
    assert!(report.is_complete(), "{:#?}", report.problems);
    assert_eq!(problems(&report, "cdn.jsdelivr.net").len(), 1);
}

#[tokio::test]
async fn learned_again_when_the_shell_changes() {
    // 0: gone; 1, 2: builds; 3: a build of which a file is missing; 9: in trouble, which it says on a page.
    let build = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&build);
    let origin = Origin::plain("127.0.0.1", move |target| {
        let build = now.load(Ordering::Relaxed);
        match target.split('?').next().unwrap() {
            _ if build == 0 => Answer::Bytes(Vec::new()),
            _ if build == 9 => {
                text("HTTP/1.1 500 -\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<script>sorry</script>")
            }
            "/" => html(&format!("<script>build={build}</script><script src=/{build}.js></script>")),
            "/1.js" | "/2.js" => js("a"),
            _ => missing(),
        }
    })
    .await;
    let learner = Learner::new(Settings { options: options(&origin), period: Duration::ZERO });
    let manifest = || {
        let answer = learner.answer(&HeaderMap::new());
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    };
    assert!(matches!(learner.step().await, Step::Failed(_)));
    assert_eq!(manifest().0, 503);
    build.store(1, Ordering::Relaxed);
    let step = learner.step().await;
    assert!(matches!(&step, Step::Learned { why: Why::First, new, .. } if new.len() == 1), "{step}");
    let first = manifest();
    assert!(first.1.contains(&hash("build=1")));
    assert!(matches!(learner.step().await, Step::Unchanged));
    for trouble in [0, 9] {
        build.store(trouble, Ordering::Relaxed);
        assert!(matches!(learner.step().await, Step::Failed(_)));
        assert_eq!(manifest(), first);
    }
    build.store(2, Ordering::Relaxed);
    assert!(matches!(learner.step().await, Step::Learned { why: Why::ShellChanged, .. }));
    assert!(manifest().1.contains(&hash("build=2")) && !manifest().1.contains(&hash("build=1")));
    // The old one would block the new scripts: half of the new one is better. And it is tried again.
    build.store(3, Ordering::Relaxed);
    for expected in [Why::ShellChanged, Why::Incomplete] {
        let step = learner.step().await;
        assert!(
            matches!(&step, Step::Learned { why, report, .. } if *why == expected && report.left_out() == 1),
            "{step}"
        );
        assert!(step.to_string().contains("\n  left out: "), "{step}");
    }
    assert!(manifest().1.contains(&hash("build=3")));
    let metrics = learner.metrics();
    assert!(metrics.contains("\nsekisho_page_manifest_failures_total 3\n"), "{metrics}");
}

#[tokio::test]
async fn by_https_with_a_root_of_its_own() {
    let authority = Authority::new();
    let origin = Origin::tls(authority.acceptor(&["127.0.0.1"]), |target| match target.split('?').next().unwrap() {
        "/" => html("<script>a</script>"),
        _ => missing(),
    })
    .await;
    let url = Url::parse(&format!("https://{}", origin.address)).unwrap();
    let mut options = Options { gap: Duration::ZERO, ..Options::new(url) };
    let refused = pin::run(&options, &mut ()).await.unwrap_err().to_string();
    assert!(refused.contains("/: unreachable (certificate)"), "{refused}");
    options.extra_roots = Some(authority.file.clone());
    assert_eq!(pin::run(&options, &mut ()).await.unwrap().0.inline.scripts.len(), 1);
}

/// Each beginning of hostile texts, and what chance makes of their pieces, is read without a panic.
#[test]
fn nothing_panics() {
    let texts = [
        "import a,{b as'c'}from'd';export*from`e`;import(`/v/${f.replace('g',h)}`+/[/'\\]/u+'\\u{1F600}\\ud83d\\')",
        "const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=['a.css','b.js'])))=>i;['ja-JP'];x=`${`${y}`}<p onclick=\"z(&quot;&#x;&amp\">`",
        "<svg><script>a</script></svg><base href='&#x;'><link rel='stylesheet' href='&&amp;é'><p onx='&#99999999999;'><script type=importmap>{}</script><style>@import</style>",
    ];
    let url = Url::parse("http://a.example/").unwrap();
    let check = |text: &str| {
        for goal in [js::Goal::Script, js::Goal::Module] {
            let _ = js::read(text, goal);
        }
        let _ = loader::candidates([text], &[]);
        let _ = pin::html::read(text.as_bytes(), &url);
    };
    for text in texts {
        for (index, _) in text.char_indices() {
            let (beginning, end) = text.split_at(index);
            check(beginning);
            check(end);
        }
    }
    let pieces = proptest::sample::select(vec![
        "`",
        "${",
        "}",
        "{",
        "(",
        ")",
        "[",
        "]",
        "/",
        "*",
        "\\",
        "\\u",
        "\\x",
        "'",
        "\"",
        "import",
        "export",
        "from",
        ".",
        "\n",
        "é",
        "<script",
        ">",
        "</script>",
        "<!--",
        "-->",
        "&#",
        "&amp",
        ";",
        "=",
        "onclick",
        "modulepreload",
        "return",
        "replace",
        "\0",
    ]);
    let texts = proptest::collection::vec(pieces, 0..40);
    proptest::proptest!(|(pieces in texts)| check(&pieces.concat()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command() {
    let origin = Origin::plain("127.0.0.1", |target| match target.split('?').next().unwrap() {
        "/" => html("<script src=/a.js></script>"),
        "/bad" => html("<script src=/b.js></script>"),
        "/a.js" => js("a"),
        _ => missing(),
    })
    .await;
    let url = format!("http://{}", origin.address);
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_sekisho")).arg("pin").args(args).output().unwrap();
    let good = run(&[&url]);
    let errors = String::from_utf8_lossy(&good.stderr).into_owned();
    assert_eq!(good.status.code(), Some(0), "{errors}");
    assert!(Manifest::read(&json::parse(&good.stdout).unwrap()).unwrap().scripts.contains_key("/a.js"));
    assert!(errors.contains("1 pages; inline: 0 scripts") && errors.contains("files again"), "{errors}");

    let file = std::env::temp_dir().join(format!("sekisho-pin-{}.json", std::process::id()));
    let bad = run(&[&url, "--page", "/bad", "-o", file.to_str().unwrap()]);
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(3), 0));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("/b.js: status 404"));
    assert_eq!(std::fs::read(&file).unwrap(), good.stdout);
    std::fs::remove_file(&file).unwrap();

    // Port 1: nobody is there.
    for args in [&["http://127.0.0.1:1"][..], &["127.0.0.1:3000"], &[], &[&url, "--page", "x"], &[&url, "--nope"]] {
        let failed = run(args);
        assert_eq!((failed.status.code(), failed.stdout.len()), (Some(2), 0), "{args:?}");
    }
}
