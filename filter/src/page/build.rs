//! The policy of a page as text: preset, the operator's sources, what the manifest knows, and the page's own host.

use std::collections::BTreeSet;

use super::csp::Directive;
use super::manifest::{Integrity, Manifest};
use super::preset::{BASE, Preset};
use super::settings::Settings;
use super::text::{DirectiveText, PolicyText, Role};

const UNSAFE_INLINE: &str = "'unsafe-inline'";

/// The directives of a policy, as presets and operators write their sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    directives: Vec<(String, Vec<String>)>,
}

impl Template {
    /// All of the policy. Without a manifest it has no inline script: nobody knows which are the server's.
    pub fn full(settings: &Settings) -> Self {
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
        for (directive, sources) in &settings.sources {
            template.add(directive, sources.iter().cloned());
        }
        if let Some(manifest) = settings.manifest.as_ref().filter(|_| settings.strict_styles) {
            template.split_styles(quoted(&manifest.inline.styles));
        }
        if settings.trusted_types {
            template.directives.push(("require-trusted-types-for".to_owned(), vec!["'script'".to_owned()]));
        }
        template
    }

    /// Style elements by hash, and attributes as ever: no hash helps against what applications write into those.
    fn split_styles(&mut self, hashes: impl Iterator<Item = String>) {
        self.add("style-src-attr", [UNSAFE_INLINE.to_owned()]);
        self.add("style-src-elem", ["'self'".to_owned()].into_iter().chain(hashes));
        if let Some((_, elements)) = self.directives.iter_mut().find(|(name, _)| name == "style-src-elem") {
            elements.retain(|source| source != UNSAFE_INLINE);
        }
    }

    /// The part that breaks no page, whatever its scripts are.
    pub fn base(settings: &Settings) -> Self {
        let mut template = Self::full(settings);
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

    /// The same as text, for all pages.
    pub fn text(&self, settings: &Settings) -> PolicyText {
        let text = |(name, sources): &(String, Vec<String>)| DirectiveText::new(role(name, settings), name, sources);
        PolicyText::new(self.directives.iter().map(text).collect())
    }
}

/// What a directive has to do with the request. Where the preset leaves one out, the operator's word stands all the same: of `frame-ancestors` whatever it is, of `form-action`
/// unless it only adds to the preset's, as browsers hold redirects after a consent to it.
fn role(name: &str, settings: &Settings) -> Role {
    let is_own = settings.sources.get(name).is_some_and(|sources| !sources.is_empty());
    match name {
        "script-src" | "script-src-elem" => Role::Scripts,
        "frame-ancestors" if !is_own => Role::Framing,
        "form-action" if settings.preset.entries().iter().any(|(known, _)| *known == name) => Role::NotHandingOver,
        _ => Role::Plain,
    }
}

fn quoted(hashes: &[Integrity]) -> impl Iterator<Item = String> {
    hashes.iter().map(|hash| format!("'{hash}'"))
}

/// Where the known scripts lie, beside what the preset knows: their folders, or the very file where it lies at the root. Never a folder of users' files.
fn paths(manifest: &Manifest, preset: &[String], files: Preset) -> Vec<String> {
    let urls = manifest.scripts.keys().chain(manifest.modules.keys()).chain(&manifest.unpinned);
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
    // `;` and `,` would end the source; a browser decodes both sides (CSP3 sections 2.3.1 and 6.7.2.11).
    let encoded = paths.into_iter().map(|path| path.replace(';', "%3B").replace(',', "%2C"));
    encoded.map(|path| format!("HOST{path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::csp;
    use crate::page::text::{Framing, Place};
    use crate::policy::Policy;

    fn written(policy: &str, place: Place<'_>) -> String {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let settings = &policy.page.settings;
        let mut text = String::new();
        Template::full(settings).text(settings).write(&mut text, place);
        text
    }

    const PLACE: Place<'_> =
        Place { host: Some("a.example"), framing: Framing::Preset, hands_over: false, import_map: None };

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
        let text = written(&policy, Place { import_map: Some("'sha256-map'"), ..PLACE });
        assert!(
            text.starts_with(
                "default-src 'none'; script-src a.example/boot.js a.example/static/x/ a.example/vite/ 'sha256-AAAA"
            ),
            "{text}"
        );
        assert!(text.contains("=' 'sha256-map'; script-src-attr 'unsafe-hashes' 'sha256-AAAA"), "{text}");
        let policy = policy.replace(r#"{"page":{"#, r#"{"page":{"preset":"misskey","#);
        assert_eq!(written(&policy, PLACE).matches(" a.example/vite/").count(), 2, "script-src and worker-src");
        assert!(written("{}", PLACE).contains("script-src 'none'; script-src-attr 'none'; style-src"));
    }

    #[test]
    fn what_an_operator_adds_takes_nothing_away() {
        let policy = r#"{"preview":{"mode":"off"},"page":{"preset":"misskey","sources":{"frame-src":["https://www.youtube.com"],"script-src-elem":["https://a.example/x.js"],
            "child-src":[],"img-src":["https:"]},"captcha":"turnstile","media_hosts":["https://media.example"]}}"#;
        let text = written(policy, PLACE);
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
            let text = written(&policy, PLACE);
            text.split("; ").find_map(|directive| directive.strip_prefix("frame-src ")).unwrap().to_owned()
        };
        let listed = r#"{"players":"listed","player_hosts":["*.tube.example"]}"#;
        assert_eq!(
            frames("misskey", listed),
            "'self' https://hcaptcha.com https://*.hcaptcha.com https://*.tube.example https://bandcamp.com"
        );
        let known = frames("misskey", "{}");
        assert!(
            known.starts_with("'self' https://hcaptcha.com https://*.hcaptcha.com https://www.youtube.com "),
            "{known}"
        );
        assert_eq!(known.matches("https://bandcamp.com").count(), 1, "{known}");
        assert_eq!(
            frames("misskey", r#"{"mode":"shadow"}"#),
            "'self' https://hcaptcha.com https://*.hcaptcha.com https://bandcamp.com"
        );
        assert_eq!(frames("generic", "{}"), "'self' https://hcaptcha.com https://*.hcaptcha.com https://bandcamp.com");
        assert_eq!(
            frames("mastodon", "{}"),
            "'self' https: https://hcaptcha.com https://*.hcaptcha.com https://bandcamp.com"
        );
    }

