//! `sekisho check`

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Failure, print, read_policy};

/// Validates a policy and prints it with all defaults filled in, and with runtime keys laid over it.
pub fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let mut path = None;
    let mut keys = Vec::new();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--set") => {
                let key = args.next().ok_or_else(|| Failure::Usage("--set needs a value".to_owned()))?;
                keys.push(key.to_string_lossy().into_owned());
            }
            _ if path.is_none() => path = Some(PathBuf::from(arg)),
            _ => return Err(Failure::Usage(format!("unexpected argument {}", arg.display()))),
        }
    }
    let path = path.ok_or_else(|| Failure::Usage("check needs a policy file".to_owned()))?;
    let policy = read_policy(&path, &keys)?;
    eprintln!("sekisho: policy {}", policy.summary());
    for warning in policy.warnings() {
        eprintln!("sekisho: warning: {warning}");
    }
    print(&format!("{:#}\n", policy.effective()))
}
