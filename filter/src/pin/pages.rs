//! The pages, each looked at several times.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::task::JoinSet;
use url::Url;

use super::html::{self, Page};
use super::origin::{Origin, PinError, is_redirect};
use super::ours::Ours;
use super::report::{Problems, Trouble};
use super::trouble::is_status_of_trouble;
use super::trust::{self, Observation};
use super::{CONCURRENCY, MAX_PAGES, MAX_REDIRECTS, Options, Progress, Stage};
use crate::page::manifest::Integrity;

/// Pages that show all of a Fediverse server's shells, its error pages too; `{}` is a random word. A server that has none of the name answers with the
/// page that it has for that, which counts as well.
pub const PAGES: [&str; 16] = [
    "/",
    "/about",
    "/explore",
    "/login",
    "/auth/sign_in",
    "/{}",
    "/{}/{}",
    "/@{}",
    "/notes/{}",
    "/notes/%00",
    "/embed/notes/{}",
    "/embed/user-timeline/{}",
    "/flush",
    "/cli",
    "/bios",
    "/_info_card_",
];

/// What one fetch showed.
struct Seen {
    probe: String,
    status: u16,
    page: Page,
}

/// One page, over time.
struct Watched {
    path: String,
    /// Whether the operator named it, or it is `/`: then it has to be there.
    named: bool,
    seen: Vec<Seen>,
    trouble: Option<Trouble>,
}

impl Watched {
    fn new(path: &str, named: bool) -> Self {
        Self { path: path.to_owned(), named, seen: Vec::new(), trouble: None }
    }

    /// A page of another status than 200 is taken as it is, but may not be the one that was meant.
    fn tell_status(&self, problems: &mut Problems) {
        match self.seen.first().map(|seen| seen.status) {
            Some(200) | None => {}
            Some(status) if self.named => problems.left_out(self.path.clone(), Trouble::PageStatus(status)),
            Some(status) if !self.is_expected(status) => {
                problems.note(self.path.clone(), Trouble::PageStatus(status));
            }
            Some(_) => {}
        }
    }

    /// Whether a page that nobody named may have a status. Some are read to see what the server says where it has nothing to show.
    fn is_expected(&self, status: u16) -> bool {
        let is_for_its_error = self.path.contains("{}") || self.path.contains("%00");
        status < 400 || is_for_its_error && (status == 500 || !is_status_of_trouble(status))
    }

    fn observations(&self) -> impl Iterator<Item = Observation> {
        self.seen.iter().map(|seen| Observation {
            page: self.path.clone(),
            probe: seen.probe.clone(),
            items: seen.page.items.clone(),
        })
    }
}

/// What a page is known by: enough to see that it has become another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) status: u16,
    /// The hash of all that is constant on it, as it was looked at alone.
    pub(super) constant: Integrity,
}

/// All pages, over time.
pub(super) struct Looks {
    pages: Vec<Watched>,
    /// How often each was looked at.
    count: usize,
}

impl Looks {
    /// The pages of the options.
    pub(super) fn new(options: &Options, problems: &mut Problems) -> Self {
        let named = options.pages.iter().map(|path| (path.as_str(), true));
        let mut pages: Vec<Watched> = Vec::new();
        for (path, named) in named.chain(PAGES.map(|path| (path, path == "/"))) {
            if pages.iter().any(|page| page.path == path) {
                continue;
            }
            if pages.len() == MAX_PAGES {
                problems.left_out(path.to_owned(), Trouble::Limit("pages"));
                continue;
            }
            pages.push(Watched::new(path, named));
        }
        Self { pages, count: 0 }
    }

