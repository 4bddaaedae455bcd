//! Real pages through Envoy: a recorded Misskey gets a policy no weaker than the strictest one that it was watched under without a violation, and pages of servers of which
//! nothing is known pass byte by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use integration_tests::client::exchange;
use integration_tests::corpora;
use integration_tests::harness::assert_no_restart;
use integration_tests::site::{Answer, Asked, Site};
use sekisho::page::csp::{Csp, Directive, Source, is_at_least_as_strict, parse_policy};
use sekisho::page::manifest::Integrity;
use sekisho::policy::Policy;
use xtask::http::{self, Response};
use xtask::stack::{Options, Stack};
use xtask::workspace::native_binary;

const HOST: &str = "social.example";

/// The policy under which a real Misskey 2026.5.4 went through 68 steps in a browser without a violation. `O` is the origin. Its two hosts of pictures are those of `/about-misskey`.
const OBSERVED: &str = "default-src 'none'; script-src O/vite/ O/embed_vite/ O/static-assets/misc/ O/client-assets/ https://esm.sh/shiki@4.0.2/ INLINE; \
    script-src-attr 'unsafe-hashes' ONCLICK; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob: https://assets.misskey-hub.net https://avatars.githubusercontent.com; media-src 'self'; font-src 'self'; connect-src 'self'; \
    worker-src O/vite/ O/embed_vite/ O/sw.js blob:; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors FRAMES";

/// What Misskey's error screens say in `onclick`.
const ONCLICK: [&str; 3] = ["location.reload(true);", "location.reload(!0)", "location.reload();"];

/// What ours allows beyond it, on purpose, and why.
const MORE: [(&str, &str, &str); 5] = [
    (
        "img-src",
        "https://xn--931a.moe",
        "pictures of empty lists, until an administrator sets three others, as was done where it was watched",
    ),
    ("connect-src", "wss://social.example", "Safari before 15.4 does not take the streaming socket for 'self'"),
    ("script-src", "(import map)", "the map that is written into the page"),
    ("frame-src", "(players)", "what previews may hold; where it was watched, no preview had a player"),
    (
        "form-action",
        "(absent)",
        "consents redirect to where they were asked for, and Chromium holds that to form-action",
    ),
];

/// One recorded exchange.
struct Recorded {
    path: String,
    is_get: bool,
    accept: String,
    response: Response,
}

fn recorded(set: &Path) -> BTreeMap<String, Recorded> {
    let files = fs::read_dir(set.join("open")).unwrap().map(|entry| entry.unwrap().path());
    let all = files.filter(|file| file.extension().is_some_and(|ext| ext == "http")).filter_map(|file| {
        let command = fs::read_to_string(file.with_extension("cmd")).unwrap();
        let (_, path) = command.split_once("http://127.0.0.1:3000")?;
        let path = path.split([' ', '\n', '\'', '"']).next()?.to_owned();
        let is_get = !["-X", "-d", "--data", "-I", "-F"].iter().any(|option| command.contains(option));
        let accept = command.split_once("Accept: ").and_then(|(_, rest)| rest.split([' ', '\n']).next());
        let accept = accept.unwrap_or("*/*").to_owned();
        let response = http::parse(&fs::read(&file).unwrap())?;
        let name = file.file_stem()?.to_string_lossy().into_owned();
        Some((name, Recorded { path, is_get, accept, response }))
    });
    all.collect()
}

/// The hashes of the inline scripts, as they were computed with the recording.
fn inline_scripts(set: &Path) -> BTreeSet<String> {
    let analysis = fs::read_to_string(set.join("html-analysis.txt")).unwrap();
    let scripts = analysis.lines().filter(|line| line.trim().starts_with("('SCRIPT', None, None, 'sha256-"));
    scripts.filter_map(|line| line.split('\'').find(|word| word.starts_with("sha256-")).map(str::to_owned)).collect()
}

