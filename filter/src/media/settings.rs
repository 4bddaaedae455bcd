//! The section `media` of the policy, as the service uses it. Its fields are declared where the filter sees them too.

pub use crate::media_settings::{Limits, Settings, SigningKey};
