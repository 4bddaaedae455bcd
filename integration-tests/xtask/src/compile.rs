//! Build what the stack runs.

use std::path::PathBuf;
use std::process::Command;

use crate::cmake;
use crate::error::{Error, Result};
use crate::process;
use crate::pypi::on_path;
use crate::workspace::{cargo, root};

/// The target of the module.
pub const WASM_TARGET: &str = "wasm32-wasip1";

/// The crates that touch every pixel, or every byte of a file of pixels.
const PIXELS: [&str; 6] = ["sekisho", "fast_image_resize", "fdeflate", "gif", "png", "weezl"];

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
    process::run(&mut Native::find()?.binary())
}

/// The command of `build_module`.
pub fn module_command(package: &str) -> Command {
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--target", WASM_TARGET, "--lib", "-p", package]);
    command
}

/// How this machine builds native code: the C and assembler of the media service's decoders want CMake and nasm.
#[derive(Clone, Debug)]
pub struct Native {
    /// Whether the decoders have their assembler.
    nasm: bool,
    /// The CMake that PATH does not have.
    cmake: Option<PathBuf>,
}

impl Native {
    /// Looks for nasm, without which decoders are slower, and for CMake, which is fetched where it is missing.
    pub fn find() -> Result<Self> {
        let nasm = on_path("nasm").is_some();
        if !nasm {
            println!("nasm is not on PATH: JPEG and AVIF are decoded without their assembler, and more slowly.");
        }
        Ok(Self { nasm, cmake: cmake::find_or_install()? })
    }

    /// A command of cargo. All of them are given the same features, or each would build everything anew.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = cargo();
        command.arg(subcommand);
        if self.nasm {
            command.args(["--features", "sekisho/nasm"]);
        }
        if let Some(cmake) = &self.cmake {
            command.env("CMAKE", cmake);
        }
        command
    }

    /// The same in release, without LTO and in parallel: it is built in a fraction of the time. The crates that touch every pixel stay whole, as
    /// without LTO nothing is inlined between the units of a crate. The module keeps its LTO, by `Cargo.toml`.
    pub fn release(&self, subcommand: &str) -> Command {
        let mut command = self.cargo(subcommand);
        command.args(["--release", "--config", "profile.release.lto=\"off\""]);
        command.args(["--config", "profile.release.codegen-units=16"]);
        for package in PIXELS {
            command.args(["--config", &format!("profile.release.package.{package}.codegen-units=1")]);
        }
        command
    }

    /// The command that builds the native `sekisho`.
    pub fn binary(&self) -> Command {
        let mut command = self.release("build");
        command.args(["--quiet", "-p", "sekisho", "--bin", "sekisho"]);
        command
    }
}

fn has_wasm_target() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(root()).output();
    output.is_ok_and(|output| {
        let dir = String::from_utf8_lossy(&output.stdout);
        output.status.success() && std::path::Path::new(dir.trim()).is_dir()
    })
}
