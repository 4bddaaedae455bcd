//! `inbox.ld`

use crate::activitypub::Verb;
use crate::activitypub::activity::{Activity, Reference};
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

1. no key but `@context` is a keyword (`@id`, `@graph`, `@set` ..; a `@type` of another vocabulary is allowed, such as `vcard:Home`), `__proto__`, an Activity Streams IRI or a term with the prefix `as:`, and none is a core
   term in other letter case (Go reads `Actor` as `actor`);
2. no `@context` gives a core term another meaning or another name, makes an alias of a keyword, or sets `@base` or `@import`;

and, in an object with a `signature`:

3. no `@context` is `null`, takes a term away, nests, reverses, or sets `@vocab`;
4. a context that is named by URL is a well-known one (below www.w3.org/ns, w3id.org/security, w3id.org/identity, w3id.org/fep, purl.archive.org/socialweb,
   purl.archive.org/miscellany, joinmastodon.org/ns, litepub.social, gotosocial.org/ns, schema.org, misskey-hub.net/ns), of the actor's or the signature's origin, or of a host that the policy adds.",
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

/// Where the contexts in use live, without the scheme. Names below w3id.org and purl.archive.org can be had by anybody, so there the
/// paths count.
const WELL_KNOWN_CONTEXTS: [&str; 11] = [
    "www.w3.org/ns/",
    "w3id.org/security/",
    "w3id.org/identity/",
    "w3id.org/fep/",
    "purl.archive.org/socialweb/",
    "purl.archive.org/miscellany",
    "joinmastodon.org/ns",
    "litepub.social/",
    "gotosocial.org/ns",
    "schema.org/",
    "misskey-hub.net/ns",
];

fn check(activity: &Activity<'_>, hosts: &[String]) -> Option<Finding> {
    let walk = Walk { actor: &activity.actor, hosts };
    walk.object(activity.node, None)
}

struct Walk<'w> {
    actor: &'w Reference<'w>,
    hosts: &'w [String],
}

impl Walk<'_> {
    /// Looks at an object and all below it, which a signature around it covers too. The depth is bounded by the parser.
    fn object(&self, object: &Object<'_>, signer: Option<&Reference<'_>>) -> Option<Finding> {
        let signature = object.get("signature").filter(|signature| **signature != Json::Null);
        let creator = signature.and_then(|signature| signature.as_object()?.get("creator")?.as_str());
        let creator = signature.map(|_| Reference::new(creator.unwrap_or_default()));
        let signer = creator.as_ref().or(signer);
        object.iter().find_map(|(key, value)| {
            if key == "@context" {
                return value_or_items(value).iter().find_map(|context| self.context(context, signer));
            }
            if is_forbidden_key(key) && !is_foreign_type(object, key, value) {
                return Some(Finding::new("json-ld", "has a key that linked data reads as another"));
            }
            self.value(value, signer)
        })
    }

    fn value(&self, value: &Json<'_>, signer: Option<&Reference<'_>>) -> Option<Finding> {
        match value {
            Json::Object(object) => self.object(object, signer),
            Json::Array(items) => items.iter().find_map(|item| self.value(item, signer)),
            _ => None,
        }
    }

    fn context(&self, context: &Json<'_>, signer: Option<&Reference<'_>>) -> Option<Finding> {
        let fault = match (context, signer) {
            (Json::Object(terms), signer) => {
                let mut terms = terms.iter();
                terms.find_map(|(term, meaning)| {
                    if redefines(term, meaning) {
                        Some("redefines a core term")
                    } else {
                        (signer.is_some() && twists(term, meaning))
                            .then_some("changes the reading of a signed document")
                    }
                })
            }
            (Json::Null, Some(_)) => Some("resets its terms under a signature"),
            (Json::String(url), Some(signer)) if !self.is_known(url, signer) => {
                Some("is not a well-known one under a signature")
            }
            _ => None,
        };
        fault.map(|fault| Finding::new("@context", fault))
    }

    fn is_known(&self, url: &str, signer: &Reference<'_>) -> bool {
        let reference = Reference::new(url);
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        let listed =
            WELL_KNOWN_CONTEXTS.iter().any(|known| rest.starts_with(known) || rest == known.trim_end_matches('/'))
                || self.hosts.iter().any(|known| known == host);
        let own = reference.same_origin(self.actor) || reference.same_origin(signer);
        own || (listed && reference.origin.is_ok())
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
    match key.as_bytes() {
        [b'@', ..] => true,
        [b'_', ..] => key == "__proto__",
        [b'a' | b'h', ..] if key.contains(':') => as2_term(key).is_some(),
        // A core term in another case has a capital letter somewhere.
        bytes => bytes.iter().any(u8::is_ascii_uppercase) && CORE_TERMS.iter().any(|term| is_other_case(term, key)),
    }
}

