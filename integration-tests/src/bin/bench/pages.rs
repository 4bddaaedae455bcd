//! Pages: what the rewriter costs through Envoy, and alone beside the parser that it is made of.

use std::hint::black_box;

use integration_tests::client::exchange;
use integration_tests::site::{Answer, Site};
use integration_tests::stats::Spread;
use lol_html::{HtmlRewriter, Settings};
use sekisho::page::PageRequest;
use sekisho::page::fields::Rewrite;
use sekisho::page::rewrite::MAX_MEMORY_BYTES;
use sekisho::policy::Policy;
use xtask::error::{Error, Result};

use crate::allocator;
use crate::load::Request;
use crate::native::Times;
use crate::rounds::{self, Plan};
use crate::scenarios::{Aim, Scenario};
use crate::table;
use crate::variants::{self, AGAIN, FIELDS, NO_OP, PLAIN, REWRITING, SAME_CALLS, Variant};

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
    let data: String = Text::default().take(room).collect();
    format!("{before}{data}{after}")
}

/// A long page of a server that writes its pages itself, of a little more than 500 KB.
fn long() -> String {
    let mut text = Text::default();
    let mut page = "<!DOCTYPE html><html><head><meta charset=utf-8><link rel=stylesheet href=\"/vite/assets/style0.css\"><script src=\"/vite/assets/boot.js\"></script></head><body>".to_owned();
    while page.len() < 500_000 {
        let words: String = text.by_ref().take(120).collect();
        page.extend([
            "<article class=\"post h-entry\"><a href=\"/@alice\" rel=\"author\"><img src=\"/files/1.webp\" alt=\"\"></a><p lang=ja>本日は晴天なり。 <b>",
            &words,
            "</b> &amp; more</p></article>\n",
        ]);
    }
    page + "</body></html>"
}

/// Words and numbers that no compressor guesses: such a page becomes three to four times smaller, as real ones do (2.8 for a shell, 3 to 5 for longer ones).
#[derive(Default)]
struct Text(u64);

impl Iterator for Text {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        const WORDS: &[u8] = b"the timeline of a server name icon color theme public local global notes users created updated enabled max ";
        self.0 += 1;
        // SplitMix64 of the number of the word.
        let mut hash = (self.0 / 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash ^= hash >> 27;
        let at = self.0 % 6;
        let place = usize::try_from(hash % (WORDS.len() as u64 - 6) + at).ok()?;
        let digit = char::from_digit(u32::try_from((hash >> (8 + 4 * at)) & 15).ok()?, 16);
        if hash >> 63 == 0 { WORDS.get(place).map(|letter| char::from(*letter)) } else { digit }
    }
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

/// Measures and prints what pages cost through Envoy, short ones and long ones.
pub fn through_envoy([short, long]: [Plan; 2]) -> Result<()> {
    let pages = [("/shell", shell()), ("/long", self::long())];
    let site = Site::start(move |asked| {
        let page = pages.iter().find(|(path, _)| *path == asked.target);
        page.map_or_else(Answer::missing, |(_, page)| Answer::of(HTML, page.clone()))
    });
    let variants = variants::of_pages(site.addr(), &manifest())?;
    variants.iter().try_for_each(check)?;
    println!(
        "\nPages through Envoy, one worker, as browsers ask for them (Envoy compresses), and as nobody does. Rewriting adds an import map of 465 modules, some 45 KB; \
         \"fields only\"\nhas nothing to rewrite; \"same calls\" is a module that reads and writes as many fields and decides nothing: what it lacks is the cost of the mechanism."
    );
    for (path, plan, names) in [
        ("/shell", short, ["GET shell, 20 KB, gzip", "GET shell, 20 KB, identity"]),
        ("/long", long, ["GET page, 500 KB, gzip", "GET page, 500 KB, identity"]),
    ] {
        let aim = || Aim { who: FIELDS, of: PLAIN, at_least: 0.85 };
        let scenario = |(name, encoding)| Scenario { name, request: get(path, encoding), aim: aim() };
        let scenarios: Vec<Scenario> = names.into_iter().zip([BROWSER, IDENTITY]).map(scenario).collect();
        let measured = rounds::measure(&variants, &scenarios, plan)?;
        println!("\n{} rounds of {} requests on {} connections", plan.rounds, plan.requests, plan.connections);
        for (scenario, measured) in scenarios.iter().zip(&measured) {
            table::print(scenario, measured, &RATIOS);
        }
    }
    Ok(())
}

const RATIOS: [(&str, &str); 7] = [
    (NO_OP, PLAIN),
    (SAME_CALLS, PLAIN),
    (FIELDS, PLAIN),
    (FIELDS, SAME_CALLS),
    (REWRITING, PLAIN),
    (REWRITING, FIELDS),
    (AGAIN, PLAIN),
];

/// Whether a variant does what its name says, and compresses.
fn check(variant: &Variant) -> Result<()> {
    let ask = |encoding: &str| {
        let answer = exchange(variant.stack.addr(), &get("/shell", encoding).bytes);
        answer.map_err(|error| Error::new(format!("{}: {error}", variant.name)))
    };
    let plain = ask(IDENTITY)?;
    let is_rewritten = plain.body.starts_with(REWRITTEN);
    let has_fields = plain.field("referrer-policy").is_some();
    let is_packed = ask(BROWSER)?.field("content-encoding") == Some("gzip");
    let expected = (variant.name == REWRITING, [SAME_CALLS, FIELDS, REWRITING].contains(&variant.name), true);
    if (is_rewritten, has_fields, is_packed) == expected {
        return Ok(());
    }
    let what = format!("rewritten: {is_rewritten}, with fields: {has_fields}, compressed: {is_packed}");
    Err(Error::new(format!("{}: {what}", variant.name)))
}

/// How the shell starts once it is rewritten.
const REWRITTEN: &[u8] = b"<!DOCTYPE html><html><head><meta charset=\"utf-8\"><link integrity";

/// What browsers send, and what asks for the bytes as they are.
const BROWSER: &str = "Accept-Encoding: gzip, deflate, br, zstd\r\n";
const IDENTITY: &str = "";

fn get(path: &str, encoding: &str) -> Request {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: social.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
         Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: ja,en;q=0.5\r\n{encoding}Connection: keep-alive\r\n\r\n"
    );
    let content = if encoding == IDENTITY { "<!DOCTYPE html>" } else { "" };
    Request { bytes: request.into_bytes(), status: 200, content }
}

/// Measures and prints what the rewriter does alone.
pub fn native(batches: usize) -> Result<()> {
    let policy = format!(r#"{{"page":{{"preset":"misskey","manifest":{}}}}}"#, manifest());
    let policy =
        Policy::parse(policy.as_bytes()).map_err(|_| Error::new("the policy of the benchmark does not compile"))?;
    let request = PageRequest { host: Some("social.example".into()), ..PageRequest::of(b"/") };
    println!("\nThe rewriter alone, native, in chunks of {CHUNK} bytes (beside it: lol_html without a handler)");
    println!("  {:<16}{:<20}{:<40}time / lol_html's", "", "MB/s", "held at once (and lol_html)");
    for (name, page) in [("shell, 20 KB", shell()), ("page, 500 KB", long())] {
        let ours = || {
            let Some(mut rewriter) = policy.page.rewriter(&request, Rewrite::WithImportMap, Some(HTML.as_bytes()))
            else {
                return;
            };
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
