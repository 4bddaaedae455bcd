//! What Envoy's admin interface says about runtime keys.

use std::fmt;

use crate::hash;
use serde_json::{Map, Value};

use crate::json::{self, Json, JsonError};
use crate::policy::{Overlay, PREFIX};

/// A longer answer is not read, in bytes: 10,000 keys in three layers have 1.2 million.
pub const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// Why an answer says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// It has more than [`MAX_RESPONSE_BYTES`].
    TooLarge,
    /// It is not JSON.
    Json(JsonError),
    /// It is not what Envoy answers at `/runtime`.
    Form,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the answer has more than {MAX_RESPONSE_BYTES} bytes"),
            Self::Json(error) => write!(f, "the answer is no JSON: {error}"),
            Self::Form => f.write_str("the answer has no `entries`"),
        }
    }
}

/// Reads an answer of `/runtime`: `{"entries":{"sekisho.inbox.mentions.max":{"final_value":"7",..},..},..}`.
///
/// # Errors
/// When the answer cannot be read. It then says nothing about any key.
pub fn read(response: &[u8]) -> Result<Overlay, SnapshotError> {
    if response.len() > MAX_RESPONSE_BYTES {
        return Err(SnapshotError::TooLarge);
    }
    let document = json::parse(response).map_err(SnapshotError::Json)?;
    let entries = document.as_object().and_then(|root| root.get("entries")?.as_object()).ok_or(SnapshotError::Form)?;
    let value = |(key, entry): (&str, &Json<'_>)| {
        let path = key.strip_prefix(PREFIX)?;
        let text = entry.as_object()?.get("final_value")?.as_str()?;
        Some((path.to_owned(), text.to_owned()))
    };
    Ok(entries.iter().filter_map(value).collect())
}

/// The form in which workers share an overlay: the same bytes for the same values. [`from_canonical`] reads it.
pub fn canonical(overlay: &Overlay) -> Vec<u8> {
    let members: Map<String, Value> = overlay.iter().map(|(path, text)| (path.to_owned(), text.into())).collect();
    Value::Object(members).to_string().into_bytes()
}

/// A number for what [`canonical`] wrote, never 0.
pub fn version(bytes: &[u8]) -> u64 {
    hash::of([bytes]).max(1)
}

/// Reads what [`canonical`] wrote; nothing when that is not what it is.
pub fn from_canonical(bytes: &[u8]) -> Overlay {
    let Ok(Json::Object(members)) = json::parse(bytes) else { return Overlay::EMPTY };
    members.iter().filter_map(|(path, text)| Some((path.to_owned(), text.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_envoy_answers() {
        // Envoy 1.40, GET /runtime, shortened.
        let response = br#"{"entries":{"sekisho.inbox.neg":{"layer_values":["-3","",""],"final_value":"-3"},
            "sekisho.inbox.mentions.max":{"layer_values":["5","9","7"],"final_value":"7"},
            "http.max_requests_per_io_cycle":{"final_value":"1","layer_values":["1","",""]}},"layers":["static","disk","admin"]}"#;
        let overlay = read(response).unwrap();
        let expected: Overlay = [("inbox.mentions.max", "7"), ("inbox.neg", "-3")].into_iter().collect();
        assert_eq!(overlay, expected);
        assert_eq!(canonical(&overlay), br#"{"inbox.mentions.max":"7","inbox.neg":"-3"}"#);
        assert_eq!(from_canonical(&canonical(&overlay)), overlay);
        assert_eq!(read(br#"{"entries":{},"layers":[]}"#), Ok(Overlay::EMPTY));
    }

    #[test]
    fn what_is_no_answer() {
        assert_eq!(read(br#"{"layers":[]}"#), Err(SnapshotError::Form));
        assert_eq!(read(b"[]"), Err(SnapshotError::Form));
        assert!(matches!(read(b"upstream connect error"), Err(SnapshotError::Json(_))));
        assert_eq!(read(&vec![b' '; MAX_RESPONSE_BYTES + 1]), Err(SnapshotError::TooLarge));
        assert_eq!(from_canonical(b"x"), Overlay::EMPTY);
    }
}
