//! From a document and runtime keys to compiled groups of fields, with everything that is wrong.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layers::Source;
use super::overlay::{self, Overlay, OverlayReport};
use super::reader::Reader;
use super::{DEFAULT_LABEL, MAX_HOST_BYTES, MAX_HOSTS, PolicyError};
use crate::http::host;
use crate::json::Json;
use crate::registry::RULE_SECTIONS;

/// Compiles a document, and collects what is wrong with it and what became of the runtime keys.
pub(super) struct Compiler<'o> {
    pub(super) overlay: &'o Overlay,
    pub(super) errors: Vec<PolicyError>,
    live: Vec<(String, Result<(), String>)>,
}

impl<'o> Compiler<'o> {
    pub(super) fn new(overlay: &'o Overlay) -> Self {
        Self { overlay, errors: Vec::new(), live: Vec::new() }
    }

    /// Reads one object of fields, from the sources in order; also gives the values in force.
    pub(super) fn group<T>(
        &mut self,
        id: &str,
        sources: &[Source<'_>],
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> (T, Value) {
        let layers = sources.iter().map(|source| source.layer(id)).collect();
        let mut reader = Reader::new(layers, self.overlay);
        let value = read(&mut reader);
        let outcome = reader.finish();
        self.errors.extend(outcome.errors);
        self.live.extend(outcome.live);
        let fields = outcome.fields.into_iter().map(|field| (field.key.to_owned(), field.value));
        (value, Value::Object(fields.collect()))
    }

    /// The hosts that have rules of their own, by their names.
    pub(super) fn hosts<'d>(&mut self, hosts: Option<&'d Json<'d>>) -> Vec<(String, Source<'d>)> {
        let mut found: Vec<(String, Source<'d>)> = Vec::new();
        let hosts = match hosts {
            None => return found,
            Some(Json::Object(hosts)) => hosts,
            Some(other) => {
                self.error("$.hosts".to_owned(), format!("expected an object, found {}", other.kind()));
                return found;
            }
        };
        for (key, value) in hosts.iter() {
            let path = format!("$.hosts[{:?}]", key.chars().take(MAX_SHOWN_KEY).collect::<String>());
            let is_fit = |name: &String| name == key && name.len() <= MAX_HOST_BYTES && name != DEFAULT_LABEL;
            let Some(name) = host::name(key).filter(is_fit) else {
                let message = format!(
                    "expected the name of a host in lower case, without a port, of at most {MAX_HOST_BYTES} bytes"
                );
                self.error(path, message);
                continue;
            };
            if found.len() == MAX_HOSTS {
                self.error("$.hosts".to_owned(), format!("at most {MAX_HOSTS} hosts"));
                break;
            }
            self.errors.extend(unknown_keys(&path, value, RULE_SECTIONS));
            let runtime = format!("hosts.{name}.");
            found.push((name, Source { root: value.as_object(), path, runtime }));
        }
        found
    }

    pub(super) fn error(&mut self, path: String, message: String) {
        self.errors.push(PolicyError { path, message });
    }

    /// What became of the runtime keys. What no field answered to is unknown.
    pub(super) fn report(self) -> OverlayReport {
        let mut report = OverlayReport::default();
        let live: BTreeMap<String, Result<(), String>> = self.live.into_iter().collect();
        for (path, _) in self.overlay.iter() {
            let message = match live.get(path) {
                Some(Ok(())) => {
                    report.applied.push(path.to_owned());
                    continue;
                }
                Some(Err(message)) => message.clone(),
                None => "no scalar of the policy has this path".to_owned(),
            };
            report.refused.push(overlay::refusal(path, message));
        }
        report
    }
}

pub(super) fn unknown_keys(path: &str, value: &Json<'_>, known: &[&str]) -> Vec<PolicyError> {
    let Json::Object(object) = value else {
        let message = format!("expected an object, found {}", value.kind());
        return vec![PolicyError { path: path.to_owned(), message }];
    };
    let unknown = object.iter().filter(|(key, _)| !known.contains(key));
    unknown
        .map(|(key, _)| PolicyError {
            path: format!("{path}.{}", printable_key(key)),
            message: format!("unknown key; known are {}", known.join(", ")),
        })
        .collect()
}

/// The longest key that is shown as it is written, in bytes.
const MAX_SHOWN_KEY: usize = 128;

/// A key as it may stand in a path: short and printable, whatever was written.
pub(super) fn printable_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !key.is_empty() && key.len() <= MAX_SHOWN_KEY && key.chars().all(plain) {
        key.to_owned()
    } else {
        format!("[{:?}]", key.chars().take(MAX_SHOWN_KEY).collect::<String>())
    }
}
