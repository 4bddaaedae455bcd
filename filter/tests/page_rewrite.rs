//! Pages, real and hostile, through the rewriter: only what is meant to change changes, by an independent parser.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod page_dom;

use std::sync::Arc;

use page_dom::Node;
use proptest::prelude::*;
use sekisho::page::import_map::ImportMaps;
use sekisho::page::manifest::{Integrity, Manifest, is_url};
use sekisho::page::rewrite::{MAX_MEMORY_BYTES, Page, Rewriter, Stopped};
use url::Url;

const ORIGIN: &str = "https://social.example";
const PATH: &str = "/notes/1";

/// A page through the rewriter, cut into pieces of these sizes in turn (0: whole).
fn rewrite_in(html: &[u8], manifest: &Arc<Manifest>, sizes: &[usize]) -> (Vec<u8>, Option<Stopped>) {
    let maps = ImportMaps::new(manifest);
    let page = Page { origin: Some(ORIGIN), path: PATH };
    let mut rewriter = Rewriter::new(manifest, maps.select(None), &page, Some(b"utf-8")).unwrap();
    let mut out = Vec::new();
    let mut rest = html;
    for size in sizes.iter().cycle() {
        let size = if *size == 0 { rest.len() } else { (*size).min(rest.len()) };
        let (chunk, next) = rest.split_at(size);
        out.extend(rewriter.write(chunk));
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    out.extend(rewriter.end());
    (out, rewriter.stopped())
}

fn integrity() -> Integrity {
    Integrity::new(&format!("sha384-{}", "A".repeat(64))).unwrap()
}

/// The attribute of an element that names what it loads.
fn source(node: &Node) -> Option<&str> {
    match node.name.as_str() {
        "script" if node.is_html => node.attribute("src"),
        "link" if node.is_html => node.attribute("href"),
        _ => None,
    }
}

/// The URL as a manifest has it.
fn key(value: &str) -> Option<String> {
    let mut url = Url::parse(ORIGIN).unwrap().join(PATH).unwrap().join(value).ok()?;
    url.set_fragment(None);
    let key = url.as_str().strip_prefix(ORIGIN).map_or_else(|| url.to_string(), str::to_owned);
    is_url(&key).then_some(key)
}

/// A manifest that knows all that a page names, whatever it is, and one module, so that there is an import map.
fn manifest_of(nodes: &[Node]) -> Arc<Manifest> {
    let keys = nodes.iter().filter_map(source).filter_map(key);
    let mut known: std::collections::BTreeMap<_, _> = keys.map(|key| (key, integrity())).collect();
    let mut manifest = Manifest { scripts: known.clone(), styles: known.clone(), ..Manifest::default() };
    known.insert("/vite/entry.js".to_owned(), integrity());
    manifest.modules = known;
    Arc::new(manifest)
}

/// Whether the browser would hold what the element loads against its integrity; read from the attributes as a parser gives them.
fn wants_integrity(node: &Node) -> bool {
    let Some(value) = source(node) else { return false };
    let is_plain = !value.trim().is_empty() && value.is_ascii() && key(value).is_some();
    let has = |token: &str| {
        node.attribute("rel").is_some_and(|rel| rel.split_ascii_whitespace().any(|t| t.eq_ignore_ascii_case(token)))
    };
    let is_one = if node.name == "script" {
        let kind = node.attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
        matches!(
            kind.as_str(),
            "" | "module" | "text/javascript" | "application/javascript" | "application/x-javascript"
        ) && node.attribute("language").is_none()
    } else {
        let destination = node.attribute("as").unwrap_or_default().to_ascii_lowercase();
        has("stylesheet")
            || has("modulepreload")
            || has("preload") && matches!(destination.as_str(), "script" | "style")
    };
    is_one && is_plain
}

/// What was changed in a page.
#[derive(Default)]
struct Changes {
    integrity: usize,
    import_map: usize,
    /// Elements that should have an integrity and have none.
    missing: Vec<String>,
}

/// Compares a page with what became of it; fails if anything else than integrity, crossorigin and one import map is different.
fn compare(name: &str, before: &[Node], after: Vec<Node>, map: &str) -> Changes {
    let mut changes = Changes::default();
    let mut kept: Vec<Node> = Vec::new();
    let mut after = after.into_iter().peekable();
    while let Some(node) = after.next() {
        let is_map = node.is("script")
            && node.attributes == [("type".to_owned(), "importmap".to_owned())]
            && after.peek().is_some_and(|text| text.text.strip_prefix('"') == Some(map));
        if is_map {
            changes.import_map += 1;
            after.next();
            continue;
        }
        kept.push(node);
    }
    assert!(changes.import_map < 2, "{name}: {} import maps", changes.import_map);
    let mut kept = merged(kept);
    let before = merged(before.to_vec());
    for (old, new) in before.iter().zip(&mut kept) {
        if source(old).is_some() {
            let had = |name: &str| old.attribute(name).is_some();
            let is_new = !had("integrity") && new.attribute("integrity") == Some(integrity().as_str());
            changes.integrity += usize::from(is_new);
            if wants_integrity(old) && (new.attribute("integrity").is_none() || new.attribute("crossorigin").is_none())
            {
                changes.missing.push(format!("{new:?}"));
            }
            new.attributes.retain(|(name, value)| match name.as_str() {
                "integrity" => had(name) || value != integrity().as_str(),
                "crossorigin" => had(name) || value != "anonymous",
                _ => true,
            });
        }
        assert_eq!(old, new, "{name}");
    }
    assert_eq!(before.len(), kept.len(), "{name}");
    changes
}

/// Text nodes that are next to each other are one.
fn merged(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::new();
    for node in nodes {
        match (merged.last_mut(), node.text.strip_prefix('"')) {
            (Some(last), Some(text)) if last.text.starts_with('"') && last.depth == node.depth => {
                last.text.push_str(text)
            }
            _ => merged.push(node),
        }
    }
    merged
}

/// All that has to hold for any bytes; what a fuzzer would call.
fn check(name: &str, html: &[u8]) -> Changes {
    let nothing = Arc::new(Manifest::default());
    for sizes in [&[0][..], &[1], &[7, 1, 64]] {
        assert!(rewrite_in(html, &nothing, sizes).0 == html, "{name}: changed though nothing is known, in {sizes:?}");
    }
    let before = page_dom::parse(html);
    let manifest = manifest_of(&before);
    let (out, stopped) = rewrite_in(html, &manifest, &[0]);
    for sizes in [&[1][..], &[13, 2, 100]] {
        let other = rewrite_in(html, &manifest, sizes);
        assert!(other == (out.clone(), stopped), "{name}: different in {sizes:?}");
    }
    let maps = ImportMaps::new(&manifest);
    let mut changes = compare(name, &before, page_dom::parse(&out), maps.select(None).unwrap().text());
    // Below a base, a relative URL is not certain.
    if stopped.is_some() || before.iter().any(|node| node.is("base")) {
        changes.missing.clear();
    }
    changes
}

#[test]
fn real_pages_differ_only_in_integrity_and_import_map() {
    let Some(html) = page_dom::set("html/open") else { return };
    let Some(misskey) = page_dom::set("misskey-live/open") else { return };
    let mut folders: Vec<_> = std::fs::read_dir(html).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.push(misskey);
    for folder in folders {
        let (mut documents, mut integrity, mut maps) = (0, 0, 0);
        for (name, html) in page_dom::documents(&folder) {
            let changes = check(&name, &html);
            assert!(changes.missing.is_empty(), "{name}: {:#?}", changes.missing);
            documents += 1;
            integrity += changes.integrity;
            maps += changes.import_map;
        }
        let folder = folder.file_name().unwrap().to_string_lossy();
        println!("{folder}: {documents} documents, {integrity} elements with integrity, {maps} import maps");
        assert!(documents > 0, "{folder} holds no document");
    }
}

#[test]
fn after_a_torture_input_a_script_is_where_a_browser_sees_it() {
    let Some(folder) = page_dom::set("html/open/html5lib") else { return };
    let (mut documents, mut integrity) = (0, 0);
    for (name, mut html) in page_dom::documents(&folder) {
        if name.contains("ntities.test") {
            continue;
        }
        html.extend_from_slice(
            b"<script src=/s.js></script><link rel=stylesheet href=/s.css><p title='<script src=/s.js>'>",
        );
        let changes = check(&name, &html);
        documents += 1;
        integrity += changes.integrity;
        assert!(changes.missing.is_empty(), "{name}: {:#?}", changes.missing);
    }
    println!("{documents} documents, {integrity} elements with integrity");
}

fn known() -> Arc<Manifest> {
    let known = |urls: &[&str]| urls.iter().map(|url| ((*url).to_owned(), integrity())).collect();
    Arc::new(Manifest {
        scripts: known(&["/s.js", "https://cdn.example/s.js"]),
        styles: known(&["/s.css"]),
        modules: known(&["/m.js"]),
        ..Manifest::default()
    })
}

/// What hostile pages are made of.
const PIECES: [&str; 48] = [
    "<script src=/s.js>",
    "<script src='/s.js' async></script>",
    "<script type=module src=\"/m.js\"></script>",
    "<script>",
    "</script>",
    "</script ",
    "<link rel=stylesheet href=/s.css>",
    "<link rel=modulepreload href=/m.js />",
    "<link rel=preload as=script href=https://cdn.example/s.js>",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<!doctype html>",
    "<![CDATA[",
    "]]>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<style>",
    "</style>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "</template>",
    "<select>",
    "</select>",
    "<table><tr>",
    "</table>",
    "<svg>",
    "</svg>",
    "<desc>",
    "<math><mi>",
    "<base href=/>",
    "<base href='//cdn.example'>",
    "<p title='",
    "<p title=\"",
    "'",
    "\"",
    ">",
    "<",
    "&#47;",
    " src=/s.js ",
    "\0",
    "\u{e9}\u{1f600}",
    "=",
    "/",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..PIECES.len()).prop_map(|index| PIECES[index].as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..6);
    let part = prop_oneof![9 => piece, 1 => noise];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_bytes(html in soup(), sizes in proptest::collection::vec(1..40_usize, 1..8)) {
        let known = known();
        let whole = rewrite_in(&html, &known, &[0]);
        prop_assert_eq!(&rewrite_in(&html, &known, &sizes), &whole);
        prop_assert_eq!(&rewrite_in(&html, &known, &[1]), &whole);
        let nothing = Arc::new(Manifest::default());
        prop_assert_eq!(&rewrite_in(&html, &nothing, &sizes).0, &html);
    }

    #[test]
    fn whatever_the_tags_only_ours_is_new(html in soup()) {
        check(&String::from_utf8_lossy(&html), &html);
    }

    #[test]
    fn any_bytes_pass(html in proptest::collection::vec(any::<u8>(), 0..300), sizes in proptest::collection::vec(1..40_usize, 1..8)) {
        prop_assert_eq!(&rewrite_in(&html, &Arc::new(Manifest::default()), &sizes).0, &html);
    }

    /// Whatever stands in a tag: the attributes that a parser sees are the same but for ours.
    #[test]
    fn attributes_stay_what_they_were(parts in proptest::collection::vec(0..ATTRIBUTE.len(), 0..12)) {
        let attributes: String = parts.iter().map(|index| ATTRIBUTE[*index]).collect();
        for html in [format!("<script{attributes}></script>"), format!("<link rel=stylesheet {attributes}>")] {
            check(&html, html.as_bytes());
        }
    }
}

