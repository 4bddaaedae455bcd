//! ActivityPub documents as the server behind will read them.

pub mod activity;
pub mod integrity;
pub mod lookup;
pub mod node;
pub mod origin;
pub mod verb;

pub use activity::{Activity, Entity, Reference};
pub use origin::{Host, Origin, Scheme, UrlError};
pub use verb::Verb;

/// The namespace of Activity Streams 2.0, and what its terms start with.
pub const AS2: &str = "https://www.w3.org/ns/activitystreams";

/// The properties that say to whom something is addressed.
pub const ADDRESSING: [&str; 5] = ["to", "cc", "bto", "bcc", "audience"];

/// Whether a reference addresses everybody (ActivityPub section 5.6), in any of the spellings in use.
pub fn is_public(reference: &str) -> bool {
    matches!(
        reference,
        "https://www.w3.org/ns/activitystreams#Public"
            | "http://www.w3.org/ns/activitystreams#Public"
            | "as:Public"
            | "Public"
    )
}
