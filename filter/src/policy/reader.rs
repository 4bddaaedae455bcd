//! Reads one object of the policy. Reading a field declares it: from the same line come its value, its check, its place in the JSON Schema
//! and its row in the documentation.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::PolicyError;
use crate::json::{Json, Object};
use crate::registry::Check;

/// A field as it was declared and read.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// The JSON Schema of its value, without `default` and `description`.
    pub schema: Value,
    /// The value when the policy does not name it.
    pub default: Value,
    /// The value in force.
    pub value: Value,
    /// What it means, with units.
    pub doc: &'static str,
}

/// Words that a field may hold, and what they mean.
pub trait Choice: Copy + PartialEq + 'static {
    /// All words.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for a value.
    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.map_or("", |(word, _)| word)
    }
}

/// Reads the fields of one object and collects every error.
#[derive(Debug)]
pub struct Reader<'d> {
    object: Option<&'d Object<'d>>,
    path: String,
    fields: Vec<Field>,
    errors: Vec<PolicyError>,
}

impl<'d> Reader<'d> {
    /// A reader of the object at `path`; `None` reads as an empty object, all defaults.
    pub fn new(path: String, value: Option<&'d Json<'d>>) -> Self {
        let mut reader = Self { object: None, path, fields: Vec::new(), errors: Vec::new() };
        match value {
            None => {}
            Some(Json::Object(object)) => reader.object = Some(object),
            Some(other) => reader.errors.push(PolicyError {
                path: reader.path.clone(),
                message: format!("expected an object, found {}", other.kind()),
            }),
        }
        reader
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool, doc: &'static str) -> bool {
        let read = |json: &Json<'_>| match json {
            Json::Bool(value) => Ok(*value),
            other => Err(format!("expected true or false, found {}", other.kind())),
        };
        self.field(key, json!({"type": "boolean"}), default, doc, read)
    }

    /// A whole number within a range.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32, doc: &'static str) -> u32 {
        let schema = json!({"type": "integer", "minimum": range.start(), "maximum": range.end()});
        self.field(key, schema, default, doc, |json| integer(json, &range))
    }

    /// One of several words.
    pub fn choice<T: Choice>(&mut self, key: &'static str, default: T, doc: &'static str) -> T {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let read = |json: &Json<'_>| {
            let word = json.as_str().ok_or_else(|| format!("expected a string, found {}", json.kind()))?;
            let found = T::WORDS.iter().find(|(known, _)| *known == word);
            found.map(|(word, _)| (*word).to_owned()).ok_or_else(|| format!("expected one of {}", words.join(", ")))
        };
        let word = self.field(key, json!({"enum": words}), default.word().to_owned(), doc, read);
        let found = T::WORDS.iter().find(|(known, _)| *known == word);
        found.map_or(default, |(_, value)| *value)
    }

    /// A list of at most `max_items` distinct strings of 1 to `max_bytes` bytes, each of which `accept` takes or names the fault of.
    pub fn strings(
        &mut self,
        key: &'static str,
        max_items: usize,
        max_bytes: usize,
        accept: fn(&str) -> Result<(), &'static str>,
        doc: &'static str,
    ) -> Vec<String> {
        let schema = json!({
            "type": "array", "maxItems": max_items, "uniqueItems": true,
            "items": {"type": "string", "minLength": 1, "maxLength": max_bytes},
        });
        let read = |json: &Json<'_>| {
            let text = json.as_str().ok_or_else(|| format!("expected a string, found {}", json.kind()))?;
            if text.is_empty() || text.len() > max_bytes {
                return Err(format!("expected 1 to {max_bytes} bytes"));
            }
            accept(text).map_err(str::to_owned)?;
            Ok(text.to_owned())
        };
        self.list(key, schema, max_items, doc, read)
    }

    /// A list of at most `max_items` distinct whole numbers within a range.
    pub fn integers(
        &mut self,
        key: &'static str,
        max_items: usize,
        range: RangeInclusive<u32>,
        doc: &'static str,
    ) -> Vec<u32> {
        let schema = json!({
            "type": "array", "maxItems": max_items, "uniqueItems": true,
            "items": {"type": "integer", "minimum": range.start(), "maximum": range.end()},
        });
        self.list(key, schema, max_items, doc, |json| integer(json, &range))
    }

    /// Reports that a field which could be read cannot be used, and gives a check that does nothing: the policy is refused.
    pub fn fault(&mut self, key: &str, message: String) -> Check {
        self.error(key, message);
        Check::Never
    }

    /// A number of things, within a range.
    pub fn limit(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32, doc: &'static str) -> usize {
        usize::try_from(self.integer(key, range, default, doc)).unwrap_or(usize::MAX)
    }

    /// Ends reading: what was not declared by now is an unknown key.
    pub fn finish(mut self) -> (Vec<Field>, Vec<PolicyError>) {
        let known: Vec<&str> = self.fields.iter().map(|field| field.key).collect();
        for (key, _) in self.object.iter().flat_map(|object| object.iter()) {
            if !known.contains(&key) {
                self.errors.push(PolicyError {
                    path: format!("{}.{}", self.path, super::printable_key(key)),
                    message: format!("unknown key; known are {}", known.join(", ")),
                });
            }
        }
        (self.fields, self.errors)
    }

    fn field<T: Clone + Into<Value>>(
        &mut self,
        key: &'static str,
        schema: Value,
        default: T,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> T {
        let value = match self.object.and_then(|object| object.get(key)).map(&read) {
            None => default.clone(),
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                self.error(key, message);
                default.clone()
            }
        };
        self.fields.push(Field { key, schema, default: default.into(), value: value.clone().into(), doc });
        value
    }

    fn list<T: Clone + PartialEq + Into<Value>>(
        &mut self,
        key: &'static str,
        schema: Value,
        max_items: usize,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        let mut list: Vec<T> = Vec::new();
        match self.object.and_then(|object| object.get(key)) {
            None => {}
            Some(Json::Array(items)) if items.len() > max_items => {
                self.error(key, format!("at most {max_items} items"));
            }
            Some(Json::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    match read(item) {
                        Ok(value) if list.contains(&value) => {
                            self.error(&format!("{key}[{index}]"), "occurs twice".to_owned());
                        }
                        Ok(value) => list.push(value),
                        Err(message) => self.error(&format!("{key}[{index}]"), message),
                    }
                }
            }
            Some(other) => self.error(key, format!("expected an array, found {}", other.kind())),
        }
        self.fields.push(Field { key, schema, default: json!([]), value: list.clone().into(), doc });
        list
    }

    fn error(&mut self, key: &str, message: String) {
        self.errors.push(PolicyError { path: format!("{}.{key}", self.path), message });
    }
}

fn integer(json: &Json<'_>, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let expected = || format!("expected a whole number from {} to {}", range.start(), range.end());
    let Json::Number(number) = json else {
        return Err(format!("{}, found {}", expected(), json.kind()));
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and the comparison after it finds what did not survive"
    )]
    let whole = *number as u32;
    if f64::from(whole) == *number && range.contains(&whole) { Ok(whole) } else { Err(expected()) }
}
