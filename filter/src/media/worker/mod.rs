//! Workers: processes that decode and encode, one job at a time, and can reach nothing but two pipes.
//!
//! The service starts `sekisho media-worker` ([`pool`]); the worker confines itself ([`sandbox`]), says so, and then turns jobs into answers ([`child`])
//! as [`protocol`] spells them. A worker may be taken over by a file: it is then still alone with the files that it is sent until it is replaced,
//! which happens after a number of jobs, at a deadline, and after every death.

pub mod child;
pub mod pool;
pub mod probe;
pub mod protocol;
pub mod sandbox;
mod usage;
