//! The graph of what pages load.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use tokio::task::JoinSet;
use url::Url;

use super::asset::{self, File, FileKind};
use super::html::Kind;
use super::js::{self, Base, Goal, Script};
use super::origin::Origin;
use super::pages::Looks;
use super::report::{Problems, Trouble};
use super::trust::Verdict;
use super::{CONCURRENCY, MAX_URLS, Options, Progress, Stage, loader};
use crate::page::manifest::Integrity;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Files by what they are loaded as, and their URL.
    pub(super) files: BTreeMap<(FileKind, Url), Integrity>,
    /// Those that are not the same for everybody.
    pub(super) personal: BTreeSet<(FileKind, Url)>,
    /// Event handlers in the strings of scripts, and a script that has each.
    pub(super) handlers: BTreeMap<String, String>,
}

/// A file to fetch.
struct Wanted {
    kind: FileKind,
    url: Url,
    /// The page whose loader may have made it up; then it need not be there.
    guess: Option<String>,
}

/// A walk through the graph.
pub(super) struct Crawl<'o> {
    origin: Arc<Origin>,
    options: &'o Options,
    known: HashSet<(FileKind, Url)>,
    queue: VecDeque<Wanted>,
    found: Found,
    /// Paths under a base of Vite that is not known yet, with the folder of the script that has them.
    dependencies: BTreeSet<(Url, String)>,
    bases: BTreeSet<String>,
    is_relative: bool,
    /// Guesses by page: how many were made, how many were right.
    guesses: BTreeMap<String, (usize, usize)>,
    problems: Problems,
}

impl<'o> Crawl<'o> {
    pub(super) fn new(origin: Arc<Origin>, options: &'o Options) -> Self {
        Self {
            origin,
            options,
            known: HashSet::new(),
            queue: VecDeque::new(),
            found: Found::default(),
            dependencies: BTreeSet::new(),
            bases: BTreeSet::new(),
            is_relative: false,
            guesses: BTreeMap::new(),
            problems: Problems::default(),
        }
    }

    /// Begins with what is trusted on the pages.
    pub(super) fn seed(&mut self, verdict: &Verdict, looks: &Looks) {
        let bases = looks.bases();
        let mut inline: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (item, pages) in &verdict.trusted {
            if let Some(kind) = FileKind::of(item.kind) {
                self.want(kind, Url::parse(&item.text).ok(), &item.text, None);
                continue;
            }
            let goal = if item.kind == Kind::InlineModule { Goal::Module } else { Goal::Script };
            let script = match item.kind {
                Kind::InlineScript | Kind::InlineModule => js::read(&item.text, goal),
                Kind::ImportMap => Script { imports: import_map(&item.text), ..Script::default() },
                _ => continue,
            };
            for page in pages {
                inline.entry(page).or_default().push(&item.text);
                if let Some(base) = bases.get(page.as_str()) {
                    self.script(script.clone(), base, page);
                }
            }
        }
        let mut missing: Vec<_> = self.options.languages.clone();
        for (page, scripts) in inline {
            let Some(base) = bases.get(page) else { continue };
            for path in loader::candidates(scripts, &self.options.languages) {
                missing.retain(|tag| !path.to_ascii_lowercase().contains(&format!("/{}/", tag.to_ascii_lowercase())));
                self.want(FileKind::Module, base.join(&path).ok(), &path, Some(page.to_owned()));
            }
        }
        missing.into_iter().for_each(|tag| self.problems.left_out(tag, Trouble::NoLanguage));
    }

    /// Fetches until nothing new is found.
    pub(super) async fn run(mut self, progress: &mut dyn Progress, problems: &mut Problems) -> Found {
        let mut tasks = JoinSet::new();
        let mut done = 0;
        loop {
            while tasks.len() < CONCURRENCY {
                let Some(wanted) = self.queue.pop_front() else { break };
                let origin = Arc::clone(&self.origin);
                tasks.spawn(async move {
                    let loaded = asset::load(&origin, wanted.kind, &wanted.url).await;
                    (wanted, loaded)
                });
            }
            match tasks.join_next().await {
                Some(Ok((wanted, loaded))) => self.loaded(wanted, loaded),
                Some(Err(error)) => self.problems.left_out("a file".to_owned(), Trouble::Unreadable(error.to_string())),
                // Only now all bases are known that there will be.
                None if self.depend() => continue,
                None => break,
            }
            done += 1;
            progress.step(Stage::Files, done, self.known.len());
        }
        for (page, (made, right)) in std::mem::take(&mut self.guesses) {
            if right == 0 {
                self.problems.left_out(page, Trouble::NoEntry(made));
            }
        }
        problems.append(self.problems);
        self.found
    }

    fn want(&mut self, kind: FileKind, url: Option<Url>, text: &str, guess: Option<String>) {
        let Some(url) = url else {
            self.problems.left_out(text.to_owned(), Trouble::UnfitUrl);
            return;
        };
        if matches!(url.scheme(), "data" | "blob") {
            return;
        }
        let Some(url) = self.origin.own(&url) else {
            self.problems.note(url.into(), Trouble::OtherOrigin);
            return;
        };
        if self.known.contains(&(kind, url.clone())) {
            return;
        }
        if self.known.len() >= MAX_URLS {
            self.problems.left_out("further files".to_owned(), Trouble::Limit("files"));
            return;
        }
        if let Some(page) = &guess {
            self.guesses.entry(page.clone()).or_default().0 += 1;
        }
        self.known.insert((kind, url.clone()));
        self.queue.push_back(Wanted { kind, url, guess });
    }

