//! The proxies that are compared: the same configuration with and without a filter.

use std::fs;
use std::net::SocketAddr;

use integration_tests::plain::block;
use xtask::error::{Context, Error, Result};
use xtask::origin::Origin;
use xtask::stack::{Options, Stack};
use xtask::workspace::{target_dir, wasm_module};

use crate::load::Connection;
use crate::scenarios;

/// A proxy under load.
pub struct Variant {
    /// As the table calls it.
    pub name: &'static str,
    /// The proxy itself.
    pub stack: Stack,
}

/// The names, in the order of [`start`].
pub const PLAIN: &str = "plain";
/// A second process just like [`PLAIN`]: how far two equal proxies come out apart is the noise.
pub const AGAIN: &str = "plain again";
/// A module that does nothing in place of sekisho's, the configuration as it is.
pub const NO_OP: &str = "no-op";
/// The same without the capability list, so that Envoy calls every callback: the mechanism as most people run it.
pub const NO_OP_ALL: &str = "no-op, all callbacks";
/// The filter.
pub const SEKISHO: &str = "sekisho";

/// Starts all of them, one worker each, before the same origin.
pub fn start(origin: &Origin) -> Result<Vec<Variant>> {
    let mut options = Options::new(origin.addr())?;
    options.concurrency = Some(1);
    let no_op = options.clone().module(wasm_module("noop"));
    let capabilities = block("envoy/filter.yaml", "        capability_restriction_config:")?;
    let variants = [
        (PLAIN, plain(&options, "plain")?),
        (NO_OP, no_op.clone()),
        (NO_OP_ALL, no_op.edit(capabilities, "")),
        (SEKISHO, options.clone()),
        (AGAIN, plain(&options, "again")?),
    ];
    variants.into_iter().map(|(name, options)| Ok(Variant { name, stack: Stack::start(&options)? })).collect()
}

/// A module that decides nothing, and makes the calls of a filter that reads and writes the fields of a page: more than that no such filter can reach.
pub const SAME_CALLS: &str = "same calls";
/// The filter as it comes: pages get fields, and pass as they are.
pub const FIELDS: &str = "fields only";
/// The filter with a manifest.
pub const REWRITING: &str = "rewriting";

/// The proxies that are compared for pages, under two policies.
pub fn of_pages(upstream: SocketAddr, manifest: &str) -> Result<Vec<Variant>> {
    let mut options = Options::new(upstream)?;
    options.concurrency = Some(1);
    let known = format!(r#"{{"page":{{"preset":"misskey","manifest":{manifest}}}}}"#);
    let variants = [
        (PLAIN, plain(&options, "pages-plain")?),
        (NO_OP, options.clone().module(wasm_module("noop"))),
        (SAME_CALLS, options.clone().module(wasm_module("noop")).policy(r#"{"noop":"calls"}"#)),
        (FIELDS, options.clone()),
        (REWRITING, options.clone().policy(known)),
        (AGAIN, plain(&options, "pages-again")?),
    ];
    variants.into_iter().map(|(name, options)| Ok(Variant { name, stack: Stack::start(&options)? })).collect()
}

impl Variant {
    /// Looks whether the proxy is what its name says: runs a VM or none, and refuses a forged delivery or not.
    pub fn check(&self) -> Result<()> {
        let filtered = !matches!(self.name, PLAIN | AGAIN);
        let vms = self.stack.admin().stat("wasm.envoy.wasm.runtime.v8.active").unwrap_or_default();
        if (vms > 0) != filtered {
            return Err(Error::new(format!("{}: {vms} wasm VMs are running", self.name)));
        }
        let refused = Connection::open(self.stack.addr())?.exchange(&scenarios::forged()).is_ok();
        if refused != (self.name == SEKISHO) {
            return Err(Error::new(format!("{}: a forged delivery was refused: {refused}", self.name)));
        }
        Ok(())
    }

    /// Empties the access log, which is some hundred megabytes in the end.
    pub fn forget_log(&self) -> Result<()> {
        let log = self.stack.access_log();
        fs::write(log, "").context(|| format!("emptying {}", log.display()))
    }
}

/// Without the filter, in a folder of its own.
fn plain(options: &Options, folder: &str) -> Result<Options> {
    integration_tests::plain::plain(options, target_dir().join("bench").join(folder))
}