/// Whether this is the type of something of another vocabulary, such as Friendica's `{"@type":"vcard:Home"}`.
fn is_foreign_type(object: &Object<'_>, key: &str, value: &Json<'_>) -> bool {
    let prefixed = value.as_str().is_some_and(|name| name.contains(':') && as2_term(name).is_none());
    key == "@type" && prefixed && object.get("type").is_none()
}

fn is_other_case(term: &str, key: &str) -> bool {
    term.eq_ignore_ascii_case(key) && term != key
}

/// The term of the Activity Streams vocabulary that a name with a prefix or namespace stands for.
fn as2_term(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("as:").or_else(|| {
        let rest = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://"))?;
        rest.strip_prefix("www.w3.org/ns/activitystreams")
    })?;
    Some(rest.trim_start_matches('#'))
}

/// Whether a definition changes what a core term means, or gives its meaning another name.
fn redefines(term: &str, meaning: &Json<'_>) -> bool {
    let id = definition_id(meaning).unwrap_or_default();
    if is_usual(term, id) {
        return false;
    }
    if as2_term(id) == Some(term) && meaning.as_object().is_none_or(|definition| definition.get("@reverse").is_none()) {
        return false;
    }
    // Types that the vocabulary does not have are defined by whoever uses them.
    let extension = |verb: Verb| matches!(verb, Verb::Other | Verb::EmojiReact | Verb::EmojiReaction | Verb::Lock);
    let decides = |name: &str| CORE_TERMS.contains(&name) || !extension(Verb::from_name(name));
    // A prefix can be the start of a term too: `as:ob` and `ject`.
    let begins = |name: &str| decides(name) || CORE_TERMS.iter().any(|core| core.starts_with(name));
    let is_namespace = NAMESPACE.starts_with(id) && id.starts_with("http");
    let usual = (term, id) == ("@vocab", NAMESPACE);
    let of_a_core_term = decides(term) || as2_term(id).is_some_and(begins) || is_namespace;
    let reverse = meaning.as_object().and_then(|definition| definition.get("@reverse")?.as_str()?.into());
    matches!(term, "@base" | "@import")
        || id.starts_with('@')
        || reverse.and_then(as2_term).is_some_and(begins)
        || (of_a_core_term && !usual)
}

/// The standard's own aliases and prefix, written out.
fn is_usual(term: &str, id: &str) -> bool {
    matches!((term, id), ("id", "@id") | ("type", "@type") | ("as", NAMESPACE))
}

/// The namespace of the vocabulary, as its prefix is defined.
const NAMESPACE: &str = "https://www.w3.org/ns/activitystreams#";

