//! A look that costs little: whether the server is still as it was learned.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::asset::File;
use super::origin::{Origin, PinError};
use super::pages::{Looks, Mark};
use super::report::{Problems, Trouble};
use super::trouble::is_status_of_trouble;
use super::verify::{self, Key};
use crate::page::manifest::Integrity;

/// What pages showed.
pub(super) struct Glance {
    /// What is constant on `/`, as one hash: it changes with the build of the server.
    pub(super) shell: Integrity,
    /// A page that is another than it was.
    pub(super) changed: Option<String>,
}

/// Looks twice at `/` and at some pages that are known.
///
/// # Errors
/// [`PinError`] if there is no `/`. The page of a server in trouble, or of a limiter in front of it, is none.
pub(super) async fn pages(origin: &Arc<Origin>, gap: Duration, known: &[(String, Mark)]) -> Result<Glance, PinError> {
    let mut looks = Looks::of(iter::once("/").chain(known.iter().map(|(path, _)| path.as_str())));
    looks.look(origin, &mut ()).await;
    // What has the time in it would else be another build at each look.
    tokio::time::sleep(gap).await;
    looks.look(origin, &mut ()).await;
    looks.are_the_servers()?;
    let marks = looks.marks();
    let shell = match marks.get("/") {
        Some(Mark { status: 200, constant }) => constant.clone(),
        found => {
            let mut problems = Problems::default();
            match found {
                Some(mark) => problems.left_out("/".to_owned(), Trouble::Status(mark.status)),
                None => looks.tell(&mut problems),
            }
            return Err(PinError::NoPage(problems.into_vec()));
        }
    };
    let is_other = |(path, before): &&(String, Mark)| marks.get(path).is_some_and(|now| now.is_other(before));
    Ok(Glance { shell, changed: known.iter().find(is_other).map(|(path, _)| path.clone()) })
}

/// Reads some files that are known. One that is another than it was.
pub(super) async fn files(origin: &Arc<Origin>, known: &[(Key, Integrity)]) -> Option<String> {
    let keys: Vec<Key> = known.iter().map(|(key, _)| key.clone()).collect();
    let mut changed = None;
    verify::fetch(origin, keys, |key, loaded| {
        let is_same = match loaded {
            Ok(File { personal: Some(_), .. }) => false,
            Ok(file) => known.iter().any(|(known, integrity)| *known == key && *integrity == file.integrity),
            // What cannot be read now may be what it was.
            Err(trouble) => trouble.is_passing(),
        };
        if !is_same {
            changed = Some(key.1.path().to_owned());
        }
    })
    .await;
    changed
}

impl Mark {
    /// Whether a page is another than it was; not when it only shows that the server is in trouble.
    fn is_other(&self, before: &Self) -> bool {
        !self.is_in_trouble(before) && self.constant != before.constant
    }

    /// Whether a page shows what the server says in trouble, and did not before.
    pub(super) fn is_in_trouble(&self, before: &Self) -> bool {
        self.status != before.status && is_status_of_trouble(self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_in_trouble_is_no_other() {
        let mark = |status, text: &str| Mark { status, constant: Integrity::sha256(text.as_bytes()) };
        for (now, before, is_other) in [
            (mark(200, "a"), mark(200, "a"), false),
            (mark(200, "b"), mark(200, "a"), true),
            (mark(404, "b"), mark(200, "a"), true),
            (mark(404, "a"), mark(200, "a"), false),
            (mark(503, "b"), mark(200, "a"), false),
            (mark(429, "b"), mark(404, "a"), false),
            // It always answers so.
            (mark(500, "b"), mark(500, "a"), true),
        ] {
            assert_eq!(now.is_other(&before), is_other, "{now:?} {before:?}");
        }
    }
}
