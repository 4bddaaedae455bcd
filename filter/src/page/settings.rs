//! The section `page` of the policy.

use std::sync::Arc;

use serde_json::{Value, json};

use super::PageRequest;
use super::build::Template;
use super::csp::{Directive, Source};
use super::import_map::{ImportMaps, MAX_IMPORT_MAP_BYTES};
use super::learn::Learn;
use super::manifest::{MAX_URLS, Manifest};
use super::preset::{BASE, Captcha, Preset};
use super::sources::{self, Sources};
use crate::decision::Mode;
use crate::json::Json;
use crate::policy::{Choice, Reader};

/// What the section is for, in documentation.
pub const SUMMARY: &str =
    "What browsers get: the Content Security Policy and other security fields, integrity, and where they report";

/// What browsers get.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether pages are looked at, and changed.
    pub mode: Mode,
    /// What the pages need.
    pub preset: Preset,
    /// Whether the policy is enforced or only reported.
    pub disposition: Disposition,
    /// What becomes of the policy that the server sends.
    pub merge: Merge,
    /// Sources beside those of the preset, by directive.
    pub sources: Sources,
    /// The hosts, with their ports, that pages are seen at; none: whatever `Host` says.
    pub hosts: Vec<String>,
    /// Paths of other applications on the same host, whose scripts the manifest does not know.
    pub exempt_paths: Vec<String>,
    /// Where pictures come from, beside the server.
    pub media: Vec<String>,
    /// Where players of previews come from, for the presets whose pages have such; the section `preview` says it.
    pub players: Vec<String>,
    /// The service that sign-up asks.
    pub captcha: Captcha,
    /// What is known of the pages.
    pub manifest: Option<Arc<Manifest>>,
    /// Where it comes from, if it is not pinned.
    pub learn: Option<Learn>,
    /// Whether known scripts and styles get `integrity`.
    pub integrity: bool,
    /// Whether known modules get an import map.
    pub import_map: bool,
    /// Whether scripts without integrity are refused.
    pub integrity_policy: Strength,
    /// Whether style elements need a known hash.
    pub strict_styles: bool,
    /// Whether scripts must not make markup from text.
    pub trusted_types: bool,
    /// Whether pages ask for their http parts by https.
    pub upgrade_requests: bool,
    /// The other security fields.
    pub fields: Fields,
    /// Whether browsers that ask for it are sent to https.
    pub upgrade: bool,
    /// Where browsers report to; none: nowhere.
    pub report_path: Option<String>,
    /// How many reports are read in a second.
    pub reports_per_second: u32,
}

/// The other security fields. Each is set where it is missing or weaker.
#[derive(Clone, Debug)]
pub struct Fields {
    /// How long browsers come by https only, in seconds; 0: not set.
    pub hsts_seconds: u32,
    /// Also for all names below.
    pub hsts_subdomains: bool,
    /// How much of a page's address other sites are told.
    pub referrer_policy: ReferrerPolicy,
    /// What pages may use of the device; empty: not set.
    pub permissions_policy: String,
    /// Whether pages of other sites may hold on to ours.
    pub isolation: bool,
    /// Whether what is no page is locked.
    pub lock_files: bool,
}

/// Whether a policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It blocks.
    Enforce,
    /// It only reports. Nothing is written into pages, as integrity blocks.
    Report,
    /// The base blocks, all of it reports. Nothing is written into pages.
    Both,
}

/// What becomes of the server's own policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Both are sent.
    Add,
    /// It goes, where ours is as strict.
    Replace,
}

/// Whether something is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// No.
    Off,
    /// It is only reported.
    Report,
    /// Yes.
    Enforce,
}

/// `Referrer-Policy`, from the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrerPolicy {
    /// Nothing.
    NoReferrer,
    /// The address, to the same origin.
    SameOrigin,
    /// The origin, never to http.
    StrictOrigin,
    /// The address to the same origin, the origin to others, never to http.
    StrictOriginWhenCrossOrigin,
    /// Not set.
    Off,
}

