//! Ways to read a property that ActivityPub software writes in several forms.

use crate::json::{Json, Object};

/// The id that `value` stands for: the string itself, or the `id` of an object (Misskey's rule for "an id may stand where an object
/// may"), or the `href` of a Link without one (GoToSocial's).
pub fn id_of<'v>(value: &'v Json<'_>) -> Option<&'v str> {
    match value {
        Json::String(id) => Some(id),
        Json::Object(object) => object.get("id").or_else(|| object.get("href")).and_then(Json::as_str),
        _ => None,
    }
}

/// The ids in a property that holds one or many references.
pub fn ids<'v>(object: &'v Object<'_>, key: &str) -> impl Iterator<Item = &'v str> {
    object.list(key).iter().filter_map(id_of)
}

/// The objects embedded in a property that holds one or many of them.
pub fn objects<'v, 'a>(object: &'v Object<'a>, key: &str) -> impl Iterator<Item = &'v Object<'a>> {
    object.list(key).iter().filter_map(Json::as_object)
}
