//! `routes.blocked`

use crate::decision::{Finding, Mode};
use crate::http::route::Route;
use crate::http::route_pattern::Patterns;
use crate::policy::Choice;
use crate::registry::{Check, Phase, Rule};

/// Routes that many want nobody to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    QueueDashboard,
    ApiDoc,
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hide-queue-dashboard", Self::QueueDashboard), ("hide-api-doc", Self::ApiDoc)];
}

impl Preset {
    fn paths(self) -> Patterns {
        match self {
            Self::QueueDashboard => Patterns::of(&["/queue/*"]),
            Self::ApiDoc => Patterns::of(&["/api-doc/*", "/api.json"]),
        }
    }
}

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.blocked",
    phase: Phase::Request,
    status: 404,
    mode: Mode::Enforce,
    action: None,
    summary: "what is asked for on the routes that the policy blocks",
    doc: "
A request is allowed if no reading of its path (see `routes.path`) is on the list: the routes of `presets`, and `paths`. Nothing is listed by default.

| preset | routes |
|---|---|
| `hide-queue-dashboard` | `/queue/*`, Misskey's job queue. Its own check looks at the path as it is sent, and could be passed by another spelling |
| `hide-api-doc` | `/api-doc/*`, `/api.json` |

A pattern is a path by segments: `/queue` is that path alone, with or without a slash at its end; `/queue/*` is it and all below; `:name` is any one segment (`/users/:id/inbox`), also after the beginning of one (`/@:acct`).
Here case, empty segments and space around a segment make no difference. Rails reads `/about.json` as `/about`: list `/about.:format` too.

A route on which the proxy's configuration turns the filter off (WebSocket, files of a build) is not judged.",
    specification: "CVE-2023-43793 and CVE-2025-24896 of Misskey",
    compile: |reader| {
        let presets = reader.choices::<Preset>("presets", "sets of routes, by name");
        let paths = Patterns::read(reader, "paths", &[], "further routes, as patterns");
        let blocked = presets.into_iter().map(Preset::paths).fold(paths, Patterns::and);
        if blocked.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            blocked.has_any(&route).then(|| Finding::new("path", "is of a route that is blocked here"))
        }))
    },
};

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::rules::testing::request;

    #[test]
    fn listed_routes_in_any_spelling() {
        let policy = r#"{"routes":{"blocked":{"presets":["hide-queue-dashboard","hide-api-doc"],"paths":["/users/:id/outbox"]}}}"#;
        for (target, rule) in [
            ("/queue", Some("routes.blocked")),
            ("/queue/api/queues?page=1", Some("routes.blocked")),
            ("/%71ueue", Some("routes.blocked")),
            ("/QUEUE;x", Some("routes.blocked")),
            ("/api-doc", Some("routes.blocked")),
            ("/api.json", Some("routes.blocked")),
            ("/users/9/outbox", Some("routes.blocked")),
            ("/x/../queue", Some("routes.path")),
            ("/queues", None),
            ("/api/queue", None),
            ("/api-docs", None),
            ("/users/9", None),
            ("/?/queue", None),
        ] {
            assert_eq!(request(policy, "GET", target, &[]), rule, "{target}");
            assert_eq!(request("", "GET", target, &[]), rule.filter(|rule| *rule == "routes.path"), "{target}");
        }
        let blocked = r#"{"routes":{"path":{"mode":"off"},"blocked":{"presets":["hide-queue-dashboard"]}}}"#;
        for target in ["/x/../queue", "/x/%252e%252e/queue", "/queue%00", "/queue%20", "/x\\..\\queue", "/..;/queue"] {
            assert_eq!(request(blocked, "GET", target, &[]), Some("routes.blocked"), "{target}");
        }
    }

    #[test]
    fn wrong_policies() {
        for policy in [
            r#"{"routes":{"blocked":{"presets":["hide"]}}}"#,
            r#"{"routes":{"blocked":{"paths":["queue"]}}}"#,
            r#"{"routes":{"blocked":{"paths":["/queue","/queue"]}}}"#,
            r#"{"routes":{"blocks":{}}}"#,
        ] {
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{policy}");
        }
    }
}
