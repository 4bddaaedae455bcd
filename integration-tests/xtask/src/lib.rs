//! Everything that runs the stack: `cargo xtask`, and as a library the proxy and the origin of the end-to-end tests.
//!
//! Standard library only, so that the first thing people type builds in seconds. Linux: processes are looked at in
//! `/proc`.
//!
//! A test starts an origin, and a proxy in front of it; both stop when dropped:
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use xtask::origin::Origin;
//! use xtask::stack::{Options, Stack};
//!
//! # fn main() -> xtask::error::Result<()> {
//! let origin = Origin::spawn(SocketAddr::from(([127, 0, 0, 1], 0)))?;
//! let stack = Stack::start(&Options::new(origin.addr())?.policy(r#"{"inbox":{}}"#))?;
//! // Talk to stack.addr(), then look at origin.requests(), stack.access_lines(..), stack.admin().stat(..).
//! # Ok(())
//! # }
//! ```

pub mod admin;
pub mod args;
pub mod bench;
pub mod checks;
pub mod cmake;
pub mod compile;
pub mod config;
pub mod down;
pub mod envoy;
pub mod error;
pub mod follow;
pub mod generate;
pub mod http;
pub mod json;
pub mod media;
pub mod origin;
pub mod ports;
pub mod process;
pub mod pypi;
pub mod readable;
pub mod render;
pub mod shipped;
pub mod stack;
pub mod state;
pub mod supervised;
pub mod up;
pub mod workspace;
