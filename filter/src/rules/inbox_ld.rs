//! `inbox.ld`

use crate::activitypub::activity::{Activity, Reference};
use crate::activitypub::{AS2, Verb};
use crate::decision::{Action, Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.ld",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "JSON-LD that says one thing as JSON and another as linked data",
    doc: "
Some servers read an activity as plain JSON, some expand it as JSON-LD, and an LD signature covers only the expanded form. A delivery is allowed if, at every depth:

1. no key is `@id`, `@type`, `@graph`, `@included`, `@reverse`, `@nest`, `__proto__`, an Activity Streams IRI or a term with the prefix `as:`, and none is a core term in
   other letter case (Go reads `Actor` as `actor`);

and, if there is a `signature`:

2. no `@context` is `null`, gives a core term another meaning, makes an alias of a keyword, or sets `@vocab`, `@base` or `@import`;
3. a context that is named by URL is one of the well-known hosts (www.w3.org, w3id.org, purl.archive.org, joinmastodon.org, litepub.social, gotosocial.org, schema.org,
   misskey-hub.net), of the actor's origin, or of a host that the policy adds.",
    specification: "JSON-LD 1.1 section 4; CVE-2024-32983, CVE-2026-46349, CVE-2022-24307",
    compile: |reader| {
        let hosts = reader.strings(
            "context_hosts",
            64,
            253,
            |host| {
                let url = format!("https://{host}/");
                let plain = !host.contains(['/', ':', '?', '#']);
                if plain && Reference::new(&url).origin.is_ok() { Ok(()) } else { Err("expected a host name in lower case") }
            },
            "further hosts whose JSON-LD contexts may stand under an LD signature",
        );
        Check::Activity(Box::new(move |subject| check(subject.activity, &hosts)))
    },
};

/// Terms that decide what an activity does. None of them is redefined by any context in use.
const CORE_TERMS: [&str; 32] = [
    "id",
    "type",
    "actor",
    "object",
    "target",
    "origin",
    "instrument",
    "result",
    "to",
    "cc",
    "bto",
    "bcc",
    "audience",
    "attributedTo",
    "inReplyTo",
    "content",
    "contentMap",
    "summary",
    "name",
    "attachment",
    "tag",
    "url",
    "href",
    "published",
    "items",
    "orderedItems",
    "owner",
    "publicKey",
    "publicKeyPem",
    "signature",
    "proof",
    "as",
];

/// Keywords that occur nowhere but in contexts in what real software sends, plus the key that JavaScript gives a meaning to.
const FORBIDDEN_KEYS: [&str; 7] = ["@id", "@type", "@graph", "@included", "@reverse", "@nest", "__proto__"];

const CONTEXT_HOSTS: [&str; 8] = [
    "www.w3.org",
    "w3id.org",
    "purl.archive.org",
    "joinmastodon.org",
    "litepub.social",
    "gotosocial.org",
    "schema.org",
    "misskey-hub.net",
];

fn check(activity: &Activity<'_>, hosts: &[String]) -> Option<Finding> {
    let signed = activity.node.get("signature").is_some_and(|signature| *signature != Json::Null);
    let walk = Walk { actor: &activity.actor, hosts, signed };
    walk.object(activity.node)
}

struct Walk<'w> {
    actor: &'w Reference<'w>,
    hosts: &'w [String],
    signed: bool,
}

impl Walk<'_> {
    /// Looks at an object and all below it. The depth is bounded by the parser.
    fn object(&self, object: &Object<'_>) -> Option<Finding> {
        object.iter().find_map(|(key, value)| {
            if key == "@context" {
                return value_or_items(value).iter().find_map(|context| self.context(context));
            }
            if is_forbidden_key(key) {
                return Some(Finding::new("json-ld", "has a key that linked data reads as another"));
            }
            self.value(value)
        })
    }

    fn value(&self, value: &Json<'_>) -> Option<Finding> {
        match value {
            Json::Object(object) => self.object(object),
            Json::Array(items) => items.iter().find_map(|item| self.value(item)),
            _ => None,
        }
    }

    fn context(&self, context: &Json<'_>) -> Option<Finding> {
        if !self.signed {
            return None;
        }
        let fault = match context {
            Json::Null => Some("resets its terms under a signature"),
            Json::String(url) => (!self.is_known(url)).then_some("is not a well-known one under a signature"),
            Json::Object(terms) => {
                let redefines = terms.iter().any(|(term, meaning)| redefines(term, meaning));
                redefines.then_some("redefines a core term under a signature")
            }
            _ => Some("is no context"),
        };
        fault.map(|fault| Finding::new("@context", fault))
    }

    fn is_known(&self, url: &str) -> bool {
        let reference = Reference::new(url);
        let host = url.split('/').nth(2).unwrap_or_default();
        let listed = CONTEXT_HOSTS.contains(&host) || self.hosts.iter().any(|known| known == host);
        reference.same_origin(self.actor) || (listed && reference.origin.is_ok())
    }
}

