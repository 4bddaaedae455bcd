//! Spellings of a path: whatever route the server behind would take, a rule about that route refuses. Fastify, the router of Misskey, is asked itself, and through Envoy.

use std::fmt::Write as _;
use std::net::SocketAddr;

use integration_tests::client::exchange;
use integration_tests::harness::start;
use integration_tests::router::{Router, VERSIONS};
use sekisho::http::RequestHead;
use sekisho::policy::Policy;
use serde_json::Value;
use xtask::http::Response;
use xtask::stack::{Options, Stack};
use xtask::workspace::root;

/// What is guarded: a pattern of the policy, and the routes of `router.mjs` that it is.
const GUARDED: [(&str, &[&str]); 7] = [
    ("/queue/*", &["/queue", "/queue/*"]),
    ("/inbox", &["/inbox"]),
    ("/users/:user/inbox", &["/users/:user/inbox"]),
    ("/proxy/*", &["/proxy/:url*"]),
    ("/url", &["/url"]),
    ("/api/*", &["/api/*"]),
    ("/files/*", &["/files/:key", "/files/:key/*"]),
];

/// What no rule about spellings decides: that is what the lists have to hold without.
const UNSPELLED: &str = r#""path":{"mode":"off"},"query":{"mode":"off"}"#;

/// How many spellings are made up.
const MADE_UP: usize = 1_500;

