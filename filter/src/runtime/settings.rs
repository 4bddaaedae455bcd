//! The section `runtime` of the policy.

use std::time::Duration;

use crate::policy::Reader;

/// What the section is for, in documentation.
pub const SUMMARY: &str = "How the filter reads Envoy's runtime keys (in nginx there are none)";

/// The longest period: a live setting must not be out of reach for long.
const MAX_PERIOD_SECONDS: u32 = 60;

/// How runtime keys are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The time from one question to the next.
    pub period: Duration,
    /// The cluster to ask; none to never ask.
    pub cluster: Option<String>,
}

impl Settings {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let seconds =
            reader.integer("poll_seconds", 1..=MAX_PERIOD_SECONDS, 5, "how often runtime keys are read, in seconds");
        // A wrong name, set live, would be the last key that was ever read.
        let cluster = reader.fixed_text(
            "cluster",
            128,
            "sekisho_admin",
            "the cluster whose endpoint is Envoy's admin interface; empty: runtime keys are not read",
        );
        Self { period: Duration::from_secs(seconds.into()), cluster: Some(cluster).filter(|name| !name.is_empty()) }
    }
}
