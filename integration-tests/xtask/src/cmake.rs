//! Find CMake, which builds the JPEG decoder of the media service, or fetch it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::pypi::{Package, is_program, on_path};
use crate::workspace::target_dir;

/// The release that is fetched from PyPI when there is none on the machine.
const VERSION: &str = "3.31.10";

/// `None` where PATH has one, which is found without us; else the one under `target/`, fetched if need be.
pub fn find_or_install() -> Result<Option<PathBuf>> {
    if on_path("cmake").is_some() {
        return Ok(None);
    }
    let package = Package {
        name: "cmake",
        version: VERSION,
        what: "CMake",
        otherwise: "when PATH has none",
        instead: "install cmake (Debian: apt-get install cmake)",
        venv: &target_dir().join(format!("cmake-{VERSION}")),
        find: in_venv,
    };
    package.find_or_install().map(Some)
}

/// The binary itself, which needs no Python.
fn in_venv(venv: &Path) -> Option<PathBuf> {
    fs::read_dir(venv.join("lib"))
        .ok()?
        .flatten()
        .map(|python| python.path().join("site-packages/cmake/data/bin/cmake"))
        .find(|path| is_program(path))
}
