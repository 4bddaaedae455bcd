//! Which texts of the pages are the server's own.

use std::collections::{BTreeMap, BTreeSet};

use super::html::Item;

/// What one fetch of a page showed.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The page: what is asked for again and again, whatever random word the URL has.
    pub page: String,
    /// The random word in the URL of this fetch.
    pub probe: String,
    /// What stands in it.
    pub items: BTreeSet<Item>,
}

/// Why something is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is in one fetch of a page, and not in another of the same page.
    Varies,
    /// It repeats something of the request.
    Reflects,
    /// It was seen once, and there was no second look.
    Once,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is trusted, and the pages that it is on.
    pub trusted: BTreeMap<Item, BTreeSet<String>>,
    /// What is not, with a page that shows why.
    pub doubted: Vec<(Item, String, Doubt)>,
}

/// The shortest random word that is looked for in texts. A shorter one could be in any.
const MIN_PROBE: usize = 8;

/// Judges. A text or URL is trusted if all of these hold:
/// 1. It is in every fetch of each page that it is on at all. So no nonce, no time, no id of a request, and no script that comes and goes.
/// 2. At least two fetches had it.
/// 3. No random word of any request is in it, in either case. So nothing that repeats the URL, be it in the same words each time.
///
/// What the server itself says in the same words on each of its pages is trusted, whoever put it there: before an injection that is stored and constant,
/// only a look at the report helps.
pub fn judge(observations: &[Observation]) -> Verdict {
    let mut fetches: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen: BTreeMap<&Item, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut probes: BTreeSet<String> = BTreeSet::new();
    for observation in observations {
        *fetches.entry(&observation.page).or_default() += 1;
        if observation.probe.len() >= MIN_PROBE {
            probes.insert(observation.probe.to_ascii_lowercase());
        }
        for item in &observation.items {
            *seen.entry(item).or_default().entry(&observation.page).or_default() += 1;
        }
    }
    let mut verdict = Verdict::default();
    for (item, pages) in seen {
        let lower = item.text.to_ascii_lowercase();
        let first = pages.keys().next().copied().unwrap_or_default();
        let reflects = probes.iter().any(|probe| lower.contains(probe.as_str())).then_some(first);
        let varies = pages.iter().find(|(page, count)| fetches.get(*page) != Some(*count)).map(|(page, _)| *page);
        let once = (pages.values().sum::<usize>() < 2).then_some(first);
        let doubt = [(reflects, Doubt::Reflects), (varies, Doubt::Varies), (once, Doubt::Once)]
            .into_iter()
            .find_map(|(page, doubt)| page.map(|page| (page, doubt)));
        match doubt {
            Some((page, doubt)) => verdict.doubted.push((item.clone(), page.to_owned(), doubt)),
            None => drop(verdict.trusted.insert(item.clone(), pages.into_keys().map(str::to_owned).collect())),
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::super::html::Kind;
    use super::*;

    /// Observations: a page, the random word, the scripts.
    fn verdict(observations: &[(&str, &str, &[&str])]) -> (Vec<String>, Vec<(String, Doubt)>) {
        let script = |text: &&str| Item { kind: Kind::InlineScript, text: (*text).to_owned() };
        let observations: Vec<_> = observations
            .iter()
            .map(|(page, probe, texts)| Observation {
                page: (*page).to_owned(),
                probe: (*probe).to_owned(),
                items: texts.iter().map(script).collect(),
            })
            .collect();
        let verdict = judge(&observations);
        let doubted = verdict.doubted.into_iter().map(|(item, _, doubt)| (item.text, doubt));
        (verdict.trusted.into_keys().map(|item| item.text).collect(), doubted.collect())
    }

    #[test]
    fn constant_is_trusted() {
        let (trusted, doubted) = verdict(&[("/", "probe001", &["a", "b"]), ("/", "probe002", &["b", "a"])]);
        assert_eq!((trusted.len(), doubted.len()), (2, 0));
        // On two pages, or only on one of them.
        let (trusted, _) = verdict(&[
            ("/", "probe001", &["a"]),
            ("/", "probe002", &["a"]),
            ("/x", "probe003", &["a", "c"]),
            ("/x", "probe004", &["a", "c"]),
            ("/y", "probe005", &["a"]),
        ]);
        assert_eq!(trusted, ["a", "c"]);
    }

    #[test]
    fn what_varies_is_doubted() {
        let (trusted, doubted) = verdict(&[("/", "probe001", &["a", "n=1"]), ("/", "probe002", &["a", "n=2"])]);
        assert_eq!(trusted, ["a"]);
        assert_eq!(doubted, [("n=1".into(), Doubt::Varies), ("n=2".into(), Doubt::Varies)]);
        // Constant on one page does not help when it comes and goes on another.
        let (trusted, doubted) = verdict(&[
            ("/", "probe001", &["a"]),
            ("/", "probe002", &["a"]),
            ("/x", "probe003", &["a"]),
            ("/x", "probe004", &[]),
        ]);
        assert_eq!((trusted.len(), doubted), (0, vec![("a".into(), Doubt::Varies)]));
        // Two of three are not all.
        let (trusted, _) = verdict(&[("/", "probe001", &["a"]), ("/", "probe002", &["a"]), ("/", "probe003", &[])]);
        assert!(trusted.is_empty());
    }

    #[test]
    fn what_repeats_the_request_is_doubted() {
        let reflected = "path='/PROBE001'";
        let (trusted, doubted) = verdict(&[("/", "probe001", &[reflected]), ("/", "probe001", &[reflected])]);
        assert_eq!((trusted.len(), doubted), (0, vec![(reflected.into(), Doubt::Reflects)]));
        // The word of another page's request, from a log of the last visitors for instance.
        let (trusted, _) = verdict(&[
            ("/", "probe001", &["last='probe003'"]),
            ("/", "probe002", &["last='probe003'"]),
            ("/x", "probe003", &[]),
        ]);
        assert!(trusted.is_empty());
        // A short word proves nothing.
        let (trusted, _) = verdict(&[("/", "a", &["abc"]), ("/", "b", &["abc"])]);
        assert_eq!(trusted, ["abc"]);
    }

    #[test]
    fn once_is_not_enough() {
        let (trusted, doubted) = verdict(&[("/", "probe001", &["a"])]);
        assert_eq!((trusted.len(), doubted), (0, vec![("a".into(), Doubt::Once)]));
        assert_eq!(judge(&[]), Verdict::default());
    }
}
