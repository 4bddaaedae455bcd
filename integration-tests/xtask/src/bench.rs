//! `cargo xtask bench`.

use crate::error::Result;
use crate::workspace::cargo;
use crate::{compile, envoy, process};

/// Builds the modules and hands over to the benchmark program, with its arguments.
pub fn run(args: &[String]) -> Result<()> {
    compile::ensure_wasm_target()?;
    let envoy = envoy::find_or_install()?;
    compile::build_module("sekisho")?;
    compile::build_module("noop")?;
    process::run(
        cargo()
            .args(["run", "--quiet", "--release", "-p", "integration-tests", "--bin", "bench", "--"])
            .args(args)
            .env("ENVOY", envoy),
    )
}
