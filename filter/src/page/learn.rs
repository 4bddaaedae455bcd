//! The manifest of the running server: who learns it, who is asked for it, and what an answer says.

use std::sync::Arc;
use std::time::Duration;

use super::PageRequest;
pub use super::etag::is_marked;
use super::manifest::{Integrity, Manifest};
use crate::hash;
use crate::json;
use crate::policy::Reader;

/// Where the service answers with the manifest.
pub const PATH: &str = "/page-manifest";

/// A longer answer is not read, in bytes: 13,000 modules of Misskey have 1.4 million.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The longest name of RFC 1035 section 2.3.4 and a port, in bytes.
const MAX_HOST_BYTES: usize = 253 + ":65535".len();

/// The most pages that are named: each is looked at three times.
const MAX_PAGES: usize = 64;
/// The longest path of a page, in bytes.
const MAX_PAGE_BYTES: usize = 512;
/// The most languages that are named.
const MAX_LANGUAGES: usize = 64;
/// The longest language tag (RFC 5646 section 4.4.1), in bytes.
const MAX_LANGUAGE_BYTES: usize = 35;

/// The longest period: pages of a new build are broken for as long.
const MAX_PERIOD_SECONDS: u32 = 3600;

/// How the manifest is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learn {
    /// The server that the service reads, such as `http://127.0.0.1:3000`.
    pub origin: String,
    /// The host under which the server is public, if `origin` has another.
    pub host: Option<String>,
    /// Pages that are read beside those of `sekisho pin`: paths, in which `{}` stands for a random word.
    pub pages: Vec<String>,
    /// The only languages whose scripts are read; empty: all.
    pub languages: Vec<String>,
    /// How often the service looks at the server, and the filter asks the service.
    pub period: Duration,
    /// The cluster of the service.
    pub cluster: String,
}

impl Learn {
    /// Reads the fields; `None` if nothing is to be learned. No runtime key changes them: the service reads the policy once.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let origin = reader.fixed_text(
            "learn_origin",
            512,
            "",
            "the running server, such as `http://127.0.0.1:3000`: the media service reads its pages as `sekisho pin` does, and the filter asks it for the manifest (Envoy only). In place of `manifest`; empty: nothing is learned",
        );
        let host = reader.fixed_text(
            "learn_host",
            MAX_HOST_BYTES,
            "",
            "the host under which the server is public, such as `social.example`, where `learn_origin` has another: the server is asked for it, as by https, and its URLs are the server's own",
        );
        let pages = reader.fixed(|reader| {
            reader.strings(
                "learn_pages",
                MAX_PAGES,
                MAX_PAGE_BYTES,
                is_page,
                "pages that have inline scripts of their own, or load what no other page does, as paths from the root: read beside those that every server is asked for. `{}` stands for a random word. Each has to be there, with 200",
            )
        });
        let languages = reader.fixed(|reader| {
            reader.strings(
                "learn_languages",
                MAX_LANGUAGES,
                MAX_LANGUAGE_BYTES,
                is_language,
                "the only languages whose scripts are read, such as `ja-JP`, where a server has the same scripts for each; those of others have no `integrity`. Empty: all",
            )
        });
        let seconds = reader.fixed(|reader| {
            reader.integer(
                "learn_seconds",
                1..=MAX_PERIOD_SECONDS,
                60,
                "how often the service looks whether the server has a new build, and the filter asks the service, in seconds",
            )
        });
        let cluster = reader.fixed_text(
            "learn_cluster",
            128,
            "media",
            "the cluster of the media service; asked only with `learn_origin`",
        );
        if origin.is_empty() {
            return None;
        }
        if !is_origin(&origin) {
            reader.error("learn_origin", "expected scheme, host and port, such as `http://127.0.0.1:3000`".to_owned());
        }
        let public = Some(host).filter(|host| !host.is_empty());
        if public.as_ref().is_some_and(|host| !is_host(host)) {
            reader.error(
                "learn_host",
                "expected a host, and its port if it is not 443, such as `social.example`".to_owned(),
            );
        }
        if cluster.is_empty() {
            reader.error("learn_cluster", "expected the name of a cluster".to_owned());
        }
        Some(Self { origin, host: public, pages, languages, period: Duration::from_secs(seconds.into()), cluster })
    }
}

/// What an answer of the service says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is known.
    pub manifest: Arc<Manifest>,
    /// See [`version`].
    pub version: u64,
    /// What the service calls it.
    pub tag: String,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(too_large());
        }
        let json = json::parse(bytes).map_err(|error| format!("the manifest is no JSON: {error}"))?;
        let manifest = Manifest::read(&json).map_err(|errors| {
            let first = errors.first().map(|error| format!("{}: {}", error.path, error.message)).unwrap_or_default();
            format!("the manifest has {} errors, the first: {first}", errors.len())
        })?;
        Ok(Self { manifest: Arc::new(manifest), version: version(bytes), tag: tag(bytes) })
    }
}

/// Why an answer of more than [`MAX_BYTES`] says nothing.
pub fn too_large() -> String {
    format!("the manifest has more than {MAX_BYTES} bytes")
}

/// The entity tag of a manifest: the hash of its text, so that whoever has the text knows the tag.
pub fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Integrity::sha256(bytes))
}

/// A number for the text of a manifest, never 0.
pub fn version(bytes: &[u8]) -> u64 {
    hash::of([bytes]).max(1)
}

