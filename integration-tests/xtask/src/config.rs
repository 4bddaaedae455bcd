//! The configuration of the proxy, rendered from the repository's own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::admin::Admin;
use crate::error::{Context, Error, Result};
use crate::render::{quoted, render};
use crate::workspace::root;

/// What the marked lines of `envoy/envoy.yaml`, `envoy/filter.yaml` and `nginx/nginx.conf` are filled in with.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// Where the proxy listens.
    pub listen: SocketAddr,
    /// Where Prometheus reads (Envoy).
    pub metrics: SocketAddr,
    /// `HOST:PORT` of the server behind it.
    pub upstream: &'a str,
    /// `HOST:PORT` of the media service (Envoy).
    pub media: &'a str,
    /// The wasm module.
    pub module: &'a Path,
    /// The plugin configuration.
    pub policy: &'a str,
    /// The `filter.yaml` that Envoy reads, in a folder that it watches.
    pub filter: &'a Path,
    /// The JSON access log.
    pub access_log: &'a Path,
    /// The admin interface (Envoy).
    pub admin: &'a Admin,
    /// The link to the folder of runtime keys (Envoy).
    pub runtime: &'a Path,
}

/// The configuration of Envoy; the filter and its policy are in a file of their own.
pub fn envoy(values: &Values<'_>) -> Result<String> {
    let (host, port) = split_host_port(values.upstream)?;
    let (media_host, media_port) = split_host_port(values.media)?;
    let Some(watched) = values.filter.parent() else {
        return Err(Error::new(format!("{} is in no folder", values.filter.display())));
    };
    render(
        &template("envoy/envoy.yaml")?,
        &[
            ("admin.address", values.admin.to_yaml()),
            ("admin.endpoint", values.admin.to_endpoint()),
            ("runtime.disk", format!("{{symlink_root: {}}}", path(values.runtime))),
            ("listen.address", quoted(&values.listen.ip().to_string())),
            ("listen.port", values.listen.port().to_string()),
            ("access_log.path", path(values.access_log)),
            ("filter.path", path(values.filter)),
            ("filter.dir", path(watched)),
            ("metrics.address", quoted(&values.metrics.ip().to_string())),
            ("metrics.port", values.metrics.port().to_string()),
            ("upstream.address", quoted(host)),
            ("upstream.port", port.to_string()),
            ("media.address", quoted(media_host)),
            ("media.port", media_port.to_string()),
        ],
    )
}

/// `filter.yaml`: the filter and its policy.
pub fn filter(module: &Path, policy: &str) -> Result<String> {
    render(&template("envoy/filter.yaml")?, &[("module.path", path(module)), ("policy", policy.to_owned())])
}

/// The configuration of nginx with ngx_wasm_module.
pub fn nginx(values: &Values<'_>) -> Result<String> {
    let word = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    render(
        &template("nginx/nginx.conf")?,
        &[
            ("listen", values.listen.to_string()),
            ("upstream", values.upstream.to_owned()),
            ("access_log", format!("{} sekisho", word(&values.access_log.to_string_lossy()))),
            ("module", format!("sekisho {}", word(&values.module.to_string_lossy()))),
            ("policy", format!("sekisho {}", word(values.policy))),
        ],
    )
}

/// The parts of `HOST:PORT`; an IPv6 address stands in brackets, which do not belong to it.
pub fn split_host_port(text: &str) -> Result<(&str, u16)> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None => host,
        };
        let port = port.parse().ok()?;
        (!host.is_empty()).then_some((host, port))
    });
    parts.ok_or_else(|| Error::new(format!("{text:?} is not HOST:PORT, such as 127.0.0.1:3000")))
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn template(name: &str) -> Result<String> {
    let path = root().join(name);
    fs::read_to_string(&path).context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        assert_eq!(split_host_port("localhost:3000").unwrap(), ("localhost", 3000));
        assert_eq!(split_host_port("[::1]:80").unwrap(), ("::1", 80));
        for text in ["3000", ":3000", "localhost", "h:70000", "[::1:80", ""] {
            assert!(split_host_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_shipped_configuration_has_every_marker_and_loses_every_default() {
        let rendered = envoy(&Values {
            listen: SocketAddr::from(([127, 0, 0, 1], 1234)),
            metrics: SocketAddr::from(([127, 0, 0, 1], 2345)),
            upstream: "social.test:4321",
            media: "media.test:5432",
            module: Path::new("/m.wasm"),
            policy: "{\n\"policy\": 1}",
            filter: Path::new("/watched/filter.yaml"),
            access_log: Path::new("/access.log"),
            admin: &Admin::Unix("/admin.sock".into()),
            runtime: Path::new("/runtime"),
        })
        .unwrap();
        let filter = filter(Path::new("/m.wasm"), "{\n\"policy\": 1}").unwrap();
        for wanted in [
            "port_value: 1234\n",
            "port_value: 2345\n",
            "port_value: 4321\n",
            "address: \"social.test\"\n",
            "port_value: 5432\n",
            "address: \"media.test\"\n",
            "path: \"/watched/filter.yaml\"\n",
            "path: \"/watched\"\n",
            "{symlink_root: \"/runtime\"}",
            "{pipe: {path: \"/admin.sock\"}}\n",
        ] {
            assert!(rendered.contains(wanted), "{wanted}");
        }
        assert!(filter.contains("filename: \"/m.wasm\"\n"));
        // What replaces the policy in place relies on it.
        assert!(filter.ends_with("        value: |\n          {\n          \"policy\": 1}\n"), "{filter}");
        let both = rendered + &filter;
        let configured: Vec<&str> = both.lines().filter(|line| !line.trim().starts_with('#')).collect();
        let configured = configured.join("\n");
        assert!(!configured.contains("/etc/sekisho") && !configured.contains("/run/sekisho"));
    }
}
