//! `routes.allowed`

use crate::decision::{Finding, Mode};
use crate::http::route::Route;
use crate::http::route_pattern::Patterns;
use crate::policy::Choice;
use crate::registry::{Check, Phase, Rule};

/// Sets of routes for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    FederationOnly,
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] = &[("federation-only", Self::FederationOnly)];
}

/// What other servers ask Misskey for.
const FEDERATION: &[&str] = &[
    "/.well-known/webfinger",
    "/.well-known/nodeinfo",
    "/.well-known/host-meta",
    "/.well-known/host-meta.json",
    // Not of other servers, but who answers it renews the certificate.
    "/.well-known/acme-challenge/*",
    "/nodeinfo/:version",
    "/inbox",
    "/users/:user",
    "/users/:user/inbox",
    "/users/:user/outbox",
    "/users/:user/followers",
    "/users/:user/following",
    "/users/:user/collections/featured",
    "/users/:user/publickey",
    "/@:acct",
    "/notes/:note",
    "/notes/:note/activity",
    "/emojis/:emoji",
    "/likes/:like",
    "/follows/*",
    "/files/*",
    "/proxy/*",
    "/identicon/*",
];

impl Preset {
    fn paths(self) -> Patterns {
        match self {
            Self::FederationOnly => Patterns::of(FEDERATION),
        }
    }
}

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.allowed",
    phase: Phase::Request,
    status: 404,
    mode: Mode::Enforce,
    action: None,
    summary: "what is asked for on any route but those that the policy allows, if it names any",
    doc: "
A request is allowed if nothing is listed, as by default, or if all readings of its path (see `routes.path`) are on the list, by the letter: the routes of `presets`, and `paths` (patterns as in `routes.blocked`).

`federation-only` is what other servers ask Misskey for, and nothing of the pages, the API or streaming: `/.well-known/{webfinger,nodeinfo,host-meta,host-meta.json}`, `/.well-known/acme-challenge/*` (certificates), `/nodeinfo/:version`, `/inbox`,
`/users/:user`, `/users/:user/{inbox,outbox,followers,following,collections/featured,publickey}`, `/@:acct`, `/notes/:note`, `/notes/:note/activity`, `/emojis/:emoji`, `/likes/:like`, `/follows/*`, `/files/*`, `/proxy/*`, `/identicon/*`.
For a server whose people come another way: by another listener of the proxy, with a policy of its own. `Host` is what a client says, so `hosts` of the policy keep nobody out. Browsers' reports (`page.report_path`) are answered before. A browser that asks for `/@:acct` or `/notes/:note` still gets the page, and cannot load what is in it.

A route on which the proxy's configuration turns the filter off (WebSocket, files of a build) is not judged: take it out of that configuration too.",
    specification: "the routes of Misskey's ActivityPub, webfinger, nodeinfo and file servers",
    compile: |reader| {
        let presets = reader.choices::<Preset>("presets", "sets of routes, by name");
        let paths = Patterns::read(reader, "paths", &[], "further routes, as patterns");
        let allowed = presets.into_iter().map(Preset::paths).fold(paths, Patterns::and);
        if allowed.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            (!allowed.has_all(&route)).then(|| Finding::new("path", "is of no route that is allowed here"))
        }))
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route_pattern::Pattern;
    use crate::rules::testing::request;

    #[test]
    fn federation_and_nothing_else() {
        assert!(FEDERATION.iter().all(|path| Pattern::parse(path).is_ok()));
        let policy = r#"{"routes":{"allowed":{"presets":["federation-only"],"paths":["/robots.txt"]}}}"#;
        for (target, is_allowed) in [
            ("/.well-known/webfinger?resource=acct:a@a.example", true),
            ("/.well-known/host-meta.json", true),
            ("/nodeinfo/2.0", true),
            ("/inbox", true),
            ("/users/9abc/inbox", true),
            ("/users/9abc/collections/featured", true),
            ("/users/9abc", true),
            ("/@alice", true),
            ("/@alice@b.example", true),
            ("/@alice%40b.example", true),
            ("/notes/9abc/activity", true),
            ("/emojis/blob%20cat", true),
            ("/follows/1/2", true),
            ("/files/webpublic-1.webp", true),
            ("/proxy/https%3A%2F%2Fa.example%2Fb.png", true),
            ("/identicon/a@b", true),
            ("/robots.txt", true),
            ("/", false),
            ("/api/meta", false),
            ("/streaming", false),
            ("/vite/a.js", false),
            ("/@alice/pages/1", false),
            ("/users/9abc/secret", false),
            ("/inbox/x", false),
            ("/INBOX", false),
            ("/%69nbox", false),
            ("//inbox", false),
            ("/inbox;x", false),
            ("/.well-known/oauth-authorization-server", false),
            ("/queue", false),
        ] {
            let rule = request(policy, "GET", target, &[]);
            assert_eq!(rule, (!is_allowed).then_some("routes.allowed"), "{target}");
        }
        // Without the rule about paths this one holds all the same.
        let policy = r#"{"routes":{"path":{"mode":"off"},"allowed":{"paths":["/files/*"]}}}"#;
        for target in
            ["/files/../queue", "/files/%2e%2e/queue", "/files/..%252fqueue", "/files/..;/queue", "/queue/../files/x"]
        {
            assert_eq!(request(policy, "GET", target, &[]), Some("routes.allowed"), "{target}");
        }
    }
}
