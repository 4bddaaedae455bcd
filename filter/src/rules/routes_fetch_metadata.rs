//! `routes.fetch_metadata`

use crate::decision::{Finding, Mode};
use crate::http::RequestHead;
use crate::http::route::Route;
use crate::http::route_pattern::Patterns;
use crate::registry::{Check, Phase, Rule};

/// What only the server's own pages ask for.
const PATHS: &[&str] = &["/queue/*", "/url", "/oauth/decision", "/flush"];

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.fetch_metadata",
    phase: Phase::Request,
    status: 403,
    mode: Mode::Enforce,
    action: None,
    summary: "what a page of another site asks for on routes that are for the server's own pages",
    doc: "
A request is allowed if any of these hold:

1. no reading of its path (see `routes.path`) is one of `paths`;
2. it has no `Sec-Fetch-Site`: it is from no browser, or from an old one;
3. `Sec-Fetch-Site` is `same-origin`, or `none` (typed, a bookmark);
4. somebody followed a link: it is a GET or HEAD with `Sec-Fetch-Mode: navigate` and `Sec-Fetch-Dest: document`, so nothing embeds it.

The routes are by default those that act on the cookie or the address of who asks: the job queue (`/queue/*`), the page that a sign-in with OAuth is confirmed on (`/oauth/decision`), the URL preview that makes the server fetch (`/url`), and `/flush`, which
clears what the browser keeps. Other names of one site (`same-site`) are refused there too: a media proxy's, or that of somebody else's pages.

Not for the API, streaming, `/proxy/` and `/files/`: clients and servers of other sites use them.",
    specification: "W3C Fetch Metadata Request Headers, with its resource isolation policy",
    compile: |reader| {
        let paths = Patterns::read(reader, "paths", PATHS, "the routes, as patterns");
        if paths.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            if is_own(head) || is_navigation(head) {
                return None;
            }
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            paths.has_any(&route).then(|| Finding::new("sec-fetch-site", "is not that of a page of this server"))
        }))
    },
};

fn is_own(head: &RequestHead) -> bool {
    head.sec_fetch_site.as_deref().is_none_or(|site| matches!(site, b"same-origin" | b"none"))
}

fn is_navigation(head: &RequestHead) -> bool {
    matches!(head.method.as_deref(), Some(b"GET" | b"HEAD"))
        && head.sec_fetch_mode.as_deref() == Some(b"navigate")
        && head.sec_fetch_dest.as_deref() == Some(b"document")
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::request;

    #[test]
    fn isolation() {
        let refused = Some("routes.fetch_metadata");
        let site = |site| ("Sec-Fetch-Site", site);
        let mode = |mode| ("sec-fetch-mode", mode);
        let dest = |dest| ("sec-fetch-dest", dest);
        for (method, target, fields, rule) in [
            ("GET", "/queue", vec![], None),
            ("PUT", "/queue/api/x", vec![site("same-origin"), mode("cors"), dest("empty")], None),
            ("GET", "/queue", vec![site("none"), mode("navigate"), dest("document")], None),
            ("GET", "/queue", vec![site("cross-site"), mode("navigate"), dest("document")], None),
            ("GET", "/queue", vec![site("cross-site"), mode("navigate"), dest("iframe")], refused),
            ("GET", "/queue", vec![site("cross-site"), mode("no-cors"), dest("image")], refused),
            ("GET", "/queue", vec![site("cross-site")], refused),
            ("GET", "/queue", vec![site("same-site"), mode("cors"), dest("empty")], refused),
            ("GET", "/queue", vec![site("?"), mode("navigate")], refused),
            ("GET", "/queue", vec![site("same-origin"), site("cross-site")], refused),
            ("POST", "/oauth/decision", vec![site("cross-site"), mode("navigate"), dest("document")], refused),
            ("POST", "/oauth/decision", vec![site("same-origin"), mode("navigate"), dest("document")], None),
            ("POST", "/oauth/token", vec![site("cross-site"), mode("cors"), dest("empty")], None),
            ("GET", "/%75rl?url=x", vec![site("cross-site"), mode("no-cors"), dest("empty")], refused),
            ("GET", "/flush", vec![site("cross-site"), mode("no-cors"), dest("image")], refused),
            ("POST", "/api/i", vec![site("cross-site"), mode("cors"), dest("empty")], None),
            ("GET", "/proxy/a.webp?url=x", vec![site("cross-site"), mode("no-cors"), dest("image")], None),
            ("GET", "/notes/a", vec![site("cross-site"), mode("no-cors"), dest("empty")], None),
        ] {
            assert_eq!(request("", method, target, &fields), rule, "{method} {target} {fields:?}");
        }
    }
}
