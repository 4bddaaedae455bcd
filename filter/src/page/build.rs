//! The policy of a page as text: preset, the operator's sources, what the manifest knows, and the page's own host.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::csp::Directive;
use super::manifest::{Integrity, Manifest};
use super::preset::{BASE, Preset};
use super::settings::Settings;

/// The most paths of scripts that are taken from a manifest.
const MAX_PATHS: usize = 32;

/// A policy, but for what depends on the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    directives: Vec<(String, Vec<String>)>,
}

/// What depends on the request.
#[derive(Clone, Copy, Debug)]
pub struct Place<'r> {
    /// The host and port of the page, if they are fit for a policy.
    pub host: Option<&'r str>,
    /// Whether other sites may frame it.
    pub is_embeddable: bool,
    /// Whether it hands people over to another site, by a form.
    pub hands_over: bool,
    /// The hash of the import map that is written into it, quoted.
    pub import_map: Option<&'r str>,
}

impl Template {
    /// All of the policy. Without a manifest it has no inline script: nobody knows which are the server's.
    pub fn full(settings: &Settings, with_sources: bool) -> Self {
        let own =
            settings.preset.entries().iter().map(|(name, sources)| {
                ((*name).to_owned(), sources.iter().map(|source| (*source).to_owned()).collect())
            });
        let mut template = Self { directives: own.collect() };
        for (name, sources) in settings.captcha.entries() {
            template.add(name, sources.iter().map(|source| (*source).to_owned()));
        }
        if settings.preset.has_players() {
            template.add("frame-src", settings.players.iter().cloned());
        }
        for directive in ["img-src", "media-src", "connect-src"] {
            template.add(directive, settings.media.iter().cloned());
        }
        if let Some(manifest) = &settings.manifest {
            let known =
                template.directives.iter().find(|(name, _)| name == "script-src").map(|(_, list)| list.as_slice());
            let paths = paths(manifest, known.unwrap_or_default(), settings.preset);
            template.add("script-src", paths);
            template.add("script-src", quoted(&manifest.inline.scripts));
            if !manifest.inline.handlers.is_empty() {
                template.add("script-src-attr", ["'unsafe-hashes'".to_owned()]);
                template.add("script-src-attr", quoted(&manifest.inline.handlers));
            }
        }
        if with_sources {
            for (directive, sources) in &settings.sources {
                template.add(directive, sources.iter().cloned());
            }
        }
        if settings.trusted_types {
            template.directives.push(("require-trusted-types-for".to_owned(), vec!["'script'".to_owned()]));
        }
        template
    }

    /// The part that breaks no page, whatever its scripts are.
    pub fn base(settings: &Settings) -> Self {
        let mut template = Self::full(settings, true);
        template.directives.retain(|(name, _)| BASE.contains(&name.as_str()));
        template
    }

    /// Adds sources to a directive. One that the policy has not begins as what it falls back to allows.
    fn add(&mut self, name: &str, sources: impl IntoIterator<Item = String>) {
        let mut sources = sources.into_iter().peekable();
        // An empty list adds nothing, and must not take away what the fallback allows.
        if sources.peek().is_none() {
            return;
        }
        let known = self.directives.iter().position(|(known, _)| known == name);
        let index = known.unwrap_or_else(|| {
            let inherited = self.fallback(name);
            self.directives.push((name.to_owned(), inherited));
            self.directives.len() - 1
        });
        if let Some((_, list)) = self.directives.get_mut(index) {
            for source in sources {
                if !list.contains(&source) {
                    list.push(source);
                }
            }
        }
    }

    /// The list that a browser takes where there is none of this name (CSP3 section 6.8.3).
    fn fallback(&self, name: &str) -> Vec<String> {
        let directive = Directive::new(name);
        let find = |wanted: &Directive| self.directives.iter().find(|(known, _)| known == wanted.as_str());
        let found = directive.fallbacks().iter().find_map(find).map(|(_, list)| list.clone());
        found.unwrap_or_default().into_iter().filter(|source| source != "'none'").collect()
    }

