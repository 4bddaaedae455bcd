//! Strict JSON (RFC 8259) for bytes that a stranger sent.
//!
//! The server behind will parse the same bytes again with another parser. Whatever two parsers could read differently is
//! refused here, so that the edge and the server never judge two different documents: duplicate keys, invalid UTF-8, lone
//! surrogates, numbers beyond `f64`, bytes after the value, nesting beyond [`MAX_DEPTH`].
//!
//! One leading byte order mark is skipped: RFC 8259 section 8.1 lets a parser ignore it, and Misskey's parser does.

mod reader;
mod writer;

use std::borrow::Cow;

pub use reader::{JsonError, MAX_DEPTH, parse, parse_last_key_wins};

/// Objects with more keys than this look for duplicates by sorting instead of comparing all pairs.
const FEW_KEYS: usize = 16;

/// A JSON value, borrowing from the text it was read from wherever no escape had to be undone.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number. Integers beyond 2^53 are rounded, as a JavaScript server rounds them.
    Number(f64),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl<'a> Json<'a> {
    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The value read as a list, as ActivityPub software reads it: an array is its elements, `null` is none, any other
    /// value is a list of itself.
    pub fn as_list(&self) -> &[Self] {
        match self {
            Self::Null => &[],
            Self::Array(items) => items,
            one => std::slice::from_ref(one),
        }
    }

    /// What kind of value this is, in JSON's own words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// A JSON object whose keys are distinct, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// The value of `key`, `null` included.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of `key` read as a list; a missing key is the empty list. See [`Json::as_list`].
    pub fn list(&self, key: &str) -> &[Json<'a>] {
        self.get(key).map_or(&[], Json::as_list)
    }

    /// All members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    fn has_duplicate_key(&self) -> bool {
        if self.0.len() <= FEW_KEYS {
            return self.0.iter().enumerate().any(|(index, (key, _))| {
                let mut earlier = self.0.iter().take(index);
                earlier.any(|(other, _)| other == key)
            });
        }
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
    }

    /// Of equal keys, keeps the last. The order of keys is lost.
    fn keep_last(&mut self) {
        self.0.reverse();
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(a, _), (b, _)| a == b);
    }
}
