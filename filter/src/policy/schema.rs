//! What is generated from the registry: the JSON Schema of the policy, and the documentation of the rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::reader::{Field, Reader};
use super::site::read_rule;
use super::{Choice, MAX_HOSTS, Overlay, PREFIX};
use crate::incident::Incident;
use crate::media_settings;
use crate::page;
use crate::preview;
use crate::registry::{RULE_SECTIONS, RULES, Rule};
use crate::runtime;

/// The JSON Schema (2020-12) of the policy.
pub fn json_schema() -> Value {
    let sections: Map<String, Value> =
        RULE_SECTIONS.iter().map(|section| ((*section).to_owned(), section_schema(section))).collect();
    let host =
        object(Some("What is different for one host; what is not named here is as for all others"), sections.clone());
    let mut members = sections;
    members.insert(
        "hosts".to_owned(),
        json!({
            "description": "Rules of their own for single hosts, by name: lower case, no port",
            "type": "object", "maxProperties": MAX_HOSTS, "additionalProperties": {"$ref": "#/$defs/host"},
        }),
    );
    members.insert("media".to_owned(), object(Some(media_settings::SUMMARY), fields_schema(media_fields())));
    members.insert("page".to_owned(), object(Some(page::SUMMARY), fields_schema(page_fields())));
    members.insert("preview".to_owned(), object(Some(preview::SUMMARY), fields_schema(preview_fields())));
    members.insert("runtime".to_owned(), object(Some(runtime::SUMMARY), fields_schema(runtime_fields())));
    let mut schema = object(Some("The policy of Sekisho"), members);
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("$defs".to_owned(), json!({"host": host}));
    }
    schema
}

fn section_schema(section: &str) -> Value {
    let (named, whole): (Vec<&Rule>, Vec<&Rule>) =
        RULES.iter().filter(|rule| rule.section() == section).partition(|rule| rule.name().is_some());
    let mut members: Map<String, Value> = whole.iter().flat_map(|rule| fields_schema(fields(rule))).collect();
    members.extend(named.into_iter().filter_map(|rule| Some((rule.name()?.to_owned(), rule_schema(rule)))));
    object(whole.first().map(|rule| rule.summary), members)
}

fn rule_schema(rule: &'static Rule) -> Value {
    object(Some(rule.summary), fields_schema(fields(rule)))
}

fn fields_schema(fields: Vec<Field>) -> Map<String, Value> {
    let schemas = fields.into_iter().map(|field| {
        let mut schema = field.schema;
        if let Value::Object(members) = &mut schema {
            members.insert("default".to_owned(), field.default);
            members.insert("description".to_owned(), json!(field.doc));
        }
        (field.key.to_owned(), schema)
    });
    schemas.collect()
}

fn object(description: Option<&str>, properties: Map<String, Value>) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if let (Some(description), Value::Object(members)) = (description, &mut schema) {
        members.insert("description".to_owned(), json!(description));
    }
    schema
}

fn fields(rule: &'static Rule) -> Vec<Field> {
    declared(|reader| drop(read_rule(rule, reader)))
}

fn runtime_fields() -> Vec<Field> {
    declared(|reader| drop(runtime::Settings::read(reader)))
}

fn page_fields() -> Vec<Field> {
    declared(|reader| drop(page::Settings::read(reader, Vec::new())))
}

fn preview_fields() -> Vec<Field> {
    declared(|reader| drop(preview::Settings::read(reader)))
}

fn media_fields() -> Vec<Field> {
    declared(|reader| drop(media_settings::Settings::read(reader)))
}

