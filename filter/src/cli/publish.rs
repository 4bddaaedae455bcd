//! `sekisho publish`

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use super::{Failure, no_more, print, read, read_policy};

/// The line of an ECDS file, less its comment, that the policy follows.
const BLOCK: &str = "value: |";

/// What stands above that line.
const BLOCK_TYPE: &str = "google.protobuf.StringValue";

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
    let filter = with_policy(&filter, &document).ok_or_else(|| {
        Failure::Usage(format!("{} has no line `{BLOCK}` below `{BLOCK_TYPE}`", filter_path.display()))
    })?;
    replace(&filter_path, &filter).map_err(|error| Failure::Io(filter_path.clone(), error))?;
    print(&format!("{}: policy {}\n", filter_path.display(), policy.summary()))
}

/// The file with `policy` in the place of the block of lines after [`BLOCK`].
fn with_policy(filter: &str, policy: &Value) -> Option<String> {
    let lines: Vec<&str> = filter.lines().collect();
    let typed = lines.iter().position(|line| line.contains(BLOCK_TYPE))?;
    let is_block = |line: &&str| line.split(" #").next().is_some_and(|line| line.trim() == BLOCK);
    let at = typed.checked_add(lines.get(typed..)?.iter().position(is_block)?)?;
    let (head, rest) = lines.split_at_checked(at.checked_add(1)?)?;
    let margin = indent(head.last()?);
    // The block goes on as long as lines are indented more, or empty.
    let old = rest.iter().take_while(|line| line.trim().is_empty() || indent(line) > margin).count();
    let tail = rest.get(old..)?;
    let width = margin.checked_add(2)?;
    let block = yaml_safe(policy);
    let block = block.lines().map(|line| format!("{:width$}{line}\n", ""));
    let whole = |line: &&str| format!("{line}\n");
    Some(head.iter().map(whole).chain(block).chain(tail.iter().map(whole)).collect())
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

/// The policy as JSON in which no character of a string ends a line of YAML.
fn yaml_safe(policy: &Value) -> String {
    let special = ['\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];
    let mut text = format!("{policy:#}");
    for c in special {
        text = text.replace(c, &format!("\\u{:04x}", u32::from(c)));
    }
    text
}

/// Replaces a file by a move, so that no reader ever sees half of it. Its mode stays, and its owner, who may be Envoy's user.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::metadata(path).and_then(|old| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        unix::fs::chown(&new, Some(old.uid()), Some(old.gid()))?;
        fs::set_permissions(&new, old.permissions())?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEAD: &str = "a:\n  value: | # other\n    {}\n  configuration:\n    type: google.protobuf.StringValue\n    value: | # xtask: policy\n";

    #[test]
    fn the_block_is_replaced_and_nothing_else() {
        let filter = format!("{HEAD}      {{\n\n        \"x\": 1\n      }}\n  failure_policy: X\n");
        let policy = json!({"inbox": {"keywords": {"words": ["a\u{2028}b\nc é", "value: | # x", "value: |"]}}});
        // A second time the words of the first are in the way.
        let once = with_policy(&filter, &policy).unwrap();
        let twice = with_policy(&once, &policy).unwrap();
        assert_eq!(once, twice);
        let block = once.strip_prefix(HEAD).unwrap().strip_suffix("  failure_policy: X\n").unwrap();
        assert!(block.starts_with("      {\n        \"inbox\""), "{block}");
        assert!(block.contains('é') && !block.contains('\u{2028}'));
        let back: Value = serde_json::from_str(block).unwrap();
        assert_eq!(back, policy);
    }

    #[test]
    fn a_file_without_a_block_is_left_alone() {
        for filter in ["a: 1\n", "value: |\n  {}\n", "t: google.protobuf.StringValue\nvalue: '{}'\n"] {
            assert_eq!(with_policy(filter, &json!({})), None, "{filter}");
        }
    }
}
