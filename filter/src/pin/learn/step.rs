//! What a look at the server came to, and how the log tells it.

use std::fmt;

use super::loss::LASTING_TRIES;
use crate::page::learn::MAX_BYTES;
use crate::pin::report::Trusted;
use crate::pin::trouble::printable;
use crate::pin::{PinError, Report};

/// How much of what was left out the log is told.
const MAX_TOLD: usize = 10;

/// What one look came to.
#[derive(Debug)]
pub enum Step {
    /// Nothing changed.
    Unchanged,
    /// Something did, and was tried before: it is not yet time to try it again.
    Waiting,
    /// There is a manifest, and how it came about.
    Learned {
        /// Why it was looked for.
        why: Why,
        /// How much is known.
        summary: String,
        /// What is trusted inline that was not before. Somebody may want to look at it.
        new: Vec<Trusted>,
        /// What it knows less than the one before, which was not to be had at any of many tries.
        lost: Vec<String>,
        /// The whole report.
        report: Report,
    },
    /// A try that knows less than the one before, of the same shell. It is not used.
    Worse {
        /// Why it was tried.
        why: Why,
        /// The whole report.
        report: Report,
    },
    /// There was something to learn, but reading it all brought nothing. What is known stays.
    Unread {
        /// Why it was tried.
        why: Why,
        /// What is wrong.
        error: LearnError,
    },
    /// The server does not answer, or with no page. What is known stays.
    Failed(LearnError),
}

/// Why a manifest was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There was none.
    First,
    /// The server has another build.
    ShellChanged,
    /// The one before was not complete.
    Incomplete,
    /// This file or page is another than it was learned, and the shell is not.
    Changed(String),
}

/// Why there is no other manifest.
#[derive(Debug)]
pub enum LearnError {
    /// The server could not be read.
    Pin(PinError),
    /// The filter would not take so many bytes.
    TooLarge(usize),
}

impl fmt::Display for LearnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin(error) => error.fmt(f),
            Self::TooLarge(bytes) => write!(f, "the manifest has {bytes} bytes, of at most {MAX_BYTES}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("learned"),
            Self::ShellChanged => f.write_str("learned again, the server has another build"),
            Self::Incomplete => f.write_str("learned again, the last time was not complete"),
            Self::Changed(what) => write!(f, "learned again, {} has changed", printable(what)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("pages: as they were"),
            Self::Waiting => f.write_str("pages: another than they were; they wait for the next try"),
            Self::Learned { why, summary, new, lost, report } => {
                write!(f, "pages: {why}: {summary}; {} left out", report.left_out())?;
                new.iter().try_for_each(|trusted| write!(f, "\n  {trusted}"))?;
                if !lost.is_empty() {
                    write!(f, "\n  given up after {LASTING_TRIES} tries, known before: {}", lost.len())?;
                    lost.iter().take(MAX_TOLD).try_for_each(|what| write!(f, "\n  given up: {what}"))?;
                }
                left_out(f, report)
            }
            Self::Worse { why, report } => {
                let count = report.left_out();
                match why {
                    Why::Changed(what) => {
                        let what = printable(what);
                        write!(
                            f,
                            "pages: {what} has changed, but the last manifest stays: now {count} would be left out"
                        )?
                    }
                    _ => write!(f, "pages: the last manifest stays, now {count} would be left out")?,
                }
                left_out(f, report)
            }
            Self::Unread { error, .. } | Self::Failed(error) => {
                write!(f, "pages: not learned, what is known stays: {error}")
            }
        }
    }
}

fn left_out(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let mut problems = report.problems.iter().filter(|problem| problem.is_left_out).take(MAX_TOLD);
    problems.try_for_each(|problem| write!(f, "\n  {problem}"))
}