impl Choice for Disposition {
    const WORDS: &'static [(&'static str, Self)] =
        &[("enforce", Self::Enforce), ("report", Self::Report), ("both", Self::Both)];
}

impl Choice for Merge {
    const WORDS: &'static [(&'static str, Self)] = &[("add", Self::Add), ("replace", Self::Replace)];
}

impl Choice for Strength {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("report", Self::Report), ("enforce", Self::Enforce)];
}

impl Choice for ReferrerPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("no-referrer", Self::NoReferrer),
        ("same-origin", Self::SameOrigin),
        ("strict-origin", Self::StrictOrigin),
        ("strict-origin-when-cross-origin", Self::StrictOriginWhenCrossOrigin),
        ("off", Self::Off),
    ];
}

/// What no page of a Fediverse server needs, and what no frame of another site gets.
const PERMISSIONS: &str = "browsing-topics=(), camera=(self), display-capture=(), geolocation=(self), hid=(), microphone=(self), midi=(), \
                           payment=(), serial=(), usb=()";

/// One year: what browsers keep at most (Chromium: two).
const MAX_HSTS_SECONDS: u32 = 63_072_000;

impl Settings {
    /// Reads the section. `players` are [`preview::Settings::frame_sources`](crate::preview::Settings::frame_sources).
    pub fn read(reader: &mut Reader<'_>, players: Vec<String>) -> Self {
        let settings = Self {
            players,
            mode: reader.choice("mode", Mode::Enforce, "`shadow`: pages are only counted; `off`: nothing is looked at"),
            preset: reader.choice("preset", Preset::Generic, "what the server's pages need"),
            disposition: reader.choice(
                "disposition",
                Disposition::Enforce,
                "`enforce`: the policy blocks; `report`: it only reports; `both`: the base blocks (framing, plugins, `<base>`), all of it reports. In the last two, pages get no integrity, which blocks",
            ),
            merge: reader.choice(
                "merge",
                Merge::Add,
                "the server's own policy: `add`: both are sent, browsers take what both allow; `replace`: it goes where ours is at least as strict, else both are sent",
            ),
            sources: reader.object("sources", sources_schema(), "sources beside those of the preset, by directive", sources::read, |value| json!(value)),
            hosts: reader.strings(
                "hosts",
                16,
                255,
                is_host,
                "the hosts that pages are seen at, with a port if browsers show one; the first stands in the policy where `Host` is none of them. None: `Host` is believed; name them where a cache in front does not tell hosts apart, or a proxy changes `Host`",
            ),
            exempt_paths: reader.strings(
                "exempt_paths",
                16,
                128,
                is_prefix,
                "paths of other applications on the host, such as `/queue` of an older Misskey (a newer one answers it with its own page: leave it out then), or `/media` with pages of yours: only the base of the policy is enforced below, and HTML there is no file of a user",
            ),
            media: reader.strings(
                "media_hosts",
                16,
                253,
                sources::is_https,
                "the media proxy and the object storage, such as `https://media.example`: added to `img-src`, `media-src` and, for uploads, `connect-src`",
            ),
            captcha: reader.fixed(|reader| reader.choice("captcha", Captcha::None, "what sign-up asks: its hosts are added")),
            manifest: reader.object(
                "manifest",
                manifest_schema(),
                "what `sekisho pin` printed. Without it, or `learn_origin`, only the base of the policy is enforced",
                read_manifest,
                |manifest: &Option<Arc<Manifest>>| manifest.as_ref().map_or_else(|| json!({}), |manifest| manifest.to_json()),
            ),
            learn: Learn::read(reader),
            integrity: reader.boolean("integrity", true, "add `integrity` to scripts, styles and modules that the manifest knows"),
            import_map: reader.boolean(
                "import_map",
                true,
                "add an import map with the integrity of modules loaded by `import()`: about 50 KB a page for Misskey",
            ),
            integrity_policy: reader.fixed(|reader| reader.choice(
                "integrity_policy",
                Strength::Off,
                "`Integrity-Policy`: refuse scripts without integrity. Needs the import map; for other languages than the browser asks for, and for scripts of other hosts, it breaks",
            )),
            strict_styles: reader.boolean(
                "strict_styles",
                false,
                "style elements only by the hashes of the manifest, so that an injected one does nothing: in Misskey it breaks custom CSS and one page of its administration",
            ),
            trusted_types: reader.boolean("trusted_types", false, "`require-trusted-types-for 'script'`: breaks most applications"),
            upgrade_requests: reader.boolean("upgrade_requests", true, "`upgrade-insecure-requests`: pages ask for their http parts by https"),
            fields: Fields::read(reader),
            upgrade: reader.boolean(
                "upgrade",
                false,
                "send browsers that come by plain http and ask for it to https. Only where this proxy itself, or one whose `X-Forwarded-Proto` it trusts, ends TLS",
            ),
            report_path: Some(reader.fixed_text("report_path", 128, "/_sekisho/reports", "where browsers report to; empty: nowhere"))
                .filter(|path| !path.is_empty()),
            reports_per_second: reader.integer("reports_per_second", 1..=1000, 20, "reports that one worker reads in a second; more are answered 429"),
        };
        if let Some(path) = &settings.report_path
            && !is_path(path)
        {
            reader.error("report_path", "expected a path from the root, of letters, digits and `/-._~`".to_owned());
        }
        if settings.manifest.is_some() && settings.learn.is_some() {
            let message = "stands beside $.page.manifest: a manifest is pinned or learned, not both";
            reader.error("learn_origin", message.to_owned());
        }
        for (key, message) in settings.faults() {
            reader.error(key, message);
        }
        settings
    }
}

