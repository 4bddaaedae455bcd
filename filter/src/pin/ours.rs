//! Whether a page has been through Sekisho itself: what it adds there is not the server's, and would be pinned as if it were.

use std::fmt;

use http::header::{ETAG, HeaderMap, VIA};

use super::html::{Kind, Page};
use crate::http::{pseudonym, via};
use crate::page::learn;

/// By what we know our own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// The entity tag names what we made of the page. Nobody else writes such tags.
    EntityTag,
    /// `Via` names a proxy as we are called, and there is an import map that has `integrity` and nothing else.
    ///
    /// Each alone proves nothing. Build tools write such maps too; and responses carry our name also where pages pass as
    /// they are.
    ImportMap,
}

impl Ours {
    /// Judges a page, by what its fields show.
    pub(super) fn of(signs: Signs, page: &Page) -> Option<Self> {
        if signs.tag {
            return Some(Self::EntityTag);
        }
        let mut maps = page.items.iter().filter(|item| item.kind == Kind::ImportMap);
        (signs.via && maps.any(|map| has_only_integrity(&map.text))).then_some(Self::ImportMap)
    }
}

/// What the fields of a page show of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// `ETag` has our mark.
    tag: bool,
    /// `Via` has a name that we make for ourselves. One that an operator chose cannot be told from others.
    via: bool,
}

impl Signs {
    /// Reads the fields of an answer.
    pub(super) fn of(fields: &HeaderMap) -> Self {
        let vias = fields.get_all(VIA).iter().map(|value| value.as_bytes());
        Self {
            tag: fields.get(ETAG).is_some_and(|tag| learn::is_marked(tag.as_bytes())),
            via: via::any_name(vias, pseudonym::DERIVED, |name| pseudonym::begins(name, pseudonym::DERIVED)),
        }
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityTag => "its entity tag",
            Self::ImportMap => "its Via and its import map",
        })
    }
}

fn has_only_integrity(text: &str) -> bool {
    let map: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    map.as_object().is_some_and(|map| map.len() == 1 && map.get("integrity").is_some_and(serde_json::Value::is_object))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use url::Url;

    use super::super::html;
    use super::*;

    fn of(fields: &[(HeaderName, &str)], html: &str) -> Option<Ours> {
        let page = html::read(html.as_bytes(), &Url::parse("http://a.example/").unwrap()).unwrap();
        let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        Ours::of(Signs::of(&fields), &page)
    }

    fn map(text: &str) -> String {
        format!("<script type=\"importmap\">{text}</script><script>a</script>")
    }

    const ONLY_INTEGRITY: &str = r#"{"integrity":{"/a.js":"sha384-x"}}"#;

    #[test]
    fn known() {
        assert_eq!(of(&[(ETAG, "W/\"abc-sk0000001f\"")], "a"), Some(Ours::EntityTag));
        assert_eq!(of(&[(ETAG, "W/\"abc\"")], &map(ONLY_INTEGRITY)), None);
        let own = format!("2 {}", pseudonym::derive(7));
        for via in [own.as_str(), "1.1 a, 1.1 Sekisho-x:443 (b)", "junk, 1.1 sekisho-5ea1c0de5ea1"] {
            assert_eq!(of(&[(VIA, via)], &map(ONLY_INTEGRITY)), Some(Ours::ImportMap), "{via}");
            assert_eq!(of(&[(VIA, "1.1 a"), (VIA, via)], &map(ONLY_INTEGRITY)), Some(Ours::ImportMap), "{via}");
        }
        for text in [
            r#"{"imports":{"a":"/a.js"}}"#,
            r#"{"imports":{"a":"/a.js"},"integrity":{"/a.js":"sha384-x"}}"#,
            r#"{"integrity":"x"}"#,
            "{}",
            "[",
        ] {
            assert_eq!(of(&[(ETAG, "W/\"abc\""), (VIA, &own)], &map(text)), None, "{text}");
        }
        assert_eq!(of(&[(VIA, &own)], "<script>{\"integrity\":{}}</script>"), None);
    }

    #[test]
    fn what_build_tools_write_is_the_servers() {
        assert_eq!(of(&[], &map(ONLY_INTEGRITY)), None);
        for via in ["1.1 varnish", "1.1 a.sekisho-x", "1.1 sekisho", "1.1 a (sekisho-x)", ""] {
            assert_eq!(of(&[(VIA, via)], &map(ONLY_INTEGRITY)), None, "{via}");
        }
    }
}
