//! A proxy with the filter, started and stopped: by `up`, and by each end-to-end test in its own folder.

mod filter_file;
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

use self::filter_file::FilterFile;
pub use self::filter_file::{FILTER_YAML, Updates};
pub use self::options::{Lifetime, Options, Proxy, Ready};
use crate::admin::{Admin, MAX_SOCKET_PATH};
use crate::config::{self, Values};
use crate::error::{Context, Error, Result};
use crate::follow::Follower;
use crate::media::Media;
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
    metrics_addr: SocketAddr,
    /// What nginx does not have.
    filter: Option<FilterFile>,
    process: Process,
    media: Option<Media>,
}

/// Where nobody listens (RFC 863 is long gone): the media service of a stack without one.
const NO_MEDIA: &str = "127.0.0.1:9";

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
        let media = options.media.as_ref().map(|media| Media::start(media, &dir, options.lifetime)).transpose()?;
        match Self::start_proxy(options, dir, media.as_ref().map(Media::addr)) {
            Ok(mut stack) => {
                stack.media = media;
                Ok(stack)
            }
            Err(error) => {
                media.into_iter().for_each(|mut media| media.stop());
                Err(error)
            }
        }
    }

    fn start_proxy(options: &Options, dir: PathBuf, media: Option<SocketAddr>) -> Result<Self> {
        let admin = match &options.admin {
            Some(admin) => admin.clone(),
            None => Admin::Unix(socket_path(&dir)?),
        };
        let access_log = dir.join("access.log");
        let runtime = dir.join("runtime");
        let media = media.map_or_else(|| NO_MEDIA.to_owned(), |media| media.to_string());
        let filter_yaml = dir.join(FILTER_YAML);
        let values = Values {
            listen: options.listen,
            metrics: options.metrics,
            upstream: &options.upstream,
            media: &media,
            module: &options.module,
            policy: &options.policy,
            filter: &filter_yaml,
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
        let (mut files, filter) = match &options.proxy {
            Proxy::Envoy(_) => {
                let file = FilterFile {
                    path: filter_yaml.clone(),
                    module: options.module.clone(),
                    edits: options.edits.clone(),
                };
                (vec![config::envoy(&values)?, config::filter(&options.module, &options.policy)?], Some(file))
            }
            Proxy::Nginx(_) => (vec![config::nginx(&values)?], None),
        };
        edit(&mut files, &options.edits)?;
        // Envoy does not start without a filter.yaml.
        if let (Some(filter), Some(text)) = (&filter, files.get(1)) {
            filter.write(text)?;
        }
        let rendered = files.first().map_or("", String::as_str);
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
            metrics_addr: options.metrics,
            filter,
            process,
            media: None,
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

    /// Where Prometheus reads (Envoy).
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics_addr
    }

    /// The media service.
    pub fn media(&self) -> Option<&Media> {
        self.media.as_ref()
    }

    /// Where the media service listens, if there is one.
    pub fn media_addr(&self) -> Option<SocketAddr> {
        self.media().map(Media::addr)
    }

    /// Stops the media service and waits until it is gone.
    pub fn stop_media(&mut self) {
        self.media.iter_mut().for_each(Media::stop);
    }

    /// The file that the filter and its policy are read from, again whenever it is replaced by a move (Envoy).
    pub fn filter_yaml(&self) -> PathBuf {
        self.dir.join(FILTER_YAML)
    }

    /// Puts a policy in the place of the one in force. What came of it is in [`Stack::updates`], a moment later.
    pub fn publish(&self, policy: &str) -> Result<()> {
        match &self.filter {
            Some(filter) => filter.replace(policy),
            None => Err(Error::new("nginx reads its policy when it starts, and only then")),
        }
    }

    /// What Envoy made of the files that it read so far.
    pub fn updates(&self) -> Option<Updates> {
        Updates::of(&self.admin)
    }

    /// The admin interface.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its folder: configuration, `ecds/filter.yaml`, logs, the `runtime` link of the disk layer (absent at first).
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

    /// How the media service ended, if it did.
    pub fn media_exited(&mut self) -> Option<String> {
        self.media.as_mut().and_then(Media::exited)
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
        self.media.iter_mut().for_each(Media::stop);
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
        .env("TZ", "UTC0")
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

/// Applies each replacement wherever its text is.
fn edit(files: &mut [String], edits: &[(String, String)]) -> Result<()> {
    for (from, to) in edits {
        if !files.iter().any(|text| text.contains(from.as_str())) {
            return Err(Error::new(format!("nothing to edit: the configuration has no {from:?}")));
        }
        for text in files.iter_mut() {
            *text = text.replace(from.as_str(), to);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_has_to_find_something_in_one_of_the_files() {
        let mut files = ["a: 1\n".to_owned(), "c: 1\n".to_owned()];
        edit(&mut files, &[("a".into(), "b".into()), ("c".into(), "d".into())]).unwrap();
        assert_eq!(files, ["b: 1\n", "d: 1\n"]);
        assert!(edit(&mut files, &[("c".into(), "b".into())]).is_err());
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