    /// About how long it is, in bytes.
    pub fn len(&self) -> usize {
        self.directives
            .iter()
            .map(|(name, sources)| name.len() + 2 + sources.iter().map(|source| source.len() + 1).sum::<usize>())
            .sum()
    }

    /// The text for a page.
    pub fn text(&self, place: Place<'_>) -> String {
        let mut text = String::with_capacity(1024);
        for (name, sources) in &self.directives {
            if name == "form-action" && place.hands_over {
                continue;
            }
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(name);
            if name == "frame-ancestors" && place.is_embeddable {
                text.push_str(" *");
                continue;
            }
            let import_map = place.import_map.filter(|_| matches!(name.as_str(), "script-src" | "script-src-elem"));
            let start = text.len();
            for source in sources.iter().map(String::as_str).chain(import_map) {
                write_source(&mut text, source, place.host);
            }
            if text.len() == start {
                text.push_str(" 'none'");
            }
        }
        text
    }
}

/// Writes a source; not `'none'`, which stands alone, and not the page's own host where it is not known.
fn write_source(text: &mut String, source: &str, host: Option<&str>) {
    if source == "'none'" {
        return;
    }
    match (source.split_once("HOST"), host) {
        (None, _) => {
            let _ = write!(text, " {source}");
        }
        (Some((before, after)), Some(host)) => {
            let _ = write!(text, " {before}{host}{after}");
        }
        (Some(_), None) => {}
    }
}

fn quoted(hashes: &[Integrity]) -> impl Iterator<Item = String> {
    hashes.iter().map(|hash| format!("'{hash}'"))
}

