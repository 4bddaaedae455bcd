//! The log's line for a violation.

use std::fmt;

use super::{Blocked, BlockedKind, DESTINATIONS, Disposition, Violation};
use crate::page::csp::Directive;

/// What a line for a violation begins with.
const PREFIX: &str = "sekisho: page: violation: ";

/// What is logged once when a table is full.
pub const FULL: &str =
    "sekisho: page: violations: there are more than are told apart; others are only counted from here on";

/// A violation, and how often it was seen, as the log tells it:
/// `sekisho: page: violation: directive=script-src-elem blocked=https://x.example disposition=report count=1 page=/notes`. The names, their order and their values are
/// stable: people and [`super::suggest`] read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As in [`Violation`].
    pub directive: &'static str,
    /// As in [`Violation`]. Another host is told by its origin, or as `other` where it has no plain name; the own one as `self` and the first segment of the path.
    pub blocked: Blocked,
    /// As in [`Violation`].
    pub disposition: Disposition,
    /// How often it was seen by the worker that logs.
    pub count: u64,
    /// As in [`Violation`]: of the one that made the line due.
    pub page: String,
}

impl Line {
    /// The line for a violation.
    pub fn new(violation: &Violation, count: u64) -> Self {
        Self {
            directive: violation.directive,
            blocked: violation.blocked.clone(),
            disposition: violation.disposition,
            count,
            page: violation.page.clone(),
        }
    }

    /// Reads a line of a log, whatever the host wrote before it and after it.
    pub fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.split_once(PREFIX)?;
        let mut words = fields.split_ascii_whitespace();
        let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        Some(Self {
            directive: label(field("directive")?)?,
            blocked: read_blocked(field("blocked")?)?,
            disposition: match field("disposition")? {
                "enforce" => Disposition::Enforce,
                "report" => Disposition::Report,
                _ => return None,
            },
            count: field("count")?.parse().ok().filter(|count| *count > 0)?,
            page: field("page")?.to_owned(),
        })
    }
}

fn label(text: &str) -> Option<&'static str> {
    let destination = DESTINATIONS.into_iter().find(|known| *known == text);
    let directive = Directive::new(text).label();
    destination.or_else(|| (directive == text).then_some(directive))
}

fn read_blocked(text: &str) -> Option<Blocked> {
    if let Some(kind) = BlockedKind::of_label(text) {
        return Some(kind.into());
    }
    let kind = if text.contains("://") { BlockedKind::Other } else { BlockedKind::SelfOrigin };
    let at = if kind == BlockedKind::Other { text } else { text.strip_prefix("self")? };
    (kind == BlockedKind::Other || at.starts_with('/')).then(|| Blocked { kind, at: at.to_owned() })
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directive, blocked, disposition, count, page } = self;
        let kind = if blocked.kind == BlockedKind::Other && !blocked.at.is_empty() { "" } else { blocked.kind.label() };
        let (at, disposition) = (&blocked.at, disposition.as_str());
        write!(
            f,
            "{PREFIX}directive={directive} blocked={kind}{at} disposition={disposition} count={count} page={page}"
        )
    }
}
