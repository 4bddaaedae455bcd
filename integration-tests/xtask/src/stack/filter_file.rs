//! `filter.yaml`: the filter and its policy, which Envoy reads again when it is replaced.

use std::fs;
use std::path::PathBuf;

use super::options::Edits;
use crate::admin::Admin;
use crate::config;
use crate::error::{Context, Result};

/// Where it is in the folder of a stack: in a folder of its own, as Envoy looks at whatever is moved in there.
pub const FILTER_YAML: &str = "ecds/filter.yaml";

/// The file, and what it is rendered with.
#[derive(Debug)]
pub(super) struct FilterFile {
    pub(super) path: PathBuf,
    pub(super) module: PathBuf,
    pub(super) edits: Edits,
}

impl FilterFile {
    /// Renders it with a policy and moves it to its place at once: who reads it sees the old one or the new one.
    pub(super) fn replace(&self, policy: &str) -> Result<()> {
        let mut text = config::filter(&self.module, policy)?;
        for (from, to) in &self.edits {
            text = text.replace(from.as_str(), to);
        }
        self.write(&text)
    }

    pub(super) fn write(&self, text: &str) -> Result<()> {
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).context(|| format!("creating {}", dir.display()))?;
        }
        let draft = self.path.with_extension("draft");
        fs::write(&draft, text).context(|| format!("writing {}", draft.display()))?;
        fs::rename(&draft, &self.path).context(|| format!("writing {}", self.path.display()))
    }
}

/// What Envoy made of the files that it read so far. A file that equals the last one it read counts as accepted and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updates {
    /// Taken, by all workers.
    pub accepted: u64,
    /// Not taken: a policy or a filter that does not load. The last good one stays.
    pub rejected: u64,
    /// Not even YAML. The last good one stays.
    pub unreadable: u64,
}

impl Updates {
    /// The counters as they are.
    pub(super) fn of(admin: &Admin) -> Option<Self> {
        let stat = |name: &str| admin.stat(&format!("extension_config_discovery.http_filter.sekisho.{name}"));
        Some(Self {
            accepted: stat("update_success")?,
            rejected: stat("update_rejected")?,
            unreadable: stat("update_failure")?,
        })
    }
}
