//! `sekisho check`

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Failure, no_more, print, read_policy};

/// Validates a policy and prints it with all defaults filled in.
pub fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let path = args.next().ok_or_else(|| Failure::Usage("check needs a policy file".to_owned()))?;
    no_more(args)?;
    let policy = read_policy(&PathBuf::from(path))?;
    print(&format!("{:#}\n", policy.effective()))
}
