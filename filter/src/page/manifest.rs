//! What is known of the server's pages: which inline scripts are its own, and the integrity of what they load.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384};

use crate::json::Json;

/// The most URLs of one kind. Misskey has 465 modules in each of 28 languages.
pub const MAX_URLS: usize = 20_000;

/// The most inline hashes of one kind: each goes into a header of every page.
pub const MAX_INLINE: usize = 64;

/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 1024;

/// The version of the format.
const VERSION: f64 = 1.0;

/// What is known of the server's pages. Made by `sekisho pin`, or learned by the native service, never from a page that is on its way to a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// What stands in the pages themselves.
    pub inline: Inline,
    /// Classic scripts by URL.
    pub scripts: BTreeMap<String, Integrity>,
    /// Style sheets by URL.
    pub styles: BTreeMap<String, Integrity>,
    /// Modules by URL, static and dynamic imports included.
    pub modules: BTreeMap<String, Integrity>,
    /// Whether a page has an import map of its own; there is none beside it then.
    pub has_import_map: bool,
    /// Scripts and modules that are not the same for everybody: allowed by where they lie, without integrity.
    pub unpinned: BTreeSet<String>,
}

/// Hashes of what stands in the pages, as they stand in a policy: SHA-256 of the exact text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inline {
    /// Of script elements.
    pub scripts: Vec<Integrity>,
    /// Of event handler attributes.
    pub handlers: Vec<Integrity>,
    /// Of style elements.
    pub styles: Vec<Integrity>,
}

/// A hash expression of SRI and CSP: `sha384-` and standard base64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Integrity(String);

impl Integrity {
    /// Reads one; `None` unless the algorithm is known and the base64 is of its length.
    pub fn new(text: &str) -> Option<Self> {
        let (algorithm, base64) = text.split_once('-')?;
        let (bytes, padding) = match algorithm {
            "sha256" => (44, 1),
            "sha384" => (64, 0),
            "sha512" => (88, 2),
            _ => return None,
        };
        let digits = base64.strip_suffix(&"=".repeat(padding))?;
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        (base64.len() == bytes && digits.bytes().all(is_base64)).then(|| Self(text.to_owned()))
    }

    /// The SHA-256 of a text, as it stands in a policy.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(format!("sha256-{}", STANDARD.encode(Sha256::digest(bytes))))
    }

    /// The SHA-384 of a file, as it stands in `integrity`.
    pub fn sha384(bytes: &[u8]) -> Self {
        Self(format!("sha384-{}", STANDARD.encode(Sha384::digest(bytes))))
    }

    /// The hash expression.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a manifest: where, from its root, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Its path, such as `.modules["/a.js"]`.
    pub path: String,
    /// What.
    pub message: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(json: &Json<'_>) -> Result<Self, Vec<ManifestError>> {
        let mut errors = Errors::default();
        let mut manifest = Self::default();
        let mut has_version = false;
        for (key, value) in errors.members("", json) {
            match key {
                "version" => {
                    has_version = *value == Json::Number(VERSION);
                    if !has_version {
                        errors.add(".version", "expected 1");
                    }
                }
                "inline" => manifest.inline = errors.inline(value),
                "scripts" => manifest.scripts = errors.urls(".scripts", value),
                "styles" => manifest.styles = errors.urls(".styles", value),
                "modules" => manifest.modules = errors.urls(".modules", value),
                "has_import_map" => match value {
                    Json::Bool(value) => manifest.has_import_map = *value,
                    other => errors.add(".has_import_map", &format!("expected true or false, found {}", other.kind())),
                },
                "unpinned" => manifest.unpinned = errors.list(".unpinned", value),
                other => errors.add(
                    &format!("[{:?}]", short(other)),
                    "unknown key; known are version, inline, scripts, styles, modules, has_import_map, unpinned",
                ),
            }
        }
        if errors.0.is_empty() && !has_version {
            errors.add(".version", "expected 1, found nothing");
        }
        if errors.0.is_empty() { Ok(manifest) } else { Err(errors.0) }
    }

    /// How much is known, for the log.
    pub fn summary(&self) -> String {
        format!(
            "inline: {} scripts, {} event handlers, {} styles; files: {} scripts, {} modules, {} styles",
            self.inline.scripts.len(),
            self.inline.handlers.len(),
            self.inline.styles.len(),
            self.scripts.len(),
            self.modules.len(),
            self.styles.len(),
        )
    }

    /// The manifest as JSON.
    pub fn to_json(&self) -> Value {
        let list = |hashes: &[Integrity]| Value::from(hashes.iter().map(Integrity::as_str).collect::<Vec<_>>());
        let urls = |urls: &BTreeMap<String, Integrity>| {
            let members = urls.iter().map(|(url, hash)| (url.clone(), Value::from(hash.as_str())));
            Value::Object(members.collect::<Map<_, _>>())
        };
        serde_json::json!({
            "version": 1,
            "inline": {"scripts": list(&self.inline.scripts), "handlers": list(&self.inline.handlers), "styles": list(&self.inline.styles)},
            "scripts": urls(&self.scripts),
            "styles": urls(&self.styles),
            "modules": urls(&self.modules),
            "has_import_map": self.has_import_map,
            "unpinned": self.unpinned,
        })
    }
}

