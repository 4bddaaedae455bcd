//! `cargo xtask render`: Envoy's files with the shipped paths, for an image.

use std::fs;
use std::path::Path;

use crate::admin::Admin;
use crate::args::Up;
use crate::config::{self, Values};
use crate::error::{Context, Error, Result};

/// Writes `envoy.yaml` and `filter.yaml` as they are shipped, but for the server, the media service, the addresses to listen on and the policy.
/// Without `--output DIR` they are printed as two YAML documents.
pub fn run(args: &[String]) -> Result<()> {
    let (output, rest) = take(args, "--output")?;
    let (media, rest) = take(&rest, "--media")?;
    let up = Up::parse(&rest)?;
    let policy = fs::read_to_string(&up.policy).context(|| format!("reading {}", up.policy.display()))?;
    let module = Path::new("/etc/sekisho/sekisho.wasm");
    let envoy = config::envoy(&Values {
        listen: up.listen,
        metrics: up.metrics(),
        upstream: up.upstream.as_deref().unwrap_or("127.0.0.1:3000"),
        media: media.as_deref().unwrap_or("127.0.0.1:3001"),
        module,
        policy: &policy,
        filter: Path::new("/etc/sekisho/filter.yaml"),
        access_log: Path::new("/dev/stdout"),
        admin: &Admin::Unix("/run/sekisho/admin.sock".into()),
        runtime: Path::new("/etc/sekisho/runtime"),
    })?;
    let filter = config::filter(module, &policy)?;
    let Some(dir) = output else {
        print!("{envoy}---\n{filter}");
        return Ok(());
    };
    let dir = Path::new(&dir);
    fs::create_dir_all(dir).context(|| format!("creating {}", dir.display()))?;
    for (name, text) in [("envoy.yaml", envoy), ("filter.yaml", filter)] {
        let file = dir.join(name);
        fs::write(&file, text).context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// The value of an option that `up` does not have, and the other arguments.
fn take(args: &[String], option: &str) -> Result<(Option<String>, Vec<String>)> {
    let mut rest = args.to_vec();
    let Some(at) = rest.iter().position(|arg| arg == option) else {
        return Ok((None, rest));
    };
    rest.remove(at);
    if at >= rest.len() {
        return Err(Error::new(format!("{option} needs a value")));
    }
    Ok((Some(rest.remove(at)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_options_are_told_apart_from_the_options_of_up() {
        let args = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (dir, rest) = take(&args("--listen 0.0.0.0:1 --output dir --policy p"), "--output").unwrap();
        assert_eq!((dir, rest), (Some("dir".into()), args("--listen 0.0.0.0:1 --policy p")));
        assert_eq!(take(&args("--policy p"), "--output").unwrap().0, None);
        assert!(take(&args("--policy p --output"), "--output").is_err());
    }
}
