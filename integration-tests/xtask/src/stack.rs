//! A proxy with the filter, started and stopped: by `up`, and by each end-to-end test in its own folder.

mod options;
mod ready;

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use self::options::{Lifetime, Options, Proxy, Ready};
use crate::admin::{Admin, MAX_SOCKET_PATH};
use crate::config::{self, Values};
use crate::error::{Context, Error, Result};
use crate::follow::Follower;
use crate::process;
use crate::supervised::Supervised;
use crate::workspace::target_dir;

/// A running proxy. It is stopped when dropped, and its folder goes with it unless a test is failing.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    keep_dir: bool,
    config: PathBuf,
    log: PathBuf,
    access_log: PathBuf,
    admin: Admin,
    addr: SocketAddr,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Held(Supervised),
    Detached(Child),
}

impl Stack {
    /// Renders the configuration, starts the proxy and waits until it is ready.
    pub fn start(options: &Options) -> Result<Self> {
        if !options.module.is_file() {
            let module = options.module.display();
            return Err(Error::new(format!("{module} is missing: `cargo xtask test` builds it")));
        }
        let dir = match &options.dir {
            Some(dir) => dir.clone(),
            None => fresh_dir(),
        };
        fs::create_dir_all(&dir).context(|| format!("creating {}", dir.display()))?;
        let admin = match &options.admin {
            Some(admin) => admin.clone(),
            None => Admin::Unix(socket_path(&dir)?),
        };
        let access_log = dir.join("access.log");
        let runtime = dir.join("runtime");
        let values = Values {
            listen: options.listen,
            upstream: &options.upstream,
            module: &options.module,
            policy: &options.policy,
            access_log: &access_log,
            admin: &admin,
            runtime: &runtime,
        };
        let name = options.proxy.name();
        let config = dir.join(options.proxy.config_name());
        let log = dir.join(format!("{name}.log"));
        for old in [&access_log, &log] {
            fs::write(old, "").context(|| format!("writing {}", old.display()))?;
        }
        let rendered = match &options.proxy {
            Proxy::Envoy(_) => config::envoy(&values)?,
            Proxy::Nginx(_) => config::nginx(&values)?,
        };
        let rendered = edited(rendered, &options.edits)?;
        fs::write(&config, rendered).context(|| format!("writing {}", config.display()))?;

        let args = options.proxy.args(&config, &dir, options.concurrency);
        let process = spawn(options, &args, &log, &dir)?;
        let mut stack = Self {
            keep_dir: options.dir.is_some(),
            dir,
            config,
            log,
            access_log,
            admin,
            addr: options.listen,
            process,
        };
        if let Err(error) = ready::wait(&mut stack, options) {
            let tail = process::tail(&stack.log, 15);
            let log = stack.log.display().to_string();
            if let Process::Detached(child) = &mut stack.process {
                process::stop(child.id(), &stack.config.to_string_lossy());
            }
            stack.keep_dir = true;
            return Err(Error::new(format!("{error}. The end of {log}:\n{tail}")));
        }
        Ok(stack)
    }

    /// Where the listener is bound.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The admin interface.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its folder: configuration, logs, the `runtime` link of the disk layer (absent at first).
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The rendered configuration. Its path is in the command line of the process.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What the proxy and the filter log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The JSON access log.
    pub fn access_log(&self) -> &Path {
        &self.access_log
    }

    /// The process id of the proxy.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Held(supervised) => supervised.pid(),
            Process::Detached(child) => child.id(),
        }
    }

    /// How the proxy ended, if it did.
    pub fn exited(&mut self) -> Option<String> {
        match &mut self.process {
            Process::Held(supervised) => supervised.exited(),
            Process::Detached(child) => process::ended(child),
        }
    }

    /// The lines of the access log that satisfy `wanted`, once there are `count` of them. A line is written some
    /// 100 ms after the end of its request.
    pub fn access_lines(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let mut follower = Follower::new(self.access_log.clone());
        let mut lines = Vec::new();
        let enough = process::wait_until(Duration::from_secs(10), || {
            lines.extend(follower.poll().into_iter().filter(|line| wanted(line)));
            lines.len() >= count
        });
        if enough {
            return Ok(lines);
        }
        let found = lines.len();
        let log = self.access_log.display();
        Err(Error::new(format!("{found} lines instead of {count} in {log}: {lines:#?}")))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let Process::Held(supervised) = &mut self.process else {
            return;
        };
        supervised.stop();
        if let Admin::Unix(path) = &self.admin {
            let _ = fs::remove_file(path);
        }
        if !self.keep_dir && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn spawn(options: &Options, args: &[OsString], log: &Path, dir: &Path) -> Result<Process> {
    let program = options.proxy.program();
    if options.lifetime == Lifetime::Held {
        return Ok(Process::Held(Supervised::spawn(program, args, log, dir)?));
    }
    let output = fs::File::create(log).context(|| format!("writing {}", log.display()))?;
    let errors = output.try_clone().context(|| "duplicating a file".into())?;
    let child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .context(|| format!("starting {}", program.display()))?;
    Ok(Process::Detached(child))
}

/// A folder of its own for each stack, in each process.
fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    target_dir().join(format!("e2e/{}-{number}", std::process::id()))
}

/// `admin.sock` in the folder or, where that path is too long for a socket, in a private one for temporary files.
fn socket_path(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("admin.sock");
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        // A stale one; Envoy would refuse to bind.
        let _ = fs::remove_file(&path);
        return Ok(path);
    }
    let name = fresh_dir();
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let private = std::env::temp_dir().join(format!("sekisho-{name}"));
    let _ = fs::remove_dir_all(&private);
    fs::DirBuilder::new().mode(0o700).create(&private).context(|| format!("creating {}", private.display()))?;
    Ok(private.join("admin.sock"))
}

fn edited(mut text: String, edits: &[(String, String)]) -> Result<String> {
    for (from, to) in edits {
        if !text.contains(from.as_str()) {
            return Err(Error::new(format!("nothing to edit: the configuration has no {from:?}")));
        }
        text = text.replace(from.as_str(), to);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_has_to_find_something() {
        let edit = |from: &str| edited("a: 1\n".into(), &[(from.into(), "b".into())]);
        assert_eq!(edit("a").unwrap(), "b: 1\n");
        assert!(edit("c").is_err());
    }

    #[test]
    fn a_socket_path_always_fits() {
        let short = socket_path(Path::new("/tmp")).unwrap();
        assert_eq!(short, Path::new("/tmp/admin.sock"));
        let long = socket_path(&Path::new("/tmp").join("x".repeat(120))).unwrap();
        assert!(long.as_os_str().len() <= MAX_SOCKET_PATH);
        fs::remove_dir(long.parent().unwrap()).unwrap();
    }
}
