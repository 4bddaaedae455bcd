//! The import map that gives modules loaded by `import()` their integrity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::manifest::{self, Integrity, Manifest};

/// The longest text of one import map, in bytes: it goes into every page. Misskey's has 52 KB.
pub const MAX_IMPORT_MAP_BYTES: usize = 256 * 1024;

/// The language that Misskey's client falls back to.
const FALLBACK: &str = "en-US";

const START_TAG: &str = r#"<script type="importmap">"#;
const END_TAG: &str = "</script>";
const HEAD: &str = r#"{"integrity":{"#;
const TAIL: &str = "}}";

/// One import map, as it stands in a page.
#[derive(Debug, PartialEq, Eq)]
pub struct ImportMap {
    element: String,
    csp_hash: String,
}

impl ImportMap {
    fn new<'m>(modules: impl Iterator<Item = (&'m str, &'m Integrity)>) -> Self {
        let mut element = format!("{START_TAG}{HEAD}");
        for (index, (url, integrity)) in modules.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // `manifest::is_url` leaves nothing that JSON or HTML would have to escape.
            element.extend([comma, "\"", url, "\":\"", integrity.as_str(), "\""]);
        }
        element.extend([TAIL, END_TAG]);
        let mut map = Self { element, csp_hash: String::new() };
        map.csp_hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(map.text())));
        map
    }

    /// The text of the script element.
    pub fn text(&self) -> &str {
        self.element.strip_prefix(START_TAG).and_then(|rest| rest.strip_suffix(END_TAG)).unwrap_or_default()
    }

    /// The script element with its text, as it is put into a page.
    pub fn element(&self) -> &str {
        &self.element
    }

    /// The hash-source that allows it in `script-src`, with its quotes.
    pub fn csp_hash(&self) -> &str {
        &self.csp_hash
    }
}

/// The import maps of a manifest: one for each language that the modules are built in, each made when it is first wanted.
///
/// Misskey builds every module once per language, and the client chooses. All of them in one map would be megabytes in every page, so
/// a page gets the modules of the language that the client would choose on a first visit, and those without a language.
#[derive(Debug, Default)]
pub struct ImportMaps {
    manifest: Arc<Manifest>,
    /// The segments below which there are languages, such as `/vite/`.
    roots: BTreeSet<String>,
    languages: BTreeMap<String, Slot>,
    without: Slot,
}

/// A map to be made, and how long its text will be.
#[derive(Debug, Default)]
struct Slot {
    modules: usize,
    bytes: usize,
    map: OnceLock<Arc<ImportMap>>,
}

impl Slot {
    fn count(&mut self, url: &str, integrity: &Integrity) {
        self.modules += 1;
        self.bytes += url.len() + integrity.as_str().len() + r#""":"","#.len();
    }
}

impl ImportMaps {
    /// The import maps of what is known.
    pub fn new(manifest: &Arc<Manifest>) -> Self {
        let mut maps = Self { manifest: Arc::clone(manifest), ..Self::default() };
        if manifest.has_import_map {
            // Two maps merge only in browsers of 2025, and the page's own may have integrity that ours would contradict.
            return maps;
        }
        let mut roots: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (root, language) in manifest.modules.keys().filter_map(|url| root_and_language(url)) {
            roots.entry(root).or_default().insert(language);
        }
        // One language alone is rather a folder that looks like one.
        roots.retain(|_, languages| languages.len() > 1);
        maps.roots = roots.keys().map(|root| (*root).to_owned()).collect();
        maps.languages = roots.values().flatten().map(|language| ((*language).to_owned(), Slot::default())).collect();
        maps.without.bytes = HEAD.len() + TAIL.len();
        for (url, integrity) in modules(manifest) {
            let language = language(&maps.roots, url).and_then(|language| maps.languages.get_mut(language));
            language.unwrap_or(&mut maps.without).count(url, integrity);
        }
        for slot in maps.languages.values_mut() {
            slot.modules += maps.without.modules;
            slot.bytes += maps.without.bytes;
        }
        maps
    }

