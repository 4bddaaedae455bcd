//! The cases in `cases/`: a raw request each, and what is to come of it. They run natively and through every host, and must agree.

use std::path::PathBuf;

use crate::corpora;

/// One request and its expected outcome.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of its file, without the extension.
    pub name: String,
    /// The policy that it runs under.
    pub policy: String,
    /// The request as sent.
    pub request: Vec<u8>,
    /// `accept`, `drop` or `reject`.
    pub verdict: String,
    /// The status that the client sees.
    pub status: u16,
    /// The rule that decides; empty when it is accepted.
    pub rule: String,
}

/// The folder of the cases.
pub fn folder() -> PathBuf {
    xtask::workspace::root().join("integration-tests/cases")
}

/// All cases, from the table `cases/CASES.tsv`.
pub fn all() -> Vec<Case> {
    let rows = corpora::table(&folder().join("CASES.tsv"));
    rows.iter()
        .map(|row| {
            let column = |name| corpora::column(row, name).to_owned();
            let file = folder().join(format!("{}.http", column("name")));
            Case {
                name: column("name"),
                policy: column("policy"),
                request: std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
                verdict: column("verdict"),
                status: column("status").parse().unwrap_or_default(),
                rule: column("rule"),
            }
        })
        .collect()
}
