//! The policy file: read, checked, and published when it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::error::{Context, Error, Result};
use crate::process::wait_until;
use crate::stack::Stack;
use crate::workspace::{native_binary, shown};

/// How long Envoy may take to read a new policy. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(|| format!("could not read the policy {}", shown(path)))
}

/// `sekisho check` speaks for itself: its output is the error.
pub(super) fn check(path: &Path) -> Result<()> {
    let output = Command::new(native_binary())
        .arg("check")
        .arg(path)
        .output()
        .context(|| "could not run `sekisho check`".into())?;
    if output.status.success() {
        return Ok(());
    }
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let errors = format!("{printed}{errors}");
    Err(Error::new(format!("the policy {} is wrong:\n{}", shown(path), errors.trim_end())))
}

/// Looks whether a policy was saved.
pub(super) struct Watch {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// What tells one state of a file from another.
type Stamp = (SystemTime, u64);

impl Watch {
    /// From the state that the file is in.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: stamp(path) }
    }

    /// Publishes the policy if it was saved since the last look and is valid, and says what came of it.
    pub(super) fn look(&mut self, stack: &Stack) -> Option<Result<&'static str>> {
        let now = stamp(&self.path);
        // An editor may move the file away for a moment.
        if now.is_none() || now == self.seen {
            return None;
        }
        let outcome = check(&self.path).and_then(|()| read(&self.path));
        if stamp(&self.path) != now {
            // Saved again meanwhile: the next look is about that.
            return None;
        }
        self.seen = now;
        let kept = |error| Error::new(format!("{error}\nThe last good policy stays in force."));
        Some(outcome.and_then(|policy| publish(stack, &policy)).map_err(kept))
    }
}

fn publish(stack: &Stack, policy: &str) -> Result<&'static str> {
    let updates = || stack.updates().ok_or_else(|| Error::new("Envoy's admin interface does not answer"));
    let before = updates()?;
    stack.publish(policy)?;
    let mut after = before;
    wait_until(PATIENCE, || {
        after = stack.updates().unwrap_or(before);
        after != before
    });
    if after.accepted > before.accepted {
        return Ok("policy published");
    }
    let what = if after == before { "has not read the policy yet" } else { "refused the policy" };
    Err(Error::new(format!("Envoy {what}; {} says why", shown(stack.log()))))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
