//! What can be wrong with a request that names an address, and how Misskey itself would say it, so that its client shows it.

use super::address::AddressFault;
use super::endpoint::Endpoint;
use crate::decision::{Finding, Told};

/// Misskey's own error for an address that it does not take: its client knows the id, and has words for it in each language.
const UNAVAILABLE: &str = r#"{"error":{"message":"Unavailable email address.","code":"UNAVAILABLE","id":"a2defefb-f220-8849-0af6-17f816099323","kind":"client"}}"#;

/// Misskey's own error for parameters that are not as they should be.
const INVALID_PARAM: &str = r#"{"error":{"message":"Invalid param.","code":"INVALID_PARAM","id":"3d81ceae-475f-4600-b2a8-2bc116157532","kind":"client"}}"#;

/// Why a request is refused. Nothing of the request is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its media type is one that servers read as something else than JSON.
    MediaType,
    /// It is compressed.
    Encoding,
    /// It is larger than [`MAX_SIGN_UP_BYTES`](super::MAX_SIGN_UP_BYTES).
    Size,
    /// It is not one JSON document that every parser reads alike.
    Json,
    /// It is no object, or one that says what its prototype is.
    Shape,
    /// The address is no string, or is missing where nothing else is asked about.
    Type,
    /// It is not exactly one address.
    Address(AddressFault),
    /// Its domain is blocked.
    Blocked,
    /// Its domain is that of throw-away mailboxes.
    Disposable,
}

impl Fault {
    /// The finding, and the answer that the client of this endpoint understands.
    pub fn finding(self, endpoint: Endpoint) -> Finding {
        let (place, reason) = match self {
            Self::MediaType => ("content-type", "is not application/json in UTF-8"),
            Self::Encoding => ("content-encoding", "is not identity"),
            Self::Size => ("body", "is too large"),
            Self::Json => ("body", "is not one JSON document that every parser reads alike"),
            Self::Shape => ("body", "is not a plain object"),
            Self::Type => ("address", "is not a string"),
            Self::Address(fault) => ("address", fault.as_str()),
            Self::Blocked => ("address", "has a blocked domain"),
            Self::Disposable => ("address", "has a disposable domain"),
        };
        Finding::new(place, reason).with_told(self.told(endpoint))
    }

    fn told(self, endpoint: Endpoint) -> Told {
        let (status, body) = match (self, endpoint) {
            // The form asks with each key, and shows the reason below the field.
            (Self::Address(_), Endpoint::Available) => (200, r#"{"available":false,"reason":"format"}"#),
            (Self::Blocked, Endpoint::Available) => (200, r#"{"available":false,"reason":"banned"}"#),
            (Self::Disposable, Endpoint::Available) => (200, r#"{"available":false,"reason":"disposable"}"#),
            (Self::Address(_) | Self::Blocked | Self::Disposable, _) => (400, UNAVAILABLE),
            (Self::MediaType | Self::Encoding, _) => (415, INVALID_PARAM),
            (Self::Size, _) => (413, INVALID_PARAM),
            (Self::Json | Self::Shape | Self::Type, _) => (400, INVALID_PARAM),
        };
        Told::Api { status, body }
    }
}
