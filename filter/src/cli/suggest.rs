//! `sekisho suggest`

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::PathBuf;

use sekisho::page::reports::suggest::Evidence;

use super::{Failure, print, read};

/// Reads logs and prints the sources that the policy lacks; what else there is to say goes to standard error.
pub fn run(args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = args.map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err(Failure::Usage("suggest needs a log, or - for standard input".to_owned()));
    }
    let mut evidence = Evidence::default();
    for path in &paths {
        match path.to_str() {
            Some("-") => evidence.read(&standard_input()?),
            Some(option) if option.starts_with('-') => return Err(Failure::Usage(format!("unknown option {option}"))),
            _ => evidence.read(&read(path)?),
        }
    }
    let suggestion = evidence.suggest();
    for line in suggestion.explain() {
        eprintln!("sekisho: {line}");
    }
    print(&format!("{:#}\n", suggestion.to_json()))
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| Failure::Io(PathBuf::from("standard input"), error))
}
