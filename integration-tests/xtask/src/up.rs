//! `cargo xtask up`.

mod banner;
mod follow;
mod media;
mod policy;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use self::banner::Banner;
use self::policy::Watch;
use crate::admin::Admin;
use crate::args::{ProxyKind, Up};
use crate::error::{Context, Error, Result};
use crate::media::MediaOptions;
use crate::origin::Origin;
use crate::stack::{Lifetime, Options, Proxy, Ready, Stack};
use crate::state::{self, Started};
use crate::{compile, envoy, ports, process, workspace};

/// Where the demo origin listens: on any port of this machine.
const ORIGIN_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Installs what is missing, builds, starts, prints how to try it, and follows the log.
pub fn run(args: &[String]) -> Result<()> {
    let up = Up::parse(args)?;
    refuse_second()?;
    ports::check_free(up.listen, "--listen")?;
    let media = media::listen(&up)?;
    if let Some(Admin::Tcp(addr)) = up.admin {
        ports::check_free(addr, "--admin")?;
    }
    let metrics = metrics(&up)?;
    // Whatever is saved from now on is seen.
    let watch = Watch::new(&up.policy);
    let policy = policy::read(&up.policy)?;
    let proxy = find_proxy(up.proxy)?;
    println!("Building the module and the native binary (release) ..");
    compile::ensure_wasm_target()?;
    compile::build_module("sekisho")?;
    compile::build_native()?;
    policy::check(&up.policy)?;

    let dir = workspace::stack_dir();
    fs::create_dir_all(&dir).context(|| format!("creating {}", dir.display()))?;
    let mut started = Vec::new();
    let mut _origin = None;
    let upstream = match &up.upstream {
        Some(upstream) => {
            if let Err(why) = ports::reachable(upstream) {
                eprintln!(
                    "Warning: nothing answers at the upstream {upstream} ({why}). Requests that pass get 503 until it does."
                );
            }
            upstream.clone()
        }
        None if up.detach => {
            let (origin, addr) = detached_origin()?;
            started.push(origin);
            addr
        }
        None => _origin.insert(Origin::spawn_quiet(ORIGIN_BIND)?).addr().to_string(),
    };
    let demo = up.upstream.is_none().then_some(upstream.as_str());
    let (media_policy, demo_media) = media::policy(&policy, demo);
    let options = Options {
        proxy: proxy.clone(),
        policy,
        upstream: upstream.clone(),
        module: workspace::wasm_module("sekisho"),
        listen: up.listen,
        metrics,
        admin: up.admin.clone(),
        dir: Some(dir),
        concurrency: None,
        edits: Vec::new(),
        ready: Ready::Serving,
        media: media.map(|listen| MediaOptions { policy: media_policy.clone(), listen }),
        lifetime: if up.detach { Lifetime::Detached } else { Lifetime::Held },
    };
    let mut stack = Stack::start(&options).inspect_err(|_| stop_all(&started))?;
    started.insert(
        0,
        Started { role: proxy.name().into(), pid: stack.pid(), mark: stack.config().to_string_lossy().into_owned() },
    );
    if let Some(media) = stack.media() {
        let mark = media.config().to_string_lossy().into_owned();
        started.insert(1, Started { role: "media".into(), pid: media.pid(), mark });
    }
    if !up.detach {
        started.insert(0, Started { role: "up".into(), pid: std::process::id(), mark: "xtask up".into() });
    }
    state::save(&started).inspect_err(|_| stop_all(&started))?;
    Banner { up: &up, stack: &stack, upstream: &upstream, proxy: &proxy, demo_media }.print();
    if up.detach {
        return Ok(());
    }
    let ended = follow::until_it_ends(&mut stack, &proxy, watch);
    state::clear();
    Err(ended)
}

/// Where Prometheus reads: what was asked for, which has to be free; else the default or, if that is taken, any port.
fn metrics(up: &Up) -> Result<SocketAddr> {
    let addr = up.metrics();
    if up.proxy == ProxyKind::Nginx {
        return Ok(addr);
    }
    match (ports::check_free(addr, "--metrics"), up.metrics) {
        (Ok(()), _) => Ok(addr),
        (Err(why), Some(_)) => Err(why),
        (Err(why), None) => {
            println!("Metrics go to another port: {why}.");
            Ok(SocketAddr::new(addr.ip(), 0))
        }
    }
}

/// `xtask origin [ADDR]`: the demo origin as a process of its own. Prints its address and serves until it is stopped.
pub fn origin(args: &[String]) -> Result<()> {
    let bind = match args.first() {
        Some(addr) => addr.parse().context(|| addr.clone())?,
        None => ORIGIN_BIND,
    };
    let origin = Origin::spawn_quiet(bind)?;
    println!("{}", origin.addr());
    loop {
        std::thread::park();
    }
}

fn refuse_second() -> Result<()> {
    let alive = state::alive();
    let Some(first) = alive.first() else {
        return Ok(());
    };
    Err(Error::new(format!(
        "a stack is running already ({} has pid {}). `cargo xtask down` stops it",
        first.role, first.pid
    )))
}

fn find_proxy(kind: ProxyKind) -> Result<Proxy> {
    match kind {
        ProxyKind::Envoy => {
            let path = envoy::find_or_install()?;
            println!("Envoy {} ({})", envoy::version(&path)?, workspace::shown(&path));
            Ok(Proxy::Envoy(path))
        }
        ProxyKind::Nginx => match env::var_os("NGINX").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Proxy::Nginx(PathBuf::from(path))),
            None => Err(Error::new(
                "--proxy nginx needs an nginx with ngx_wasm_module: set NGINX to its path. nginx/README.md says where to get one",
            )),
        },
    }
}

fn detached_origin() -> Result<(Started, String)> {
    let program = env::current_exe().context(|| "finding our own program".into())?;
    let mut child = Command::new(program)
        .arg("origin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context(|| "starting the demo origin".into())?;
    let mut addr = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut addr).context(|| "starting the demo origin".into())?;
    }
    if addr.is_empty() {
        return Err(Error::new("the demo origin did not start"));
    }
    let started = Started { role: "origin".into(), pid: child.id(), mark: "xtask origin".into() };
    Ok((started, addr.trim().to_owned()))
}

fn stop_all(started: &[Started]) {
    for one in started.iter().filter(|one| one.pid != std::process::id()) {
        process::stop(one.pid, &one.mark);
    }
}
