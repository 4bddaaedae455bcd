//! What a running server's pages load, read as a browser without cookies would: the manifest of `page/manifest.rs`.
//!
//! ```text
//! pages.rs  each page, three times, with other random words ─► html.rs ─► trust.rs: what is constant
//!                                                                           │ URLs, texts
//! crawl.rs  ◄── loader.rs: entries that a trusted script makes up ◄─────────┤
//!   asset.rs: one file ─► js/: its imports ─► more of them                  │
//! verify.rs each file again                                                 ▼
//!                                              manifest.rs: what is known; report.rs: what is not
//! ```
//!
//! Nothing is executed. What is not certain is left out and reported. It is meant for a server that its operator trusts at this moment: what a trusted page
//! or script asks for is taken as it is.

mod asset;
mod crawl;
mod css;
mod entities;
mod glance;
pub mod html;
pub mod js;
pub mod learn;
pub mod loader;
mod origin;
mod ours;
mod pages;
mod patience;
mod personal;
mod public_host;
pub mod report;
mod trouble;
pub mod trust;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::page::manifest::{Integrity, MAX_INLINE, Manifest};
use html::{Item, Kind};
use origin::Origin;
pub use origin::PinError;
pub use ours::Ours;
pub use pages::PAGES;
use pages::{Looks, Mark};
pub use personal::Personal;
pub use public_host::PublicHost;
pub use report::{Problem, Report};
use report::{Problems, Trouble};

/// The most pages that are asked for.
pub const MAX_PAGES: usize = 200;
/// The most files that are fetched: as many as a manifest may name.
pub const MAX_URLS: usize = crate::page::manifest::MAX_URLS;
/// The largest page or file, in bytes.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// The most that is fetched in all, in bytes, the second look at each file included.
pub const MAX_TOTAL_BYTES: u64 = 1024 * 1024 * 1024;
/// Requests at once.
pub const CONCURRENCY: usize = 8;
/// How long one answer may take in all.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// How many redirects of a page are followed.
pub const MAX_REDIRECTS: usize = 3;
/// How long after the first look at the pages the second begins, at least: long enough for a clock with seconds to show.
pub const GAP: Duration = Duration::from_millis(1100);

/// What to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server: scheme, host and port. The rest of the URL does not count.
    pub origin: Url,
    /// The name under which the server is public, if it is another. Requests ask for it, and its URLs are the server's own; connections go to `origin` alone.
    pub host: Option<PublicHost>,
    /// Pages beside [`PAGES`]: paths. `{}` stands for a random word.
    pub pages: Vec<String>,
    /// The only languages of entries that are made up (`loader.rs`); empty: all.
    pub languages: Vec<String>,
    /// A PEM file with roots beside Mozilla's.
    pub extra_roots: Option<PathBuf>,
    /// The name servers to ask; none: those of the system.
    pub name_servers: Vec<SocketAddr>,
    /// How long between the first and the second look at the pages.
    pub gap: Duration,
}

