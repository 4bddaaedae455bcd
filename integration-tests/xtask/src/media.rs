//! The media service, started and stopped beside a proxy.

use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::process;
use crate::stack::Lifetime;
use crate::supervised::Supervised;
use crate::workspace::native_binary;

/// How long it may take to start, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What to start.
#[derive(Clone, Debug)]
pub struct MediaOptions {
    /// The policy, of which it reads the section `media`.
    pub policy: String,
    /// Where it listens, whatever the policy says. Port 0 is any.
    pub listen: SocketAddr,
}

/// A running media service. It is stopped when dropped, unless it is detached.
#[derive(Debug)]
pub struct Media {
    config: PathBuf,
    log: PathBuf,
    addr: SocketAddr,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Held(Supervised),
    Detached(Child),
}

impl Media {
    /// Starts the native binary and waits until it is healthy. Its policy and its log are in `dir`.
    pub fn start(options: &MediaOptions, dir: &Path, lifetime: Lifetime) -> Result<Self> {
        let (config, log) = (dir.join("media.json"), dir.join("media.log"));
        for (file, text) in [(&config, options.policy.as_str()), (&log, "")] {
            fs::write(file, text).context(|| format!("writing {}", file.display()))?;
        }
        let listen = options.listen.to_string();
        let args: [OsString; 5] =
            ["media".into(), "--config".into(), config.clone().into(), "--listen".into(), listen.into()];
        let process = spawn(&native_binary(), &args, &log, dir, lifetime)?;
        let mut media = Self { config, log, addr: options.listen, process };
        match media.wait() {
            Ok(()) => Ok(media),
            Err(error) => {
                media.stop();
                let tail = process::tail(&media.log, 15);
                Err(Error::new(format!("{error}. The end of {}:\n{tail}", media.log.display())))
            }
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Held(supervised) => supervised.pid(),
            Process::Detached(child) => child.id(),
        }
    }

    /// Its policy. The path is in the command line of the process.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What it logs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<String> {
        match &mut self.process {
            Process::Held(supervised) => supervised.exited(),
            Process::Detached(child) => process::ended(child),
        }
    }

    /// Stops it, detached or not.
    pub fn stop(&mut self) {
        match &mut self.process {
            Process::Held(supervised) => supervised.stop(),
            Process::Detached(child) => {
                process::stop(child.id(), &self.config.to_string_lossy());
            }
        }
    }

    fn wait(&mut self) -> Result<()> {
        let mut ended = None;
        let healthy = process::wait_until(TIMEOUT, || {
            ended = self.exited();
            ended.is_some() || self.is_healthy()
        });
        match (ended, healthy) {
            (Some(how), _) => Err(Error::new(format!("the media service ended at once ({how})"))),
            (None, true) => Ok(()),
            (None, false) => Err(Error::new(format!("the media service was not ready within {TIMEOUT:?}"))),
        }
    }

    fn is_healthy(&mut self) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let Some(addr) = listening(&log) else {
            return false;
        };
        self.addr = addr;
        let answer = TcpStream::connect(addr).and_then(|mut stream| {
            stream.set_read_timeout(Some(TIMEOUT))?;
            crate::http::request(&mut stream, "GET", "localhost", "/healthz")
        });
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

fn spawn(program: &Path, args: &[OsString], log: &Path, dir: &Path, lifetime: Lifetime) -> Result<Process> {
    if !program.is_file() {
        return Err(Error::new(format!("{} is missing: `cargo xtask test` builds it", program.display())));
    }
    if lifetime == Lifetime::Held {
        return Ok(Process::Held(Supervised::spawn(program, args, log, dir)?));
    }
    let output = fs::File::create(log).context(|| format!("writing {}", log.display()))?;
    let errors = output.try_clone().context(|| "duplicating a file".into())?;
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    command.spawn().map(Process::Detached).context(|| format!("starting {}", program.display()))
}

/// The address of `sekisho media: listening on http://127.0.0.1:3001/`.
fn listening(log: &str) -> Option<SocketAddr> {
    log.lines().find_map(|line| line.split_once("listening on http://")?.1.strip_suffix('/')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_told_by_the_log() {
        let log = "sekisho media: workers confined: x\nsekisho media: listening on http://127.0.0.1:3001/\n";
        assert_eq!(listening(log), Some(SocketAddr::from(([127, 0, 0, 1], 3001))));
        assert_eq!(listening("sekisho media: listening on http://127.0.0.1:30"), None);
    }
}
