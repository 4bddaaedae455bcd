//! Where things are in the repository and in its target folder.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

/// The repository root.
pub fn root() -> PathBuf {
    let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    beside.canonicalize().unwrap_or_else(|_| beside.to_path_buf())
}

/// The folder cargo builds into.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").and_then(|dir| absolute(dir).ok()).unwrap_or_else(|| root().join("target"))
}

/// State and logs of `cargo xtask up`: `$SEKISHO_STACK_DIR`, so that a second stack can run beside the first, or `target/stack`.
pub fn stack_dir() -> PathBuf {
    env::var_os("SEKISHO_STACK_DIR").and_then(|dir| absolute(dir).ok()).unwrap_or_else(|| target_dir().join("stack"))
}

/// A release build of one of our wasm modules: `sekisho` or `noop`.
pub fn wasm_module(name: &str) -> PathBuf {
    target_dir().join("wasm32-wasip1/release").join(format!("{name}.wasm"))
}

/// The release build of the native `sekisho`.
pub fn native_binary() -> PathBuf {
    target_dir().join("release/sekisho")
}

/// The cargo that runs us, at the repository root.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What `cargo run` tells us about our own package: build scripts (that of ring) would run again whenever it is another.
    for (name, _) in env::vars_os() {
        if ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    command
}

/// A path as one would type it from the current folder.
pub fn shown(path: &Path) -> String {
    env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}
