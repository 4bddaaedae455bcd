//! `routes.query`

use crate::decision::{Finding, Mode};
use crate::http::path::percent_decode_once;
use crate::http::route::Route;
use crate::http::route_pattern::Patterns;
use crate::registry::{Check, Phase, Rule};

/// Where a parameter names what is fetched.
const PATHS: &[&str] = &["/proxy/*", "/url"];

/// What Misskey reads there and refuses as a list. Its other parameters only have to be there.
const NAMES: &[&str] = &["url", "lang"];

/// The most names.
const MAX_NAMES: usize = 32;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// How often percent-encoding of a name is undone.
const DECODING_ROUNDS: usize = 2;

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.query",
    phase: Phase::Request,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "a query that names twice what is to be fetched, on `/proxy/` and `/url`",
    doc: "
A request is allowed if any of these hold:

1. no reading of its path (see `routes.path`) is one of `paths`;
2. each of `names` is in its query once at most, and not as a list (`url[]`, `url[0]`).

Of two values some servers take the first, some the last, some both; so a proxy that checks one and a server that fetches the other disagree. Misskey answers 400. Names are compared after percent-encoding is undone, with case folded;
`&` and `;` end a parameter; a `;` in the path begins the query for Fastify 4, and is read so too.",
    specification: "WHATWG URL section 5.1 (application/x-www-form-urlencoded); Misskey's media proxy and URL preview",
    compile: |reader| {
        let paths = Patterns::read(reader, "paths", PATHS, "the routes, as patterns");
        let accept = |name: &str| {
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            is_plain.then_some(()).ok_or("expected a name of letters, digits, - _ and .")
        };
        let names = reader.strings_or("names", NAMES, MAX_NAMES, MAX_NAME_BYTES, accept, "the parameters that may occur once");
        if paths.is_empty() || names.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            let target = head.path.as_deref().unwrap_or_default();
            // The least: without a query nothing occurs twice.
            if !target.iter().any(|byte| matches!(byte, b'?' | b';')) || !paths.has_any(&Route::of(target)) {
                return None;
            }
            let is_twice = |name: &String| {
                occurs_twice(after(target, b"?"), name.as_bytes(), b"&;")
                    // With a `;` before it the `?` is part of a value for one server, and the beginning for another.
                    || (begins_earlier(target) && occurs_twice(after(target, b";"), name.as_bytes(), b"&;?"))
            };
            names.iter().any(is_twice).then(|| Finding::new("query", "has one parameter twice, or as a list"))
        }))
    },
};

/// What follows the first of these.
fn after<'t>(target: &'t [u8], mark: &[u8]) -> &'t [u8] {
    let at = target.iter().position(|byte| mark.contains(byte));
    at.and_then(|at| target.get(at.saturating_add(1)..)).unwrap_or_default()
}

/// Whether there is a `;` before any `?`.
fn begins_earlier(target: &[u8]) -> bool {
    target.iter().find(|byte| matches!(byte, b'?' | b';')) == Some(&b';')
}

fn occurs_twice(query: &[u8], name: &[u8], ends: &[u8]) -> bool {
    let found = query.split(|byte| ends.contains(byte)).map(|parameter| times(parameter, name));
    found.fold(0_usize, usize::saturating_add) > 1
}

/// How often a parameter has the name: a list is more than one.
fn times(parameter: &[u8], name: &[u8]) -> usize {
    // Most are shorter or something else; escapes make a name longer, never shorter.
    let found = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
    if found.len() < name.len() {
        return 0;
    }
    let is_spelled = found.iter().any(|byte| matches!(byte, b'%' | b'+'));
    let decoded = if is_spelled {
        (0..DECODING_ROUNDS).fold(found.to_vec(), |found, _| percent_decode_once(&found))
    } else {
        Vec::new()
    };
    let found = if is_spelled { &decoded[..] } else { found };
    let is_blank = |byte: &&u8| **byte <= b' ' || **byte == b'+';
    let blank = found.iter().take_while(is_blank).count();
    let found = found.get(blank..).unwrap_or_default();
    match found.split_at_checked(name.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(name) => match rest {
            [] => 1,
            [b'[', ..] => 2,
            rest if rest.iter().all(|byte| is_blank(&byte) || *byte == 0) => 1,
            _ => 0,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::request;

    #[test]
    fn one_address_only() {
        let refused = Some("routes.query");
        for (target, rule) in [
            ("/url?url=https%3A%2F%2Fa.example&lang=ja", None),
            ("/proxy/image.webp?url=https%3A%2F%2Fa.example&emoji=1&static=1", None),
            ("/proxy/a.webp?static&static", None),
            ("/proxy/a.webp", None),
            ("/url?", None),
            ("/url?url=https://a.example/share?url=b", None),
            ("/url?url", None),
            ("/url?urls=1&url=2&curl=3&url2=4", None),
            ("/url?x=url%26url&url=1", None),
            ("/search?url=1&url=2", None),
            ("/notes/a?lang=1&lang=2", None),
            ("/url?url=a&url=b", refused),
            ("/url?url=a&lang=x&lang=y", refused),
            ("/url?url&url", refused),
            ("/url?url=a&%75rl=b", refused),
            ("/url?url=a&%2575rl=b", refused),
            ("/url?url=a&URL=b", refused),
            ("/url?url=a;url=b", refused),
            ("/url?url[]=a", refused),
            ("/url?url%5B0%5D=a", refused),
            ("/url?url[a]=a", refused),
            ("/url?url=a&+url=b", refused),
            ("/url?url=a&url%00=b", refused),
            ("/url;url=a?url=b", refused),
            ("/proxy?url=a&url=b", refused),
            ("/proxy/x/y.webp?url=a&url=b", refused),
            ("/%70roxy/x?url=a&url=b", refused),
            ("//proxy/x?url=a&url=b", refused),
            ("/URL?url=a&url=b", refused),
        ] {
            assert_eq!(request("", "GET", target, &[]), rule, "{target}");
        }
        let policy = r#"{"routes":{"query":{"paths":["/search"],"names":["q"]}}}"#;
        assert_eq!(request(policy, "GET", "/search?q=a&q=b", &[]), refused);
        assert_eq!(request(policy, "GET", "/url?url=a&url=b", &[]), None);
        assert_eq!(request(r#"{"routes":{"query":{"paths":[]}}}"#, "GET", "/url?url=a&url=b", &[]), None);
    }
}