/// Scheme, host and port, as [`super::PageRequest::host`] takes them: no user, no path.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    host.is_some_and(is_host)
}

fn is_page(text: &str) -> Result<(), &'static str> {
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('#');
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { Ok(()) } else { Err("expected a path from the root, such as `/about`") }
}

fn is_language(text: &str) -> Result<(), &'static str> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if text.split('-').all(is_part) { Ok(()) } else { Err("expected a language, such as `ja-JP`") }
}

fn is_host(text: &str) -> bool {
    PageRequest::host(text.as_bytes()).is_some_and(|read| read == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn errors(page: &str) -> Vec<String> {
        let errors = Policy::parse(format!(r#"{{"page":{page}}}"#).as_bytes()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_fields() {
        let policy = Policy::parse(br#"{"page":{"learn_origin":"http://127.0.0.1:3000"}}"#).unwrap();
        let learn = policy.page.settings.learn.clone().unwrap();
        assert_eq!((learn.period.as_secs(), learn.cluster.as_str()), (60, "media"));
        assert_eq!(Policy::parse(b"").unwrap().page.settings.learn, None);
        for origin in ["http://misskey:3000/", "https://a.example"] {
            assert_eq!(errors(&format!(r#"{{"learn_origin":"{origin}"}}"#)), [""; 0], "{origin}");
        }
        for origin in
            ["127.0.0.1:3000", "ftp://a", "http://", "http://u@a", "http://a/b", "http://a?b", "http://A.example"]
        {
            assert_eq!(
                errors(&format!(r#"{{"learn_origin":"{origin}"}}"#)),
                ["$.page.learn_origin: expected scheme, host and port, such as `http://127.0.0.1:3000`"],
                "{origin}"
            );
        }
        assert_eq!((learn.host, learn.pages.len(), learn.languages.len()), (None, 0, 0));
        assert_eq!(
            errors(r#"{"learn_origin":"http://a","learn_cluster":"","learn_seconds":0}"#),
            [
                "$.page.learn_seconds: expected a whole number from 1 to 3600",
                "$.page.learn_cluster: expected the name of a cluster"
            ]
        );
    }

    #[test]
    fn what_is_read_and_under_which_name() {
        let policy = Policy::parse(br#"{"page":{"learn_origin":"http://a","learn_host":"b.example:8443"}}"#).unwrap();
        assert_eq!(policy.page.settings.learn.clone().unwrap().host.as_deref(), Some("b.example:8443"));
        let policy =
            br#"{"page":{"learn_origin":"http://a","learn_pages":["/x/{}?y","/z"],"learn_languages":["ja-JP"]}}"#;
        let learn = Policy::parse(policy).unwrap().page.settings.learn.clone().unwrap();
        assert_eq!(
            (learn.pages, learn.languages),
            (vec!["/x/{}?y".to_owned(), "/z".to_owned()], vec!["ja-JP".to_owned()])
        );
        for page in ["x", "//x", "https://a/x", "/x y", "/\\\\x", "/\u{e9}", "/x#y"] {
            assert_eq!(
                errors(&format!(r#"{{"learn_origin":"http://a","learn_pages":["{page}"]}}"#)),
                ["$.page.learn_pages[0]: expected a path from the root, such as `/about`"],
                "{page}"
            );
        }
        for language in ["-", "ja_JP", "ja-"] {
            assert_eq!(
                errors(&format!(r#"{{"learn_origin":"http://a","learn_languages":["{language}"]}}"#)),
                ["$.page.learn_languages[0]: expected a language, such as `ja-JP`"],
                "{language}"
            );
        }
        let many: Vec<String> = (0..=MAX_PAGES).map(|n| format!("\"/{n}\"")).collect();
        let many = errors(&format!(r#"{{"learn_origin":"http://a","learn_pages":[{}]}}"#, many.join(",")));
        assert_eq!(many, ["$.page.learn_pages: at most 64 items"]);
        for host in ["https://b.example", "b.example/", "B.example", "b_c", "[::1]", "b.example:x", "u@b"] {
            assert_eq!(
                errors(&format!(r#"{{"learn_origin":"http://a","learn_host":"{host}"}}"#)),
                ["$.page.learn_host: expected a host, and its port if it is not 443, such as `social.example`"],
                "{host}"
            );
        }
    }

    #[test]
    fn pinned_or_learned() {
        assert_eq!(
            errors(r#"{"learn_origin":"http://a","manifest":{"version":1}}"#),
            ["$.page.learn_origin: stands beside $.page.manifest: a manifest is pinned or learned, not both"]
        );
        assert_eq!(errors(r#"{"learn_origin":"http://a","manifest":{}}"#), [""; 0]);
    }

    #[test]
    fn answers() {
        let text = Manifest::default().to_json().to_string();
        let answer = Answer::read(text.as_bytes()).unwrap();
        assert_eq!(*answer.manifest, Manifest::default());
        assert_eq!((answer.version, answer.tag), (version(text.as_bytes()), tag(text.as_bytes())));
        for (bytes, error) in [
            (vec![b' '; MAX_BYTES + 1], "the manifest has more than 4194304 bytes"),
            (b"upstream connect error".to_vec(), "the manifest is no JSON: expected value at line 1 column 1"),
            (b"{}".to_vec(), "the manifest has 1 errors, the first: .version: expected 1, found nothing"),
        ] {
            assert_eq!(Answer::read(&bytes).unwrap_err(), error);
        }
    }
}