/// A server that answers as it was recorded; scripts and styles of the build, which were not, are made up.
fn misskey(recorded: &Arc<BTreeMap<String, Recorded>>) -> Site {
    let recorded = Arc::clone(recorded);
    Site::start(move |asked: &Asked| {
        let path = asked.target.split('?').next().unwrap_or_default();
        let script = || Answer::of("text/javascript; charset=utf-8", format!("export default {path:?};"));
        let is_build = ["/vite/", "/embed_vite/", "/static-assets/"].iter().any(|folder| path.starts_with(folder));
        if is_build {
            return if path.ends_with(".css") { Answer::of("text/css", "a{}") } else { script() };
        }
        let accept = asked.field("accept").unwrap_or("*/*");
        let is = |one: &&Recorded, target: &str| one.is_get && one.path == target;
        let found = recorded.values().find(|one| is(one, &asked.target) && one.accept == accept);
        // Whoever reads pages makes them unique by a query.
        let found = found.or_else(|| recorded.values().find(|one| is(one, &asked.target) || is(one, path)));
        let shell = if path.starts_with("/embed/") { "embed_any" } else { "root" };
        let found = found.unwrap_or(&recorded[shell]);
        let lines = found.response.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let hop = ["content-length", "connection", "keep-alive", "transfer-encoding", "date"];
        let fields = lines.filter(|(name, _)| !hop.contains(&name.to_ascii_lowercase().as_str()));
        let answer = Answer::plain(found.response.status, found.response.body.clone());
        fields.fold(answer, |answer, (name, value)| answer.with(name, value))
    })
}

fn get(stack: &Stack, path: &str, accept: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    exchange(stack.addr(), request.as_bytes()).unwrap()
}

fn is_html(response: &Response) -> bool {
    response.field("content-type").is_some_and(|value| value.starts_with("text/html"))
}

/// The same policy with another list.
fn with(csp: &Csp, directive: &Directive, sources: &[Source]) -> Csp {
    let mut csp = csp.clone();
    csp.directives.retain(|(name, _)| name != directive);
    csp.push(directive.clone(), sources.to_vec());
    csp
}

/// The sources of ours that the other one does not allow, by directive.
fn more(ours: &Csp, theirs: &Csp) -> Vec<(String, String)> {
    let mut more = Vec::new();
    for (directive, allowed) in &theirs.directives {
        let name = directive.to_string();
        let Some(sources) = ours.get(directive) else {
            more.push((name, "(absent)".to_owned()));
            continue;
        };
        for source in sources {
            let one = with(ours, directive, std::slice::from_ref(source));
            // `'unsafe-hashes'` means something beside hashes only.
            if !is_at_least_as_strict(&one, &with(&one, directive, allowed), Some(HOST)) {
                more.push((name.clone(), source.to_string()));
            }
        }
    }
    more
}

