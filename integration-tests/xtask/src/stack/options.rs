//! What a stack is started with.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::admin::Admin;
use crate::envoy;
use crate::error::Result;
use crate::media::MediaOptions;
use crate::workspace::wasm_module;

/// Replacements: a text, and what comes in its place.
pub(super) type Edits = Vec<(String, String)>;

/// What to start, and how to know that it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The proxy.
    pub proxy: Proxy,
    /// The plugin configuration.
    pub policy: String,
    /// `HOST:PORT` of the origin server.
    pub upstream: String,
    /// The wasm module.
    pub module: PathBuf,
    /// Where to listen. Port 0 is any (Envoy only); `Stack::addr` then knows which.
    pub listen: SocketAddr,
    /// Where Prometheus reads (Envoy). Port 0 is any; `Stack::metrics_addr` then knows which.
    pub metrics: SocketAddr,
    /// Where the admin interface listens; a socket in the folder if not given.
    pub admin: Option<Admin>,
    /// A folder for state and logs, kept; one of its own under `target/e2e/` if not given.
    pub dir: Option<PathBuf>,
    /// Worker threads of Envoy; as many as cores if not given.
    pub concurrency: Option<u32>,
    /// Replacements in the rendered files, for a test of smaller limits. Each must find its text in one of them.
    pub edits: Vec<(String, String)>,
    /// What to wait for.
    pub ready: Ready,
    /// Who stops it.
    pub lifetime: Lifetime,
    /// The media service beside it, if there is to be one. Without it, nobody listens where the proxy expects it.
    pub media: Option<MediaOptions>,
}

impl Options {
    /// Envoy with the release build of `sekisho` under the default policy, on any port of 127.0.0.1, two workers.
    pub fn new(upstream: impl ToString) -> Result<Self> {
        Ok(Self {
            proxy: Proxy::Envoy(envoy::find_or_install()?),
            policy: "{}".into(),
            upstream: upstream.to_string(),
            module: wasm_module("sekisho"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            metrics: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: None,
            dir: None,
            concurrency: Some(2),
            edits: Vec::new(),
            ready: Ready::Serving,
            lifetime: Lifetime::Held,
            media: None,
        })
    }

    /// The same under another policy.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = policy.into();
        self
    }

    /// The same with a media service under a policy, on any port of 127.0.0.1.
    pub fn media(mut self, policy: impl Into<String>) -> Self {
        self.media = Some(MediaOptions { policy: policy.into(), listen: SocketAddr::from(([127, 0, 0, 1], 0)) });
        self
    }

    /// The same with another module.
    pub fn module(mut self, module: PathBuf) -> Self {
        self.module = module;
        self
    }

    /// The same with so many worker threads.
    pub fn concurrency(mut self, threads: u32) -> Self {
        self.concurrency = Some(threads);
        self
    }

    /// The same with a replacement in the rendered files.
    pub fn edit(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.edits.push((from.into(), to.into()));
        self
    }

    /// The same, waiting for something else.
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }
}

/// A host of the filter, by its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Envoy.
    Envoy(PathBuf),
    /// nginx with ngx_wasm_module.
    Nginx(PathBuf),
}

impl Proxy {
    /// What its files are named after.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "envoy",
            Self::Nginx(_) => "nginx",
        }
    }

    pub(super) fn program(&self) -> &Path {
        match self {
            Self::Envoy(path) | Self::Nginx(path) => path,
        }
    }

    pub(super) fn config_name(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "envoy.yaml",
            Self::Nginx(_) => "nginx.conf",
        }
    }

    pub(super) fn args(&self, config: &Path, dir: &Path, concurrency: Option<u32>) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["-c".into(), config.into()];
        match self {
            Self::Envoy(_) => {
                args.push("--disable-hot-restart".into());
                args.extend(["--file-flush-interval-msec".into(), "100".into()]);
                // In filter.yaml a misspelled key is an error as well, and not a warning in the log.
                args.push("--reject-unknown-dynamic-fields".into());
                if let Some(threads) = concurrency {
                    args.extend(["--concurrency".into(), threads.to_string().into()]);
                }
            }
            Self::Nginx(_) => {
                args.extend(["-p".into(), dir.into()]);
                args.extend(["-e".into(), "stderr".into(), "-g".into(), "daemon off;".into()]);
            }
        }
        args
    }
}

/// When a stack counts as started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A GET passes the filter. That the upstream is away does not matter.
    Serving,
    /// The process is up and listens; the filter may refuse everything. For tests of exactly that.
    Listening,
}

/// Who stops the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It ends with the `Stack`, or with our process in whatever way that ends.
    Held,
    /// It goes on; `xtask down` stops it.
    Detached,
}
