//! What `up` started, for `down` and for the next `up`.

use std::fs;
use std::path::PathBuf;

use crate::error::{Context, Result};
use crate::process;
use crate::workspace::stack_dir;

/// A process by pid, and a part of its command line that says it is still the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What it is: `up`, `envoy`, `nginx`, `origin`.
    pub role: String,
    /// Its process id.
    pub pid: u32,
    /// What its command line contains.
    pub mark: String,
}

impl Started {
    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        process::cmdline(self.pid).is_some_and(|line| line.contains(&self.mark))
    }
}

/// The processes of the last `up` that still run.
pub fn alive() -> Vec<Started> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    parse(&text).filter(Started::is_alive).collect()
}

/// Writes down what was started.
pub fn save(started: &[Started]) -> Result<()> {
    let text: String = started.iter().map(|s| format!("{}\t{}\t{}\n", s.role, s.pid, s.mark)).collect();
    fs::write(path(), text).context(|| format!("writing {}", path().display()))
}

/// Forgets it.
pub fn clear() {
    // It may never have been written.
    let _ = fs::remove_file(path());
}

fn path() -> PathBuf {
    stack_dir().join("pids")
}

fn parse(text: &str) -> impl Iterator<Item = Started> {
    text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, '\t');
        Some(Started {
            role: fields.next()?.to_owned(),
            pid: fields.next()?.parse().ok()?,
            mark: fields.next().filter(|mark| !mark.is_empty())?.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let read: Vec<Started> = parse("envoy\t42\t/x/envoy.yaml\nenvoy\tx\ty\nup\t1\t\n\n").collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].pid, read[0].mark.as_str()), (42, "/x/envoy.yaml"));
        assert!(!read[0].is_alive());
    }
}
