//! `routes.body`

use serde_json::json;

use crate::decision::{Finding, Mode};
use crate::http::route::Route;
use crate::http::route_pattern::ByPath;
use crate::json::Json;
use crate::registry::{Check, Phase, Rule};

/// The largest limit, in bytes: 4 GiB less one.
const MAX_BYTES: u32 = u32::MAX;

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.body",
    phase: Phase::Request,
    status: 413,
    mode: Mode::Enforce,
    action: None,
    summary: "a body that is announced to be larger than the policy allows on the route",
    doc: "
A request is allowed if any of these hold:

1. no pattern of `by_path` (see `routes.blocked`) is that of its path. Nothing is named by default;
2. it has no `Content-Length`;
3. that is one number, and at most what the closest pattern says; where its path has several readings (see `routes.path`), what each says.

A body in chunks, or of HTTP/2 without a length, announces nothing and is not judged here: the proxy's own limits bound it (`request_body_buffer_limit` of Envoy's routes for what is held, `client_max_body_size` in nginx). Deliveries have `inbox.size`.",
    specification: "RFC 9110 sections 8.6 and 15.5.14",
    compile: |reader| {
        let schema = json!({"type": "integer", "minimum": 0, "maximum": MAX_BYTES});
        let doc = "the largest body of single routes, in bytes, by pattern, such as `{\"/api/*\": 1048576}`";
        let by_path = ByPath::read(reader, "by_path", schema, doc, bytes);
        if by_path.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            let length = head.content_length.as_deref()?;
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            by_path.find(&route, |max| {
                let is_fit = max.is_none_or(|max| announced(length).is_some_and(|bytes| bytes <= u64::from(*max)));
                (!is_fit).then(|| Finding::new("content-length", "is more than this route takes"))
            })
        }))
    },
};

/// The number of a `Content-Length`; `None` for what is none, or beyond all limits.
fn announced(length: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

fn bytes(json: &Json<'_>) -> Result<u32, String> {
    crate::policy::integer(json, &(0..=MAX_BYTES))
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::rules::testing::request;

    #[test]
    fn sizes_by_route() {
        let policy =
            r#"{"routes":{"body":{"by_path":{"/api/*":1000,"/api/drive/files/create":4294967295,"/none":0}}}}"#;
        let refused = Some("routes.body");
        for (target, length, rule) in [
            ("/api/i", Some("1000"), None),
            ("/api/i", Some("1001"), refused),
            ("/api/i", Some("99999999999999999999"), refused),
            ("/api/i", Some("-1"), refused),
            ("/api/i", Some("1,1"), refused),
            ("/api/i", Some(""), refused),
            ("/api/i", None, None),
            ("/api/drive/files/create", Some("4294967295"), None),
            ("/api/drive/files/create", Some("4294967296"), refused),
            ("/%61pi/i", Some("1001"), refused),
            ("/none", Some("0"), None),
            ("/none", Some("1"), refused),
            ("/other", Some("1001"), None),
        ] {
            let fields: Vec<_> = length.map(|length| ("content-length", length)).into_iter().collect();
            assert_eq!(request(policy, "POST", target, &fields), rule, "{target} {length:?}");
            assert_eq!(request("", "POST", target, &fields), None);
        }
        for limits in [r#"{"/a":-1}"#, r#"{"/a":1.5}"#, r#"{"/a":"1"}"#, r#"{"/a":4294967296}"#, r#"[]"#] {
            let policy = format!(r#"{{"routes":{{"body":{{"by_path":{limits}}}}}}}"#);
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{limits}");
        }
    }
}