    fn loaded(&mut self, wanted: Wanted, loaded: Result<File, Trouble>) {
        let Wanted { kind, url, guess } = wanted;
        let file = match (loaded, &guess) {
            (Ok(file), _) => file,
            // Not every combination has to exist.
            (Err(trouble @ (Trouble::Status(404) | Trouble::WrongType { .. })), Some(_)) => {
                self.problems.note(url.into(), trouble);
                return;
            }
            (Err(trouble), _) => {
                self.problems.left_out(url.into(), trouble);
                return;
            }
        };
        if let Some((_, right)) = guess.and_then(|page| self.guesses.get_mut(&page)) {
            *right += 1;
        }
        if file.css_imports > 0 {
            self.problems.note(url.to_string(), Trouble::CssImports(file.css_imports));
        }
        self.script(file.script, &url, url.as_str());
        match file.personal {
            // What it loads is followed all the same: those files speak for themselves.
            Some(personal) => {
                self.problems.note(url.to_string(), Trouble::Personal(personal));
                self.found.personal.insert((kind, url));
            }
            None => drop(self.found.files.insert((kind, url), file.integrity)),
        }
    }

    /// Goes on with what a script says. `place` is its name in the report.
    fn script(&mut self, script: Script, base: &Url, place: &str) {
        let Script { imports, computed, dependencies, base: vite, handlers, failed } = script;
        if let Some(error) = failed {
            self.problems.left_out(place.to_owned(), Trouble::Unreadable(error.to_string()));
        }
        if computed > 0 {
            self.problems.note(place.to_owned(), Trouble::Computed(computed));
        }
        for handler in handlers {
            self.found.handlers.entry(handler).or_insert_with(|| place.to_owned());
        }
        for specifier in imports {
            match resolve(base, &specifier) {
                Some(url) => self.want(FileKind::Module, Some(url), &specifier, None),
                None => self.problems.note(format!("{place}: {specifier}"), Trouble::Bare),
            }
        }
        match vite {
            Some(Base::Prefix(prefix)) => {
                let own = Url::parse(&prefix).ok().and_then(|url| self.origin.own(&url));
                self.bases.insert(own.map_or(prefix, |url| url.path().to_owned()));
            }
            Some(Base::Relative) => self.is_relative = true,
            None => {}
        }
        if let Some(folder) = base.join(".").ok().filter(|_| !dependencies.is_empty()) {
            self.dependencies.extend(dependencies.into_iter().map(|path| (folder.clone(), path)));
        }
    }

    /// Makes URLs of Vite's paths. Whether there was any.
    fn depend(&mut self) -> bool {
        let dependencies = std::mem::take(&mut self.dependencies);
        let before = self.known.len();
        for (folder, path) in dependencies {
            // Several builds may share an origin: the base is the one that the script is under.
            let own = self.bases.iter().filter(|base| folder.path().starts_with(base.as_str()));
            let absolute = own.max_by_key(|base| base.len()).map(|base| format!("{base}{path}"));
            let kind = if path.ends_with(".css") { FileKind::Style } else { FileKind::Module };
            match absolute {
                Some(absolute) => self.want(kind, folder.join(&absolute).ok(), &path, None),
                None if self.is_relative || path.starts_with('.') => {
                    self.want(kind, folder.join(&path).ok(), &path, None)
                }
                None => self.problems.left_out(format!("{folder}: {path}"), Trouble::NoBase),
            }
        }
        self.known.len() > before
    }
}

/// The URL of a specifier (HTML section 8.1.5.2): a URL, or a path that begins with `/`, `./` or `../`.
fn resolve(base: &Url, specifier: &str) -> Option<Url> {
    if ["/", "./", "../"].iter().any(|prefix| specifier.starts_with(prefix)) {
        return base.join(specifier).ok();
    }
    Url::parse(specifier).ok()
}

/// What an import map leads to. What it leads to with a `/` at the end is no module.
fn import_map(text: &str) -> BTreeSet<String> {
    let map: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let scopes = map.get("scopes").and_then(|scopes| scopes.as_object()).into_iter().flat_map(|scopes| scopes.values());
    let all = map.get("imports").into_iter().chain(scopes).filter_map(|imports| imports.as_object());
    let urls = all.flat_map(|imports| imports.values()).filter_map(|url| url.as_str());
    urls.filter(|url| !url.ends_with('/')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers() {
        let base = Url::parse("https://a.example/b/c.js").unwrap();
        for (specifier, url) in [
            ("./d.js", Some("https://a.example/b/d.js")),
            ("../d.js?e", Some("https://a.example/d.js?e")),
            ("/d.js", Some("https://a.example/d.js")),
            ("//f.example/d.js", Some("https://f.example/d.js")),
            ("https://f.example/d.js", Some("https://f.example/d.js")),
            ("vue", None),
            ("d/e.js", None),
        ] {
            assert_eq!(resolve(&base, specifier).map(String::from).as_deref(), url, "{specifier}");
        }
    }

    #[test]
    fn import_maps() {
        let map = r#"{"imports":{"a":"/a.js","b/":"/b/","c":null},"scopes":{"/x/":{"a":"./x.js"}}}"#;
        assert_eq!(import_map(map).into_iter().collect::<Vec<_>>(), ["./x.js", "/a.js"]);
        assert!(import_map("[").is_empty());
    }
}