    #[test]
    fn every_preset_reads_back() {
        for preset in ["generic", "misskey", "mastodon"] {
            let policy =
                format!(r#"{{"page":{{"preset":"{preset}","manifest":{},"trusted_types":true}}}}"#, manifest());
            for host in [Some("a.example:8443"), None] {
                let text = written(&policy, Place { host, ..PLACE });
                let read = csp::parse_policy(text.as_bytes()).unwrap();
                assert_eq!(read.to_string(), text);
                assert!(!text.contains("HOST") && !text.contains("'none' "), "{text}");
            }
        }
    }

    #[test]
    fn pages_that_are_framed_or_hand_over() {
        let embeddable = Place { framing: Framing::Anybody, ..PLACE };
        let handing_over = Place { hands_over: true, ..PLACE };
        let misskey = r#"{"page":{"preset":"misskey"}}"#;
        assert!(written(misskey, PLACE).ends_with("form-action 'none'; frame-ancestors 'none'"));
        assert!(written(misskey, embeddable).ends_with("form-action 'none'; frame-ancestors *"));
        let by_server = Place { framing: Framing::FrameOptions, ..PLACE };
        assert!(written(misskey, by_server).ends_with("form-action 'none'"));
        assert!(!written(misskey, handing_over).contains("form-action"));
    }

    #[test]
    fn what_an_operator_says_of_framing_and_forms_stands() {
        let embeddable = Place { framing: Framing::Anybody, hands_over: true, ..PLACE };
        for (preset, framed, forms) in [("generic", "'self'", Some("https://a.example")), ("misskey", "'self'", None)] {
            let policy = format!(
                r#"{{"page":{{"preset":"{preset}","sources":{{"frame-ancestors":["'self'"],"form-action":["https://a.example"]}}}}}}"#
            );
            let text = written(&policy, embeddable);
            let find = |name: &str| text.split("; ").find_map(|directive| directive.strip_prefix(name));
            assert_eq!(find("frame-ancestors ").unwrap(), framed, "{text}");
            assert_eq!(find("form-action "), forms, "{text}");
        }
    }

    #[test]
    fn styles_by_hash() {
        let hash = format!("sha256-{}=", "A".repeat(43));
        let policy = |fields: &str| {
            format!(
                r#"{{"page":{{"preset":"misskey","captcha":"hcaptcha"{fields},"manifest":{{"version":1,"inline":{{"styles":["{hash}"]}}}}}}}}"#
            )
        };
        let strict = written(&policy(r#","strict_styles":true"#), PLACE);
        let elements = format!("style-src-elem 'self' https://hcaptcha.com https://*.hcaptcha.com '{hash}'");
        assert!(strict.contains(&elements) && strict.contains("style-src-attr 'self' 'unsafe-inline' "), "{strict}");
        assert!(!written(&policy(""), PLACE).contains("style-src-"));
    }

    #[test]
    fn all_folders_of_a_manifest_are_named() {
        let integrity = format!("sha384-{}", "B".repeat(64));
        let scripts: Vec<String> = (0..40).map(|n| format!(r#""/plugins/p{n}/x.js":"{integrity}""#)).collect();
        let odd = format!(r#""/a;b/c,d/x.js":"{integrity}""#);
        let scripts = scripts.join(",");
        let policy = format!(
            r#"{{"page":{{"manifest":{{"version":1,"scripts":{{{scripts},{odd}}},"unpinned":["/app/mine.js"]}}}}}}"#
        );
        let text = written(&policy, PLACE);
        assert!((0..40).all(|n| text.contains(&format!(" a.example/plugins/p{n}/"))), "{text}");
        assert!(text.contains(" a.example/a%3Bb/c%2Cd/") && text.contains(" a.example/app/"), "{text}");
    }
}
