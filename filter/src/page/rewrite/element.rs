//! What an element loads, by its attributes.

use std::collections::BTreeMap;

use lol_html::html_content::Element;

use crate::page::manifest::{Integrity, Manifest};
use crate::page::script_type::{self, ScriptType};

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
        let attribute = |name| element.get_attribute(name);
        match script_type::of(attribute("type").as_deref(), attribute("language").as_deref()) {
            ScriptType::Classic => Some(Self::Script),
            ScriptType::Module => Some(Self::Module),
            ScriptType::ImportMap | ScriptType::Speculation | ScriptType::Data => None,
        }
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