/// The contexts in a `@context`. Unlike other lists, a `null` counts.
fn value_or_items<'v, 'a>(value: &'v Json<'a>) -> &'v [Json<'a>] {
    match value {
        Json::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn is_forbidden_key(key: &str) -> bool {
    // All but a few keys in use start with a lower-case letter and hold no colon.
    FORBIDDEN_KEYS.contains(&key)
        || key.starts_with("as:")
        || key.starts_with(AS2)
        || key.starts_with("http://www.w3.org/ns/activitystreams")
        || (key.bytes().any(|byte| byte.is_ascii_uppercase())
            && CORE_TERMS.iter().any(|term| term.eq_ignore_ascii_case(key) && *term != key))
}

fn redefines(term: &str, meaning: &Json<'_>) -> bool {
    let is_keyword = |value: &Json<'_>| value.as_str().is_some_and(|value| value.starts_with('@'));
    let aliases_keyword = match meaning {
        Json::Object(definition) => {
            definition.get("@id").is_some_and(is_keyword) || definition.get("@context").is_some()
        }
        value => is_keyword(value),
    };
    let names_verb = Verb::from_name(term) != Verb::Other;
    matches!(term, "@vocab" | "@base" | "@import") || CORE_TERMS.contains(&term) || names_verb || aliases_keyword
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    const SIGNATURE: &str =
        r#""signature":{"type":"RsaSignature2017","creator":"https://a.example/u#main-key","signatureValue":"AA=="}"#;

    fn create(more: &str) -> String {
        format!(r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u",{more}}}"#)
    }

    fn signed(context: &str) -> String {
        create(&format!(r#""@context":{context},{SIGNATURE},"object":{{"type":"Note"}}"#))
    }

    #[test]
    fn contexts_in_use_are_allowed() {
        for context in [
            r#""https://www.w3.org/ns/activitystreams""#,
            r#"["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{"toot":"http://joinmastodon.org/ns#","sensitive":"as:sensitive",
               "movedTo":{"@id":"as:movedTo","@type":"@id"},"focalPoint":{"@container":"@list","@id":"toot:focalPoint"},"@language":"und"}]"#,
            r#"["http://www.w3.org/ns/activitystreams","https://a.example/apschema/v1.4"]"#,
        ] {
            accepts("", &signed(context));
        }
        let policy = r#"{"inbox":{"ld":{"context_hosts":["ctx.example"]}}}"#;
        accepts(policy, &signed(r#""https://ctx.example/v1""#));
        accepts("", &create(r#""@context":[null,{"object":"x:y"},"https://b.example/c"],"object":{"type":"Note"}"#));
    }

    #[test]
    fn two_readings_are_refused() {
        for object in [
            r#"{"@id":"https://b.example/2","type":"Note"}"#,
            r#"{"type":"Note","tag":[{"@graph":[]}]}"#,
            r#"{"type":"Note","@included":[]}"#,
            r#"{"type":"Note","https://www.w3.org/ns/activitystreams#content":"x"}"#,
            r#"{"type":"Note","as:content":"x"}"#,
            r#"{"type":"Note","AttributedTo":"https://b.example/u"}"#,
            r#"{"type":"Note","__proto__":{}}"#,
        ] {
            refuses("", "inbox.ld", "json-ld", &create(&format!(r#""object":{object}"#)));
        }
        for context in [
            "null",
            r#"["https://www.w3.org/ns/activitystreams",null]"#,
            r#"{"object":"https://www.w3.org/ns/activitystreams#object"}"#,
            r#"{"as":"https://b.example/ns#"}"#,
            r#"{"Like":"as:Create"}"#,
            r#"{"x":"@graph"}"#,
            r#"{"x":{"@id":"@type"}}"#,
            r#"{"x":{"@id":"x:y","@context":{"object":"x:y"}}}"#,
            r#"{"@vocab":"https://b.example/"}"#,
            r#""https://b.example/context""#,
            r#""https://w3id.org@b.example/""#,
        ] {
            refuses("", "inbox.ld", "@context", &signed(context));
        }
        let nested =
            create(&format!(r#"{SIGNATURE},"object":{{"type":"Note","tag":[{{"@context":{{"content":"x:y"}}}}]}}"#));
        refuses("", "inbox.ld", "@context", &nested);
    }
}
