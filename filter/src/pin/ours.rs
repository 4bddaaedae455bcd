//! Whether a page has been through Sekisho itself: what it adds there is not the server's, and would be pinned as if it were.

use std::fmt;

use super::html::{Kind, Page};
use crate::page::learn;

/// By what we know our own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// The entity tag names what we made of the page.
    EntityTag,
    /// An import map that has `integrity` and nothing else. A server's own names modules, or there would be no use for it.
    ImportMap,
}

impl Ours {
    /// Judges a page, and the `ETag` that came with it.
    pub(super) fn of(tag: Option<&[u8]>, page: &Page) -> Option<Self> {
        if tag.is_some_and(learn::is_marked) {
            return Some(Self::EntityTag);
        }
        let mut maps = page.items.iter().filter(|item| item.kind == Kind::ImportMap);
        maps.any(|map| has_only_integrity(&map.text)).then_some(Self::ImportMap)
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityTag => "its entity tag",
            Self::ImportMap => "its import map",
        })
    }
}

fn has_only_integrity(text: &str) -> bool {
    let map: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    map.as_object().is_some_and(|map| map.len() == 1 && map.get("integrity").is_some_and(serde_json::Value::is_object))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::html;
    use super::*;

    fn of(tag: Option<&str>, html: &str) -> Option<Ours> {
        let page = html::read(html.as_bytes(), &Url::parse("http://a.example/").unwrap()).unwrap();
        Ours::of(tag.map(str::as_bytes), &page)
    }

    #[test]
    fn known() {
        let map = |text: &str| format!("<script type=\"importmap\">{text}</script><script>a</script>");
        assert_eq!(of(None, &map(r#"{"integrity":{"/a.js":"sha384-x"}}"#)), Some(Ours::ImportMap));
        assert_eq!(of(Some("W/\"abc-sk0000001f\""), "a"), Some(Ours::EntityTag));
        for text in [
            r#"{"imports":{"a":"/a.js"}}"#,
            r#"{"imports":{"a":"/a.js"},"integrity":{"/a.js":"sha384-x"}}"#,
            r#"{"integrity":"x"}"#,
            "{}",
            "[",
        ] {
            assert_eq!(of(Some("W/\"abc\""), &map(text)), None, "{text}");
        }
        assert_eq!(of(None, "<script>{\"integrity\":{}}</script>"), None);
    }
}
