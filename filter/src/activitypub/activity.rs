//! An activity, with each reference that carries authority read once.

use super::origin::{Origin, UrlError};
use super::verb::{TypeError, Verb};
use crate::json::{Json, Object};

/// A reference to an actor or an object, and the origin that it claims.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    /// The text as sent.
    pub raw: &'a str,
    /// Its origin, or why it has none.
    pub origin: Result<Origin<'a>, UrlError>,
}

impl<'a> Reference<'a> {
    /// Reads a reference.
    pub fn new(raw: &'a str) -> Self {
        Self { raw, origin: Origin::parse(raw) }
    }

    /// Whether both have an origin and it is the same one. What has no origin has nothing in common with anything.
    ///
    /// On a private host the port does not count: only tests have ids there, and test servers name theirs with and without it.
    pub fn same_origin(&self, other: &Self) -> bool {
        let (Ok(one), Ok(other)) = (&self.origin, &other.origin) else {
            return false;
        };
        let same_port = one.port == other.port || one.host.is_private();
        one.scheme == other.scheme && one.host == other.host && same_port
    }
}

/// What an activity is about: an id, or an embedded object with or without one.
#[derive(Clone, Debug)]
pub struct Entity<'a> {
    /// The id. An embedded object without one belongs to whoever sent it.
    pub id: Option<Reference<'a>>,
    /// The embedded object.
    pub node: Option<&'a Object<'a>>,
    /// What the embedded object is; `None` for a mere id and for an object without a type.
    pub verb: Option<Verb>,
    /// Who the embedded object says it belongs to, by property.
    pub owners: Vec<(&'static str, Reference<'a>)>,
}

/// The properties of an embedded object that name its owner (FEP-fe34).
const OWNER_KEYS: [&str; 4] = ["attributedTo", "actor", "owner", "controller"];

/// An activity as the rules see it.
#[derive(Clone, Debug)]
pub struct Activity<'a> {
    /// The whole document.
    pub node: &'a Object<'a>,
    /// Its type.
    pub verb: Verb,
    /// Its id. Some software sends none with a Delete.
    pub id: Option<Reference<'a>>,
    /// Who did it.
    pub actor: Reference<'a>,
    /// What it is about.
    pub objects: Vec<Entity<'a>>,
    /// Where it puts or takes the object.
    pub targets: Vec<Entity<'a>>,
    /// What it is done with: the quoting post of a QuoteRequest.
    pub instruments: Vec<Entity<'a>>,
}

/// Why an object is no activity that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The `type` of the activity or of an object embedded in it.
    Type {
        /// `activity`, or the property that embeds the object.
        place: &'static str,
        /// What is wrong with it.
        fault: TypeError,
    },
    /// A property that has not the form that every server reads alike.
    Form {
        /// The property.
        place: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl<'a> Activity<'a> {
    /// Reads an activity.
    ///
    /// # Errors
    /// [`ReadError`] when a property that the rules depend on is missing or has a form that servers read differently.
    pub fn read(node: &'a Object<'a>) -> Result<Self, ReadError> {
        let verb = Verb::of(node).map_err(|fault| ReadError::Type { place: "activity", fault })?;
        Ok(Self {
            node,
            verb,
            id: read_id(node)?,
            actor: read_actor(node)?,
            objects: read_entities(node, "object")?,
            targets: read_entities(node, "target")?,
            instruments: read_instruments(node)?,
        })
    }
}

impl<'a> Entity<'a> {
    fn read(value: &'a Json<'a>, key: &'static str) -> Result<Self, ReadError> {
        match value {
            Json::String(id) => Ok(Self { id: Some(Reference::new(id)), node: None, verb: None, owners: Vec::new() }),
            Json::Object(node) => {
                let mut owners = Vec::new();
                for owner_key in OWNER_KEYS {
                    for owner in node.list(owner_key) {
                        if let Some(owner) = read_owner(owner, owner_key)? {
                            owners.push((owner_key, owner));
                        }
                    }
                }
                let verb = match Verb::of(node) {
                    Ok(verb) => Some(verb),
                    Err(TypeError::Missing) => None,
                    Err(fault) => return Err(ReadError::Type { place: key, fault }),
                };
                Ok(Self { id: read_id_or_href(node)?, node: Some(node), verb, owners })
            }
            _ => Err(form(key, "is neither an id nor an object")),
        }
    }
}

/// An owner given by id or embedded; an embedded one without id claims nothing.
fn read_owner<'a>(value: &'a Json<'a>, key: &'static str) -> Result<Option<Reference<'a>>, ReadError> {
    match value {
        Json::String(id) => Ok(Some(Reference::new(id))),
        Json::Object(node) => read_id_or_href(node),
        _ => Err(form(key, "is neither an id nor an object")),
    }
}

/// The `id`. A list of one, which Funkwhale sends, is that one.
fn read_id<'a>(node: &'a Object<'a>) -> Result<Option<Reference<'a>>, ReadError> {
    match (node.get("id"), node.list("id")) {
        (None | Some(Json::Null), _) => Ok(None),
        (_, [Json::String(id)]) => Ok(Some(Reference::new(id))),
        _ => Err(form("id", "is not a string")),
    }
}

