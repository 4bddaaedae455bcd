//! Nothing that is linked into the module or the binary has a licence that reaches beyond its own files.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use xtask::workspace::cargo;

/// The licences of `deny.toml`, which cargo-deny checks where it is installed.
const ALLOWED: [&str; 11] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Whether one side of each `OR` can be chosen so that every `AND` is allowed. Parentheses do not occur around `OR` in what is linked
/// today but for `(A OR B) AND C`, which this reads right.
fn is_allowed(expression: &str) -> bool {
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        part.split(" OR ").any(|licence| ALLOWED.contains(&licence.trim_matches(['(', ')', ' '])))
    })
}

#[test]
fn expressions_are_read() {
    for allowed in
        ["MIT", "MIT OR GPL-3.0", "Unlicense OR MIT", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0"]
    {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0-only", "AGPL-3.0", "MIT AND GPL-2.0", "", "LGPL-3.0"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn what_is_linked_may_be_linked() {
    let output = cargo().args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let licences: HashMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["license"].as_str().unwrap_or_default()))
        .collect();
    let nodes: HashMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let root = *licences.keys().find(|id| id.contains("filter#sekisho")).unwrap();
    let (mut linked, mut todo) = (HashSet::new(), vec![root]);
    while let Some(id) = todo.pop() {
        if !linked.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            // A dependency of kind `null` is linked; the others build or test.
            if dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()) {
                todo.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    println!("{} packages are linked", linked.len());
    assert!(linked.len() > 10);
    for id in linked {
        assert!(is_allowed(licences[id]), "{id}: {:?}", licences[id]);
    }
}
