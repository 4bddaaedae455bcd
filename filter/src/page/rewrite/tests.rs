use super::*;
use crate::page::import_map::ImportMaps;
use crate::page::manifest::Integrity;

fn known(urls: &[&str]) -> std::collections::BTreeMap<String, Integrity> {
    let integrity = Integrity::new(&format!("sha384-{}", "A".repeat(64))).unwrap();
    urls.iter().map(|url| ((*url).to_owned(), integrity.clone())).collect()
}

fn manifest() -> Arc<Manifest> {
    Arc::new(Manifest {
        scripts: known(&["/s.js", "/notes/r.js", "https://cdn.example/s.js", "/q.js?a=1&b=2"]),
        styles: known(&["/s.css"]),
        modules: known(&["/m.js"]),
        ..Manifest::default()
    })
}

const PAGE: Page<'_> = Page { origin: Some("https://social.example"), path: "/notes/1" };

/// What a document becomes, with and without the import map; `~` stands for the attributes that are added, `%` for the map.
fn rewrite_with(html: &str, has_map: bool, charset: Option<&[u8]>) -> (String, Option<Stopped>) {
    let manifest = manifest();
    let maps = ImportMaps::new(&manifest);
    let map = maps.select(None).unwrap();
    let mut rewriter = Rewriter::new(&manifest, has_map.then_some(map), &PAGE, charset).unwrap();
    let mut out = rewriter.write(html.as_bytes());
    out.extend(rewriter.end());
    let out = String::from_utf8(out).unwrap();
    let attributes = format!(r#" integrity="sha384-{}" crossorigin="anonymous""#, "A".repeat(64));
    let integrity = format!(r#" integrity="sha384-{}""#, "A".repeat(64));
    let out = out.replace(map.element(), "%").replace(&attributes, "~").replace(&integrity, "^");
    (out.replace(r#" crossorigin="anonymous""#, "*"), rewriter.stopped())
}

fn rewrite(html: &str) -> String {
    rewrite_with(html, false, None).0
}

fn rewrite_with_map(html: &str) -> String {
    rewrite_with(html, true, None).0
}

#[test]
fn known_scripts_and_links_get_integrity() {
    for (html, expected) in [
        ("<script src=/s.js></script>", "<script~ src=/s.js></script>"),
        ("<script src=/s.js/></script>", "<script src=/s.js/></script>"),
        ("<SCRIPT SRC='/s.js' Defer></script>", "<SCRIPT~ SRC='/s.js' Defer></script>"),
        ("<script src='/s.js' />", "<script~ src='/s.js' />"),
        ("<script\n  src = \"/s.js\"\n></script>", "<script~\n  src = \"/s.js\"\n></script>"),
        ("<script type=module src=/m.js></script>", "<script~ type=module src=/m.js></script>"),
        (
            "<script type=' Text/JavaScript ' src=/s.js></script>",
            "<script~ type=' Text/JavaScript ' src=/s.js></script>",
        ),
        ("<script type='' src=/s.js></script>", "<script~ type='' src=/s.js></script>"),
        ("<script language=javascript src=/s.js></script>", "<script~ language=javascript src=/s.js></script>"),
        ("<script src=r.js></script>", "<script~ src=r.js></script>"),
        ("<script src=https://cdn.example/s.js></script>", "<script~ src=https://cdn.example/s.js></script>"),
        ("<script src='/q.js?a=1&amp;b=2'></script>", "<script~ src='/q.js?a=1&amp;b=2'></script>"),
        ("<link rel=stylesheet href=/s.css>", "<link~ rel=stylesheet href=/s.css>"),
        ("<link rel='x\tStyleSheet' href=/s.css>", "<link~ rel='x\tStyleSheet' href=/s.css>"),
        ("<link rel=modulepreload href=/m.js>", "<link~ rel=modulepreload href=/m.js>"),
        ("<link rel=preload as=script href=/s.js>", "<link~ rel=preload as=script href=/s.js>"),
        ("<link rel=preload as=STYLE href=/s.css>", "<link~ rel=preload as=STYLE href=/s.css>"),
        // What a page has stays, and is completed.
        ("<script src=/s.js integrity=sha256-x></script>", "<script* src=/s.js integrity=sha256-x></script>"),
        ("<script src=/s.js integrity></script>", "<script* src=/s.js integrity></script>"),
        ("<script src=/s.js crossorigin></script>", "<script^ src=/s.js crossorigin></script>"),
        (
            "<script src=/s.js INTEGRITY=x crossorigin=use-credentials>",
            "<script src=/s.js INTEGRITY=x crossorigin=use-credentials>",
        ),
        // The first of two attributes counts.
        ("<script src=/s.js src=/x.js></script>", "<script~ src=/s.js src=/x.js></script>"),
        ("<table><tr><script src=/s.js></script>", "<table><tr><script~ src=/s.js></script>"),
        ("<select><script src=/s.js></script></select>", "<select><script~ src=/s.js></script></select>"),
        ("<svg><desc><script src=/s.js></script>", "<svg><desc><script~ src=/s.js></script>"),
        ("<svg></svg><script src=/s.js></script>", "<svg></svg><script~ src=/s.js></script>"),
        ("<svg><p><script src=/s.js></script>", "<svg><p><script~ src=/s.js></script>"),
        (
            "<svg><title>x</title><path/></svg><style></style><script src=/s.js>",
            "<svg><title>x</title><path/></svg><style></style><script~ src=/s.js>",
        ),
        ("<svg><svg><path/></svg></svg><script src=/s.js>", "<svg><svg><path/></svg></svg><script~ src=/s.js>"),
        // Icons, each a drawing of its own.
        (
            "<svg><title>a</title></svg><svg><title>b</title></svg><svg><style></style></svg><script src=/s.js>",
            "<svg><title>a</title></svg><svg><title>b</title></svg><svg><style></style></svg><script~ src=/s.js>",
        ),
        ("<template><script src=/s.js></script></template>", "<template><script~ src=/s.js></script></template>"),
        ("<noscript><p></noscript><script src=/s.js>", "<noscript><p></noscript><script~ src=/s.js>"),
    ] {
        assert_eq!(rewrite(html), expected);
    }
}

#[test]
fn everything_else_stays() {
    for html in [
        "",
        "<",
        "<script src=/s.js",
        "<script src=/other.js></script>",
        "<script src=/x.js src=/s.js></script>",
        "<script src=//social.example.evil/s.js></script>",
        "<script src='&sol;s.js'></script>",
        "<script src=/S.js></script>",
        "<script type=application/json src=/s.js></script>",
        "<script type='text/javascript; charset=utf-8' src=/s.js></script>",
        "<script data-src=/s.js></script>",
        "<link rel=icon href=/s.css>",
        "<link rel=preload href=/s.js>",
        "<link rel=preload as=font href=/s.css>",
        "<link rel=stylesheets href=/s.css>",
        "<link rel=stylesheet href=/s.js>",
        "<link as=script href=/s.js>",
        "<img src=/s.js><a href=/s.css rel=stylesheet>",
        "<!-- <script src=/s.js></script> -->",
        "<!-- <script src=/s.js></script>",
        "<title><script src=/s.js></script></title>",
        "<textarea><script src=/s.js></script></textarea>",
        "<style><script src=/s.js></script></style>",
        "<script>'<script src=/s.js>'</script>",
        "<script><!-- <script src=/s.js></script> --></script>",
        "<xmp><script src=/s.js></script></xmp>",
        "<iframe><script src=/s.js></script></iframe>",
        "<noembed><script src=/s.js></script></noembed>",
        "<noframes><script src=/s.js></script></noframes>",
        "<noscript><link rel=stylesheet href=/s.css></noscript>",
        "<plaintext><script src=/s.js></script></plaintext>",
        "<a title='<script src=/s.js></script>'>",
        "<svg><script src=/s.js href=/s.js /></svg>",
        "<svg><style><script src=/s.js></script></style></svg>",
        "<svg><![CDATA[<script src=/s.js></script>]]></svg>",
        "<?php <script src=/s.js ?>",
    ] {
        assert_eq!(rewrite(html), html);
    }
}

#[test]
fn the_import_map_is_before_what_loads() {
    for (html, expected) in [
        ("<p><script>1</script><script>2</script>", "<p>%<script>1</script><script>2</script>"),
        ("<script type=application/json>{}</script>", "%<script type=application/json>{}</script>"),
        ("<script type=importmap>{}</script>", "%<script type=importmap>{}</script>"),
        ("<link rel=modulepreload href=/m.js><script>", "%<link~ rel=modulepreload href=/m.js><script>"),
        ("<link rel=stylesheet href=x><script>", "<link rel=stylesheet href=x>%<script>"),
        ("<!--<script>--><title><script></title><script>", "<!--<script>--><title><script></title>%<script>"),
        ("<noscript><script></script></noscript><script>", "<noscript><script></script></noscript>%<script>"),
        ("<svg><script></script></svg><script>", "<svg><script></script></svg>%<script>"),
        ("<math><script></script></math><script>", "<math><script></script></math>%<script>"),
        ("<template><script></script></template><script>", "<template><script></script></template>%<script>"),
        (
            "<template><template></template><script></script></template></template><script>",
            "<template><template></template><script></script></template></template>%<script>",
        ),
        // Whose end the template is, is not certain.
        ("<div><template></div><script>", "<div><template></div><script>"),
        ("<p>nothing</p>", "<p>nothing</p>"),
        ("<base href=/x/><script>", "<base href=/x/>%<script>"),
        ("<base href=//cdn.example/><script>", "<base href=//cdn.example/><script>"),
    ] {
        assert_eq!(rewrite_with_map(html), expected);
    }
}

#[test]
fn after_what_is_read_in_two_ways_nothing_changes() {
    for (html, reason) in [
        ("<select><xmp><script src=/s.js></script></select>", Stopped::Ambiguous),
        ("<select><option></select x><select><style></style></select><script src=/s.js>", Stopped::Ambiguous),
        ("<frameset><noframes></noframes><script src=/s.js></script>", Stopped::Ambiguous),
        ("<math><mi><![CDATA[<p><script src=/s.js></script>", Stopped::Ambiguous),
        ("<svg><foreignObject><![CDATA[</foreignObject></svg><script src=/s.js></script>", Stopped::Ambiguous),
        ("<svg><script><title></script><link rel=modulepreload href=/m.js>", Stopped::Ambiguous),
        ("<svg/><script src=/s.js></script>", Stopped::Ambiguous),
        ("<svg><desc><p></desc><title><script src=/s.js>", Stopped::Ambiguous),
        ("<svg><title>x</title><style></style></svg><script src=/s.js>", Stopped::Ambiguous),
        (r#"<math><annotation-xml encoding="text&#47;html"><title><p><script src=/s.js>"#, Stopped::Ambiguous),
        (
            r#"<math><annotation-xml encoding=x encoding=text/html><title><a title="</title><script src=/s.js z=">"#,
            Stopped::Ambiguous,
        ),
        (r#"<template><col><title></template><a title="</title><script src=/s.js z=">"#, Stopped::Ambiguous),
        ("<div><svg></div><script src=/s.js></script>", Stopped::Ambiguous),
        ("<svg><svg><p><title><script src=/s.js></title>", Stopped::Ambiguous),
        ("<svg><svg><p><textarea><p><script src=/s.js></textarea>", Stopped::Ambiguous),
        ("<svg><desc></svg></desc><script src=/s.js></script>", Stopped::Ambiguous),
        ("<math><mi><mglyph><style></style><script src=/s.js></script>", Stopped::Ambiguous),
        ("<math><mtext><malignmark><script src=/s.js></script>", Stopped::Ambiguous),
        ("<base href='&sol;'><script src=/s.js></script>", Stopped::Base),
        ("<meta charset=iso-2022-jp><script src=/s.js></script>", Stopped::Encoding),
        ("<meta charset=hz-gb-2312><script src=/s.js></script>", Stopped::Encoding),
        (
            "<meta http-equiv=content-type content='text/html; charset=\"csISO2022JP\"'><script src=/s.js>",
            Stopped::Encoding,
        ),
    ] {
        assert_eq!(rewrite_with(html, true, None), (html.to_owned(), Some(reason)));
    }
    for html in [
        "<select></select><style></style><script src=/s.js",
        "<base><base target=x>",
        "<meta charset=shift_jis><meta name=description content='charset=utf-8'>",
        "<meta charset=utf-16le>",
    ] {
        assert_eq!(rewrite_with(html, true, None), (html.to_owned(), None));
    }
    // A declared encoding is stronger than what the page says.
    let html = "<meta charset=iso-2022-jp>";
    assert_eq!(rewrite_with(html, true, Some(b"utf-8")), (html.to_owned(), None));
    assert_eq!(rewrite("<base href=/><script src=/s.js><base>"), "<base href=/><script~ src=/s.js><base>");
    assert_eq!(rewrite("<base href=/><script src=r.js></script>"), "<base href=/><script src=r.js></script>");
}

#[test]
fn encodings_without_ascii_pass() {
    let rewriter = |charset: Option<&[u8]>| Rewriter::new(&manifest(), None, &PAGE, charset);
    for charset in ["utf-8", " UTF-8 ", "shift_jis", "windows-1252", "gb18030", "euc-kr", "x-user-defined"] {
        assert!(rewriter(Some(charset.as_bytes())).is_some(), "{charset}");
    }
    for charset in
        ["utf-16", "utf-16be", "iso-2022-jp", "replacement", "hz-gb-2312", "utf-7", "utf-32", "", "\"utf-8\""]
    {
        assert!(rewriter(Some(charset.as_bytes())).is_none(), "{charset}");
    }
    assert!(rewriter(None).is_some());
    for (bytes, is_unchanged) in [
        (b"\xff\xfe<script src=/s.js>".as_slice(), true),
        (b"\xfe\xff<script src=/s.js>", true),
        (b"\xef\xbb\xbf<script src=/s.js>", false),
        (b"\xff<script src=/s.js>\xff", false),
        (b"\xff", true),
    ] {
        let mut rewriter = rewriter(Some(b"utf-8")).unwrap();
        let mut out = Vec::new();
        for byte in bytes {
            out.extend(rewriter.write(&[*byte]));
        }
        out.extend(rewriter.end());
        assert_eq!(out == bytes, is_unchanged, "{bytes:?}");
    }
}

#[test]
fn what_is_not_ascii_is_passed_byte_by_byte() {
    let html = b"<script a=\xff\xfe\x83 src=/s.js title='\x81\"'></script>\x00\xff<script src=/\xffs.js></script>";
    let mut rewriter = Rewriter::new(&manifest(), None, &PAGE, Some(b"shift_jis")).unwrap();
    let mut out = rewriter.write(html);
    out.extend(rewriter.end());
    let added = format!(" integrity=\"sha384-{}\" crossorigin=\"anonymous\"", "A".repeat(64));
    let at = out.windows(added.len()).position(|window| window == added.as_bytes()).unwrap();
    out.drain(at..at + added.len());
    assert_eq!(out, html);
}

#[test]
fn after_its_end_it_gives_nothing() {
    let mut rewriter = Rewriter::new(&manifest(), None, &PAGE, None).unwrap();
    assert_eq!(rewriter.write(b"<script src="), b"");
    assert_eq!(rewriter.end(), b"<script src=");
    assert_eq!(rewriter.end(), b"");
}
