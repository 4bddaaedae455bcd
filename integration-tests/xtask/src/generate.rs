//! `cargo xtask generate`: the files that are generated from the registry of rules.

use crate::compile::Native;
use crate::error::Result;
use crate::process;
use crate::workspace::root;

/// Writes `filter/RULES.md`, the table in `README.md` and `envoy/policy.schema.json`. The tests compare them.
pub fn run() -> Result<()> {
    process::run(Native::find()?.cargo("run").args(["--quiet", "--package", "sekisho", "--", "generate"]).arg(root()))
}
