//! `routes.content_types`

use serde_json::json;

use crate::decision::{Finding, Mode};
use crate::http::RequestHead;
use crate::http::media_type;
use crate::http::route::Route;
use crate::http::route_pattern::ByPath;
use crate::json::Json;
use crate::registry::{Check, Phase, Rule};

/// The most types of one list.
const MAX_TYPES: usize = 32;

/// The longest type, in bytes.
const MAX_TYPE_BYTES: usize = 128;

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.content_types",
    phase: Phase::Request,
    status: 415,
    mode: Mode::Enforce,
    action: None,
    summary: "a body of another media type than those that the policy names for the route",
    doc: "
A request is allowed if any of these hold:

1. no pattern of `by_path` (see `routes.blocked`) is that of its path. Nothing is named by default;
2. it brings no body: it is not `POST`, `PUT` or `PATCH` or says `Content-Length: 0`, and has no `Content-Type`;
3. its one `Content-Type` is in the list of the closest pattern, with any parameters but a `charset` other than UTF-8; and, where its path has several readings (see `routes.path`), in that of each.

A body of a form is what a page of another site can send without asking (`text/plain`, `application/x-www-form-urlencoded`, `multipart/form-data`): `{\"/api/*\": [\"application/json\", \"multipart/form-data\"]}` leaves Misskey's API what its clients use.",
    specification: "RFC 9110 sections 8.3 and 15.5.16",
    compile: |reader| {
        let schema = json!({
            "type": "array", "minItems": 1, "maxItems": MAX_TYPES,
            "items": {"type": "string", "minLength": 3, "maxLength": MAX_TYPE_BYTES},
        });
        let doc = "the media types of single routes, by pattern, such as `{\"/api/*\": [\"application/json\"]}`";
        let by_path = ByPath::read(reader, "by_path", schema, doc, types);
        if by_path.is_empty() {
            return Check::Never;
        }
        Check::Request(Box::new(move |head| {
            if !has_body(head) {
                return None;
            }
            let route = Route::of(head.path.as_deref().unwrap_or_default());
            by_path.find(&route, |allowed| {
                let given = head.content_type.as_deref().unwrap_or_default();
                let is_allowed = allowed.is_none_or(|allowed| media_type::is_one_of(given, allowed));
                (!is_allowed).then(|| Finding::new("content-type", "is not for this route"))
            })
        }))
    },
};

fn has_body(head: &RequestHead) -> bool {
    let brings = matches!(head.method.as_deref(), Some(b"POST" | b"PUT" | b"PATCH"));
    match head.content_length.as_deref() {
        Some(b"0") => head.content_type.is_some(),
        Some(_) => true,
        None => brings || head.content_type.is_some(),
    }
}

fn types(json: &Json<'_>) -> Result<Vec<String>, String> {
    let Json::Array(items) = json else {
        return Err(format!("expected an array, found {}", json.kind()));
    };
    if items.is_empty() || items.len() > MAX_TYPES {
        return Err(format!("expected 1 to {MAX_TYPES} items"));
    }
    let one = |item: &Json<'_>| match item.as_str().and_then(|text| text.split_once('/').map(|parts| (text, parts))) {
        Some((text, (kind, sub)))
            if !kind.is_empty()
                && !sub.is_empty()
                && text.len() <= MAX_TYPE_BYTES
                && !text.contains([';', ' ', ',', '*']) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected media types without parameters".to_owned()),
    };
    items.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::rules::testing::request;

    #[test]
    fn types_by_route() {
        let policy = r#"{"routes":{"content_types":{"by_path":{"/api/*":["application/json"],"/api/drive/files/create":["multipart/form-data"]}}}}"#;
        let refused = Some("routes.content_types");
        let content_type = |value| ("content-type", value);
        for (method, target, fields, rule) in [
            ("POST", "/api/i", vec![content_type("application/json")], None),
            ("POST", "/api/i", vec![content_type("application/json; charset=utf-8"), ("content-length", "2")], None),
            ("POST", "/api/i", vec![content_type("application/json;charset=utf-7")], refused),
            ("POST", "/api/i", vec![content_type("text/plain")], refused),
            ("POST", "/api/i", vec![content_type("application/json"), content_type("text/plain")], refused),
            ("POST", "/api/i", vec![("content-length", "2")], refused),
            ("POST", "/api/i", vec![], refused),
            ("POST", "/api/i", vec![("content-length", "0")], None),
            ("POST", "/api/drive/files/create", vec![content_type("multipart/form-data; boundary=x")], None),
            ("POST", "/api/drive/files/create", vec![content_type("application/json")], refused),
            ("POST", "/%61pi/i", vec![content_type("text/plain")], refused),
            ("GET", "/api/meta", vec![], None),
            ("GET", "/api/meta", vec![content_type("text/plain")], refused),
            ("DELETE", "/api/x", vec![("content-length", "5")], refused),
            ("POST", "/inbox", vec![content_type("text/plain")], None),
        ] {
            assert_eq!(request(policy, method, target, &fields), rule, "{method} {target} {fields:?}");
            assert_eq!(request("", method, target, &fields), None);
        }
        for policy in [
            r#"{"/a":[]}"#,
            r#"{"/a":["json"]}"#,
            r#"{"/a":["image/*"]}"#,
            r#"{"/a":"text/plain"}"#,
            r#"{"a":["text/plain"]}"#,
        ] {
            let policy = format!(r#"{{"routes":{{"content_types":{{"by_path":{policy}}}}}}}"#);
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{policy}");
        }
    }
}
