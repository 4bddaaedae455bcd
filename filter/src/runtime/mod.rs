//! Runtime keys of Envoy: which there are, and when to ask. Pure: the host asks, and hands over what it was told and what time it is.

pub mod schedule;
mod settings;
pub mod snapshot;

pub use schedule::{Poll, Turn};
pub use settings::{SUMMARY, Settings};
