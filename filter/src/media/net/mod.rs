//! The way out. Nothing else in Sekisho opens a connection to the world.
//!
//! `target` judges URLs, `address` addresses; both are pure. `resolve` turns names into addresses that are allowed, `fetch` connects to them. What can go
//! wrong is an `error::FetchError`, with a name for the log and a status for the client.

pub mod address;
pub mod body;
mod connect;
pub mod error;
pub mod fetch;
pub mod fields;
pub mod hosts;
pub mod resolve;
pub mod target;

pub use body::FetchBody;
pub use error::FetchError;
pub use fetch::{FetchSettings, Fetched, Fetcher};
pub use fields::{FetchRequest, Identity};
pub use target::{TargetError, TargetRules, check_target};