/// Where the known scripts lie, beside what the preset knows: their folders, or the very file where it lies at the root. Never a folder of users' files.
fn paths(manifest: &Manifest, preset: &[String], files: Preset) -> Vec<String> {
    let urls = manifest.scripts.keys().chain(manifest.modules.keys());
    let own = urls.filter(|url| url.starts_with('/')).map(|url| url.split(['?', '#']).next().unwrap_or(url));
    let folders: BTreeSet<&str> = own
        .map(|path| match path.rfind('/') {
            Some(0) | None => path,
            // One of the files of users, which the server's page loads: it alone.
            Some(_) if files.is_file(path) => path,
            Some(end) => path.get(..=end).unwrap_or(path),
        })
        .collect();
    // A folder within another one adds nothing.
    let mut paths: Vec<&str> = Vec::new();
    let preset: Vec<&str> = preset.iter().filter_map(|source| source.strip_prefix("HOST")).collect();
    for folder in folders {
        if !paths.iter().chain(&preset).any(|known| known.ends_with('/') && folder.starts_with(known)) {
            paths.push(folder);
        }
    }
    paths.truncate(MAX_PATHS);
    // `;` and `,` would end the source (CSP3 section 2.3.1).
    let fit = paths.into_iter().filter(|path| !path.contains([';', ',']));
    fit.map(|path| format!("HOST{path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::csp;
    use crate::policy::Policy;

    fn template(policy: &str) -> Template {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        Template::full(&policy.page.settings, true)
    }

    const PLACE: Place<'_> =
        Place { host: Some("a.example"), is_embeddable: false, hands_over: false, import_map: None };

    fn manifest() -> String {
        let (sha256, sha384) = (format!("sha256-{}=", "A".repeat(43)), format!("sha384-{}", "B".repeat(64)));
        format!(
            r#"{{"version":1,"inline":{{"scripts":["{sha256}"],"handlers":["{sha256}"]}},"scripts":{{"/boot.js":"{sha384}","/static/x/a.js":"{sha384}"}},
            "modules":{{"/vite/en/a.js":"{sha384}","/vite/b.js":"{sha384}","https://cdn.example/c.js":"{sha384}"}}}}"#
        )
    }

    #[test]
    fn scripts_come_from_known_folders_and_by_hash() {
        let policy = format!(r#"{{"page":{{"manifest":{}}}}}"#, manifest());
        let text = template(&policy).text(Place { import_map: Some("'sha256-map'"), ..PLACE });
        assert!(
            text.starts_with(
                "default-src 'none'; script-src a.example/boot.js a.example/static/x/ a.example/vite/ 'sha256-AAAA"
            ),
            "{text}"
        );
        assert!(text.contains("=' 'sha256-map'; script-src-attr 'unsafe-hashes' 'sha256-AAAA"), "{text}");
        let policy = policy.replace(r#"{"page":{"#, r#"{"page":{"preset":"misskey","#);
        assert_eq!(template(&policy).text(PLACE).matches(" a.example/vite/").count(), 2, "script-src and worker-src");
        assert!(template("{}").text(PLACE).contains("script-src 'none'; script-src-attr 'none'; style-src"));
    }

    #[test]
    fn what_an_operator_adds_takes_nothing_away() {
        let policy = r#"{"preview":{"mode":"off"},"page":{"preset":"misskey","sources":{"frame-src":["https://www.youtube.com"],"script-src-elem":["https://a.example/x.js"],
            "child-src":[],"img-src":["https:"]},"captcha":"turnstile","media_hosts":["https://media.example"]}}"#;
        let text = template(policy).text(PLACE);
        assert!(text.contains("frame-src 'self' https://challenges.cloudflare.com https://www.youtube.com;"), "{text}");
        assert!(text.contains("script-src-elem a.example/vite/ "), "{text}");
        assert!(text.ends_with("https://challenges.cloudflare.com/turnstile/ https://a.example/x.js"), "{text}");
        assert!(
            text.contains("connect-src 'self' wss://a.example https://media.example;") && !text.contains("child-src"),
            "{text}"
        );
    }

    #[test]
    fn frames_are_those_of_the_players_that_previews_may_hold() {
        let frames = |preset: &str, preview: &str| {
            let policy = format!(
                r#"{{"preview":{preview},"page":{{"preset":"{preset}","captcha":"hcaptcha","sources":{{"frame-src":["https://bandcamp.com"]}}}}}}"#
            );
            let text = template(&policy).text(PLACE);
            text.split("; ").find_map(|directive| directive.strip_prefix("frame-src ")).unwrap().to_owned()
        };
        let listed = r#"{"players":"listed","player_hosts":["*.tube.example"]}"#;
        assert_eq!(
            frames("misskey", listed),
            "'self' https://*.hcaptcha.com https://*.tube.example https://bandcamp.com"
        );
        let known = frames("misskey", "{}");
        assert!(known.starts_with("'self' https://*.hcaptcha.com https://www.youtube.com "), "{known}");
        assert_eq!(known.matches("https://bandcamp.com").count(), 1, "{known}");
        assert_eq!(frames("misskey", r#"{"mode":"shadow"}"#), "'self' https://*.hcaptcha.com https://bandcamp.com");
        assert_eq!(frames("generic", "{}"), "'self' https://*.hcaptcha.com https://bandcamp.com");
        assert_eq!(frames("mastodon", "{}"), "'self' https: https://*.hcaptcha.com https://bandcamp.com");
    }

    #[test]
    fn every_preset_reads_back() {
        for preset in ["generic", "misskey", "mastodon"] {
            let policy =
                format!(r#"{{"page":{{"preset":"{preset}","manifest":{},"trusted_types":true}}}}"#, manifest());
            for host in [Some("a.example:8443"), None] {
                let text = template(&policy).text(Place { host, ..PLACE });
                let read = csp::parse_policy(text.as_bytes()).unwrap();
                assert_eq!(read.to_string(), text);
                assert!(!text.contains("HOST") && !text.contains("'none' "), "{text}");
            }
        }
    }

    #[test]
    fn pages_that_are_framed_or_hand_over() {
        let template = template(r#"{"page":{"preset":"misskey"}}"#);
        assert!(template.text(PLACE).ends_with("form-action 'none'; frame-ancestors 'none'"));
        assert!(
            template.text(Place { is_embeddable: true, ..PLACE }).ends_with("form-action 'none'; frame-ancestors *")
        );
        assert!(!template.text(Place { hands_over: true, ..PLACE }).contains("form-action"));
    }
}
