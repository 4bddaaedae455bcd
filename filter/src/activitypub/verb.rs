//! The type of an activity.
//!
//! `type` may be a string or a list. Misskey goes by the first element of a list, Mastodon by any that it knows: a list
//! that names two different things is read as the one here and as the other there, and is refused.

use super::AS2;
use crate::json::{Json, Object};

macro_rules! verbs {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// What the type of an object says that it is: an activity by name, or the family of other objects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are those of the Activity Streams vocabulary")]
        pub enum Verb {
            $($variant,)*
            /// `Collection`, `OrderedCollection` or a page of one, which bundles activities.
            Collection,
            /// An actor: `Person`, `Service`, `Group`, `Organization`, `Application`.
            Actor,
            /// What people write or upload: `Note`, `Article`, `Page`, `Video` and the like, and `Question`.
            Post,
            /// What is left of something deleted.
            Tombstone,
            /// Any other type: an extension of the vocabulary.
            Other,
        }

        impl Verb {
            /// The type's name, or `Other`: from a fixed set, so that it can be a label of a metric.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Collection => "Collection",
                    Self::Actor => "Actor",
                    Self::Post => "Post",
                    Self::Tombstone => "Tombstone",
                    Self::Other => "Other",
                }
            }

            /// What servers take a term for; a term they do not know is `Other`.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    "Collection" | "OrderedCollection" | "CollectionPage" | "OrderedCollectionPage" => Self::Collection,
                    "Person" | "Service" | "Group" | "Organization" | "Application" => Self::Actor,
                    "Note" | "Article" | "Page" | "Question" | "Audio" | "Document" | "Event" | "Image" | "Video" => Self::Post,
                    "Tombstone" => Self::Tombstone,
                    _ => Self::Other,
                }
            }
        }
    };
}

verbs! {
    Accept = "Accept",
    Add = "Add",
    Announce = "Announce",
    Arrive = "Arrive",
    Block = "Block",
    Create = "Create",
    Delete = "Delete",
    Dislike = "Dislike",
    EmojiReact = "EmojiReact",
    EmojiReaction = "EmojiReaction",
    Flag = "Flag",
    Follow = "Follow",
    Ignore = "Ignore",
    Invite = "Invite",
    Join = "Join",
    Leave = "Leave",
    Like = "Like",
    Listen = "Listen",
    Lock = "Lock",
    Move = "Move",
    Offer = "Offer",
    Read = "Read",
    Reject = "Reject",
    Remove = "Remove",
    TentativeAccept = "TentativeAccept",
    TentativeReject = "TentativeReject",
    Travel = "Travel",
    Undo = "Undo",
    Update = "Update",
    View = "View",
}

/// Why a `type` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeError {
    /// Absent, `null` or an empty list.
    Missing,
    /// Not a string, or a list with something else than strings.
    Form,
    /// A list that names two activities, or an activity and something else that servers know.
    Ambiguous,
}

impl TypeError {
    /// A short stable text for logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "has no type",
            Self::Form => "type is not a string or a list of strings",
            Self::Ambiguous => "type names two different things",
        }
    }
}

impl Verb {
    /// Reads the `type` of an object.
    ///
    /// # Errors
    /// [`TypeError`] when it is missing or servers would read it differently.
    pub fn of(object: &Object<'_>) -> Result<Self, TypeError> {
        let types = object.list("type");
        if types.is_empty() {
            return Err(TypeError::Missing);
        }
        let mut verb = Self::Other;
        for name in types {
            let name = short_name(name.as_str().ok_or(TypeError::Form)?);
            match (verb, Self::from_name(name)) {
                (_, Self::Other) => {}
                (Self::Other, known) => verb = known,
                (one, other) if one == other => {}
                _ => return Err(TypeError::Ambiguous),
            }
        }
        Ok(verb)
    }

    /// Whether this is a known activity: something done by an actor to an object. `Question` is not: in the Fediverse it is a
    /// post, which its author creates.
    pub fn is_activity(self) -> bool {
        !matches!(self, Self::Collection | Self::Actor | Self::Post | Self::Tombstone | Self::Other)
    }

    /// Whether this is a post, or what is left of one.
    pub fn is_content(self) -> bool {
        matches!(self, Self::Post | Self::Tombstone)
    }

    /// Whether the activity is a reaction by emoji, in either of its names.
    pub fn is_emoji_reaction(self) -> bool {
        matches!(self, Self::EmojiReact | Self::EmojiReaction)
    }
}

/// Whether `object` has the type `name`, in whatever spelling.
pub fn has_type(object: &Object<'_>, name: &str) -> bool {
    let mut types = object.list("type").iter().filter_map(Json::as_str);
    types.any(|spelled| short_name(spelled) == name)
}

/// The term itself, without the prefix or the namespace that JSON-LD allows before it.
fn short_name(name: &str) -> &str {
    name.strip_prefix("as:").or_else(|| name.strip_prefix(AS2)?.strip_prefix('#')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn verb(json: &str) -> Result<Verb, TypeError> {
        Verb::of(parse(json.as_bytes()).unwrap().as_object().unwrap())
    }

    #[test]
    fn reads_a_type_in_all_its_spellings() {
        for json in [
            r#"{"type":"Create"}"#,
            r#"{"type":["Create"]}"#,
            r#"{"type":["Create","Create"]}"#,
            r#"{"type":["farm:Plant","Create"]}"#,
            r#"{"type":"as:Create"}"#,
            r#"{"type":"https://www.w3.org/ns/activitystreams#Create"}"#,
        ] {
            assert_eq!(verb(json), Ok(Verb::Create), "{json}");
        }
        assert_eq!(verb(r#"{"type":"OrderedCollection"}"#), Ok(Verb::Collection));
        assert_eq!(verb(r#"{"type":["Note","Article"]}"#), Ok(Verb::Post));
        assert_eq!(verb(r#"{"type":"create"}"#), Ok(Verb::Other));
    }

    #[test]
    fn refuses_what_servers_read_differently() {
        for (json, error) in [
            ("{}", TypeError::Missing),
            (r#"{"type":null}"#, TypeError::Missing),
            (r#"{"type":[]}"#, TypeError::Missing),
            (r#"{"type":7}"#, TypeError::Form),
            (r#"{"type":{"id":"Create"}}"#, TypeError::Form),
            (r#"{"type":["Create",null]}"#, TypeError::Form),
            (r#"{"type":["Like","Create"]}"#, TypeError::Ambiguous),
            (r#"{"type":["Like","as:Create"]}"#, TypeError::Ambiguous),
            (r#"{"type":["Collection","Create"]}"#, TypeError::Ambiguous),
            (r#"{"type":["Note","Delete"]}"#, TypeError::Ambiguous),
            (r#"{"type":["Tombstone","Note"]}"#, TypeError::Ambiguous),
        ] {
            assert_eq!(verb(json), Err(error), "{json}");
        }
    }
}
