//! What a manifest does not say: where it comes from, and what is not in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use super::html::Item;
pub use super::trouble::Trouble;
use super::trouble::{excerpt, name, printable};
use crate::page::manifest::Integrity;

/// What is wrong, and where: a page or a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: String,
    /// What.
    pub trouble: Trouble,
    /// Whether the manifest lacks something for it that it should have.
    pub is_left_out: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_left_out { "left out" } else { "note" };
        write!(f, "{severity}: {}: {}", printable(&self.place), printable(&self.trouble.to_string()))
    }
}

/// Problems, each told once.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    told: HashSet<String>,
}

impl Problems {
    pub(super) fn left_out(&mut self, place: String, trouble: Trouble) {
        self.add(Problem { place, trouble, is_left_out: true });
    }

    pub(super) fn note(&mut self, place: String, trouble: Trouble) {
        self.add(Problem { place, trouble, is_left_out: false });
    }

    fn add(&mut self, problem: Problem) {
        if self.told.insert(problem.to_string()) {
            self.list.push(problem);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        other.list.into_iter().for_each(|problem| self.add(problem));
    }

    /// What is left out first.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        self.list.sort_by(|a, b| (!a.is_left_out, &a.place).cmp(&(!b.is_left_out, &b.place)));
        self.list
    }
}

/// Something inline that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// What it is.
    pub what: &'static str,
    /// Its hash.
    pub hash: Integrity,
    /// How it begins.
    pub excerpt: String,
    /// Where it is.
    pub places: Vec<String>,
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trusted: {}: {} {} (", self.what, self.hash, self.excerpt)?;
        for (index, place) in self.places.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { " " }, printable(place))?;
        }
        f.write_str(")")
    }
}

/// How a manifest came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many pages were read.
    pub pages: usize,
    /// What is trusted inline. An injection that is stored and constant would be here: it is worth a look.
    pub trusted: Vec<Trusted>,
    /// What is wrong; first what is left out.
    pub problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(
        pages: usize,
        trusted: Vec<(Item, BTreeSet<String>)>,
        handlers: BTreeMap<String, String>,
        problems: Problems,
    ) -> Self {
        let inline =
            trusted.into_iter().map(|(item, places)| (name(item.kind), item.text, places.into_iter().collect()));
        let handlers = handlers.into_iter().map(|(text, place)| ("event handler in a string", text, vec![place]));
        let trusted = inline.chain(handlers).map(|(what, text, places)| Trusted {
            what,
            hash: Integrity::sha256(text.as_bytes()),
            excerpt: excerpt(&text),
            places,
        });
        Self { pages, trusted: trusted.collect(), problems: problems.into_vec() }
    }

    /// Whether nothing was left out.
    pub fn is_complete(&self) -> bool {
        self.left_out() == 0
    }

    /// How much was left out.
    pub fn left_out(&self) -> usize {
        self.problems.iter().filter(|problem| problem.is_left_out).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::html::Kind;
    use super::super::trust::Doubt;
    use super::*;

    #[test]
    fn told_once_and_printable() {
        let mut problems = Problems::default();
        problems.note("/b\u{1b}[2J".to_owned(), Trouble::OtherOrigin);
        problems.left_out("/c".to_owned(), Trouble::Status(404));
        problems.left_out("/c".to_owned(), Trouble::Status(404));
        let item = Item { kind: Kind::InlineScript, text: "a\n\tb".repeat(40) };
        problems.left_out("/a".to_owned(), Trouble::doubt(&item, Doubt::Varies));
        let lines: Vec<_> = problems.into_vec().iter().map(Problem::to_string).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("left out: /a: inline script varies between fetches, not trusted: sha256-"));
        assert!(lines[0].contains(" a ba ba b"), "{}", lines[0]);
        assert_eq!(lines[1], "left out: /c: status 404");
        assert_eq!(lines[2], "note: /b\u{fffd}[2J: not pinned: other origin");
    }
}
