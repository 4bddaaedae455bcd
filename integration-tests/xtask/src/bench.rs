//! `cargo xtask bench`.

use crate::compile::Native;
use crate::error::Result;
use crate::{compile, envoy, process};

/// Builds the modules and hands over to the benchmark program, with its arguments.
pub fn run(args: &[String]) -> Result<()> {
    if let Some((_, args)) = args.split_first().filter(|(first, _)| *first == "--media") {
        return media(args);
    }
    compile::ensure_wasm_target()?;
    let envoy = envoy::find_or_install()?;
    compile::build_module("sekisho")?;
    compile::build_module("noop")?;
    process::run(
        Native::find()?
            .release("run")
            .args(["--quiet", "-p", "integration-tests", "--bin", "bench", "--"])
            .args(args)
            .env("ENVOY", envoy),
    )
}

/// The media service beside sharp.
fn media(args: &[String]) -> Result<()> {
    let native = Native::find()?;
    process::run(&mut native.binary())?;
    let mut command = native.release("run");
    process::run(command.args(["--quiet", "-p", "integration-tests", "--bin", "media-bench", "--"]).args(args))
}