const ATTRIBUTE: [&str; 20] = [
    " src=/s.js",
    " href=/s.js",
    " ",
    "\n",
    "/",
    "=",
    "'",
    "\"",
    " src",
    " SRC='/s.js'",
    " src=\"/x.js\"",
    "a",
    "\0",
    "<",
    " integrity=x",
    " crossorigin",
    " type=module",
    " src=&#47;s.js",
    "\u{e9}",
    "defer=",
];

#[test]
fn a_page_cut_off_anywhere_passes() {
    let page = "<!doctype html><head><!-- c --><title>t</title><link rel=\"stylesheet\" href=\"/s.css\"><script type=module src='/m.js'>\
        </script><svg><style>a</style></svg><template><p></template></head><body><select><option></select><script>\"<!--<script>\"</script>";
    let known = known();
    for end in 0..=page.len() {
        let html = &page.as_bytes()[..end];
        check(&format!("cut at {end}"), html);
        assert_eq!(rewrite_in(html, &known, &[1]), rewrite_in(html, &known, &[0]));
    }
}

/// The most that is held back while a page passes in pieces, and whether all came out.
fn most_held(html: &[u8], manifest: &Arc<Manifest>) -> (usize, Option<Stopped>) {
    let page = Page { origin: Some(ORIGIN), path: PATH };
    let mut rewriter = Rewriter::new(manifest, None, &page, None).unwrap();
    let (mut out, mut taken, mut most) = (Vec::new(), 0, 0);
    for chunk in html.chunks(16 * 1024) {
        out.extend(rewriter.write(chunk));
        taken += chunk.len();
        most = most.max(taken - out.len().min(taken));
    }
    out.extend(rewriter.end());
    assert!(out == html, "bytes were lost or changed");
    (most, rewriter.stopped())
}