#[test]
fn a_recorded_misskey_gets_no_weaker_policy_than_it_was_seen_to_live_with() {
    let Some(set) = corpora::set("misskey-live") else { return };
    let recorded = Arc::new(recorded(&set));
    let site = misskey(&recorded);
    let pinned =
        Command::new(native_binary()).args(["pin", &format!("http://{}/", site.addr()), "--lang", "en-US"]).output();
    let pinned = pinned.unwrap();
    let told = String::from_utf8_lossy(&pinned.stderr).into_owned();
    assert!(matches!(pinned.status.code(), Some(0 | 3)), "{told}");
    let manifest = String::from_utf8(pinned.stdout).unwrap();
    let policy = format!(r#"{{"page":{{"preset":"misskey","manifest":{manifest}}}}}"#);
    let stack = Stack::start(&Options::new(site.addr()).unwrap().policy(policy)).unwrap();

    let quoted =
        |hashes: &mut dyn Iterator<Item = String>| hashes.map(|hash| format!("'{hash}'")).collect::<Vec<_>>().join(" ");
    let inline = quoted(&mut inline_scripts(&set).into_iter());
    let onclick = quoted(&mut ONCLICK.iter().map(|text| Integrity::sha256(text.as_bytes()).as_str().to_owned()));
    // Its hash stands also in the head of a page without a script, where there is no place for the map.
    let root = get(&stack, "/", "text/html").text();
    let (_, map) = root.split_once("<script type=\"importmap\">").expect("an import map");
    let map = format!("'{}'", Integrity::sha256(map.split("</script>").next().unwrap().as_bytes()).as_str());
    let players = Policy::parse(b"{}").unwrap().preview.settings.frame_sources();
    let (mut pages, mut locked, mut unused) =
        (0, 0, BTreeSet::from(MORE.map(|(directive, source, _)| (directive, source))));
    for (name, one) in recorded.iter().filter(|(_, one)| one.is_get && !one.path.starts_with("/proxy")) {
        let got = get(&stack, &one.path, &one.accept);
        if one.path.contains("%00") {
            assert_eq!(got.status, 400, "{name}: Envoy lets no NUL through");
            continue;
        }
        let policies: Vec<&str> =
            got.head.lines().filter_map(|line| line.strip_prefix("content-security-policy: ")).collect();
        let ours = policies.last().unwrap_or_else(|| panic!("{name}: {}", got.head));
        if !is_html(&one.response) {
            let was_locked = one
                .response
                .field("content-security-policy")
                .is_some_and(|value| value.starts_with("default-src 'none'"));
            assert!(ours.contains("sandbox") || was_locked, "{name}: {}", got.head);
            assert!(got.body == one.response.body && got.field("x-content-type-options") == Some("nosniff"), "{name}");
            locked += 1;
            continue;
        }
        pages += 1;
        let is_framed = one.path.starts_with("/embed/") || one.path == "/_info_card_";
        let observed =
            OBSERVED.replace("O/", &format!("{HOST}/")).replace("INLINE", &inline).replace("ONCLICK", &onclick);
        let observed = observed.replace("FRAMES", if is_framed { "*" } else { "'none'" });
        let theirs = parse_policy(observed.as_bytes()).unwrap();
        let inline = ours.matches("'sha256-").count() - ONCLICK.len();
        assert_eq!(inline, 5, "{name}: two scripts of the shell, two of what is embedded, and the map: {ours}");
        for (directive, source) in more(&parse_policy(ours.as_bytes()).unwrap(), &theirs) {
            let source = match &source {
                source if *source == map => "(import map)",
                source if directive == "frame-src" && players.contains(source) => "(players)",
                source => source,
            };
            let known = MORE.iter().find(|(known, of, _)| *known == directive && *of == source);
            let (directive, source, why) =
                known.unwrap_or_else(|| panic!("{name}: {directive} {source} is more than was observed: {ours}"));
            if unused.remove(&(*directive, *source)) {
                println!("{directive} {source}: {why}");
            }
            assert!(
                *source != "(absent)" || one.path.starts_with("/share") || one.path.starts_with("/oauth/"),
                "{name}"
            );
        }
    }
    let consent = get(&stack, "/oauth/authorize", "text/html");
    assert!(!consent.field("content-security-policy").unwrap().contains("form-action"));
    unused.remove(&("form-action", "(absent)"));
    assert!(unused.is_empty(), "no page needs {unused:?}");
    println!("{pages} pages, {locked} others");
    assert!(pages > 10 && locked > 5);
    assert_no_restart(&stack);
}

#[test]
fn pages_of_which_nothing_is_known_pass_byte_by_byte() {
    let Some(set) = corpora::set("html") else { return };
    let folders = ["frontends-real", "frontends-reconstructed", "realweb"].map(|folder| set.join("open").join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let pages: Vec<Vec<u8>> = files.map(|file| fs::read(file).unwrap()).collect();
    let count = pages.len();
    let pages = Arc::new(pages);
    let served = Arc::clone(&pages);
    let site = Site::start(move |asked: &Asked| {
        let number: Option<usize> = asked.target.trim_start_matches("/page/").parse().ok();
        let page = number.and_then(|number| served.get(number));
        page.map_or_else(Answer::missing, |page| {
            Answer::of("text/html; charset=utf-8", page.clone()).in_chunks(1 + page.len() / 5)
        })
    });
    let stack = Stack::start(&Options::new(site.addr()).unwrap()).unwrap();
    for (number, page) in pages.iter().enumerate() {
        let got = get(&stack, &format!("/page/{number}"), "text/html");
        assert!(got.body == *page, "{number}");
        let csp = got.field("content-security-policy").unwrap();
        assert!(csp.starts_with("object-src 'none'; base-uri 'self'; upgrade-insecure-requests"), "{csp}");
    }
    println!("{count} pages");
    assert!(count > 40);
    assert_no_restart(&stack);
}
