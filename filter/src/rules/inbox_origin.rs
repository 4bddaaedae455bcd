//! `inbox.origin`

use std::borrow::Cow;

use crate::activitypub::activity::{Activity, Reference};
use crate::activitypub::lookup::Destination;
use crate::activitypub::{ADDRESSING, Host, Origin, Scheme, UrlError, Verb, node, verb};
use crate::decision::{Action, Finding, Mode};
use crate::json::{Json, Object};
use crate::registry::{Check, Phase, Rule, Subject};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.origin",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "ids, actors, owners and references that are not plain `https` URLs of public hosts",
    doc: "
A delivery is allowed if all of these hold for every URL that says who or what it is about:

1. it is `https://`, then a host in its normal form (lower case, or the Unicode form of its IDNA name), without userinfo, control characters,
   backslashes, or a second fragment;
2. the host is a public name: no IP literal, no name without a dot, nothing under `localhost`, `local`, `internal`, `lan`, `home.arpa` and the like;
3. the port is 443, or the policy allows it;
4. an actor or owner has no fragment.

This holds for the ids of the activity and of what it creates, updates, deletes, undoes, adds or announces, for actors and owners, `inReplyTo` and quotes.
What a server only looks up in its own database (the object of a Like or Follow), mere addressing (`to`, `cc`, mentions), and what servers may fetch with the activity (an
actor's endpoints, links, collections, JSON-LD contexts, keys) may be `http`, on any port and oddly written, but has no userinfo and no private host. References in other schemes (`tag:`, `acct:`,
`did:`) are let through there and in `inReplyTo`: nobody connects to them.

`allow_http` is for test hosts: it also allows private hosts, at any port. Never set it on a public server.",
    specification: "FEP-fe34, WHATWG URL, RFC 6761, RFC 6762, RFC 8375",
    compile: |reader| {
        let allow_http = reader.boolean("allow_http", false, "allow `http` ids, and private hosts at any port: for tests only");
        let allowed_ports = reader.integers("allowed_ports", 64, 1..=65_535, "ports allowed beside the default of the scheme");
        let rule = Origins {
            allow_http,
            allowed_ports: allowed_ports.into_iter().filter_map(|port| u16::try_from(port).ok()).collect(),
        };
        Check::Activity(Box::new(move |subject| rule.check(subject)))
    },
};

struct Origins {
    allow_http: bool,
    allowed_ports: Vec<u16>,
}

/// What a server does with a reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It decides who may do what.
    Owner,
    /// It names a thing that is stored or fetched under this id.
    Id,
    /// It is fetched, if it is something that can be fetched.
    Fetch,
    /// It is compared with what is known already.
    Lookup,
}

/// The properties whose URLs some server follows, wherever they stand. `id` and `href` only where [`is_followed`] says so.
const FOLLOWED: [&str; 37] = [
    "@context",
    "id",
    "href",
    "actor",
    "attributedTo",
    "owner",
    "controller",
    "object",
    "target",
    "instrument",
    "result",
    "to",
    "cc",
    "bto",
    "bcc",
    "audience",
    "inbox",
    "outbox",
    "sharedInbox",
    "followers",
    "following",
    "featured",
    "featuredTags",
    "replies",
    "items",
    "orderedItems",
    "first",
    "next",
    "prev",
    "last",
    "partOf",
    "publicKey",
    "movedTo",
    "alsoKnownAs",
    "quoteAuthorization",
    "creator",
    "verificationMethod",
];

const QUOTES: [&str; 5] = ["inReplyTo", "quote", "quoteUrl", "quoteUri", "_misskey_quote"];

