//! Build what the stack runs.

use std::process::Command;

use crate::envoy::on_path;
use crate::error::{Error, Result};
use crate::process;
use crate::workspace::{cargo, root};

/// The target of the module.
pub const WASM_TARGET: &str = "wasm32-wasip1";

/// Makes sure that rustc can build for wasm, with the help of rustup where that is missing.
pub fn ensure_wasm_target() -> Result<()> {
    if has_wasm_target() {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        return Err(Error::new(format!(
            "this Rust toolchain has no {WASM_TARGET} target and there is no rustup to add it. \
             Install Rust by https://rustup.rs, or your distribution's package of that target"
        )));
    }
    process::run(Command::new("rustup").args(["target", "add", WASM_TARGET]).current_dir(root()))
}

/// Builds the release wasm module of a package: `sekisho` or `noop`.
pub fn build_module(package: &str) -> Result<()> {
    process::run(&mut module_command(package))
}

/// Builds the release native `sekisho`.
pub fn build_native() -> Result<()> {
    process::run(&mut native_command())
}

/// The command of `build_module`.
pub fn module_command(package: &str) -> Command {
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--target", WASM_TARGET, "--lib", "-p", package]);
    command
}

/// The command of `build_native`.
pub fn native_command() -> Command {
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "-p", "sekisho", "--bin", "sekisho"]);
    command
}

fn has_wasm_target() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(root()).output();
    output.is_ok_and(|output| {
        let dir = String::from_utf8_lossy(&output.stdout);
        output.status.success() && std::path::Path::new(dir.trim()).is_dir()
    })
}