impl Settings {
    /// What no field can tell alone: the fields, and what is wrong with them.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let length = Template::full(self).len();
        if length > MAX_POLICY_BYTES {
            faults.push(("manifest", format!("makes a policy of {length} bytes with all sources and players, of at most {MAX_POLICY_BYTES}: proxies in front refuse such fields")));
        }
        if let Some(manifest) = self.manifest.as_ref().filter(|_| self.integrity_policy == Strength::Enforce) {
            let maps = ImportMaps::new(manifest);
            if maps.varies() {
                let message =
                    "the manifest has several languages, and a page has the import map of one: pin with `--lang`";
                faults.push(("integrity_policy", message.to_owned()));
            }
            if maps.too_long().next().is_some() {
                let message = "the modules of the manifest are too many for an import map, and would all be blocked";
                faults.push(("integrity_policy", message.to_owned()));
            }
        }
        if self.integrity_policy == Strength::Enforce && self.learn.is_some() {
            let message = "what is learned has all languages, and a page has the import map of one: pin one with `--lang` instead";
            faults.push(("integrity_policy", message.to_owned()));
        }
        faults
    }
}

impl Settings {
    /// What works, but perhaps not as it is meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let wants_all = self.mode == Mode::Enforce && self.preset != Preset::Generic;
        if wants_all && self.disposition == Disposition::Enforce && self.manifest.is_none() && self.learn.is_none() {
            let base = BASE.join(", ");
            warnings.push(format!(
                "page: without a manifest nobody knows the server's inline scripts, so only {base} are enforced: set learn_origin, or pin what `sekisho pin` prints"
            ));
        }
        for (directive, sources) in &self.sources {
            let name = Directive::new(directive);
            let weak = |source: &String| Some((source.clone(), Source::parse(source).ok()?.weakens(&name)?));
            let told = |(source, why)| format!("page.sources[{directive:?}]: {source}: {why}");
            warnings.extend(sources.iter().filter_map(weak).map(told));
        }
        warnings.extend(self.manifest_warnings());
        warnings
    }

    /// The same of the manifest, pinned or learned.
    pub fn manifest_warnings(&self) -> Vec<String> {
        let maps = self.manifest.as_ref().filter(|_| self.import_map).map(ImportMaps::new).unwrap_or_default();
        let of_maps = maps.too_long().map(|(language, bytes)| {
            let of = if language.is_empty() { String::new() } else { format!(" of {language}") };
            format!("page: an import map{of} would have {bytes} bytes, of at most {MAX_IMPORT_MAP_BYTES}: such pages have none, and their modules no integrity")
        });
        of_maps.collect()
    }
}

