//! The media service: fetches pictures of other servers, and gives out small, harmless ones.
//!
//! The service process fetches and never decodes; worker processes decode and reach nothing (`worker`). What is decided is pure: `request`, `kind`,
//! `plan`, `respond`, `net::address`, `limit`.

pub mod guard;
pub mod image;
pub mod kind;
pub mod limit;
pub mod metrics;
pub mod net;
pub mod plan;
pub mod request;
pub mod respond;
pub mod server;
pub mod service;
pub mod settings;
pub mod worker;
