//! The parts of an HTTP request (RFC 9110) that decisions depend on.

pub mod media_type;
pub mod path;
pub mod signer;

/// The head of a request to an inbox. All values are bytes as received: nothing here is known to be text.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// `Content-Type`
    pub content_type: Option<Vec<u8>>,
    /// `Content-Encoding`
    pub content_encoding: Option<Vec<u8>>,
    /// `Content-Length`
    pub content_length: Option<Vec<u8>>,
    /// `Signature` (draft-cavage, or RFC 9421 beside `Signature-Input`)
    pub signature: Option<Vec<u8>>,
    /// `Authorization`, where some software repeats the signature
    pub authorization: Option<Vec<u8>>,
    /// `Signature-Input` (RFC 9421)
    pub signature_input: Option<Vec<u8>>,
}
