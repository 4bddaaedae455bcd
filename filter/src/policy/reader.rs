//! Reads one object of the policy. Reading a field declares it: from the same line come its value, its check, its place in the JSON Schema,
//! its row in the documentation and its runtime key.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::PolicyError;
use super::choice::{Choice, word};
use super::compiler::printable_key;
use super::layers::Layer;
use super::overlay::{Kind, Overlay};
use crate::json::Json;
use crate::registry::Check;

/// A field as it was declared and read.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether a runtime key can change it.
    pub live: bool,
    /// The JSON Schema of its value, without `default` and `description`.
    pub schema: Value,
    /// The value when the policy does not name it.
    pub default: Value,
    /// The value in force.
    pub value: Value,
    /// What it means, with units.
    pub doc: &'static str,
}

/// What is printed of a secret. It is shorter than any secret may be: a policy that holds it is refused, where it would be known to everybody.
pub const REDACTED: &str = "<redacted>";

/// Reads the fields of one object and collects every error.
#[derive(Debug)]
pub struct Reader<'d> {
    /// The first is what is being compiled, whose errors count; those behind it were compiled before.
    layers: Vec<Layer<'d>>,
    overlay: &'d Overlay,
    /// Keys that are read by somebody else.
    foreign: Vec<&'static str>,
    outcome: Outcome,
}

/// What reading found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The fields, in the order of their declaration.
    pub fields: Vec<Field>,
    /// What is wrong with the document.
    pub errors: Vec<PolicyError>,
    /// The runtime keys that a field answered to, by their paths, and what is wrong with those that it refused.
    pub live: Vec<(String, Result<(), String>)>,
}

impl<'d> Reader<'d> {
    /// A reader of the object that the layers hold.
    pub(super) fn new(layers: Vec<Layer<'d>>, overlay: &'d Overlay) -> Self {
        let mut reader = Self { layers, overlay, foreign: Vec::new(), outcome: Outcome::default() };
        let found = reader.layers.first().and_then(|layer| Some((layer.path.clone(), layer.value?)));
        if let Some((path, value)) = found
            && value.as_object().is_none()
        {
            let message = format!("expected an object, found {}", value.kind());
            reader.outcome.errors.push(PolicyError { path, message });
        }
        reader
    }

