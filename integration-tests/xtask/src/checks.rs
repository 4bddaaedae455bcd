//! `cargo xtask test`: everything CI runs.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::compile::Native;
use crate::error::{Context, Error, Result};
use crate::workspace::{cargo, target_dir};
use crate::{compile, envoy, process};

/// Runs all checks, goes on after a failure, and ends with one line that sums them up.
pub fn run() -> Result<()> {
    let mut tally = Tally::default();
    let prepared = || {
        compile::ensure_wasm_target()?;
        Ok::<_, Error>((envoy::find_or_install()?, Native::find()?))
    };
    match prepared() {
        Ok((envoy, native)) => all(&mut tally, envoy.as_os_str(), &native)?,
        Err(error) => {
            eprintln!("{error}");
            tally.failed += 1;
        }
    }
    println!("\n{tally}");
    if tally.failed > 0 {
        return Err(Error::new("some checks failed"));
    }
    Ok(())
}

fn all(tally: &mut Tally, envoy: &OsStr, native: &Native) -> Result<()> {
    // Folders that the failing tests of the last run kept.
    let _ = fs::remove_dir_all(target_dir().join("e2e"));
    let wasm = compile::WASM_TARGET;
    tally.check("format", cargo().args(["fmt", "--all", "--check"]));
    tally.check(
        "lints, native",
        native.cargo("clippy").args(["--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    );
    tally.check(
        "lints, wasm",
        cargo().args(["clippy", "--quiet", "-p", "sekisho", "--lib", "--target", wasm, "--", "-D", "warnings"]),
    );
    for package in ["sekisho", "noop"] {
        tally.check(&format!("build, {package}.wasm"), &mut compile::module_command(package));
    }
    tally.check("build, native", &mut native.binary());
    if process::succeeds(cargo().args(["deny", "--version"])) {
        tally.check("dependencies", cargo().args(["deny", "check"]));
    } else {
        println!("==> dependencies: skipped, cargo-deny is not installed");
        tally.skipped += 1;
    }
    // With the output of tests that pass: the tables of the corpora, and the reasons of what is skipped.
    let shown = ["--workspace", "--no-fail-fast", "--", "--show-output"];
    tally.tests(native.cargo("test").args(shown).env("ENVOY", envoy))?;
    // What decodes thousands of pictures, in the build that is shipped.
    let pictures = ["-p", "sekisho", "--test", "media_images", "--test", "media_bombs", "--", "--show-output"];
    tally.tests(native.release("test").args(pictures))
}

/// Checks and single tests, counted alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn check(&mut self, name: &str, command: &mut Command) {
        println!("==> {name}");
        match process::run(command) {
            Ok(()) => self.passed += 1,
            Err(error) => {
                eprintln!("{error}");
                self.failed += 1;
            }
        }
    }

    /// Runs `cargo test`, shows its output as it comes, and adds up its result lines.
    fn tests(&mut self, command: &mut Command) -> Result<()> {
        println!("==> tests");
        let shown = process::shown(command);
        let mut child = command.stdout(Stdio::piped()).spawn().context(|| format!("could not run `{shown}`"))?;
        let before = *self;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.context(|| format!("reading from `{shown}`"))?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                self.add(&line);
            }
        }
        let status = child.wait().context(|| format!("waiting for `{shown}`"))?;
        // Tests that do not compile, or that abort, print no result line.
        if !status.success() && self.failed == before.failed {
            eprintln!("`{shown}` failed: {status}");
            self.failed += 1;
        }
        Ok(())
    }

    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
    fn add(&mut self, line: &str) {
        // A test that has nothing to work on passes, and says so.
        if line.starts_with("skipped: ") {
            self.skipped += 1;
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split("; ") {
            let Some((count, what)) = part.split_once(' ') else {
                continue;
            };
            let count: u64 = count.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "sekisho: {passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "skipped: the corpora are absent",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.01s",
        ] {
            tally.add(line);
        }
        assert_eq!(tally.to_string(), "sekisho: 14 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_failure_without_a_result_line_counts() {
        let mut tally = Tally::default();
        tally.tests(Command::new("sh").args(["-c", "echo no result; exit 101"])).unwrap();
        tally.check("false", &mut Command::new("false"));
        tally.check("true", &mut Command::new("true"));
        assert_eq!(tally, Tally { passed: 1, failed: 2, skipped: 0 });
    }
}
