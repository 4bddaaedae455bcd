//! Shared parts of the end-to-end tests and benchmarks.

pub mod cases;
pub mod client;
pub mod corpora;
pub mod harness;
pub mod replay;
