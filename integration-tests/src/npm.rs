//! Packages of npm that tests ask for a second opinion.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use xtask::workspace::target_dir;

/// Where `package` (with its version) is, in the folder `name` below `target` and never in the repository; `required` is what `require` finds of it. `None` with the reason
/// printed, which is that of a skipped test.
pub fn install(name: &str, package: &str, required: &str) -> Option<PathBuf> {
    // Tests of one program run beside one another, and npm does not share a folder.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = target_dir().join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let is_there = |dir: &PathBuf| {
        let script = format!("require('{required}')");
        let found = Command::new("node").args(["-e", &script]).current_dir(dir).output();
        found.map(|output| output.status.success())
    };
    match is_there(&dir) {
        Err(error) => {
            println!("skipped: there is no node: {error}");
            return None;
        }
        Ok(true) => return Some(dir),
        Ok(false) => {}
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--prefix"]);
    let installed = npm.arg(&dir).arg(package).stdin(Stdio::null()).output();
    if !installed.is_ok_and(|output| output.status.success()) || !is_there(&dir).unwrap_or(false) {
        println!("skipped: npm cannot install {package}: there is no npm, or no registry");
        return None;
    }
    Some(dir)
}
