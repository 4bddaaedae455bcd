//! The native binary, as people call it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xtask::workspace::{native_binary, root, target_dir};

fn sekisho(args: &[&str]) -> Output {
    Command::new(native_binary()).args(args).current_dir(root()).output().expect("`cargo xtask test` builds the binary")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(name: &str, content: &str) -> PathBuf {
    let dir = target_dir().join("e2e-cli");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn the_shipped_policy_is_valid() {
    let output = sekisho(&["check", "envoy/policy.json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let effective: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(effective["inbox"]["owner"]["mode"], "enforce");
}

#[test]
fn check_names_every_error_by_its_path() {
    let path = file("bad.json", r#"{"inbox":{"mentions":{"max":"many","mode":"on"}},"outbox":{}}"#);
    let output = sekisho(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for error in [
        "$.outbox: unknown key",
        "$.inbox.mentions.mode: expected one of off, shadow, enforce",
        "$.inbox.mentions.max: expected a whole number from 0 to 10000, found a string",
        "3 errors",
    ] {
        assert!(errors.contains(error), "{error} in {errors}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn wrong_command_lines_say_how_to_call_it() {
    for args in [
        &[][..],
        &["chek"],
        &["check"],
        &["check", "a", "b"],
        &["replay"],
        &["replay", "--now", "today", "x"],
        &["replay", "--x"],
    ] {
        let output = sekisho(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains("usage:"), "{args:?}");
    }
    let absent = sekisho(&["check", "/nowhere/policy.json"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("/nowhere/policy.json: No such file"), "{}", text(&absent.stderr));
}

#[test]
fn replay_prints_one_line_for_each_delivery() {
    let lines = file(
        "deliveries.ndjson",
        concat!(
            r#"{"type":"Like","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#,
            "\n\n{\n",
            r#""POST /inbox HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n{}""#,
            "\n",
        ),
    );
    let output =
        sekisho(&["replay", "--host", "sekisho.example", "--now", "2026-11-22T14:00:00Z", lines.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rules: Vec<_> = lines.iter().map(|line| (line["verdict"].as_str().unwrap(), line["rule"].as_str())).collect();
    assert_eq!(rules, [("accept", None), ("reject", Some("inbox.json")), ("reject", Some("inbox.content_type"))]);
    assert!(lines[0]["source"].as_str().unwrap().ends_with("deliveries.ndjson:1"));
    assert_eq!((&lines[0]["status"], &lines[2]["status"]), (&serde_json::Value::Null, &serde_json::json!(415)));
}

#[test]
fn generated_documents_are_current() {
    let root = root();
    let output = sekisho(&["generate", "--check", root.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(Path::new(&root).join("filter/RULES.md").is_file());
}