impl Origins {
    fn check(&self, subject: &Subject<'_>) -> Option<Finding> {
        let activity = subject.activity;
        let judge = |place: &str, reference: &Reference<'_>, usage| {
            let fault = self.fault(reference, usage)?;
            Some(Finding::new(place.to_owned(), fault))
        };
        let id = activity.id.as_ref().and_then(|id| judge("id", id, Use::Id));
        id.or_else(|| judge("actor", &activity.actor, Use::Owner))
            .or_else(|| {
                let (objects, targets) = (activity.objects.iter(), activity.targets.iter());
                let objects = objects.map(|object| ("object", object, object_use(activity)));
                let mut entities = objects.chain(targets.map(|target| ("target", target, Use::Id)));
                entities.find_map(|(place, entity, usage)| {
                    let id = entity.id.as_ref().and_then(|id| judge(place, id, usage));
                    id.or_else(|| {
                        let mut owners = entity.owners.iter();
                        // The owners of what is only looked up decide nothing.
                        let usage = if usage == Use::Lookup { Use::Lookup } else { Use::Owner };
                        owners.find_map(|(key, owner)| judge(&format!("{place}.{key}"), owner, usage))
                    })
                })
            })
            .or_else(|| {
                let instruments = activity.instruments.iter().filter_map(|instrument| instrument.id.as_ref());
                { instruments }.find_map(|id| judge("instrument", id, Use::Lookup))
            })
            .or_else(|| subject.posts.iter().find_map(|node| self.check_replies(node)))
            .or_else(|| self.check_below(None, activity.node, home_of(&activity.actor)))
    }

    /// What a post answers or quotes.
    fn check_replies(&self, node: &Object<'_>) -> Option<Finding> {
        let mut ids = QUOTES.iter().flat_map(|key| node::ids(node, key).map(move |raw| (*key, raw)));
        ids.find_map(|(key, raw)| {
            let fault = self.fault(&Reference::new(raw), Use::Fetch)?;
            Some(Finding::new(key, fault))
        })
    }

    /// Everything at any depth that some server follows. The depth is bounded by the parser.
    fn check_below(&self, within: Option<&'static str>, node: &Object<'_>, home: &str) -> Option<Finding> {
        node.iter().find_map(|(key, value)| {
            let followed = FOLLOWED.iter().find(|followed| **followed == key).copied();
            let followed = followed.filter(|key| is_followed(key, within, node));
            let place = followed.or(within).unwrap_or("object");
            value.as_list().iter().find_map(|value| match value {
                Json::String(raw) => {
                    let fault = followed.filter(|_| !is_below(raw, home)).and_then(|_| self.lookup_fault(raw))?;
                    Some(Finding::new(place, fault))
                }
                Json::Object(inner) => self.check_below(Some(place), inner, home),
                Json::Array(nested) => {
                    let mut nested = nested.iter().filter_map(Json::as_object);
                    nested.find_map(|inner| self.check_below(Some(place), inner, home))
                }
                _ => None,
            })
        })
    }

    fn fault(&self, reference: &Reference<'_>, usage: Use) -> Option<&'static str> {
        if usage == Use::Lookup {
            return self.lookup_fault(reference.raw);
        }
        if usage == Use::Owner && reference.raw.contains('#') {
            return Some("has a fragment");
        }
        match &reference.origin {
            Ok(origin) if origin.scheme == Scheme::Http && !self.allow_http => Some("is not https"),
            Ok(origin) => self.origin_fault(origin),
            Err(UrlError::Scheme) if usage == Use::Fetch && Destination::of(reference.raw) == Destination::Nowhere => {
                None
            }
            Err(error) => Some(error.as_str()),
        }
    }

    fn origin_fault(&self, origin: &Origin<'_>) -> Option<&'static str> {
        if origin.host.is_private() {
            // Test hosts listen on any port.
            return self.private_fault();
        }
        let usual_port = origin.port == origin.scheme.default_port();
        let port_allowed = usual_port || self.allowed_ports.contains(&origin.port);
        (!port_allowed).then_some("is on a port that is not allowed")
    }

    fn private_fault(&self) -> Option<&'static str> {
        (!self.allow_http).then_some("is not on a public host")
    }

    /// What is no owner's name may be written as oddly as people write URLs, as long as nobody is led into a private network.
    fn lookup_fault(&self, raw: &str) -> Option<&'static str> {
        match Destination::of(raw) {
            Destination::Nowhere | Destination::Public => None,
            Destination::Private => self.private_fault(),
            Destination::Userinfo => Some(UrlError::Userinfo.as_str()),
            Destination::Unclear => Some(UrlError::Host.as_str()),
        }
    }
}

