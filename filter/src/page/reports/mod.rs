//! Violation reports: what browsers say that a policy blocked, or would have.
//!
//! Anybody can send them, with anything in them, and true ones hold what people looked at. So what leaves this module is from fixed sets, but for the names of blocked hosts
//! and first segments of paths, which are bounded, in plain ASCII, and only for the log.
//!
//! [`read()`] makes [`Violation`]s of a body, if a [`Bucket`] lets it be read at all; a [`Table`] says which of them the log has to tell, with a [`Line`].

mod blocked;
mod bucket;
mod line;
mod read;
pub mod suggest;
mod table;

pub use blocked::{Blocked, BlockedKind, page};
pub use bucket::Bucket;
pub use line::{FULL, Line};
pub use read::{MAX_REPORT_BYTES, MAX_REPORTS, MEDIA_TYPES, ReportError, Reports, read};
pub use table::{MAX_ENTRIES, Table, Told};

/// One thing that a browser blocked, or would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// By which mechanism.
    pub kind: Kind,
    /// Whether it was blocked.
    pub disposition: Disposition,
    /// The effective directive, or the destination after `integrity-`. From a fixed set, with `other` in it.
    pub directive: &'static str,
    /// What was blocked.
    pub blocked: Blocked,
    /// The first segment of the page's path, see [`page`].
    pub page: String,
}

/// What was violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Content Security Policy.
    Csp,
    /// The Integrity-Policy.
    Integrity,
}

/// Whether a policy is enforced or only reported (CSP3 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// It was blocked.
    Enforce,
    /// It would have been.
    Report,
}

impl Disposition {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Report => "report",
        }
    }
}

/// The labels of destinations in `directive`.
pub const DESTINATIONS: [&str; 3] = ["integrity-script", "integrity-style", "integrity-other"];

#[cfg(test)]
mod tests;
