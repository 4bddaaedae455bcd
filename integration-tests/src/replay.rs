//! The native decisions, as `sekisho replay` prints them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::workspace::{native_binary, target_dir};

/// A line of `sekisho replay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `accept`, `drop` or `reject`.
    pub verdict: String,
    /// The status of a refusal.
    pub status: Option<u16>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The rules in shadow that would have fired.
    pub shadow: Vec<String>,
}

/// What `sekisho replay` says about each delivery in `paths`, by source.
///
/// # Panics
/// When it fails: a test cannot go on.
pub fn replay(policy: &str, paths: &[&Path]) -> BTreeMap<String, Outcome> {
    let file = policy_file(policy);
    let output = Command::new(native_binary())
        .arg("replay")
        .arg("--policy")
        .arg(file)
        .args(paths)
        .output()
        .expect("target/release/sekisho runs: `cargo xtask test` builds it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().map(|line| outcome(&serde_json::from_str(line).expect("replay prints JSON lines"))).collect()
}

fn outcome(line: &Value) -> (String, Outcome) {
    let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
    let shadow = line.get("shadow").and_then(Value::as_array).into_iter().flatten();
    let outcome = Outcome {
        verdict: text("verdict").unwrap_or_default(),
        status: line.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()),
        rule: text("rule"),
        shadow: shadow.filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    (text("source").unwrap_or_default(), outcome)
}

/// A file that holds `policy`.
fn policy_file(policy: &str) -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    policy.hash(&mut hasher);
    let dir = target_dir().join("e2e-policies");
    std::fs::create_dir_all(&dir).expect("target/ can be written");
    // Named by content, and written whole before it gets that name: tests run beside each other.
    let file = dir.join(format!("{:016x}.json", hasher.finish()));
    let draft = dir.join(format!("{:016x}.{}.{:?}", hasher.finish(), std::process::id(), std::thread::current().id()));
    std::fs::write(&draft, policy).expect("target/ can be written");
    std::fs::rename(&draft, &file).expect("target/ can be written");
    file
}
