//! `routes.methods`

use std::rc::Rc;

use serde_json::{Value, json};

use crate::decision::{Finding, Mode};
use crate::http::route::Route;
use crate::http::route_pattern::ByPath;
use crate::json::Json;
use crate::registry::{Check, Phase, Rule};

/// What a server and its pages use.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The most methods of one list.
const MAX_METHODS: usize = 32;

/// The longest name of a method, in bytes.
const MAX_METHOD_BYTES: usize = 32;

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.methods",
    phase: Phase::Request,
    status: 405,
    mode: Mode::Enforce,
    action: None,
    summary: "a method that is not for the route: by default `TRACE`, `CONNECT`, WebDAV and all else that neither browsers nor APIs use",
    doc: "
A request is allowed if its method is in the list of `by_path` with the pattern (see `routes.blocked`) that is closest to its path, a name before `:name` and both before `*`; or, where no pattern fits, in `methods`. `HEAD` goes wherever `GET` goes. Where a path has several readings (see `routes.path`), the method must go with each.

A list in `by_path` takes the place of `methods` for its routes: name `OPTIONS` in it where pages of other origins ask (`/api/*`).
The answer names in `Allow` what would be allowed. What a server reads from `X-HTTP-Method-Override` or `_method` is not looked at.",
    specification: "RFC 9110 sections 9.1 and 15.5.6",
    compile: |reader| {
        let general = reader.strings_or("methods", METHODS, MAX_METHODS, MAX_METHOD_BYTES, is_method, "the methods of all routes");
        if general.is_empty() {
            return reader.fault("methods", "expected a method at least".to_owned());
        }
        let schema = json!({
            "type": "array", "minItems": 1, "maxItems": MAX_METHODS,
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_METHOD_BYTES},
        });
        let doc = "the methods of single routes, by pattern, such as `{\"/queue/*\": [\"GET\"]}`";
        let by_path = ByPath::read(reader, "by_path", schema, doc, methods);
        let general = Methods::new(general);
        Check::Request(Box::new(move |head| {
            let method = head.method.as_deref().unwrap_or_default();
            if by_path.is_empty() {
                return (!general.has(method)).then(|| general.finding());
            }
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            by_path.find(&route, |own| {
                let methods = own.unwrap_or(&general);
                (!methods.has(method)).then(|| methods.finding())
            })
        }))
    },
};

/// A list of methods, and the same as a field.
#[derive(Clone, Debug)]
struct Methods {
    list: Vec<String>,
    allow: Rc<str>,
}

impl Methods {
    fn new(list: Vec<String>) -> Self {
        Self { allow: list.join(", ").into(), list }
    }

    fn has(&self, method: &[u8]) -> bool {
        let is_listed = |method: &[u8]| self.list.iter().any(|known| known.as_bytes() == method);
        is_listed(method) || (method == b"HEAD" && is_listed(b"GET"))
    }

    fn finding(&self) -> Finding {
        Finding::new("method", "is not for this route").with_field("allow", Rc::clone(&self.allow))
    }
}

impl From<Methods> for Value {
    fn from(methods: Methods) -> Self {
        methods.list.into()
    }
}

fn methods(json: &Json<'_>) -> Result<Methods, String> {
    let Json::Array(items) = json else {
        return Err(format!("expected an array, found {}", json.kind()));
    };
    if items.is_empty() || items.len() > MAX_METHODS {
        return Err(format!("expected 1 to {MAX_METHODS} items"));
    }
    let one = |item: &Json<'_>| {
        let method = item.as_str().ok_or_else(|| format!("expected a string, found {}", item.kind()))?;
        is_method(method)?;
        Ok(method.to_owned())
    };
    Ok(Methods::new(items.iter().map(one).collect::<Result<_, String>>()?))
}

/// A token (RFC 9110 section 5.6.2), without the lower case that no method has and that servers fold.
fn is_method(text: &str) -> Result<(), &'static str> {
    let is_token = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let is_fit = (1..=MAX_METHOD_BYTES).contains(&text.len()) && text.bytes().all(is_token);
    is_fit.then_some(()).ok_or("expected a method in capital letters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::policy::Policy;
    use crate::rules::testing::{head, request};

    #[test]
    fn methods_by_route() {
        let refused = Some("routes.methods");
        for method in METHODS {
            assert_eq!(request("", method, "/", &[]), None, "{method}");
        }
        for method in ["TRACE", "CONNECT", "PROPFIND", "get", "", "GET,GET", "G\u{e9}T"] {
            assert_eq!(request("", method, "/", &[]), refused, "{method}");
        }
        let policy = r#"{"routes":{"methods":{"by_path":{"/queue/*":["GET"],"/dav/*":["PROPFIND","GET"],"/queue/api/*":["GET","PUT"]}}}}"#;
        for (method, target, rule) in [
            ("GET", "/queue", None),
            ("HEAD", "/queue/x", None),
            ("POST", "/queue", refused),
            ("PUT", "/queue/api/x", None),
            ("POST", "/%71ueue", refused),
            ("PROPFIND", "/dav/x", None),
            ("PROPFIND", "/", refused),
            // Read as below /dav, and as another place.
            ("PROPFIND", "/dav%2Fx", refused),
            ("POST", "/api/x", None),
        ] {
            assert_eq!(request(policy, method, target, &[]), rule, "{method} {target}");
        }
        let refusal = Policy::parse(policy.as_bytes())
            .unwrap()
            .site(None)
            .guard
            .decide(&head("PUT", "/queue", &[]))
            .refusal
            .unwrap();
        let answer = Answer::to(&refusal);
        assert_eq!((answer.status, answer.all_fields().last()), (405, Some(&("allow", "GET"))));
    }

    #[test]
    fn wrong_policies() {
        for policy in [
            r#"{"routes":{"methods":{"methods":[]}}}"#,
            r#"{"routes":{"methods":{"methods":["get"]}}}"#,
            r#"{"routes":{"methods":{"by_path":{"queue":["GET"]}}}}"#,
            r#"{"routes":{"methods":{"by_path":{"/queue":"GET"}}}}"#,
            r#"{"routes":{"methods":{"by_path":{"/queue":[]}}}}"#,
        ] {
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{policy}");
        }
    }
}
