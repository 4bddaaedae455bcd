//! Pages: what the rewriter costs through Envoy, and alone beside the parser that it is made of.

use std::hint::black_box;

use integration_tests::site::{Answer, Site};
use integration_tests::stats::Spread;
use lol_html::{HtmlRewriter, Settings};
use sekisho::page::PageRequest;
use sekisho::page::rewrite::MAX_MEMORY_BYTES;
use sekisho::policy::Policy;
use xtask::error::{Error, Result};

use crate::allocator;
use crate::load::{Connection, Request};
use crate::native::Times;
use crate::rounds::{self, Plan};
use crate::scenarios::{Aim, Scenario};
use crate::table;
use crate::variants::{self, AGAIN, FIELDS, NO_OP, PLAIN, REWRITING};

const HTML: &str = "text/html; charset=utf-8";

/// What Envoy hands over at once.
const CHUNK: usize = 16 * 1024;

/// The shell of an application, of exactly 20 KB: style sheets, preloads, scripts, and data.
fn shell() -> String {
    let links: String = (0..40)
        .map(|n| format!("<link rel=\"stylesheet\" href=\"/vite/assets/style{n}.css\"/><link rel=\"modulepreload\" href=\"/vite/assets/module{n}.js\"/>"))
        .collect();
    let before = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\">{links}<script>boot()</script><script type=\"application/json\">"
    );
    let after = "</script></head><body><div id=app></div></body></html>";
    let room = (20_000usize).saturating_sub(before.len() + after.len());
    format!("{before}{}{after}", "x".repeat(room))
}

/// A long page of a server that writes its pages itself, of a little more than 500 KB.
fn long() -> String {
    let post = "<article id=\"a\" class=\"post h-entry\"><a href=\"/@alice\" rel=\"author\"><img src=\"/files/1.webp\" alt=\"\"></a>\
        <p lang=ja>Today I rebuilt the image cache and moved the storage. 本日は晴天なり。 <b>Bold</b> &amp; more</p></article>\n";
    let head = "<!DOCTYPE html><html><head><meta charset=utf-8><link rel=stylesheet href=\"/vite/assets/style0.css\"><script src=\"/vite/assets/boot.js\"></script></head><body>";
    format!("{head}{}</body></html>", post.repeat(500_000usize.div_ceil(post.len())))
}

/// As much as Misskey has for one language.
fn manifest() -> String {
    let integrity = format!("sha384-{}", "A".repeat(64));
    let list = |kind: &str, ext: &str, count: usize| {
        let entries: Vec<String> =
            (0..count).map(|n| format!(r#""/vite/assets/{kind}{n}.{ext}":"{integrity}""#)).collect();
        entries.join(",")
    };
    format!(
        r#"{{"version":1,"scripts":{{"/vite/assets/boot.js":"{integrity}"}},"styles":{{{}}},"modules":{{{}}}}}"#,
        list("style", "css", 60),
        list("module", "js", 465)
    )
}

/// Measures and prints what pages cost through Envoy.
pub fn through_envoy(plan: Plan) -> Result<()> {
    let (shell, long) = (shell(), long());
    let site =
        Site::start(move |asked| Answer::of(HTML, if asked.target == "/long" { long.clone() } else { shell.clone() }));
    let variants = variants::of_pages(site.addr(), &manifest())?;
    let scenario = |name, path: &str, aim| Scenario { name, request: get(path, "<!DOCTYPE html>"), aim };
    let aim = || Aim { who: FIELDS, of: PLAIN, at_least: 0.85 };
    let scenarios = [scenario("GET shell, 20 KB", "/shell", aim()), scenario("GET page, 500 KB", "/long", aim())];
    for variant in &variants {
        let is_rewritten = Connection::open(variant.stack.addr())?.exchange(&get("/shell", MAP)).is_ok();
        if is_rewritten != (variant.name == REWRITING) {
            return Err(Error::new(format!("{}: pages are rewritten: {is_rewritten}", variant.name)));
        }
    }
    let measured = rounds::measure(&variants, &scenarios, plan)?;
    let Plan { rounds, requests, connections, .. } = plan;
    println!(
        "\nPages through Envoy, one worker, not compressed: {rounds} rounds of {requests} requests on {connections} connections. \
         Rewriting adds an\nimport map of 465 modules, some 45 KB; \"fields only\" has nothing to rewrite."
    );
    for (scenario, measured) in scenarios.iter().zip(&measured) {
        table::print(
            scenario,
            measured,
            &[
                (NO_OP, PLAIN),
                (FIELDS, PLAIN),
                (FIELDS, NO_OP),
                (REWRITING, PLAIN),
                (REWRITING, FIELDS),
                (AGAIN, PLAIN),
            ],
        );
    }
    Ok(())
}

/// How the shell starts once it is rewritten.
const MAP: &str = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><link integrity";

fn get(path: &str, content: &'static str) -> Request {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: social.example\r\nAccept: text/html,*/*;q=0.8\r\nConnection: keep-alive\r\n\r\n"
    );
    Request { bytes: request.into_bytes(), status: 200, content }
}

/// Measures and prints what the rewriter does alone.
pub fn native(batches: usize) -> Result<()> {
    let policy = format!(r#"{{"page":{{"preset":"misskey","manifest":{}}}}}"#, manifest());
    let policy =
        Policy::parse(policy.as_bytes()).map_err(|_| Error::new("the policy of the benchmark does not compile"))?;
    let request = PageRequest { host: Some("social.example".into()), path: "/".into(), ..PageRequest::default() };
    println!("\nThe rewriter alone, native, in chunks of {CHUNK} bytes (beside it: lol_html without a handler)");
    println!("  {:<16}{:<20}{:<40}time / lol_html's", "", "MB/s", "held at once (and lol_html)");
    for (name, page) in [("shell, 20 KB", shell()), ("page, 500 KB", long())] {
        let ours = || {
            let Some(mut rewriter) = policy.page.rewriter(&request, Some(HTML.as_bytes())) else { return };
            for chunk in page.as_bytes().chunks(CHUNK) {
                drop(black_box(rewriter.write(chunk)));
            }
            drop(black_box(rewriter.end()));
        };
        let peer = || {
            let mut html = HtmlRewriter::new(Settings::new(), |bytes: &[u8]| drop(black_box(bytes.to_vec())));
            let written = page.as_bytes().chunks(CHUNK).try_for_each(|chunk| html.write(chunk));
            drop(black_box(written.and_then(|()| html.end())));
        };
        let times = Times::take(batches, ours, peer);
        let rate = Spread::of(times.ours.iter().map(|time| page.len() as f64 * 1000.0 / time).collect());
        let ratio = Spread::of(times.ours.iter().zip(&times.theirs).map(|(ours, theirs)| ours / theirs).collect());
        let (held, theirs) = (allocator::count(ours).peak, allocator::count(peer).peak);
        let held = format!("{held} bytes of {MAX_MEMORY_BYTES} ({theirs})");
        println!(
            "  {name:<16}{:<20.0}{held:<40}{:.2} ({:.2}..{:.2})",
            rate.median, ratio.median, ratio.low, ratio.high
        );
    }
    Ok(())
}
