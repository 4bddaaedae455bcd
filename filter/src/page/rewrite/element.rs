//! What an element loads, by its attributes.

use std::collections::BTreeMap;

use lol_html::html_content::Element;

use crate::page::manifest::{Integrity, Manifest};

/// What an element loads and the browser then holds against its integrity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Script,
    Module,
    Style,
}

type Known = BTreeMap<String, Integrity>;

impl Resource {
    /// Of a script element: none if its type makes it a data block.
    pub(super) fn of_script(element: &Element<'_, '_>) -> Option<Self> {
        let kind = match (element.get_attribute("type"), element.get_attribute("language")) {
            (Some(kind), _) if kind.is_empty() => return Some(Self::Script),
            (Some(kind), _) => kind.trim_matches(is_ascii_whitespace).to_ascii_lowercase(),
            (None, Some(language)) if !language.is_empty() => format!("text/{}", language.to_ascii_lowercase()),
            (None, _) => return Some(Self::Script),
        };
        if kind == "module" {
            return Some(Self::Module);
        }
        JAVASCRIPT.contains(&kind.as_str()).then_some(Self::Script)
    }

    /// Of a link element, by the tokens of its `rel`.
    pub(super) fn of_link(element: &Element<'_, '_>) -> Option<Self> {
        let rel = element.get_attribute("rel")?;
        let has = |token: &str| has_token(&rel, token);
        if has("stylesheet") {
            return Some(Self::Style);
        }
        if has("modulepreload") {
            return Some(Self::Module);
        }
        let destination = element.get_attribute("as").filter(|_| has("preload"))?;
        match destination.to_ascii_lowercase().as_str() {
            "script" => Some(Self::Script),
            "style" => Some(Self::Style),
            _ => None,
        }
    }

    /// Where the manifest knows it: a script that is loaded as a module may have been found as a classic one, and the reverse.
    pub(super) fn known(self, manifest: &Manifest) -> [&Known; 2] {
        match self {
            Self::Script => [&manifest.scripts, &manifest.modules],
            Self::Module => [&manifest.modules, &manifest.scripts],
            Self::Style => [&manifest.styles, &manifest.styles],
        }
    }
}

/// Whether a link element may load a module before any script does.
pub(super) fn is_modulepreload(element: &Element<'_, '_>) -> bool {
    element.get_attribute("rel").is_some_and(|rel| has_token(&rel, "modulepreload"))
}

fn has_token(list: &str, token: &str) -> bool {
    list.split(is_ascii_whitespace).any(|item| item.eq_ignore_ascii_case(token))
}

fn is_ascii_whitespace(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// The JavaScript MIME types (MIME Sniffing, section 4.6).
const JAVASCRIPT: [&str; 16] = [
    "application/ecmascript",
    "application/javascript",
    "application/x-ecmascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/javascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];
