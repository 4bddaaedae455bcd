//! What browsers get: the Content Security Policy and its kin, and the integrity of what pages load. `DESIGN.md` has the whole.

pub(crate) mod authority;
mod build;
pub mod csp;
mod etag;
pub mod fields;
pub mod import_map;
pub mod learn;
pub mod manifest;
mod preset;
pub mod reports;
mod request;
mod response;
pub mod rewrite;
pub mod script_type;
mod security_fields;
pub mod settings;
mod sources;
mod text;
pub(crate) mod treatment;

use std::sync::Arc;

use crate::hash;
use build::Template;
use import_map::ImportMaps;
pub use request::{PageRequest, may_be_page, wants_page};
pub use response::CSP;
pub use settings::{SUMMARY, Settings};
pub use treatment::Treatment;

use fields::Rewrite;
use manifest::Manifest;
use rewrite::Rewriter;
use settings::Disposition;
use text::{Endpoint, PolicyText};

/// What browsers get, compiled.
#[derive(Debug)]
pub struct Page {
    /// As the policy has it.
    pub settings: Settings,
    /// What is enforced.
    enforced: Option<PolicyText>,
    /// What breaks no page, whatever its scripts are.
    base: PolicyText,
    /// What is only reported.
    reported: Option<PolicyText>,
    /// Where browsers report to.
    endpoint: Option<Endpoint>,
    /// The integrity of modules.
    maps: ImportMaps,
    /// Whether there is anything to write into pages.
    rewrites: bool,
    /// Tells what is made of a page from what another policy would make of it.
    number: u64,
}

impl Page {
    /// Compiles the section.
    pub fn new(settings: Settings) -> Self {
        let full = || Template::full(&settings).text(&settings);
        let base = Template::base(&settings).text(&settings);
        let is_known = settings.manifest.is_some();
        let (enforced, reported) = match settings.disposition {
            Disposition::Enforce => (Some(if is_known { full() } else { base.clone() }), None),
            Disposition::Report => (None, Some(full())),
            Disposition::Both => (Some(base.clone()), Some(full())),
        };
        // Integrity cannot be had without blocking what has another.
        let written = settings.manifest.as_ref().filter(|_| settings.disposition == Disposition::Enforce);
        let names = |manifest: &Manifest| {
            !manifest.scripts.is_empty() || !manifest.styles.is_empty() || !manifest.modules.is_empty()
        };
        let rewrites = written.is_some_and(|manifest| names(manifest)) && (settings.integrity || settings.import_map);
        let maps = written.filter(|_| settings.import_map).map(ImportMaps::new).unwrap_or_default();
        let endpoint = settings.report_path.as_deref().map(Endpoint::new);
        // Presets are part of the version.
        let number = hash::of_text(format_args!("{} {settings:?}", env!("CARGO_PKG_VERSION")));
        Self { settings, enforced, base, reported, endpoint, maps, rewrites, number }
    }

    /// The same with what was learned of the pages.
    ///
    /// # Errors
    /// Why that does not fit the rest of the section.
    pub fn with_manifest(&self, manifest: &Arc<Manifest>) -> Result<Self, String> {
        self.learned(manifest).map(Self::new)
    }

    /// Whether what was learned of the pages fits the rest of the section.
    ///
    /// # Errors
    /// Why not.
    pub fn fits(&self, manifest: &Arc<Manifest>) -> Result<(), String> {
        self.learned(manifest).map(drop)
    }

    fn learned(&self, manifest: &Arc<Manifest>) -> Result<Settings, String> {
        let settings = Settings { manifest: Some(Arc::clone(manifest)), ..self.settings.clone() };
        let fault = settings.faults().into_iter().next();
        fault.map_or(Ok(settings), |(key, message)| Err(format!("page.{key}: {message}")))
    }

    /// Whether pages differ by the language that a browser asks for.
    pub fn needs_language(&self) -> bool {
        self.maps.varies()
    }

