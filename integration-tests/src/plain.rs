//! Envoy as it is shipped, but for the filter: what the filter is compared with.

use std::fs;
use std::path::PathBuf;

use xtask::error::{Context, Error, Result};
use xtask::render::{quoted, render};
use xtask::stack::{FILTER_YAML, Options};
use xtask::workspace::root;

/// The same without the filter. It is found by the path of its file, and so by the folder of the stack.
///
/// # Errors
/// When the shipped configuration has no filter, or cannot be read.
pub fn plain(options: &Options, dir: PathBuf) -> Result<Options> {
    let file = dir.join(FILTER_YAML);
    let watched = file.parent().unwrap_or(&dir);
    let values = [("filter.path", &*file), ("filter.dir", watched)];
    let values = values.map(|(name, path)| (name, quoted(&path.to_string_lossy())));
    let filter = render(&block("envoy/envoy.yaml", "          - name: sekisho")?, &values)?;
    let mut options = options.clone().edit(filter, "");
    options.dir = Some(dir);
    Ok(options)
}

/// A part of a shipped file: the line `first`, and all lines below that are indented more.
///
/// # Errors
/// When there is no such line.
pub fn block(file: &str, first: &str) -> Result<String> {
    let path = root().join(file);
    let template = fs::read_to_string(&path).context(|| path.display().to_string())?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = template.lines().skip_while(|line| *line != first);
    let first_line = lines.next().ok_or_else(|| Error::new(format!("{} has no line {first:?}", path.display())))?;
    let below = lines.take_while(|line| indent(line) > indent(first_line));
    let block: Vec<&str> = std::iter::once(first_line).chain(below).collect();
    Ok(format!("{}\n", block.join("\n")))
}