/// The longest policy, in bytes: proxies in front take 4 or 8 KiB of fields.
const MAX_POLICY_BYTES: usize = 6 * 1024;

impl Fields {
    fn read(reader: &mut Reader<'_>) -> Self {
        let fields = Self {
            hsts_seconds: reader.integer(
                "hsts_seconds",
                0..=MAX_HSTS_SECONDS,
                15_552_000,
                "`Strict-Transport-Security` on what came by https, in seconds (180 days); 0: none",
            ),
            hsts_subdomains: reader.boolean("hsts_subdomains", false, "the same for all names below the host"),
            referrer_policy: reader.choice(
                "referrer_policy",
                ReferrerPolicy::StrictOriginWhenCrossOrigin,
                "`Referrer-Policy`, where the server has none or a weaker one",
            ),
            permissions_policy: reader.fixed_text("permissions_policy", 2048, PERMISSIONS, "`Permissions-Policy`, where the server has none; empty: none"),
            isolation: reader.boolean(
                "isolation",
                true,
                "`Cross-Origin-Opener-Policy: same-origin-allow-popups` and `Cross-Origin-Resource-Policy: same-origin` on pages that no other site frames",
            ),
            lock_files: reader.boolean(
                "lock_files",
                true,
                "files of users and answers of the API get a policy that lets nothing run, should they be opened as a page",
            ),
        };
        if !fields.permissions_policy.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            reader.error("permissions_policy", "expected printable ASCII".to_owned());
        }
        fields
    }
}

fn is_host(text: &str) -> Result<(), &'static str> {
    let is_fit = PageRequest::host(text.as_bytes()).is_some_and(|host| host == text);
    is_fit.then_some(()).ok_or("expected a host in lower case, with a port or without")
}

fn is_prefix(text: &str) -> Result<(), &'static str> {
    is_path(text).then_some(()).ok_or("expected a path from the root, of letters, digits and `/-._~`")
}

fn is_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'~');
    path.len() > 1 && path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
}

fn read_manifest(json: &Json<'_>) -> Result<Option<Arc<Manifest>>, Vec<(String, String)>> {
    // None, as it is printed.
    if json.as_object().is_some_and(|object| object.iter().next().is_none()) {
        return Ok(None);
    }
    Manifest::read(json)
        .map(|manifest| Some(Arc::new(manifest)))
        .map_err(|errors| errors.into_iter().map(|error| (error.path, error.message)).collect())
}

fn sources_schema() -> Value {
    json!({
        "type": "object", "maxProperties": sources::MAX_DIRECTIVES,
        "additionalProperties": {"type": "array", "maxItems": sources::MAX_SOURCES, "items": {"type": "string"}},
    })
}

fn manifest_schema() -> Value {
    let hashes = json!({"type": "array", "items": {"type": "string"}});
    let urls = json!({"type": "object", "maxProperties": MAX_URLS, "additionalProperties": {"type": "string"}});
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "version": {"const": 1},
            "inline": {"type": "object", "additionalProperties": false, "properties": {"scripts": hashes, "handlers": hashes, "styles": hashes}},
            "scripts": urls, "styles": urls, "modules": urls,
            "has_import_map": {"type": "boolean"},
            "unpinned": {"type": "array", "maxItems": MAX_URLS, "items": {"type": "string"}},
        },
    })
}