/// Whether servers follow the URL under `key` in `node`, which stands within the property `within`.
fn is_followed(key: &str, within: Option<&str>, node: &Object<'_>) -> bool {
    match key {
        // Nobody asks whom an activity itself is attributed to: it has an actor.
        "attributedTo" => within.is_some(),
        // Links to pages are for people; links to documents of this protocol, and addresses, are for servers.
        "href" => {
            let media_type = node.get("mediaType").and_then(Json::as_str).unwrap_or_default();
            let document = media_type.contains("activity+json") || media_type.contains("ld+json");
            document || verb::has_type(node, "Mention") || within.is_some_and(|within| ADDRESSING.contains(&within))
        }
        // The pictures and programs that posts name have ids that nobody fetches.
        "id" => within.is_none() || Verb::of(node).is_ok_and(|verb| verb != Verb::Other),
        _ => true,
    }
}

/// What a server does with the object of an activity, going by its type.
fn object_use(activity: &Activity<'_>) -> Use {
    match activity.verb {
        Verb::Follow
        | Verb::Block
        | Verb::Ignore
        | Verb::Like
        | Verb::Dislike
        | Verb::EmojiReact
        | Verb::EmojiReaction
        | Verb::Flag
        | Verb::Join
        | Verb::Leave
        | Verb::Listen
        | Verb::Read
        | Verb::View
        | Verb::Accept
        | Verb::Reject
        | Verb::TentativeAccept
        | Verb::TentativeReject => Use::Lookup,
        _ => Use::Id,
    }
}

/// The start that an actor's id shares with everything on its host: `https://host`, or nothing.
fn home_of<'a>(actor: &Reference<'a>) -> &'a str {
    let host = match &actor.origin {
        // Borrowed: as it is written, not translated from Unicode.
        Ok(Origin { scheme: Scheme::Https, host: Host::Name(Cow::Borrowed(name)), .. }) => name.len(),
        _ => return "",
    };
    actor.raw.get(.."https://".len().saturating_add(host)).unwrap_or_default()
}

