//! The policy: the one JSON document that operators write, and its compiled form.

mod reader;
pub mod schema;

use std::fmt;

use serde_json::{Map, Value};

pub use reader::{Choice, Field, Reader};

use crate::decision::{Action, Mode};
use crate::inbox::Inbox;
use crate::json::{self, Json};
use crate::registry::{ActiveRule, RULES, Rule, SECTIONS};

/// The largest policy that is read, in bytes.
pub const MAX_POLICY_BYTES: usize = 4 * 1024 * 1024;

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where, as a JSON path from `$`.
    pub path: String,
    /// What.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    /// The rules for deliveries to an inbox.
    pub inbox: Inbox,
    effective: Value,
}

impl Policy {
    /// Reads and compiles a policy. No bytes at all are the default policy, as a plugin without configuration sends them.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(root_error(format!("more than {MAX_POLICY_BYTES} bytes")));
        }
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        let document = json::parse(bytes).map_err(|error| root_error(error.to_string()))?;
        Self::compile(&document)
    }

    /// Compiles a policy document.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn compile(document: &Json<'_>) -> Result<Self, Vec<PolicyError>> {
        let Json::Object(root) = document else {
            return Err(root_error(format!("expected an object, found {}", document.kind())));
        };
        let mut errors = unknown_keys("$", document, |key| SECTIONS.contains(&key), SECTIONS);
        let mut effective = Map::new();
        let mut active = Vec::new();
        for section in SECTIONS {
            let value = root.get(section);
            let rules = || RULES.iter().filter(|rule| rule.section() == *section);
            let names: Vec<&str> = rules().map(Rule::name).collect();
            if let Some(value) = value {
                errors.extend(unknown_keys(&format!("$.{section}"), value, |key| names.contains(&key), &names));
            }
            let mut section_effective = Map::new();
            for rule in rules() {
                let settings = value.and_then(Json::as_object).and_then(|object| object.get(rule.name()));
                let (rule_active, fields, rule_errors) = compile_rule(rule, settings);
                let values = fields.into_iter().map(|field| (field.key.to_owned(), field.value));
                section_effective.insert(rule.name().to_owned(), Value::Object(values.collect()));
                errors.extend(rule_errors);
                active.push(rule_active);
            }
            effective.insert((*section).to_owned(), Value::Object(section_effective));
        }
        if errors.is_empty() {
            Ok(Self { inbox: Inbox::new(active), effective: Value::Object(effective) })
        } else {
            Err(errors)
        }
    }

    /// The policy in force, with every default filled in.
    pub fn effective(&self) -> &Value {
        &self.effective
    }
}

/// Compiles one rule from its object in the policy, or from its defaults.
fn compile_rule(rule: &'static Rule, settings: Option<&Json<'_>>) -> (ActiveRule, Vec<Field>, Vec<PolicyError>) {
    let mut reader = Reader::new(format!("$.{}", rule.id), settings);
    let mode = reader.choice("mode", rule.mode, "`off`, `shadow` (counted and logged only) or `enforce`");
    let action = match rule.action {
        Some(default) => {
            reader.choice("action", default, "`drop` (202, silently) or `reject` (4xx with the rule's id)")
        }
        None => Action::Reject,
    };
    let check = (rule.compile)(&mut reader);
    let (fields, errors) = reader.finish();
    let active = ActiveRule { rule, mode, action, check };
    (active, fields, errors)
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("shadow", Self::Shadow), ("enforce", Self::Enforce)];
}

impl Choice for Action {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("reject", Self::Reject)];
}

fn root_error(message: String) -> Vec<PolicyError> {
    vec![PolicyError { path: "$".to_owned(), message }]
}

fn unknown_keys(path: &str, value: &Json<'_>, known: impl Fn(&str) -> bool, names: &[&str]) -> Vec<PolicyError> {
    let Json::Object(object) = value else {
        return vec![PolicyError {
            path: path.to_owned(),
            message: format!("expected an object, found {}", value.kind()),
        }];
    };
    let unknown = object.iter().filter(|(key, _)| !known(key));
    unknown
        .map(|(key, _)| PolicyError {
            path: format!("{path}.{}", printable_key(key)),
            message: format!("unknown key; known are {}", names.join(", ")),
        })
        .collect()
}

/// A key as it may stand in a path: short and printable, whatever was written.
fn printable_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.len() <= 64 && key.chars().all(plain) {
        key.to_owned()
    } else {
        format!("[{:?}]", key.chars().take(64).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(policy: &str) -> Vec<String> {
        let errors = Policy::parse(policy.as_bytes()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_empty_policy_is_the_default() {
        let empty = Policy::parse(b"").unwrap();
        assert_eq!(empty.effective(), Policy::parse(b"{}").unwrap().effective());
        assert_eq!(empty.effective()["inbox"]["mentions"]["mode"], "enforce");
        // The effective policy is itself a policy, and says the same.
        let again = Policy::parse(empty.effective().to_string().as_bytes()).unwrap();
        assert_eq!(empty.effective(), again.effective());
    }

    #[test]
    fn all_errors_are_named_by_their_path() {
        assert_eq!(
            errors(
                r#"{"inbox":{"mentions":{"max":"9","mode":"on","maximum":1},"recipients":[],"origin":{"allowed_ports":[80,0,80]},
                "nothing":{}},"outbox":{}}"#
            ),
            [
                "$.outbox: unknown key; known are inbox",
                "$.inbox.nothing: unknown key; known are content_type, content_encoding, size, json, type, shape, ld, \
                 collection, origin, owner, announce, accept, move, relay, reaction, mentions, recipients, keywords",
                "$.inbox.origin.allowed_ports[1]: expected a whole number from 1 to 65535",
                "$.inbox.origin.allowed_ports[2]: occurs twice",
                "$.inbox.mentions.mode: expected one of off, shadow, enforce",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000, found a string",
                "$.inbox.mentions.maximum: unknown key; known are mode, action, max",
                "$.inbox.recipients: expected an object, found an array",
            ]
        );
    }

    #[test]
    fn what_is_no_policy_at_all() {
        for (policy, error) in [
            ("[]", "$: expected an object, found an array"),
            ("{", "$: EOF while parsing an object at line 1 column 1"),
            ("{\"inbox\":{},\"inbox\":{}}", "$: a key occurs twice in the object that ends at line 1 column 23"),
            ("{\"inbox\":7}", "$.inbox: expected an object, found a number"),
            ("{\"in\\nbox\":{}}", "$.[\"in\\nbox\"]: unknown key; known are inbox"),
            (
                "{\"inbox\":{\"mentions\":{\"max\":-1}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000",
            ),
            (
                "{\"inbox\":{\"mentions\":{\"max\":1.5}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000",
            ),
            (
                "{\"inbox\":{\"mentions\":{\"max\":null}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000, found null",
            ),
        ] {
            assert_eq!(errors(policy), [error], "{policy}");
        }
    }
}