impl Options {
    /// The defaults, for a server.
    pub fn new(origin: Url) -> Self {
        Self {
            origin,
            host: None,
            pages: Vec::new(),
            languages: Vec::new(),
            extra_roots: None,
            name_servers: Vec::new(),
            gap: GAP,
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Pages are read.
    Pages,
    /// Files are read.
    Files,
    /// Files are read again.
    Again,
}

/// Who watches.
pub trait Progress: Send {
    /// `done` of `known` are done; what is known may grow.
    fn step(&mut self, stage: Stage, done: usize, known: usize);
}

/// Nobody.
impl Progress for () {
    fn step(&mut self, _: Stage, _: usize, _: usize) {}
}

/// Reads a server's pages and all that they load.
///
/// # Errors
/// [`PinError`] if there is nothing to tell: no page could be read, or one that has been through Sekisho. All else is in the [`Report`].
pub async fn run(options: &Options, progress: &mut dyn Progress) -> Result<(Manifest, Report), PinError> {
    let origin = Arc::new(Origin::new(options)?);
    read(&origin, options, progress).await.map(|Reading { manifest, report, .. }| (manifest, report))
}

/// A manifest, and what it was made of.
struct Reading {
    manifest: Manifest,
    report: Report,
    files: BTreeMap<verify::Key, Integrity>,
    pages: BTreeMap<String, Mark>,
}

async fn read(origin: &Arc<Origin>, options: &Options, progress: &mut dyn Progress) -> Result<Reading, PinError> {
    let mut problems = Problems::default();
    let mut looks = Looks::new(options, &mut problems);
    looks.look(origin, progress).await;
    tokio::time::sleep(options.gap).await;
    looks.look(origin, progress).await;
    looks.are_the_servers()?;
    // By two looks, as they will be compared with.
    let pages = looks.marks();
    let early = trust::judge(&looks.observations());
    if looks.is_empty() {
        looks.tell(&mut problems);
        return Err(PinError::NoPage(problems.into_vec()));
    }

    let mut crawl = crawl::Crawl::new(Arc::clone(origin), options);
    crawl.seed(&early, &looks);
    let mut found = crawl.run(progress, &mut problems).await;
    verify::again(origin, &mut found, progress, &mut problems).await;

    // The files took a while: a third look, and the last word.
    looks.look(origin, progress).await;
    looks.are_the_servers()?;
    looks.tell(&mut problems);
    let verdict = trust::judge(&looks.observations());
    for (item, page, doubt) in &verdict.doubted {
        problems.left_out(page.clone(), Trouble::doubt(item, *doubt));
        let own = Url::parse(&item.text).ok().and_then(|url| origin.own(&url));
        let is_it = |(kind, url): &verify::Key| kind.is(item.kind) && own.as_ref() == Some(url);
        found.files.retain(|key, _| !is_it(key));
        found.personal.retain(|key| !is_it(key));
    }
    let trusted: Vec<_> = verdict.trusted.into_iter().filter(|(item, _)| is_inline(item)).collect();
    let manifest = manifest(origin, &trusted, &found, looks.has_import_map(), &mut problems);
    let report = Report::new(looks.len(), trusted, found.handlers, problems);
    Ok(Reading { manifest, report, files: found.files, pages })
}

fn is_inline(item: &Item) -> bool {
    !matches!(item.kind, Kind::Script | Kind::Module | Kind::Style)
}

const HANDLERS: &str = "event handlers";

/// Puts it together. Where there are too many handlers, those of the pages go before those that only scripts may write.
fn manifest(
    origin: &Origin,
    trusted: &[(Item, BTreeSet<String>)],
    found: &crawl::Found,
    has_import_map: bool,
    problems: &mut Problems,
) -> Manifest {
    let mut manifest = Manifest { has_import_map, ..Manifest::default() };
    let (mut scripts, mut handlers, mut styles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (item, _) in trusted {
        let hashes = match item.kind {
            Kind::Handler => &mut handlers,
            Kind::InlineStyle => &mut styles,
            _ => &mut scripts,
        };
        hashes.insert(Integrity::sha256(item.text.as_bytes()));
    }
    let strings: BTreeSet<_> = found.handlers.keys().map(|text| Integrity::sha256(text.as_bytes())).collect();
    let strings: BTreeSet<_> = strings.difference(&handlers).cloned().collect();
    for (what, hashes) in [("inline scripts", &scripts), (HANDLERS, &handlers), ("inline styles", &styles)] {
        let more = if what == HANDLERS { strings.len() } else { 0 };
        if hashes.len() + more > MAX_INLINE {
            problems.left_out(what.to_owned(), Trouble::Limit("hashes of one kind"));
        }
    }
    manifest.inline.scripts = scripts.into_iter().take(MAX_INLINE).collect();
    manifest.inline.handlers = handlers.into_iter().chain(strings).take(MAX_INLINE).collect();
    manifest.inline.handlers.sort();
    manifest.inline.styles = styles.into_iter().take(MAX_INLINE).collect();
    for ((kind, url), integrity) in &found.files {
        let Some(key) = origin.key(url) else {
            problems.left_out(url.to_string(), Trouble::UnfitUrl);
            continue;
        };
        let urls = match kind {
            asset::FileKind::Script => &mut manifest.scripts,
            asset::FileKind::Module => &mut manifest.modules,
            asset::FileKind::Style => &mut manifest.styles,
        };
        urls.insert(key, integrity.clone());
    }
    // A style needs no more than its host.
    let scripts = found.personal.iter().filter(|(kind, _)| *kind != asset::FileKind::Style);
    manifest.unpinned = scripts.filter_map(|(_, url)| origin.key(url)).collect();
    manifest
}