    /// Leaves members of the object to others who read them.
    pub(super) fn leave(&mut self, keys: impl IntoIterator<Item = &'static str>) {
        self.foreign.extend(keys);
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool, doc: &'static str) -> bool {
        let read = |json: &Json<'_>| match json {
            Json::Bool(value) => Ok(*value),
            other => Err(format!("expected true or false, found {}", other.kind())),
        };
        self.field(key, Kind::Boolean, json!({"type": "boolean"}), default, doc, read)
    }

    /// A whole number within a range.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32, doc: &'static str) -> u32 {
        let schema = json!({"type": "integer", "minimum": range.start(), "maximum": range.end()});
        self.field(key, Kind::Integer, schema, default, doc, |json| integer(json, &range))
    }

    /// One of several words.
    pub fn choice<T: Choice>(&mut self, key: &'static str, default: T, doc: &'static str) -> T {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let read = |json: &Json<'_>| word::<T>(json).map(|(word, _)| word.to_owned());
        let word = self.field(key, Kind::Word, json!({"enum": words}), default.word().to_owned(), doc, read);
        let found = T::WORDS.iter().find(|(known, _)| *known == word);
        found.map_or(default, |(_, value)| *value)
    }

    /// A text of at most `max_bytes` bytes, which may be empty.
    pub fn text(&mut self, key: &'static str, max_bytes: usize, default: &str, doc: &'static str) -> String {
        self.checked_text(key, max_bytes, |_| Ok(()), default, doc)
    }

    /// A text of at most `max_bytes` bytes, which `accept` takes or names the fault of.
    pub fn checked_text(
        &mut self,
        key: &'static str,
        max_bytes: usize,
        accept: fn(&str) -> Result<(), &'static str>,
        default: &str,
        doc: &'static str,
    ) -> String {
        let read = |json: &Json<'_>| {
            let text = json.as_str().ok_or_else(|| format!("expected a string, found {}", json.kind()))?;
            if text.len() > max_bytes {
                return Err(format!("expected at most {max_bytes} bytes"));
            }
            accept(text).map_err(str::to_owned)?;
            Ok(text.to_owned())
        };
        let schema = json!({"type": "string", "maxLength": max_bytes});
        self.field(key, Kind::Text, schema, default.to_owned(), doc, read)
    }

    /// The same, but no runtime key can change it.
    pub fn fixed_text(&mut self, key: &'static str, max_bytes: usize, default: &str, doc: &'static str) -> String {
        self.fixed(|reader| reader.text(key, max_bytes, default, doc))
    }

    /// Reads fields that no runtime key can change.
    pub fn fixed<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let overlay = std::mem::replace(&mut self.overlay, const { &Overlay::EMPTY });
        let first = self.outcome.fields.len();
        let value = read(self);
        self.overlay = overlay;
        let fields = self.outcome.fields.iter_mut().skip(first);
        let keys: Vec<&str> = fields
            .map(|field| {
                field.live = false;
                field.key
            })
            .collect();
        for key in keys {
            self.refuse_live(key, "can be changed in the policy only");
        }
        value
    }

    /// A text that nobody is shown: empty, or of a length in bytes within a range. What is printed of it is [`REDACTED`].
    pub fn secret(&mut self, key: &'static str, bytes: RangeInclusive<usize>, doc: &'static str) -> String {
        let read = |json: &Json<'_>| {
            let text = json.as_str().ok_or_else(|| format!("expected a string, found {}", json.kind()))?;
            let fits = text.is_empty() || bytes.contains(&text.len());
            fits.then(|| text.to_owned())
                .ok_or_else(|| format!("expected {} to {} bytes, or none", bytes.start(), bytes.end()))
        };
        let schema = json!({"type": "string", "maxLength": bytes.end()});
        let secret = self.field(key, Kind::Text, schema, String::new(), doc, read);
        if let Some(field) = self.outcome.fields.last_mut().filter(|_| !secret.is_empty()) {
            field.value = json!(REDACTED);
        }
        secret
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
        self.strings_or(key, &[], max_items, max_bytes, accept, doc)
    }

    /// The same, with what counts when nothing is said.
    pub fn strings_or(
        &mut self,
        key: &'static str,
        default: &[&str],
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
        let default = default.iter().map(|text| (*text).to_owned()).collect();
        self.list(key, schema, max_items, default, doc, read)
    }

    /// A list of distinct words.
    pub fn choices<T: Choice>(&mut self, key: &'static str, doc: &'static str) -> Vec<T> {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let schema = json!({"type": "array", "uniqueItems": true, "items": {"enum": words}});
        let read = |json: &Json<'_>| word::<T>(json).map(|(word, _)| word.to_owned());
        let found = self.list(key, schema, T::WORDS.len(), Vec::new(), doc, read);
        T::WORDS.iter().filter(|(word, _)| found.iter().any(|found| found == word)).map(|(_, value)| *value).collect()
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
        self.list(key, schema, max_items, Vec::new(), doc, |json| integer(json, &range))
    }

    /// Reports that a field which could be read cannot be used, and gives a check that does nothing: the policy is refused.
    pub fn fault(&mut self, key: &str, message: String) -> Check {
        self.error(key, message);
        Check::Never
    }

    /// An object of its own shape, which `read` takes whole or names the faults of, each by its place within; `show` prints it.
    pub fn object<T: Default>(
        &mut self,
        key: &'static str,
        schema: Value,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, Vec<(String, String)>>,
        show: impl Fn(&T) -> Value,
    ) -> T {
        self.refuse_live(key, "is an object: it can be changed in the policy only");
        let said = self.layers.iter().enumerate().find_map(|(index, layer)| Some((index, layer.member(key)?)));
        let mut value = T::default();
        match said.map(|(index, json)| (index, read(json))) {
            None => {}
            Some((_, Ok(read))) => value = read,
            // What is wrong with the layers behind was said when they were compiled.
            Some((index, Err(_))) if index > 0 => {}
            Some((_, Err(errors))) => {
                for (place, message) in errors {
                    self.error(&format!("{key}{place}"), message);
                }
            }
        }
        let (kind, default, shown) = (Kind::Object, show(&T::default()), show(&value));
        self.outcome.fields.push(Field { key, kind, live: false, schema, default, value: shown, doc });
        value
    }

    /// A number of things, within a range.
    pub fn limit(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32, doc: &'static str) -> usize {
        usize::try_from(self.integer(key, range, default, doc)).unwrap_or(usize::MAX)
    }

    /// Ends reading: what was not declared by now is an unknown key.
    pub(super) fn finish(mut self) -> Outcome {
        let own = self.outcome.fields.iter().map(|field| field.key);
        let known: Vec<&str> = own.chain(self.foreign.iter().copied()).collect();
        let layer = self.layers.first();
        let object = layer.and_then(|layer| layer.value?.as_object());
        let unknown = object.iter().flat_map(|object| object.iter()).filter(|(key, _)| !known.contains(key));
        let path = layer.map_or("", |layer| layer.path.as_str());
        let errors = unknown.map(|(key, _)| PolicyError {
            path: format!("{path}.{}", printable_key(key)),
            message: format!("unknown key; known are {}", known.join(", ")),
        });
        self.outcome.errors.extend(errors);
        self.outcome
    }

    fn field<T: Clone + Into<Value>>(
        &mut self,
        key: &'static str,
        kind: Kind,
        schema: Value,
        default: T,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> T {
        let mut found = None;
        let Self { layers, overlay, outcome, .. } = self;
        for (index, layer) in layers.iter().enumerate() {
            let live = layer.live(key, overlay).map(|text| read(&kind.value(text)));
            let said = layer.member(key).map(&read);
            if index == 0 {
                if let Some(live) = &live {
                    outcome.live.push((layer.runtime_key(key), live.as_ref().map(|_| ()).map_err(Clone::clone)));
                }
                if let Some(Err(message)) = &said {
                    outcome
                        .errors
                        .push(PolicyError { path: format!("{}.{key}", layer.path), message: message.clone() });
                }
            }
            found = found.or(live.and_then(Result::ok)).or(said.and_then(Result::ok));
        }
        let value = found.unwrap_or_else(|| default.clone());
        let field = Field { key, kind, live: true, schema, default: default.into(), value: value.clone().into(), doc };
        outcome.fields.push(field);
        value
    }

    fn list<T: Clone + PartialEq + Into<Value>>(
        &mut self,
        key: &'static str,
        schema: Value,
        max_items: usize,
        default: Vec<T>,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        self.refuse_live(key, "is a list: it can be changed in the policy only");
        let mut list: Vec<T> = Vec::new();
        // The first layer that has the list has all of it: lists of several layers are not joined.
        let (own, said) =
            match self.layers.iter().enumerate().find_map(|(index, layer)| Some((index, layer.member(key)?))) {
                Some((index, said)) => (index == 0, Some(said)),
                None => (true, None),
            };
        let errors_before = self.outcome.errors.len();
        match said {
            None => list.clone_from(&default),
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
        if !own {
            // What is wrong with the layers behind was said when they were compiled.
            self.outcome.errors.truncate(errors_before);
        }
        let (kind, default, value) = (Kind::List, default.into(), list.clone().into());
        self.outcome.fields.push(Field { key, kind, live: false, schema, default, value, doc });
        list
    }

    fn refuse_live(&mut self, key: &str, message: &str) {
        if let Some(layer) = self.layers.first()
            && layer.live(key, self.overlay).is_some()
        {
            self.outcome.live.push((layer.runtime_key(key), Err(message.to_owned())));
        }
    }

    /// Reports that a field which could be read cannot be used: the policy is refused.
    pub fn error(&mut self, key: &str, message: String) {
        let path = self.layers.first().map_or("$", |layer| layer.path.as_str());
        self.outcome.errors.push(PolicyError { path: format!("{path}.{key}"), message });
    }
}

/// Reads a whole number within a range.
///
/// # Errors
/// What was expected.
pub(crate) fn integer(json: &Json<'_>, range: &RangeInclusive<u32>) -> Result<u32, String> {
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