fn declared(read: impl FnOnce(&mut Reader<'_>)) -> Vec<Field> {
    let mut reader = Reader::new(Vec::new(), const { &Overlay::EMPTY });
    read(&mut reader);
    reader.finish().fields
}

/// The table of runtime keys: one row for each scalar of the policy that can be changed live; those that rules have in common have one row for all of them.
pub fn runtime_keys_table() -> String {
    let mut table = String::from("| runtime key | value | default | meaning |\n|---|---|---|---|\n");
    for key in COMMON {
        let found: Vec<(&Rule, Option<Field>)> = RULES.iter().map(|rule| (rule, common(rule, key))).collect();
        let Some(field) = found.iter().find_map(|(_, field)| field.as_ref()) else { continue };
        let (values, defaults) = (values(field), common_defaults(&found));
        let _ = writeln!(table, "| `{PREFIX}RULE.{key}` | {values} | {defaults} | {} |", field.doc);
    }
    let groups = RULES.iter().map(|rule| (rule.id, fields(rule))).chain([
        ("page", page_fields()),
        ("preview", preview_fields()),
        ("runtime", runtime_fields()),
    ]);
    for (id, fields) in groups {
        for field in fields.iter().filter(|field| field.live && !COMMON.contains(&field.key)) {
            let (key, default) = (field.key, plain(&field.default));
            let _ = writeln!(table, "| `{PREFIX}{id}.{key}` | {} | `{default}` | {} |", values(field), field.doc);
        }
    }
    table
}

/// The fields that rules have in common.
const COMMON: [&str; 3] = ["mode", "action", "enforce_percent"];

fn common(rule: &'static Rule, key: &str) -> Option<Field> {
    fields(rule).into_iter().find(|field| field.key == key)
}

/// What most rules have, and which have something else or no such field.
fn common_defaults(found: &[(&Rule, Option<Field>)]) -> String {
    let mut rules_by_default: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    for (rule, field) in found {
        rules_by_default.entry(field.as_ref().map(|field| plain(&field.default))).or_default().push(rule.id);
    }
    let most = rules_by_default.iter().filter(|(default, _)| default.is_some()).max_by_key(|(_, rules)| rules.len());
    let most = most.and_then(|(default, _)| default.clone());
    let mut text = format!("`{}`", most.clone().unwrap_or_default());
    for (default, rules) in rules_by_default.iter().filter(|(default, _)| **default != most) {
        let _ = match default {
            Some(default) => write!(text, "; `{default}` for {}", rules.join(", ")),
            None => write!(text, "; not for {}", rules.join(", ")),
        };
    }
    text
}

/// A default as a runtime key would say it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn values(field: &Field) -> String {
    match field.schema.get("enum").and_then(Value::as_array) {
        Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        None => match (field.schema.get("minimum"), field.schema.get("maximum")) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            _ => field.kind.as_str().to_owned(),
        },
    }
}

/// The table of rules for the README: one row a rule, in the order of evaluation.
pub fn rules_table() -> String {
    let mut table = String::from("| rule | refuses | answer | default |\n|---|---|---|---|\n");
    for rule in RULES {
        let answer = match rule.action {
            Some(action) => format!("{} or `drop`; default `{}`", rule.status, action.word()),
            None => rule.status.to_string(),
        };
        let mode = rule.mode.word();
        let _ = writeln!(
            table,
            "| [`{}`](filter/RULES.md#{}) | {} | {answer} | {mode} |",
            rule.id,
            rule.anchor(),
            rule.summary
        );
    }
    table
}

/// The reference of all rules: `filter/RULES.md`.
pub fn rules_reference() -> String {
    let mut page = String::from(
        "# Rules\n\nGenerated from the registry by `cargo xtask generate`. The order is the order of evaluation; the first rule in \
         `enforce` mode that fires decides.\nEach key is a path into the policy: `inbox.mentions.max` is `{\"inbox\":{\"mentions\":{\"max\":20}}}`.\n",
    );
    for rule in RULES {
        let _ = write!(
            page,
            "\n## {}\n\nRefuses {}. Looks at the {}. Rejects with {}.\n\n{}\n\nSpecification: {}.\n\n| key | default | meaning |\n|---|---|---|\n",
            rule.id,
            rule.summary,
            rule.phase.as_str(),
            rule.status,
            rule.doc.trim(),
            rule.specification
        );
        for field in fields(rule) {
            let _ = writeln!(page, "| `{}.{}` | `{}` | {} |", rule.id, field.key, field.default, field.doc);
        }
    }
    page.push_str(
        "\n## What no rule decides\n\nA delivery that cannot be judged does not pass. In the place of a rule, the answer, the log and the counter name:\n\n\
         | id | status | when |\n|---|---|---|\n",
    );
    for incident in Incident::ALL {
        let finding = incident.finding();
        let _ =
            writeln!(page, "| `{}` | {} | {} {} |", incident.id(), incident.status(), finding.place, finding.reason);
    }
    page
}
