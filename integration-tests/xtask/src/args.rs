//! The options of `up`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::admin::Admin;
use crate::config::split_host_port;
use crate::error::{Context, Error, Result};
use crate::workspace::root;

/// `cargo xtask up ..`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// `HOST:PORT` of the server; the demo origin if not given.
    pub upstream: Option<String>,
    /// Where the proxy listens.
    pub listen: SocketAddr,
    /// Where Envoy's admin interface listens; a unix socket in the stack's folder if not given.
    pub admin: Option<Admin>,
    /// Where Prometheus reads, if given; [`Up::metrics`] has the default.
    pub metrics: Option<SocketAddr>,
    /// The policy.
    pub policy: PathBuf,
    /// Which host of the filter.
    pub proxy: ProxyKind,
    /// The port of the media service; any if not given.
    pub media_port: Option<u16>,
    /// Return once it runs.
    pub detach: bool,
}

/// A host of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// Envoy.
    Envoy,
    /// nginx with ngx_wasm_module.
    Nginx,
}

impl Up {
    /// Reads `--name value` and `--name=value`.
    pub fn parse(args: &[String]) -> Result<Self> {
        let mut up = Self {
            upstream: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: None,
            metrics: None,
            policy: root().join("envoy/policy.json"),
            proxy: ProxyKind::Envoy,
            media_port: None,
            detach: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            if name == "--detach" && inline.is_none() {
                up.detach = true;
                continue;
            }
            let mut value = || {
                let value = inline.clone().or_else(|| args.next().cloned());
                value.ok_or_else(|| Error::new(format!("{name} needs a value")))
            };
            match name {
                "--upstream" => up.upstream = Some(upstream(value()?)?),
                "--listen" => up.listen = listen(name, &value()?)?,
                "--metrics" => up.metrics = Some(listen(name, &value()?)?),
                "--admin" => up.admin = Some(admin(&value()?)?),
                "--policy" => up.policy = value()?.into(),
                "--proxy" => up.proxy = proxy(&value()?)?,
                "--media-port" => up.media_port = Some(port(&value()?)?),
                _ => {
                    return Err(Error::new(format!("`up` has no option {arg:?}. `cargo xtask help` lists them")));
                }
            }
        }
        Ok(up)
    }

    /// Where Prometheus reads.
    pub fn metrics(&self) -> SocketAddr {
        self.metrics.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9902)))
    }
}

fn upstream(text: String) -> Result<String> {
    split_host_port(&text).context(|| "--upstream".into())?;
    Ok(text)
}

fn listen(option: &str, text: &str) -> Result<SocketAddr> {
    let (host, port) = split_host_port(text).context(|| option.to_owned())?;
    let mut addrs = (host, port).to_socket_addrs().context(|| format!("{option} {text}"))?;
    addrs.next().ok_or_else(|| Error::new(format!("{option} {text}: no such host")))
}

/// `HOST:PORT` or a path. A path with a colon is told apart by its slash.
fn admin(text: &str) -> Result<Admin> {
    if !text.contains('/') && split_host_port(text).is_ok() {
        return Ok(Admin::Tcp(listen("--admin", text)?));
    }
    Admin::parse(text).context(|| "--admin".into())
}

fn proxy(text: &str) -> Result<ProxyKind> {
    match text {
        "envoy" => Ok(ProxyKind::Envoy),
        "nginx" => Ok(ProxyKind::Nginx),
        _ => Err(Error::new(format!("--proxy is envoy or nginx, not {text:?}"))),
    }
}

fn port(text: &str) -> Result<u16> {
    text.parse().map_err(|_| Error::new(format!("{text:?} is no port")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Up> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Up::parse(&args)
    }

    #[test]
    fn defaults() {
        let up = parse("").unwrap();
        assert_eq!(up.listen.to_string(), "127.0.0.1:8080");
        assert!(up.policy.ends_with("envoy/policy.json"));
        assert_eq!(up.metrics().to_string(), "127.0.0.1:9902");
        assert_eq!((up.upstream, up.admin, up.metrics, up.detach), (None, None, None, false));
    }

    #[test]
    fn everything_at_once() {
        let up = parse(
            "--upstream=localhost:3000 --listen [::1]:9 --admin 127.0.0.1:9901 --policy p.json --proxy nginx \
             --media-port 7 --metrics=0.0.0.0:99 --detach",
        )
        .unwrap();
        assert_eq!(up.upstream.as_deref(), Some("localhost:3000"));
        assert_eq!(up.listen.to_string(), "[::1]:9");
        assert_eq!(up.admin, Some(Admin::Tcp(SocketAddr::from(([127, 0, 0, 1], 9901)))));
        assert_eq!(up.proxy, ProxyKind::Nginx);
        assert_eq!((up.media_port, up.detach), (Some(7), true));
        assert_eq!(up.metrics().to_string(), "0.0.0.0:99");
        let up = parse("--admin /run/a.sock").unwrap();
        assert_eq!(up.admin, Some(Admin::Unix("/run/a.sock".into())));
    }

    #[test]
    fn mistakes() {
        for line in [
            "--upstream",
            "--upstream 3000",
            "--listen x",
            "--metrics 9902",
            "--proxy apache",
            "--media-port 99999",
            "--nonsense",
            "up",
            "--detach=1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
