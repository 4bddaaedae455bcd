//! Where the value of a field comes from: for a host, its runtime key, its part of the document, the runtime key for all hosts, the
//! document, the default; the first that says something.

use super::overlay::Overlay;
use crate::json::{Json, Object};

/// A document, or the part of it for one host.
#[derive(Clone, Debug)]
pub(super) struct Source<'d> {
    /// Its members; `None` reads as an empty object.
    pub(super) root: Option<&'d Object<'d>>,
    /// Its place as a JSON path: `$`, or `$.hosts["a.example"]`.
    pub(super) path: String,
    /// Its place as a runtime key: nothing, or `hosts.a.example.`.
    pub(super) runtime: String,
}

impl<'d> Source<'d> {
    /// The layer of the group of fields called `id`, such as `inbox.mentions`.
    pub(super) fn layer(&self, id: &str) -> Layer<'d> {
        let mut parts = id.split('.');
        let first = parts.next().and_then(|section| self.root?.get(section));
        let value = parts.fold(first, |value, part| value?.as_object()?.get(part));
        Layer { value, path: format!("{}.{id}", self.path), runtime: format!("{}{id}", self.runtime) }
    }
}

/// What one source says about a group of fields.
#[derive(Clone, Debug)]
pub(super) struct Layer<'d> {
    /// The object that holds the fields, if there is one.
    pub(super) value: Option<&'d Json<'d>>,
    /// Its JSON path.
    pub(super) path: String,
    /// What the runtime keys of its fields begin with, without the last dot.
    pub(super) runtime: String,
}

impl<'d> Layer<'d> {
    /// Whether it says anything at all.
    pub(super) fn is_silent(&self, overlay: &Overlay) -> bool {
        self.value.is_none() && !overlay.has_below(&self.runtime_key(""))
    }

    pub(super) fn member(&self, key: &str) -> Option<&'d Json<'d>> {
        self.value.and_then(Json::as_object)?.get(key)
    }

    pub(super) fn runtime_key(&self, key: &str) -> String {
        format!("{}.{key}", self.runtime)
    }

    pub(super) fn live<'o>(&self, key: &str, overlay: &'o Overlay) -> Option<&'o str> {
        overlay.get(&self.runtime_key(key))
    }
}
