//! Sekisho (関所, the checkpoint): what stands between the Fediverse and the server behind it.
//!
//! The core is pure; `host` alone knows proxy-wasm. `DESIGN.md` beside this crate is the map.

pub mod activitypub;
pub mod answer;
pub mod decision;
mod farewell;
pub mod guard;
mod hash;
mod host;
pub mod http;
pub mod inbox;
pub mod incident;
pub mod json;
#[cfg(not(target_arch = "wasm32"))]
pub mod media;
pub mod media_settings;
pub mod metrics;
pub mod page;
#[cfg(not(target_arch = "wasm32"))]
pub mod pin;
pub mod policy;
pub mod preview;
pub mod registry;
pub mod rules;
pub mod runtime;
pub mod share;
pub mod signup;
pub mod tally;
mod text;
