//! Reads JSON with serde_json's lexer, and refuses what that lets pass.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Json, Object};

/// The deepest nesting of arrays and objects that is read. Real activities stay below 12.
pub const MAX_DEPTH: u8 = 64;

/// Why bytes are not a JSON document that everybody reads alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// No bytes, or only white space.
    Empty,
    /// Not UTF-8, from this byte offset on.
    InvalidUtf8 {
        /// Offset in bytes.
        at: usize,
    },
    /// An object names the same key twice, also when written with different escapes.
    DuplicateKey {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// Something other than white space follows the value.
    TrailingBytes {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// Not JSON: the grammar, a lone surrogate, a number beyond `f64`.
    Syntax {
        /// The parser's own words; never text from the document.
        reason: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no JSON document"),
            Self::InvalidUtf8 { at } => write!(f, "not UTF-8 at byte {at}"),
            Self::DuplicateKey { line, column } => {
                write!(f, "a key occurs twice in the object that ends at line {line} column {column}")
            }
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH}"),
            Self::TrailingBytes { line, column } => {
                write!(f, "bytes after the document at line {line} column {column}")
            }
            Self::Syntax { reason, line, column } => write!(f, "{reason} at line {line} column {column}"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Reads one JSON document from all of `bytes`.
///
/// # Errors
/// [`JsonError`] when the bytes are not one document that every parser reads alike.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    parse_with(bytes, Duplicates::Refuse)
}

/// Reads one JSON document as JavaScript does, where the last of several equal keys counts. For looking at what is already known to
/// be ambiguous.
///
/// # Errors
/// [`JsonError`] when the bytes are not JSON, or are ambiguous in another way.
pub fn parse_last_key_wins(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    parse_with(bytes, Duplicates::LastWins)
}

/// What to do with an object that names a key twice.
#[derive(Clone, Copy)]
enum Duplicates {
    Refuse,
    LastWins,
}

fn parse_with(bytes: &[u8], duplicates: Duplicates) -> Result<Json<'_>, JsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::InvalidUtf8 { at: error.valid_up_to() })?;
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Err(JsonError::Empty);
    }
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Seed { depth: 0, duplicates, fault: &fault }
        .deserialize(&mut deserializer)
        .map_err(|error| explain(fault.get(), &error))?;
    deserializer.end().map_err(|error| JsonError::TrailingBytes { line: error.line(), column: error.column() })?;
    Ok(value)
}

/// What only this reader knows about an error that serde can only carry as text.
#[derive(Clone, Copy)]
enum Fault {
    DuplicateKey,
    TooDeep,
}

fn explain(fault: Option<Fault>, error: &serde_json::Error) -> JsonError {
    let (line, column) = (error.line(), error.column());
    match fault {
        Some(Fault::DuplicateKey) => JsonError::DuplicateKey { line, column },
        Some(Fault::TooDeep) => JsonError::TooDeep,
        None => {
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default();
            JsonError::Syntax { reason: reason.to_owned(), line, column }
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'f> {
    depth: u8,
    duplicates: Duplicates,
    fault: &'f Cell<Option<Fault>>,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            self.fault.set(Some(Fault::TooDeep));
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    #[allow(clippy::cast_precision_loss, reason = "a JavaScript server rounds integers beyond 2^53 too")]
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value as f64))
    }

    #[allow(clippy::cast_precision_loss, reason = "a JavaScript server rounds integers beyond 2^53 too")]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value_seed(inner)?));
        }
        let mut object = Object(members);
        match self.duplicates {
            Duplicates::Refuse if object.has_duplicate_key() => {
                self.fault.set(Some(Fault::DuplicateKey));
                Err(A::Error::custom("duplicate key"))
            }
            Duplicates::Refuse => Ok(Json::Object(object)),
            Duplicates::LastWins => {
                object.keep_last();
                Ok(Json::Object(object))
            }
        }
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_everybody_reads_alike() {
        let json = parse(br#" {"a":[1,-2,0.5,"x\u00e9",null,true],"b":{}} "#).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.list("a").len(), 6);
        assert_eq!(object.list("a")[3].as_str(), Some("x\u{e9}"));
        assert_eq!(object.get("b").unwrap().kind(), "an object");
        assert_eq!(object.list("missing"), &[]);
        assert_eq!(parse(b"\xef\xbb\xbf{}"), Ok(Json::Object(Object::default())));
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        for (bytes, wanted) in [
            (&b""[..], "no JSON document"),
            (b" \r\n\t", "no JSON document"),
            (b"\xef\xbb\xbf", "no JSON document"),
            (b"{\"a\":1,\"a\":2}", "a key occurs twice in the object that ends at line 1 column 13"),
            (b"{\"a\":1,\"\\u0061\":2}", "a key occurs twice in the object that ends at line 1 column 18"),
            (b"{\"a\":\"\xff\"}", "not UTF-8 at byte 6"),
            (b"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8 at byte 6"),
            (b"{} {}", "bytes after the document at line 1 column 4"),
            (b"{}\0", "bytes after the document at line 1 column 3"),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", "expected value at line 1 column 1"),
            (br#"{"a":"\ud800"}"#, "unexpected end of hex escape at line 1 column 13"),
            (br#"{"a":"\udc00"}"#, "lone leading surrogate in hex escape at line 1 column 12"),
            (b"{\"a\":1e999}", "number out of range at line 1 column 10"),
            (b"{\"a\":NaN}", "expected value at line 1 column 6"),
            (b"{\"a\":01}", "invalid number at line 1 column 7"),
            (b"{\"a\":1,}", "trailing comma at line 1 column 8"),
            (b"{'a':1}", "key must be a string at line 1 column 2"),
            (b"{\"a\":1", "EOF while parsing an object at line 1 column 6"),
        ] {
            assert_eq!(parse(bytes).unwrap_err().to_string(), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse(&nested(usize::from(MAX_DEPTH))).is_ok());
        assert_eq!(parse(&nested(usize::from(MAX_DEPTH) + 1)), Err(JsonError::TooDeep));
        assert_eq!(parse(&nested(100_000)), Err(JsonError::TooDeep));
        assert_eq!(parse(&b"{\"a\":".repeat(100_000)), Err(JsonError::TooDeep));
    }

    #[test]
    fn a_duplicate_is_found_among_many_keys() {
        let many: Vec<String> = (0..5_000).map(|n| format!("\"k{n}\":1")).collect();
        assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        let twice = format!("{{{},\"k7\":2}}", many.join(","));
        assert!(matches!(parse(twice.as_bytes()), Err(JsonError::DuplicateKey { .. })));
    }
}
