//! Shared parts of the end-to-end tests and benchmarks.

pub mod browser;
pub mod cases;
pub mod client;
pub mod corpora;
pub mod fake_admin;
pub mod harness;
pub mod load;
pub mod media;
pub mod metrics;
pub mod npm;
pub mod plain;
pub mod previews;
pub mod replay;
pub mod rings;
pub mod router;
mod server;
pub mod site;
pub mod stats;
pub mod workers;
pub mod xds;