/// The `id` or, as GoToSocial reads a Link, its `href`.
fn read_id_or_href<'a>(node: &'a Object<'a>) -> Result<Option<Reference<'a>>, ReadError> {
    let id = read_id(node)?;
    match node.list("href") {
        _ if id.is_some() => Ok(id),
        [] => Ok(None),
        [Json::String(href)] => Ok(Some(Reference::new(href))),
        _ => Err(form("href", "is not a string")),
    }
}

/// The one actor. Servers disagree about a list of several: Mastodon takes the first, Misskey refuses.
fn read_actor<'a>(node: &'a Object<'a>) -> Result<Reference<'a>, ReadError> {
    match node.list("actor") {
        [] => Err(form("actor", "is missing")),
        [Json::String(id)] => Ok(Reference::new(id)),
        [Json::Object(actor)] => read_id(actor)?.ok_or_else(|| form("actor", "has no id")),
        [_] => Err(form("actor", "is neither an id nor an object")),
        _ => Err(form("actor", "is more than one")),
    }
}

fn read_entities<'a>(node: &'a Object<'a>, key: &'static str) -> Result<Vec<Entity<'a>>, ReadError> {
    node.list(key).iter().map(|value| Entity::read(value, key)).collect()
}

/// The instruments that are ids or objects. Anything else is of no interest to anybody.
fn read_instruments<'a>(node: &'a Object<'a>) -> Result<Vec<Entity<'a>>, ReadError> {
    let instruments = node.list("instrument").iter();
    let known = instruments.filter(|value| matches!(value, Json::String(_) | Json::Object(_)));
    known.map(|value| Entity::read(value, "instrument")).collect()
}

fn form(place: &'static str, fault: &'static str) -> ReadError {
    ReadError::Form { place, fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn with<T>(json: &str, check: impl FnOnce(Result<Activity<'_>, ReadError>) -> T) -> T {
        let json = parse(json.as_bytes()).unwrap();
        check(Activity::read(json.as_object().unwrap()))
    }

    #[test]
    fn reads_scalars_lists_ids_and_embedded_objects_alike() {
        for actor in [
            r#""https://a.example/u""#,
            r#"["https://a.example/u"]"#,
            r#"{"id":"https://a.example/u","type":"Person"}"#,
        ] {
            let json = format!(
                r#"{{"id":"https://a.example/1","type":["Create"],"actor":{actor},
                "object":[{{"id":null,"attributedTo":[{{"type":"Person","id":"https://a.example/u"}},{{"name":"x"}}]}},"https://b.example/2"]}}"#
            );
            with(&json, |activity| {
                let activity = activity.unwrap();
                assert_eq!(activity.verb, Verb::Create);
                assert_eq!(activity.actor.raw, "https://a.example/u");
                assert!(activity.id.unwrap().same_origin(&activity.actor));
                let [embedded, referenced] = &activity.objects[..] else { panic!("two objects") };
                assert!(embedded.id.is_none());
                assert_eq!(embedded.owners.len(), 1);
                assert_eq!(referenced.id.as_ref().unwrap().raw, "https://b.example/2");
                assert!(activity.targets.is_empty());
            });
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |one, other| Reference::new(one).same_origin(&Reference::new(other));
        assert!(same("https://a.example/1", "https://a.example:443/2"));
        assert!(same("https://日本語.example/1", "https://xn--wgv71a119e.example/2"));
        assert!(same("http://localhost/1", "http://localhost:47302/2"));
        for other in [
            "http://a.example/1",
            "https://a.example:8443/1",
            "https://b.a.example/1",
            "https://a.example.b/1",
            "a.example",
            "",
        ] {
            assert!(!same("https://a.example/1", other), "{other}");
        }
        assert!(!same("", ""));
    }

    #[test]
    fn names_what_it_cannot_read() {
        for (json, place, fault) in [
            (r#"{"type":"Like","id":7,"actor":"x"}"#, "id", "is not a string"),
            (r#"{"type":"Like","id":"x"}"#, "actor", "is missing"),
            (r#"{"type":"Like","id":"x","actor":{"name":"y"}}"#, "actor", "has no id"),
            (r#"{"type":"Offer","id":"x","actor":90}"#, "actor", "is neither an id nor an object"),
            (r#"{"type":"Like","id":"x","actor":["y","z"]}"#, "actor", "is more than one"),
            (r#"{"type":"Offer","id":"x","actor":"y","object":23}"#, "object", "is neither an id nor an object"),
            (r#"{"type":"Offer","id":"x","actor":"y","object":[null]}"#, "object", "is neither an id nor an object"),
            (r#"{"type":"Add","id":"x","actor":"y","target":true}"#, "target", "is neither an id nor an object"),
            (
                r#"{"type":"Create","id":"x","actor":"y","object":{"attributedTo":[7]}}"#,
                "attributedTo",
                "is neither an id nor an object",
            ),
        ] {
            with(json, |read| {
                assert_eq!(read.unwrap_err(), ReadError::Form { place, fault }, "{json}");
            });
        }
        with("{}", |read| {
            let (place, fault) = ("activity", TypeError::Missing);
            assert_eq!(read.unwrap_err(), ReadError::Type { place, fault });
        });
    }
}
