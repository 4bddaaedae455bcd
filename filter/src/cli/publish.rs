//! `sekisho publish`

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Failure, no_more, print, read, read_policy};

/// The last line of `filter.yaml` before the policy.
const BLOCK: &str = "value: |";

/// Validates a policy, puts it in the place of the one in an ECDS file and moves the file over the old one, as Envoy wants it.
pub fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let mut argument = |name: &str| args.next().ok_or_else(|| Failure::Usage(format!("publish needs a {name}")));
    let policy_path = PathBuf::from(argument("policy file")?);
    let filter_path = PathBuf::from(argument("filter.yaml to put it in")?);
    no_more(args)?;
    let policy = read_policy(&policy_path, &[])?;
    let filter = String::from_utf8_lossy(&read(&filter_path)?).into_owned();
    let document = read(&policy_path)?;
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&document);
    let document: Value = serde_json::from_slice(document)
        .map_err(|error| Failure::Usage(format!("{}: {error}", policy_path.display())))?;
    let filter = with_policy(&filter, &document)
        .ok_or_else(|| Failure::Usage(format!("{} has no line that ends in `{BLOCK}`", filter_path.display())))?;
    replace(&filter_path, &filter).map_err(|error| Failure::Io(filter_path.clone(), error))?;
    print(&format!("{}: policy {}\n", filter_path.display(), policy.summary()))
}

/// The file with `policy` in its block, which is the last thing of it.
fn with_policy(filter: &str, policy: &Value) -> Option<String> {
    let is_block = |line: &str| line.split(" #").next().is_some_and(|line| line.trim_end().ends_with(BLOCK));
    let lines: Vec<&str> = filter.lines().collect();
    let at = lines.iter().rposition(|line| is_block(line))?;
    let head = lines.get(..=at)?;
    let margin = head.last()?.chars().take_while(|c| *c == ' ').count().checked_add(2)?;
    // YAML takes some characters of JSON strings for the end of a line.
    let text = format!("{policy:#}")
        .replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    let text = text.replace('\u{feff}', "\\ufeff").replace('\u{7f}', "\\u007f");
    let block = text.lines().map(|line| format!("{:margin$}{line}\n", ""));
    Some(head.iter().map(|line| format!("{line}\n")).chain(block).collect())
}

/// Replaces a file by a move, so that no reader ever sees half of it; its mode stays.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::metadata(path).and_then(|old| {
        fs::write(&new, text)?;
        fs::set_permissions(&new, old.permissions())?;
        fs::rename(&new, path)
    });
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_policy_is_the_last_block() {
        let filter = "a:\n  value: | # old\n    {}\n  config:\n    value: | # xtask: policy\n      {\n\n      }\n";
        let policy = json!({"inbox": {"keywords": {"words": ["a\u{2028}b\nc é"]}}});
        let new = with_policy(filter, &policy).unwrap();
        let (head, block) = new.split_once("    value: | # xtask: policy\n").unwrap();
        assert_eq!(head, "a:\n  value: | # old\n    {}\n  config:\n");
        assert!(block.starts_with("      {\n        \"inbox\""), "{block}");
        assert!(block.is_ascii() || block.contains('é'));
        assert!(!block.contains('\u{2028}'));
        let back: Value = serde_json::from_str(block).unwrap();
        assert_eq!(back, policy);
        assert_eq!(with_policy("a: 1\n", &policy), None);
    }
}