/// Whether a text can be a URL of a manifest: a path from the root, or an absolute https URL; printable ASCII that needs no escape in HTML, JSON or a header.
pub fn is_url(text: &str) -> bool {
    let is_fit = text.len() <= MAX_URL_BYTES
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`'));
    let is_path = text.starts_with('/') && !text.starts_with("//");
    is_fit && (is_path || text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')))
}

/// The most errors that are told.
const MAX_ERRORS: usize = 100;

#[derive(Default)]
struct Errors(Vec<ManifestError>);

impl Errors {
    fn add(&mut self, path: &str, message: &str) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(ManifestError { path: path.to_owned(), message: message.to_owned() });
        }
    }

    fn members<'j>(&mut self, path: &str, json: &'j Json<'_>) -> Vec<(&'j str, &'j Json<'j>)> {
        match json {
            Json::Object(object) => object.iter().collect(),
            other => {
                self.add(path, &format!("expected an object, found {}", other.kind()));
                Vec::new()
            }
        }
    }

    fn inline(&mut self, json: &Json<'_>) -> Inline {
        let mut inline = Inline::default();
        for (key, value) in self.members(".inline", json) {
            let path = format!(".inline[{:?}]", short(key));
            match key {
                "scripts" => inline.scripts = self.hashes(&path, value),
                "handlers" => inline.handlers = self.hashes(&path, value),
                "styles" => inline.styles = self.hashes(&path, value),
                _ => self.add(&path, "unknown key; known are scripts, handlers, styles"),
            }
        }
        inline
    }

    fn hashes(&mut self, path: &str, json: &Json<'_>) -> Vec<Integrity> {
        self.items(path, json, (MAX_INLINE, "items"), EXPECTED_HASH, Integrity::new)
    }

    fn list(&mut self, path: &str, json: &Json<'_>) -> BTreeSet<String> {
        let url = |text: &str| is_url(text).then(|| text.to_owned());
        self.items(path, json, (MAX_URLS, "URLs"), EXPECTED_URL, url).into_iter().collect()
    }

    /// The items of an array of texts, of which there may be so many; each is read by `read`, or else was expected to be something.
    fn items<T>(
        &mut self,
        path: &str,
        json: &Json<'_>,
        (max, what): (usize, &str),
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Json::Array(items) = json else {
            self.add(path, &format!("expected an array, found {}", json.kind()));
            return Vec::new();
        };
        if items.len() > max {
            self.add(path, &format!("at most {max} {what}"));
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_str().and_then(&read) {
                Some(item) => found.push(item),
                None => self.add(&format!("{path}[{index}]"), expected),
            }
        }
        found
    }

    fn urls(&mut self, path: &str, json: &Json<'_>) -> BTreeMap<String, Integrity> {
        let members = self.members(path, json);
        if members.len() > MAX_URLS {
            self.add(path, &format!("at most {MAX_URLS} URLs"));
            return BTreeMap::new();
        }
        let mut urls = BTreeMap::new();
        for (url, value) in members {
            let path = format!("{path}[{:?}]", short(url));
            if !is_url(url) {
                self.add(&path, EXPECTED_URL);
            }
            match value.as_str().and_then(Integrity::new) {
                Some(hash) => drop(urls.insert(url.to_owned(), hash)),
                None => self.add(&path, EXPECTED_HASH),
            }
        }
        urls
    }
}

const EXPECTED_URL: &str = "expected a path from the root or an https URL, in plain ASCII";
const EXPECTED_HASH: &str = "expected a hash such as sha384-.. of the right length";

fn short(key: &str) -> String {
    const MAX_SHOWN: usize = 128;
    key.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(text: &str) -> Result<Manifest, Vec<String>> {
        let json = json::parse(text.as_bytes()).unwrap();
        Manifest::read(&json)
            .map_err(|errors| errors.into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect())
    }

    #[test]
    fn hashes() {
        // printf abc | openssl dgst -sha256 -binary | base64
        assert_eq!(Integrity::sha256(b"abc").as_str(), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        let sha384 = Integrity::sha384(b"abc");
        assert_eq!(sha384.as_str(), "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn");
        assert_eq!(Integrity::new(sha384.as_str()), Some(sha384));
    }

    #[test]
    fn what_is_printed_is_read() {
        let sha256 = "sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c=";
        let sha384 = format!("sha384-{}", "A".repeat(64));
        let manifest = read(&format!(
            r#"{{"version":1,"inline":{{"scripts":["{sha256}"]}},"modules":{{"/vite/a.js":"{sha384}"}},"styles":{{"https://a.example/b.css":"{sha384}"}},"unpinned":["/app/mine.js"]}}"#
        ))
        .unwrap();
        assert_eq!(manifest.inline.scripts.first().map(Integrity::as_str), Some(sha256));
        assert_eq!(read(&manifest.to_json().to_string()), Ok(manifest));
    }

    #[test]
    fn all_errors_are_named() {
        assert_eq!(
            read(r#"{"version":2,"inline":{"scripts":["sha256-x",7],"other":[]},"modules":{"a.js":"md5-x","//b":null},"more":1,"unpinned":["x"]}"#).unwrap_err(),
            [
                ".version: expected 1",
                ".inline[\"scripts\"][0]: expected a hash such as sha384-.. of the right length",
                ".inline[\"scripts\"][1]: expected a hash such as sha384-.. of the right length",
                ".inline[\"other\"]: unknown key; known are scripts, handlers, styles",
                ".modules[\"a.js\"]: expected a path from the root or an https URL, in plain ASCII",
                ".modules[\"a.js\"]: expected a hash such as sha384-.. of the right length",
                ".modules[\"//b\"]: expected a path from the root or an https URL, in plain ASCII",
                ".modules[\"//b\"]: expected a hash such as sha384-.. of the right length",
                "[\"more\"]: unknown key; known are version, inline, scripts, styles, modules, has_import_map, unpinned",
                ".unpinned[0]: expected a path from the root or an https URL, in plain ASCII",
            ]
        );
        assert_eq!(read("{}").unwrap_err(), [".version: expected 1, found nothing"]);
        assert_eq!(read("[]").unwrap_err(), [": expected an object, found an array"]);
    }
}