/// Whether a definition can make the same signed statements read differently as plain JSON.
fn twists(term: &str, meaning: &Json<'_>) -> bool {
    const TWISTING: [&str; 4] = ["@reverse", "@nest", "@propagate", "@context"];
    let parts = meaning.as_object();
    let containers = parts.map_or(&[][..], |definition| definition.list("@container"));
    let graph =
        containers.iter().any(|container| matches!(container.as_str(), Some("@graph" | "@id" | "@type" | "@index")));
    let taken_away = *meaning == Json::Null || (parts.is_some() && definition_id(meaning).is_none());
    let keyword = matches!(term, "@vocab" | "@propagate");
    keyword
        || (CORE_TERMS.contains(&term) && !is_usual(term, definition_id(meaning).unwrap_or_default()))
        || graph
        || (taken_away && !term.starts_with('@'))
        || TWISTING.iter().any(|key| parts.is_some_and(|parts| parts.get(key).is_some()))
}

/// The IRI, compact IRI or keyword that a term is defined as.
fn definition_id<'v>(meaning: &'v Json<'_>) -> Option<&'v str> {
    match meaning {
        Json::Object(definition) => definition.get("@id").and_then(Json::as_str),
        value => value.as_str(),
    }
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
        accepts(
            "",
            &create(r#""object":{"type":"Note","vcard:hasAddress":{"@type":"vcard:Home","vcard:region":"x"}}"#),
        );
        let scoped = r#"{"PropertyValue":{"@id":"https://schema.org/PropertyValue","@context":{"name":"https://schema.org/name"}}}"#;
        accepts("", &create(&format!(r#""@context":{scoped},"object":{{"type":"Note"}}"#)));
        refuses("", "inbox.ld", "@context", &signed(scoped));
        let policy = r#"{"inbox":{"ld":{"context_hosts":["ctx.example"]}}}"#;
        accepts(policy, &signed(r#""https://ctx.example/v1""#));
        accepts(
            "",
            &create(r#""@context":[null,{"@vocab":"_:","x":null},"https://b.example/c"],"object":{"type":"Note"}"#),
        );
        accepts(
            "",
            &signed(
                r#"{"id":"@id","type":"@type","as":"https://www.w3.org/ns/activitystreams#","vcard":"http://www.w3.org/2006/vcard/ns#","EmojiReact":"http://litepub.social/ns#EmojiReact"}"#,
            ),
        );
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
            r#"{"@set":["https://b.example/2"]}"#,
            r#"{"@type":"Note"}"#,
            r#"{"@type":"as:Note"}"#,
            r#"{"@type":"vcard:Home","type":"Note"}"#,
            r#"{"type":"Note","attributedTo":{"@list":["https://b.example/u"]}}"#,
            r#"{"type":"Note","content":"x","http://www.w3.org/ns/activitystreams#url":"y"}"#,
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
            r#""https://purl.archive.org/anybody/context""#,
            r#"{"x":"as:object"}"#,
            r#"{"x":"as:"}"#,
            r#"{"x":"as:#"}"#,
            r#"{"x":{"@id":"as:ob","@prefix":true}}"#,
            r#"{"@vocab":"https://www.w3.org/ns/activitystreams#ob"}"#,
            r#""https://schema.org.b.example/""#,
            r#"{"x":{"@id":"https://www.w3.org/ns/activitystreams#actor","@type":"@id"}}"#,
            r#"{"Post":"as:Note"}"#,
            r#"{"r":{"@reverse":"as:object"}}"#,
            r#"{"movedTo":null}"#,
            r#"{"movedTo":{"@id":null}}"#,
            r#"{"x":"https://www.w3.org/ns/activitystreams#"}"#,
            r#"{"x":"https://www.w3.org/ns/"}"#,
            r#"{"x":{"@id":"x:y","@container":"@graph"}}"#,
            r#"{"x":{"@id":"x:y","@nest":"z"}}"#,
        ] {
            refuses("", "inbox.ld", "@context", &signed(context));
        }
        let nested =
            create(&format!(r#"{SIGNATURE},"object":{{"type":"Note","tag":[{{"@context":{{"content":"x:y"}}}}]}}"#));
        refuses("", "inbox.ld", "@context", &nested);
    }
}
