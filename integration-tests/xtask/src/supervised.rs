//! A child process that cannot outlive us.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Context, Error, Result};
use crate::process::{self, Signal};

/// A program under `supervise.sh`, which stops it when the pipe that we hold closes: on drop, on exit, on `kill -9`.
#[derive(Debug)]
pub struct Supervised {
    shell: Child,
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl Supervised {
    /// Starts `program`, its output appended to `log`.
    pub fn spawn(program: &Path, args: &[OsString], log: &Path, dir: &Path) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", include_str!("supervise.sh"), "supervise.sh"])
            .arg(log)
            .arg(program)
            .args(args)
            .current_dir(dir)
            // The clock of Envoy's log is then that of its access log.
            .env("TZ", "UTC0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(|| format!("starting {}", program.display()))?;
        let pipe = shell.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = shell.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context(|| "reading the pid of the child".into())?;
        }
        let pid = line
            .trim()
            .parse()
            .map_err(|_| Error::new(format!("{} did not start (`sh` printed {line:?})", program.display())))?;
        Ok(Self { shell, pipe, pid })
    }

    /// The process id of the program itself.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<String> {
        process::ended(&mut self.shell)
    }

    /// Stops it and waits until it is gone.
    pub fn stop(&mut self) {
        drop(self.pipe.take());
        if process::wait_until(process::STOP_TIMEOUT, || self.exited().is_some()) {
            return;
        }
        process::signal(self.pid, Signal::Kill);
        // The shell ends with its child: nothing is left to do if it does not.
        let _ = self.shell.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::fs;

    use super::*;

    fn spawn(script: &str, log: &Path) -> Supervised {
        let args = ["-c".into(), script.into()];
        Supervised::spawn(Path::new("/bin/sh"), &args, log, &temp_dir()).unwrap()
    }

    #[test]
    fn the_program_ends_with_its_holder() {
        let log = temp_dir().join(format!("sekisho-supervised-{}", std::process::id()));
        let child = spawn("echo started; exec sleep 60", &log);
        let pid = child.pid();
        assert!(process::wait_until(process::STOP_TIMEOUT, || {
            process::cmdline(pid).is_some_and(|line| line.starts_with("sleep 60"))
        }));
        drop(child);
        assert_eq!(process::cmdline(pid), None);
        assert_eq!(fs::read_to_string(&log).unwrap(), "started\n");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn an_early_end_is_noticed() {
        let mut child = spawn("exit 7", Path::new("/dev/null"));
        assert!(process::wait_until(process::STOP_TIMEOUT, || child.exited().is_some()));
        assert_eq!(child.exited().unwrap(), "exit status: 7");
    }
}