    /// What writes into a page; `rewrite` is what [`Page::response`] said of it.
    pub fn rewriter(&self, request: &PageRequest, rewrite: Rewrite, content_type: Option<&[u8]>) -> Option<Rewriter> {
        let known = self.settings.manifest.as_ref().filter(|_| self.settings.integrity);
        let import_map = match rewrite {
            Rewrite::Nothing => return None,
            Rewrite::Integrity => None,
            Rewrite::WithImportMap => self.import_map(request),
        };
        let scheme = if request.is_https { "https" } else { "http" };
        let origin = self.host(request).map(|host| format!("{scheme}://{host}"));
        let page = rewrite::Page { origin: origin.as_deref(), path: request.path() };
        let charset = content_type.and_then(treatment::charset);
        Rewriter::new(known.unwrap_or(&Arc::default()), import_map, &page, charset)
    }

    /// Whether there is anything to write into pages.
    pub fn rewrites(&self) -> bool {
        self.rewrites
    }
}

#[cfg(test)]
mod tests {
    use super::manifest::{Integrity, MAX_INLINE};
    use super::*;
    use crate::policy::Policy;

    fn learning(fields: &str) -> Page {
        let policy = format!(r#"{{"page":{{"learn_origin":"http://a","preset":"misskey"{fields}}}}}"#);
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        Page::new(policy.page.settings.clone())
    }

    #[test]
    fn what_is_learned_is_as_if_it_were_pinned() {
        let manifest = Manifest {
            inline: manifest::Inline { scripts: vec![Integrity::sha256(b"x")], ..<_>::default() },
            ..<_>::default()
        };
        let pinned = format!(r#"{{"page":{{"preset":"misskey","manifest":{}}}}}"#, manifest.to_json());
        let pinned = Policy::parse(pinned.as_bytes()).unwrap();
        let unlearned = learning("");
        let learned = unlearned.with_manifest(&Arc::new(manifest)).unwrap();
        assert_eq!(format!("{:?}", learned.enforced), format!("{:?}", pinned.page.enforced));
        assert_ne!(format!("{:?}", learned.enforced), format!("{:?}", unlearned.enforced));
        assert_ne!(learned.number, unlearned.number);
    }

    #[test]
    fn warnings_for_who_checks_a_policy() {
        let known = format!(r#""manifest":{{"version":1,"inline":{{"scripts":["sha256-{}="]}}}}"#, "A".repeat(43));
        let unsafe_inline = r#""sources":{"Script-Src":["'unsafe-inline'"],"img-src":["https://a.example"]}"#;
        for (page, expected) in [
            (String::new(), None),
            (known.clone(), None),
            (format!(r#""preset":"misskey",{known}"#), None),
            (r#""preset":"misskey","disposition":"report""#.to_owned(), None),
            (r#""preset":"misskey","learn_origin":"http://a""#.to_owned(), None),
            (
                r#""preset":"misskey""#.to_owned(),
                Some(
                    "page: without a manifest nobody knows the server's inline scripts, so only object-src, base-uri, frame-ancestors are enforced: ",
                ),
            ),
            (
                unsafe_inline.to_owned(),
                Some("page.sources[\"script-src\"]: 'unsafe-inline': an injected inline script runs"),
            ),
        ] {
            let warnings = Policy::parse(format!(r#"{{"page":{{{page}}}}}"#).as_bytes()).unwrap().warnings();
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "{page}: {warnings:?}");
            assert!(
                warnings.first().is_none_or(|warning| warning.starts_with(expected.unwrap_or_default())),
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_not_used() {
        let hashes: Vec<Integrity> = (0..MAX_INLINE).map(|n| Integrity::sha384(&n.to_le_bytes())).collect();
        let inline = manifest::Inline { scripts: hashes.clone(), handlers: hashes, ..<_>::default() };
        let manifest = Manifest { inline, ..<_>::default() };
        let error = learning("").with_manifest(&Arc::new(manifest)).unwrap_err();
        assert!(error.starts_with("page.manifest: makes a policy of "), "{error}");
    }
}
