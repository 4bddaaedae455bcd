//! Processes: run them, look at them, stop them by pid.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

/// How long a process may take to end after SIGTERM.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The signals we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ask to end.
    Term,
    /// End now.
    Kill,
}

/// Runs a command with our own stdin, stdout and stderr.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().context(|| format!("could not run `{shown}`"))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{shown}` failed: {status}")))
}

/// Whether a command ends well, its output thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A command as it would be typed, its program without a folder.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    std::iter::once(program.file_name().unwrap_or(program.as_os_str()))
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Sends a signal. A process that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    let name = match signal {
        Signal::Term => "TERM",
        Signal::Kill => "KILL",
    };
    succeeds(Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]));
}

/// The command line of a living process, words separated by spaces.
pub fn cmdline(pid: u32) -> Option<String> {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    // A zombie has an empty one.
    let line = String::from_utf8_lossy(&raw).replace('\0', " ");
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Stops a process whose command line contains `mark`. False if there is none: its pid may be another's by now.
pub fn stop(pid: u32, mark: &str) -> bool {
    let ours = || cmdline(pid).is_some_and(|line| line.contains(mark));
    if !ours() {
        return false;
    }
    signal(pid, Signal::Term);
    if !wait_until(STOP_TIMEOUT, || !ours()) {
        signal(pid, Signal::Kill);
        wait_until(STOP_TIMEOUT, || !ours());
    }
    true
}

/// How a child ended, if it did.
pub fn ended(child: &mut Child) -> Option<String> {
    match child.try_wait() {
        Ok(None) => None,
        Ok(Some(status)) => Some(status.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Polls until `done` or the time is up; whether it was done.
pub fn wait_until(timeout: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    let last = all.get(all.len().saturating_sub(lines)..);
    last.unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_typed() {
        assert_eq!(shown(Command::new("cargo").args(["fmt", "--check"])), "cargo fmt --check");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed: exit status: 1");
        let error = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.to_string().starts_with("could not run `program`: "));
    }

    #[test]
    fn only_ours_is_stopped() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        // Between fork and the end of exec there is no command line.
        assert!(wait_until(STOP_TIMEOUT, || cmdline(child.id()).is_some()));
        assert!(!stop(child.id(), "another command line"));
        assert!(stop(child.id(), "sleep 60"));
        child.wait().unwrap();
        assert_eq!(cmdline(child.id()), None);
    }
}
