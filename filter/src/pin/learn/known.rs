//! What was learned, and how it is compared with what the server shows later.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;

use super::loss::{Loss, Losses};
use super::step::{LearnError, Why};
use crate::page::learn::{MAX_BYTES, tag};
use crate::page::manifest::Integrity;
use crate::pin::Reading;
use crate::pin::pages::Mark;
use crate::pin::report::{Report, Trouble};
use crate::pin::trouble::printable;
use crate::pin::trust::Doubt;
use crate::pin::verify::Key;

/// The most files that are read again at one look. A new build changes many, so that one look or a few show it.
const MAX_FILES_A_LOOK: usize = 16;
/// The most pages beside `/` that are read again at one look.
const MAX_PAGES_A_LOOK: usize = 4;

/// A manifest in force, and what it was made of.
pub(super) struct Learned {
    pub(super) json: Bytes,
    pub(super) etag: HeaderValue,
    pub(super) shell: Integrity,
    pub(super) left_out: usize,
    /// What of it was left out for what may have passed since.
    pub(super) passing: BTreeSet<Loss>,
    /// What is trusted inline.
    pub(super) inline: Vec<Integrity>,
    /// How many files it names.
    pub(super) urls: usize,
    /// When, since 1970.
    pub(super) time: Duration,
    files: Vec<(Key, Integrity)>,
    /// Pages beside `/`.
    pages: Vec<(String, Mark)>,
}

impl Learned {
    pub(super) fn new(reading: &Reading, shell: Integrity) -> Result<Self, LearnError> {
        let Reading { manifest, report, files, pages } = reading;
        let json = Bytes::from(manifest.to_json().to_string());
        if json.len() > MAX_BYTES {
            return Err(LearnError::TooLarge(json.len()));
        }
        Ok(Self {
            etag: HeaderValue::try_from(tag(&json)).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
            json,
            shell,
            left_out: report.left_out(),
            passing: passing(report).into_keys().collect(),
            inline: report.trusted.iter().map(|trusted| trusted.hash.clone()).collect(),
            urls: manifest.scripts.len() + manifest.styles.len() + manifest.modules.len(),
            time: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            files: files.iter().map(|(key, integrity)| (key.clone(), integrity.clone())).collect(),
            pages: pages
                .iter()
                .filter(|(path, _)| *path != "/")
                .map(|(path, mark)| (path.clone(), mark.clone()))
                .collect(),
        })
    }

    /// The files that are read again at a look.
    pub(super) fn files(&self, look: usize) -> Vec<(Key, Integrity)> {
        sample(&self.files, look, MAX_FILES_A_LOOK)
    }

    /// The pages that are read again at a look.
    pub(super) fn pages(&self, look: usize) -> Vec<(String, Mark)> {
        sample(&self.pages, look, MAX_PAGES_A_LOOK)
    }

    /// What a later try of the same shell lacks.
    pub(super) fn losses(&self, reading: &Reading) -> Losses {
        let in_trouble = self.pages.iter().filter_map(|(path, mark)| {
            let now = reading.pages.get(path).filter(|now| now.is_in_trouble(mark))?;
            Some((Loss::Place(path.clone()), format!("{}: {}", printable(path), Trouble::PageStatus(now.status))))
        });
        Losses { passing: passing(&reading.report), known: in_trouble.chain(self.doubted(&reading.report)).collect() }
    }

    /// Whether this knows more than a later try of the same shell, which has no better reason for it than the moment. What is gone for good is no reason.
    pub(super) fn is_better(&self, why: &Why, report: &Report, losses: &Losses, gone: &BTreeSet<Loss>) -> bool {
        match why {
            // Something is another: what is no longer asked for is gone. But not what could not be read just now, nor what became another while it was read.
            Why::Changed(_) => losses.is_worse(&self.passing, gone),
            // Nothing is: there is no hurry to know less.
            Why::Incomplete => report.left_out() > self.left_out || !losses.known.is_empty(),
            Why::First | Why::ShellChanged => false,
        }
    }

    /// What is trusted inline, and came and went.
    fn doubted(&self, report: &Report) -> impl Iterator<Item = (Loss, String)> {
        report.problems.iter().filter_map(|problem| match &problem.trouble {
            Trouble::Doubtful { hash, doubt: Doubt::Varies | Doubt::Once, .. } if self.inline.contains(hash) => {
                Some((Loss::Inline(hash.clone()), problem.to_string()))
            }
            _ => None,
        })
    }
}

/// What may be there at the next try.
fn passing(report: &Report) -> BTreeMap<Loss, String> {
    let passing = report.problems.iter().filter(|problem| problem.is_left_out && problem.trouble.is_passing());
    passing.map(|problem| (Loss::Place(problem.place.clone()), problem.to_string())).collect()
}

/// The next `count` of a row that begins anew at its end; all of them where there are no more.
fn sample<T: Clone>(row: &[T], look: usize, count: usize) -> Vec<T> {
    let start = look.wrapping_mul(count).checked_rem(row.len()).unwrap_or_default();
    let (before, after) = row.split_at_checked(start).unwrap_or((&[], row));
    after.iter().chain(before).take(count).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_their_turn() {
        assert_eq!(sample(&[0; 0], 7, 16), [0; 0]);
        assert_eq!(sample(&[1, 2, 3], 7, 16), [2, 3, 1]);
        let row: Vec<u32> = (0..10).collect();
        assert_eq!(sample(&row, 0, 4), [0, 1, 2, 3]);
        assert_eq!(sample(&row, 2, 4), [8, 9, 0, 1]);
        for len in 1..100_usize {
            let row: Vec<usize> = (0..len).collect();
            let mut seen: Vec<usize> = (0..len.div_ceil(7)).flat_map(|look| sample(&row, look, 7)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, row);
        }
        // Nothing overflows.
        assert_eq!(sample(&row, usize::MAX, 4).len(), 4);
    }
}
