//! The head of a response, as far as the host shows it.

use super::abi::{self, Status};
use super::kind::Kind;
use super::pairs;

/// What a host has shown of it.
pub struct ResponseHead {
    /// Whether that is all of it: nginx cannot show many fields at once.
    pub is_whole: bool,
    pairs: Vec<u8>,
    single: Vec<(&'static str, Vec<u8>)>,
}

/// What matters of a head that cannot be shown: the first of each name.
const SINGLE: [&str; 12] = [
    ":status",
    "content-type",
    "content-length",
    "content-encoding",
    "content-security-policy",
    "strict-transport-security",
    "referrer-policy",
    "permissions-policy",
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "etag",
];

impl ResponseHead {
    /// Asks the host for all of so many fields, or for what matters of them.
    pub fn read(kind: Kind, count: usize) -> Result<Self, Status> {
        if count <= kind.max_fields() {
            return Ok(Self { is_whole: true, pairs: abi::response_fields()?, single: Vec::new() });
        }
        let read = |name| Ok(abi::response_field(name)?.map(|value| (name, value)));
        let single = SINGLE.into_iter().filter_map(|name| read(name).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { is_whole: false, pairs: Vec::new(), single })
    }

    /// The fields, `:status` among them.
    pub fn fields(&self) -> Vec<(&[u8], &[u8])> {
        let mut fields = pairs::read(&self.pairs).unwrap_or_default();
        fields.extend(self.single.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())));
        fields
    }
}