/// The spellings of `data/paths.tsv`.
fn spellings() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("integration-tests/data/paths.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// Further ones, always the same: a path, and what happens to it.
fn made_up() -> Vec<String> {
    const PATHS: [&str; 8] = [
        "/queue",
        "/queue/api/queues",
        "/inbox",
        "/users/9/inbox",
        "/proxy/a.webp",
        "/url?url=a",
        "/api/i",
        "/files/a",
    ];
    const PIECES: [&str; 24] = [
        "/",
        "//",
        "/./",
        "/x/../",
        "/../",
        "\\",
        "%2F",
        "%5C",
        "%252f",
        ";",
        ";x",
        ";/",
        "%3B",
        "?",
        "%3F",
        "#",
        "%23",
        "%20",
        "%00",
        "/%2e%2e/",
        "/..%2f",
        "/x%2f..%2f",
        "/..;/",
        "/%25%32e%2e/",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let mut all = Vec::new();
    while all.len() < MADE_UP {
        let mut path = PATHS[random(PATHS.len())].to_owned();
        for _ in 0..=random(4) {
            let at = random(path.len() + 1);
            match random(3) {
                0 => path.insert_str(at, PIECES[random(PIECES.len())]),
                1 if at < path.len() => {
                    let byte = path.as_bytes()[at];
                    path.replace_range(at..=at, &format!("%{byte:02X}"));
                }
                2 if at < path.len() => {
                    let upper = path[at..=at].to_ascii_uppercase();
                    path.replace_range(at..=at, &upper);
                }
                _ => path.insert_str(0, PIECES[random(PIECES.len())]),
            }
        }
        if !path.contains([' ', '\0']) {
            all.push(path);
        }
    }
    all
}

fn get(addr: SocketAddr, target: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: sekisho.example\r\nConnection: close\r\n\r\n");
    exchange(addr, request.as_bytes()).unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// The route that Fastify took; none where it, or who stands before it, refused.
fn route(response: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    body.get("route").and_then(Value::as_str).filter(|_| response.status == 200).map(str::to_owned)
}

fn guard(route: Option<&str>) -> Option<&'static str> {
    let found = GUARDED.iter().find(|(_, routes)| route.is_some_and(|route| routes.contains(&route)));
    found.map(|(pattern, _)| *pattern)
}

fn parsed(routes: &str) -> Policy {
    Policy::parse(format!(r#"{{"routes":{{{UNSPELLED},{routes}}}}}"#).as_bytes()).unwrap()
}

fn refusing_rule(policy: &Policy, target: &str) -> Option<&'static str> {
    let head = RequestHead::from_fields([(&b":method"[..], &b"GET"[..]), (b":path", target.as_bytes())]);
    policy.site(None).guard.decide(&head).rule()
}

#[test]
fn whatever_fastify_takes_for_a_route_is_that_route_here() {
    let blocking = GUARDED.map(|(pattern, _)| (pattern, parsed(&format!(r#""blocked":{{"paths":["{pattern}"]}}"#))));
    let allowing = parsed(r#""allowed":{"paths":["/notes/:note","/users/:user","/@:user","/emojis/*"]}"#);
    for version in VERSIONS {
        let Some(router) = Router::start(version) else { return };
        let mut taken = 0;
        for target in spellings().into_iter().chain(made_up()) {
            let response = get(router.addr(), &target);
            let route = route(&response);
            let Some(pattern) = guard(route.as_deref()) else { continue };
            taken += 1;
            let (_, policy) = blocking.iter().find(|(known, _)| *known == pattern).unwrap();
            assert_eq!(
                refusing_rule(policy, &target),
                Some("routes.blocked"),
                "fastify {version}, {target}: {route:?}"
            );
            assert_eq!(
                refusing_rule(&allowing, &target),
                Some("routes.allowed"),
                "fastify {version}, {target}: {route:?}"
            );
        }
        println!("fastify {version}: {taken} spellings are of a guarded route, and none of them is a way around");
        assert!(taken > 100, "{taken}");
    }
}

fn stack(router: &Router, routes: &str) -> Stack {
    let options = Options::new(router.addr()).unwrap().policy(format!(r#"{{"routes":{{{routes}}}}}"#));
    // What the media service takes goes to the server here, to see which route it is.
    let options = options.edit("'/proxy(?:/.*)?'", "'/nothing-is-here'");
    Stack::start(&options).unwrap()
}

/// What became of a request, in words. A redirect of Envoy to the plain form is followed, once.
fn outcome(addr: SocketAddr, target: &str) -> (Option<String>, String) {
    let mut response = get(addr, target);
    let mut words = String::new();
    if response.status == 307
        && let Some(location) = response.field("location").map(str::to_owned)
    {
        let _ = write!(words, "307 {location}, ");
        response = get(addr, &location);
    }
    let rule = serde_json::from_slice::<Value>(&response.body)
        .ok()
        .and_then(|body| Some(body["error"]["rule"].as_str()?.to_owned()));
    let route = route(&response);
    let _ = write!(words, "{} {}", response.status, route.as_deref().or(rule.as_deref()).unwrap_or("-"));
    (route, words)
}

#[test]
fn no_spelling_passes_envoy_and_a_rule_about_its_route() {
    let paths = GUARDED.map(|(pattern, _)| format!("\"{pattern}\"")).join(",");
    let blocked = format!(r#""blocked":{{"paths":[{paths}]}}"#);
    for version in VERSIONS {
        let Some(router) = Router::start(version) else { return };
        let off = stack(&router, UNSPELLED);
        let unspelled = stack(&router, &format!("{UNSPELLED},{blocked}"));
        let on = stack(&router, &blocked);
        println!("\nfastify {version}\n{:<50} {:<45} with the rules", "spelling", "without rules");
        for target in spellings() {
            let (before, without) = outcome(off.addr(), &target);
            let (after, with) = outcome(on.addr(), &target);
            println!("{target:<50} {without:<45} {with}");
            assert_eq!(guard(after.as_deref()), None, "{target} reached {after:?}");
            let (after, with) = outcome(unspelled.addr(), &target);
            assert_eq!(guard(after.as_deref()), None, "{target} reached {after:?} without routes.path");
            // The rules refuse it, and not only the server.
            if let Some(pattern) = guard(before.as_deref()) {
                assert!(with.contains("routes."), "{target} of {pattern}: {with}");
            }
        }
    }
}

#[test]
fn the_token_of_a_route_goes_no_further() {
    let (origin, stack) = start(|options| options.policy(r#"{"routes":{"token":{"token":"0123456789abcdef"}}}"#));
    let ask = |target: &str, fields: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n");
        exchange(stack.addr(), request.as_bytes()).unwrap()
    };
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for fields in [String::new(), bearer("0123456789abcdeX")] {
        let refused = ask("/queue/", &fields);
        assert_eq!(refused.status, 401, "{fields}");
        assert!(refused.field("www-authenticate").is_some_and(|value| value.starts_with("Basic ")), "{}", refused.head);
    }
    drop(origin.take_requests());
    assert_eq!(ask("/queue/", &bearer("0123456789abcdef")).status, 200);
    assert_eq!(origin.take_requests().remove(0).field("authorization"), None);
    assert_eq!(ask("/notes/1", &bearer("0123456789abcdef")).status, 200);
    assert!(origin.take_requests().remove(0).field("authorization").is_some(), "elsewhere it is the server's");
}
