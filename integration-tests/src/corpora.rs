//! The real data that is shared beside a checkout, and absent from a plain clone.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a set, or `None` with the reason printed.
pub fn set(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| xtask::workspace::root().join("../shared/corpora"));
    let set = root.join(name);
    if set.is_dir() {
        return Some(set);
    }
    println!("skipped: {} is absent (it is shared beside the repository, not in it)", set.display());
    None
}

/// A line of a manifest, by the names of its columns.
pub type Row = HashMap<String, String>;

/// The manifest of a set; the column `file` is the path relative to the set.
pub fn manifest(set: &Path) -> Vec<Row> {
    table(&set.join("MANIFEST.tsv"))
}

/// A tab-separated table, which has to be there, whose first line names its columns; further lines that start with `#` are comments.
pub fn table(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().trim_start_matches('#').split('\t').collect();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| header.iter().map(|name| (*name).to_owned()).zip(line.split('\t').map(str::to_owned)).collect())
        .collect()
}

/// The value of a column; empty when there is none.
pub fn column<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).map_or("", String::as_str)
}