#[test]
fn memory_is_bounded_and_no_byte_lost() {
    let nothing = Arc::new(Manifest::default());
    let mebibyte = "A".repeat(MAX_MEMORY_BYTES + 100_000);
    let nested = |tag: &str, times: usize| format!("<{tag}>").repeat(times);
    for (name, html, expected) in [
        ("image", format!("<img src='data:{mebibyte}'><p>"), None),
        ("script", format!("<script src='data:{mebibyte}'></script><p>"), Some(Stopped::Memory)),
        ("script without end", format!("<script src='data:{mebibyte}"), Some(Stopped::Memory)),
        ("attributes", format!("<script {}></script>", "a ".repeat(600_000)), Some(Stopped::Memory)),
        ("comment", format!("<!-- {mebibyte}"), None),
        ("text of a script", format!("<script>{mebibyte}"), None),
        ("text", mebibyte.clone(), None),
        ("name of a tag", format!("<{mebibyte}>"), Some(Stopped::Memory)),
        ("nested", nested("div", 100_000), Some(Stopped::Memory)),
        ("unclosed", nested("p", 1000), None),
        ("drawings", nested("svg></svg", 100_001), Some(Stopped::Memory)),
        ("drawings closed by others", nested("svg><desc></svg", 100_000), Some(Stopped::Ambiguous)),
        ("templates", nested("template", 100_000), Some(Stopped::Memory)),
        ("closed", format!("{}{}", nested("b", 1000), nested("/b", 100_000)), None),
    ] {
        let (most, stopped) = most_held(html.as_bytes(), &nothing);
        println!("{name}: {most} bytes held at most, {stopped:?}");
        assert_eq!(stopped, expected, "{name}");
        assert!(most <= MAX_MEMORY_BYTES, "{name}: {most}");
    }
}

#[test]
fn what_came_before_a_stop_is_rewritten() {
    let html = format!(
        "<script src=/s.js></script><script src='data:{}'></script><script src=/s.js>",
        "A".repeat(2 * MAX_MEMORY_BYTES)
    );
    let (out, stopped) = rewrite_in(html.as_bytes(), &known(), &[4096]);
    assert_eq!(stopped, Some(Stopped::Memory));
    let out = String::from_utf8(out).unwrap();
    let first = format!("<script integrity=\"{}\" crossorigin=\"anonymous\" src=/s.js></script>", integrity());
    let rest = html.strip_prefix("<script src=/s.js></script>").unwrap();
    let (map, page) = out.split_at(out.find("<script integ").unwrap());
    assert!(map.starts_with("<script type=\"importmap\">"));
    assert!(page == format!("{first}{rest}"));
}
