//! What is generated from the registry: the JSON Schema of the policy, and the documentation of the rules.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Field, compile_rule};
use crate::incident::Incident;
use crate::registry::{RULES, Rule, SECTIONS};

/// The JSON Schema (2020-12) of the policy.
pub fn json_schema() -> Value {
    let sections = SECTIONS.iter().map(|section| {
        let rules = RULES.iter().filter(|rule| rule.section() == *section);
        let rules = rules.map(|rule| (rule.name().to_owned(), rule_schema(rule)));
        ((*section).to_owned(), object(None, rules.collect()))
    });
    let mut schema = object(Some("The policy of Sekisho"), sections.collect());
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    }
    schema
}

fn rule_schema(rule: &'static Rule) -> Value {
    let fields = fields(rule).into_iter().map(|field| {
        let mut schema = field.schema;
        if let Value::Object(members) = &mut schema {
            members.insert("default".to_owned(), field.default);
            members.insert("description".to_owned(), json!(field.doc));
        }
        (field.key.to_owned(), schema)
    });
    object(Some(rule.summary), fields.collect())
}

fn object(description: Option<&str>, properties: Map<String, Value>) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if let (Some(description), Value::Object(members)) = (description, &mut schema) {
        members.insert("description".to_owned(), json!(description));
    }
    schema
}

fn fields(rule: &'static Rule) -> Vec<Field> {
    compile_rule(rule, None).1
}

/// The table of rules for the README: one row a rule, in the order of evaluation.
pub fn rules_table() -> String {
    let mut table = String::from("| rule | refuses | answer | default |\n|---|---|---|---|\n");
    for rule in RULES {
        let answer = match rule.action {
            Some(action) => format!("{} or `drop`; default `{}`", rule.status, super::Choice::word(action)),
            None => rule.status.to_string(),
        };
        let mode = super::Choice::word(rule.mode);
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