    /// The map for a page: of the language that Misskey's client chooses on a first visit, by `navigator.language`, which is the first
    /// of `Accept-Language`. `None` if there are no modules to name, or too many.
    pub fn select(&self, accept_language: Option<&[u8]>) -> Option<&Arc<ImportMap>> {
        let tag = accept_language.and_then(first_tag).unwrap_or_default();
        let is_of = |language: &&String| language.split('-').next() == Some(tag);
        let exact = self.languages.get_key_value(tag).map(|(language, _)| language);
        let language = exact.or_else(|| self.languages.keys().find(is_of)).map_or(FALLBACK, String::as_str);
        let slot = self.languages.get(language).unwrap_or(&self.without);
        if slot.modules == 0 || slot.bytes > MAX_IMPORT_MAP_BYTES {
            return None;
        }
        Some(slot.map.get_or_init(|| {
            let is_wanted = |url: &str| self::language(&self.roots, url).is_none_or(|other| other == language);
            Arc::new(ImportMap::new(modules(&self.manifest).filter(|(url, _)| is_wanted(url))))
        }))
    }

    /// Whether the choice depends on `Accept-Language`.
    pub fn varies(&self) -> bool {
        !self.languages.is_empty()
    }

    /// The maps that would be longer than [`MAX_IMPORT_MAP_BYTES`] and are therefore left out: language (empty without one) and bytes.
    pub fn too_long(&self) -> impl Iterator<Item = (&str, usize)> {
        let all = self.languages.iter().map(|(language, slot)| (language.as_str(), slot.bytes));
        all.chain([("", self.without.bytes)]).filter(|(_, bytes)| *bytes > MAX_IMPORT_MAP_BYTES)
    }
}

fn modules(manifest: &Manifest) -> impl Iterator<Item = (&str, &Integrity)> {
    let modules = manifest.modules.iter().map(|(url, integrity)| (url.as_str(), integrity));
    modules.filter(|(url, _)| manifest::is_url(url))
}

/// `/vite/` and `ja-JP` of `/vite/ja-JP/x.js`.
fn root_and_language(url: &str) -> Option<(&str, &str)> {
    let (root, rest) = url.strip_prefix('/')?.split_once('/')?;
    let (language, file) = rest.split_once('/')?;
    (is_language(language) && !file.is_empty()).then_some((root, language))
}

fn language<'u>(roots: &BTreeSet<String>, url: &'u str) -> Option<&'u str> {
    root_and_language(url).filter(|(root, _)| roots.contains(*root)).map(|(_, language)| language)
}

/// Whether a segment is a language tag as Misskey names its locales: language and region, such as `ja-JP` or `kab-KAB`. Without the
/// region, `/assets/js/` and `/assets/css/` would be languages.
fn is_language(segment: &str) -> bool {
    let is = |text: &str, class: fn(&u8) -> bool| matches!(text.len(), 2 | 3) && text.bytes().all(|byte| class(&byte));
    let parts = segment.split_once('-');
    parts.is_some_and(|(language, region)| is(language, u8::is_ascii_lowercase) && is(region, u8::is_ascii_uppercase))
}

