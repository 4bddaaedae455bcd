//! `cargo xtask generate`: the files that are generated from the registry of rules.

use crate::error::Result;
use crate::process;
use crate::workspace::{cargo, root};

/// Writes `filter/RULES.md`, the table in `README.md` and `envoy/policy.schema.json`. The tests compare them.
pub fn run() -> Result<()> {
    process::run(cargo().args(["run", "--quiet", "--package", "sekisho", "--", "generate"]).arg(root()))
}