/// Whether `raw` is on the host of the actor, which is judged already, or the vocabulary's own.
fn is_below(raw: &str, home: &str) -> bool {
    let on = |start: &str| raw.strip_prefix(start).is_some_and(|rest| rest.starts_with('/'));
    (!home.is_empty() && on(home)) || on("https://www.w3.org")
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    const TEST_HOSTS: &str = r#"{"inbox":{"origin":{"allow_http":true,"allowed_ports":[8080]}}}"#;

    fn create(id: &str, more: &str) -> String {
        format!(
            r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u","object":{{"id":"{id}","type":"Note"{more}}}}}"#
        )
    }

    #[test]
    fn real_ids_are_allowed() {
        accepts("", &create("https://a.example/2", ""));
        accepts("", &create("https://a.example/2", r#","inReplyTo":null,"to":["as:Public","Public"],"cc":"acct:a@b""#));
        accepts(
            "",
            &create("https://a.example/2", r#","inReplyTo":"tag:a.example,2001:1","quoteUrl":"at://did:plc:x/y/z""#),
        );
        accepts(
            "",
            &create(
                "https://a.example/2",
                r#","cc":["http://b.example/u"],"tag":[{"type":"Mention","href":"http://b.example/u"}]"#,
            ),
        );
        let like = r#"{"type":"Like","id":"https://a.example/1#like","actor":"https://a.example/u","object":"http://b.example/2"}"#;
        accepts("", like);
    }

    #[test]
    fn tricks_are_refused_wherever_they_stand() {
        let tricks = [
            "http://a.example/2",
            "https://a.example@b.example/",
            "https://127.0.0.1/2",
            "https://[::1]/2",
            "https://db/2",
            "https://a.local/2",
            "https://a.example:8443/2",
            "HTTPS://a.example/2",
            "https://A.example/2",
            "https:a.example/2",
            "https://a.example\\\\@b.example",
            "ftp://a.example/2",
            "",
            "2",
        ];
        for id in tricks {
            refuses("", "inbox.origin", "object", &create(id, ""));
        }
        for (place, more) in [
            ("object.attributedTo", r#","attributedTo":"https://a.example/u#x""#),
            ("object.attributedTo", r#","attributedTo":["https://a.example/u","http://a.example/u"]"#),
            ("inReplyTo", r#","inReplyTo":"http://b.example/2""#),
            ("inReplyTo", r#","inReplyTo":"https:/b.example/2""#),
            ("inReplyTo", r#","inReplyTo":"\u00a0https://b.example/2""#),
            ("inReplyTo", r#","inReplyTo":{"id":"https://10.0.0.1/2"}"#),
            ("_misskey_quote", r#","_misskey_quote":"https://metadata.internal/""#),
            ("to", r#","to":["as:Public","https://169.254.169.254/"]"#),
            ("cc", r#","cc":"https://0x7f.1/""#),
            ("cc", r#","cc":"https://LOCALHOST./""#),
            ("cc", r#","cc":"https:\\\\127.0.0.1\\u""#),
            ("href", r#","cc":{"type":"Link","href":"https://b.example@127.0.0.1/"}"#),
            ("href", r#","tag":{"type":"Mention","href":"http://localhost:6379/"}"#),
            ("href", r#","tag":[{"type":"Link","mediaType":"application/activity+json","href":"http://[::1]/"}]"#),
            ("replies", r#","replies":"http://10.0.0.1/""#),
            ("next", r#","replies":{"first":{"next":"http://10.0.0.1/"}}"#),
            ("@context", r#","@context":"http://169.254.169.254/latest/meta-data""#),
            ("sharedInbox", r#","endpoints":{"sharedInbox":"http://169.254.169.254/k"}"#),
            ("creator", r#","signature":{"creator":"http://10.0.0.1/k"}"#),
        ] {
            refuses("", "inbox.origin", place, &create("https://a.example/2", more));
        }
        let odd = r#","cc":["https://B.example/u","https://b.example/u ","/relative","https://c.example:8443/u"],"context":"tag:b","url":"http://localhost/",
            "attachment":[{"type":"Link","href":"https://site.example:8443/"},{"type":"Link","href":"http://192.168.1.1/"}],"generator":{"id":"http://localhost/app"}"#;
        accepts("", &create("https://a.example/2", odd));
        let announce = r#"{"type":"Announce","id":"https://a.example/1","actor":"https://a.example/u","object":"http://b.example/2"}"#;
        refuses("", "inbox.origin", "object", announce);
        refuses("", "inbox.origin", "actor", &announce.replace("a.example/u", "a.example/u#x"));
        refuses("", "inbox.origin", "id", &announce.replace("https://a.example/1", "http://a.example/1"));
    }

    #[test]
    fn test_hosts_are_allowed_where_the_policy_says_so() {
        for id in ["http://a.example/2", "http://a.example:8080/2"] {
            let own = create(id, "").replace("https://a.example/1", id).replace("https://a.example/u", id);
            accepts(TEST_HOSTS, &own);
            refuses("", "inbox.origin", "id", &own);
        }
        for host in ["http://localhost:47301", "https://mastodon.local", "http://127.0.2.1:9999", "https://inst"] {
            let own = create("https://a.example/2", "").replace("https://a.example", host);
            accepts(TEST_HOSTS, &own);
            refuses("", "inbox.origin", "id", &own);
        }
        let odd_port = create("https://a.example/2", "").replace("https://a.example", "https://a.example:9999");
        refuses(TEST_HOSTS, "inbox.origin", "id", &odd_port);
    }
}