    /// These pages alone.
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        Self { pages: paths.into_iter().map(|path| Watched::new(path, true)).collect(), count: 0 }
    }

    /// Looks at each page once more. What fails once is not asked again.
    pub(super) async fn look(&mut self, origin: &Arc<Origin>, progress: &mut dyn Progress) {
        let mut tasks = JoinSet::new();
        let mut waiting = self.pages.iter().enumerate().filter(|(_, page)| page.trouble.is_none());
        let known = waiting.clone().count();
        let mut done = 0;
        let mut seen = Vec::new();
        loop {
            while tasks.len() < CONCURRENCY {
                let Some((index, page)) = waiting.next() else { break };
                let probe = probe();
                let url = url(origin, &page.path, &probe, self.count);
                let origin = Arc::clone(origin);
                tasks.spawn(async move {
                    let found = match url {
                        Ok(url) => fetch(&origin, url).await,
                        Err(trouble) => Err(trouble),
                    };
                    (index, found.map(|(status, page)| Seen { probe, status, page }))
                });
            }
            let Some(found) = tasks.join_next().await else { break };
            seen.extend(found.ok());
            done += 1;
            progress.step(Stage::Pages, done, known);
        }
        for (index, found) in seen {
            let Some(page) = self.pages.get_mut(index) else { continue };
            match found {
                Ok(found) => page.seen.push(found),
                Err(trouble) => page.trouble = Some(trouble),
            }
        }
        for page in self.pages.iter_mut().filter(|page| page.trouble.is_none()) {
            let first = page.seen.first().map(|seen| seen.status);
            if let Some(other) = page.seen.iter().find(|seen| Some(seen.status) != first) {
                page.trouble = Some(Trouble::Unsteady(first.unwrap_or_default(), other.status));
            }
        }
        self.count += 1;
    }

    fn good(&self) -> impl Iterator<Item = &Watched> {
        self.pages.iter().filter(|page| page.trouble.is_none() && !page.seen.is_empty())
    }

    /// How many pages could be read each time.
    pub(super) fn len(&self) -> usize {
        self.good().count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn has_import_map(&self) -> bool {
        self.good().flat_map(|page| &page.seen).any(|seen| seen.page.has_import_map)
    }

    /// Whether no page has been through us on its way.
    pub(super) fn are_the_servers(&self) -> Result<(), PinError> {
        let ours = |page: &Watched| match page.trouble {
            Some(Trouble::Ours(mark)) => Some(PinError::Ours(page.path.clone(), mark)),
            _ => None,
        };
        self.pages.iter().find_map(ours).map_or(Ok(()), Err)
    }

    /// What relative URLs on a page are relative to.
    pub(super) fn bases(&self) -> BTreeMap<&str, &Url> {
        self.good().filter_map(|page| Some((page.path.as_str(), &page.seen.first()?.page.base))).collect()
    }

    /// What was seen, for judgement.
    pub(super) fn observations(&self) -> Vec<Observation> {
        self.good().flat_map(Watched::observations).collect()
    }

    /// What each page is known by.
    pub(super) fn marks(&self) -> BTreeMap<String, Mark> {
        let mark = |page: &Watched| {
            let trusted = trust::judge(&page.observations().collect::<Vec<_>>()).trusted;
            let text: String = trusted.keys().map(|item| format!("{:?}\n{}\0", item.kind, item.text)).collect();
            let status = page.seen.first()?.status;
            Some((page.path.clone(), Mark { status, constant: Integrity::sha256(text.as_bytes()) }))
        };
        self.good().filter_map(mark).collect()
    }

    /// Reports what is wrong with pages.
    pub(super) fn tell(&self, problems: &mut Problems) {
        for page in &self.pages {
            match &page.trouble {
                // That a server has no such page, or sends elsewhere, is no fault unless somebody asked for it.
                Some(trouble @ (Trouble::NotHtml(_) | Trouble::Redirected(_))) if !page.named => {
                    problems.note(page.path.clone(), trouble.clone());
                }
                Some(trouble) => problems.left_out(page.path.clone(), trouble.clone()),
                None => page.tell_status(problems),
            }
            for (what, beginning) in page.seen.iter().flat_map(|seen| &seen.page.unread) {
                problems.left_out(page.path.clone(), Trouble::unread(what, beginning));
            }
        }
    }
}

/// A word that nobody could have thought of, of letters and digits, short enough for a name.
fn probe() -> String {
    format!("sk{:016x}", RandomState::new().hash_one(0))
}

/// The URL of a page for one look. From the second on all have something random, so that no cache answers, and nothing that repeats the URL stays the same.
fn url(origin: &Origin, path: &str, probe: &str, look: usize) -> Result<Url, Trouble> {
    let mut url = origin.root().join(&path.replace("{}", probe)).map_err(|_| Trouble::UnfitUrl)?;
    if !path.contains("{}") && look > 0 {
        url.query_pairs_mut().append_key_only(probe);
    }
    Ok(url)
}

async fn fetch(origin: &Origin, mut url: Url) -> Result<(u16, Page), Trouble> {
    for _ in 0..=MAX_REDIRECTS {
        let answer = origin.get(&url, "text/html,application/xhtml+xml", |status| !is_redirect(status)).await?;
        if is_redirect(answer.status) {
            let to = answer.location.ok_or(Trouble::Status(answer.status))?;
            url = origin.own(&to).ok_or_else(|| Trouble::Redirected(to.into()))?;
            continue;
        }
        if answer.essence != "text/html" {
            return Err(Trouble::NotHtml(answer.essence));
        }
        if let Some(charset) = answer.charset.filter(|charset| !matches!(charset.as_str(), "utf-8" | "utf8")) {
            return Err(Trouble::Unreadable(format!("charset {charset}")));
        }
        let page = html::read(&answer.body, &url).map_err(Trouble::Unreadable)?;
        return match Ours::of(answer.signs, &page) {
            Some(mark) => Err(Trouble::Ours(mark)),
            None => Ok((answer.status, page)),
        };
    }
    Err(Trouble::Redirected(url.into()))
}