/// The first language tag of `Accept-Language`, whatever its weight: browsers send them in their order of preference.
fn first_tag(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|byte| matches!(byte, b',' | b';')).unwrap_or(field.len());
    std::str::from_utf8(field.get(..end)?.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(urls: &[&str], change: impl FnOnce(&mut Manifest)) -> ImportMaps {
        let integrity = Integrity::new(&format!("sha384-{}", "A".repeat(64))).unwrap();
        let modules = urls.iter().map(|url| ((*url).to_owned(), integrity.clone())).collect();
        let mut manifest = Manifest { modules, ..Manifest::default() };
        change(&mut manifest);
        ImportMaps::new(&Arc::new(manifest))
    }

    fn urls(map: Option<&Arc<ImportMap>>) -> Vec<String> {
        let Some(map) = map else { return Vec::new() };
        let json: serde_json::Value = serde_json::from_str(map.text()).unwrap();
        json["integrity"].as_object().unwrap().keys().cloned().collect()
    }

    const MISSKEY: [&str; 7] = [
        "/vite/ja-JP/a.js",
        "/vite/ja-KS/a.js",
        "/vite/en-US/a.js",
        "/vite/kab-KAB/a.js",
        "/vite/loader.js",
        "/embed_vite/ja-JP/b.js",
        "https://esm.example/c.js",
    ];

    #[test]
    fn a_map_is_exact_text_and_its_hash() {
        let maps = maps(&["/a.js", "/b.js"], |_| ());
        let map = maps.select(None).unwrap();
        let a = "A".repeat(64);
        assert_eq!(map.text(), format!(r#"{{"integrity":{{"/a.js":"sha384-{a}","/b.js":"sha384-{a}"}}}}"#));
        assert_eq!(map.element(), format!(r#"<script type="importmap">{}</script>"#, map.text()));
        let hash = STANDARD.encode(Sha256::digest(map.text()));
        assert_eq!(map.csp_hash(), format!("'sha256-{hash}'"));
        assert!(!maps.varies());
        assert!(Arc::ptr_eq(map, maps.select(Some(b"ja-JP")).unwrap()), "made once");
        assert_eq!(map.text().len() + 1, maps.without.bytes, "counted with a comma too many");
    }

    #[test]
    fn the_language_is_the_one_of_misskeys_client() {
        let maps = maps(&MISSKEY, |_| ());
        assert!(maps.varies());
        for (field, language) in [
            (Some("ja-JP"), "ja-JP"),
            (Some("ja-KS,ja;q=0.9"), "ja-KS"),
            (Some("ja"), "ja-JP"),
            (Some(" ja ;q=1, en-US"), "ja-JP"),
            (Some("kab"), "kab-KAB"),
            (Some("ja-jp"), "en-US"),
            (Some("ja-XX, ja-JP"), "en-US"),
            (Some("de, ja"), "en-US"),
            (Some("*"), "en-US"),
            (Some(""), "en-US"),
            (Some("-"), "en-US"),
            (Some("\u{e9}"), "en-US"),
            (None, "en-US"),
        ] {
            // One folder alone below `/embed_vite/` is no group.
            let expected = [
                "/embed_vite/ja-JP/b.js".to_owned(),
                format!("/vite/{language}/a.js"),
                "/vite/loader.js".to_owned(),
                "https://esm.example/c.js".to_owned(),
            ];
            assert_eq!(urls(maps.select(field.map(str::as_bytes))), expected, "{field:?}");
        }
        assert!(maps.select(Some(b"\xff")).is_some());
    }

    #[test]
    fn without_the_fallback_only_what_has_no_language() {
        let maps = maps(&["/vite/ja-JP/a.js", "/vite/de-DE/a.js", "/vite/loader.js"], |_| ());
        assert_eq!(urls(maps.select(Some(b"fr"))), ["/vite/loader.js"]);
        let only_languages = self::maps(&["/vite/ja-JP/a.js", "/vite/de-DE/a.js"], |_| ());
        assert_eq!(only_languages.select(Some(b"fr")), None);
        assert_eq!(urls(only_languages.select(Some(b"de"))), ["/vite/de-DE/a.js"]);
    }

    #[test]
    fn folders_are_not_languages() {
        for urls in [
            ["/assets/js/a.js", "/assets/css/b.js"],
            ["/a/b/ja-JP/a.js", "/a/b/de-DE/a.js"],
            ["/vite/ja-JP/a.js", "/embed/de-DE/a.js"],
            ["https://x.example/vite/ja-JP/a.js", "https://x.example/vite/de-DE/a.js"],
            ["/vite/ja-JP", "/vite/de-DE"],
        ] {
            let maps = maps(&urls, |_| ());
            assert!(!maps.varies(), "{urls:?}");
            assert_eq!(self::urls(maps.select(None)).len(), 2, "{urls:?}");
        }
    }

    #[test]
    fn no_modules_no_map() {
        assert_eq!(maps(&[], |_| ()).select(None), None);
        let own = maps(&MISSKEY, |manifest| manifest.has_import_map = true);
        assert_eq!(own.select(Some(b"ja")), None);
        assert!(!own.varies());
        // The fields of a manifest are public: what did not come through its reader is looked at again.
        assert_eq!(maps(&["/</script>", "/\"", "x.js"], |_| ()).select(None), None);
    }

    #[test]
    fn too_long_is_left_out_and_said() {
        let long: Vec<String> = (0..4000).map(|n| format!("/vite/ja-JP/{n}.js")).collect();
        let mut urls: Vec<&str> = long.iter().map(String::as_str).collect();
        urls.extend(["/vite/de-DE/a.js", "/vite/en-US/a.js"]);
        let maps = maps(&urls, |_| ());
        assert_eq!(maps.select(Some(b"ja")), None);
        assert!(maps.select(Some(b"de")).is_some());
        let said: Vec<_> = maps.too_long().map(|(language, _)| language).collect();
        assert_eq!(said, ["ja-JP"]);
    }
}
