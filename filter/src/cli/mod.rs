//! The subcommands.

mod check;
mod generate;
mod media;
mod media_worker;
mod pin;
mod publish;
mod replay;
mod source;
mod suggest;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sekisho::policy::{PREFIX, Policy, PolicyError, schema};

const USAGE: &str = "\
usage:
  sekisho check POLICY [--set KEY=VALUE]...
      validates a policy, with runtime keys laid over it: every error with its JSON path and exit status 1, or the
      effective policy and 0
  sekisho pin URL [--host NAME[:PORT]] [--page PATH]... [--lang TAG]... [--ca FILE] [-o FILE]
      reads the pages of a running server, such as http://127.0.0.1:3000, and all that they load; prints the page manifest
      (-o: into FILE). What is trusted and what went wrong is told on standard error. --host: the name under which the
      server is public, if URL has another; requests ask for it, and its URLs are the server's own. --page: a page more, {} in it stands
      for a random word; --lang: only these of the languages that there are scripts for; --ca: roots of TLS beside
      Mozilla's, PEM. Exit status 0 if the manifest is complete, 3 if something was left out or / or a --page is not 200, 2 if there is none
  sekisho publish POLICY FILTER.yaml
      validates a policy and moves it into Envoy's filter.yaml, which is live a moment later
  sekisho replay [--policy FILE] [--host NAME] [--set KEY=VALUE]... [--now RFC3339] PATH...
      decides offline about files and folders of them: activities (.json), raw requests (.http, .txt), NDJSON of either
      (.ndjson, .jsonl); prints one JSON line each
  sekisho suggest LOG...
      reads logs of the proxy, or violation reports (JSON, one a line), and prints the sources that page.sources lacks; says
      on standard error what it left out and why; - is standard input
  sekisho schema
      prints the JSON Schema of the policy
  sekisho version
      prints the version";

/// Why a command ends.
enum Failure {
    /// The command line is wrong; told with the usage, exit status 2.
    Usage(String),
    /// A file cannot be read or written; exit status 2.
    Io(PathBuf, io::Error),
    /// The policy is wrong; exit status 1.
    Policy(PathBuf, Vec<PolicyError>),
    /// Generated documentation is out of date; exit status 1.
    Stale(PathBuf),
    /// Something was left out of what was printed, and told; exit status 3.
    Incomplete,
}

/// Runs the command line `args`, without the program's own name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let mut args = args;
    let command = args.next().unwrap_or_default();
    let done = match command.to_str() {
        Some("check") => check::run(args),
        Some("publish") => publish::run(args),
        Some("replay") => replay::run(args),
        Some("suggest") => suggest::run(args),
        Some("schema") => no_more(args).and_then(|()| print(&format!("{:#}\n", schema::json_schema()))),
        Some("generate") => generate::run(args),
        Some("pin") => pin::run(args),
        Some("media") => media::run(args),
        Some("media-worker") => media_worker::run(args),
        Some("version" | "--version" | "-V") => print(&format!("sekisho {}\n", env!("CARGO_PKG_VERSION"))),
        Some("help" | "--help" | "-h") => print(&format!("{USAGE}\n")),
        Some("") => Err(Failure::Usage("no command".to_owned())),
        _ => Err(Failure::Usage(format!("unknown command {}", command.display()))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(fault)) => fail(2, &format!("{fault}\n{USAGE}")),
        Err(Failure::Io(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(path, error)) => fail(2, &format!("{}: {error}", path.display())),
        Err(Failure::Stale(path)) => fail(1, &format!("{} is not current: run `cargo xtask generate`", path.display())),
        Err(Failure::Incomplete) => ExitCode::from(3),
        Err(Failure::Policy(path, errors)) => {
            for error in &errors {
                eprintln!("{}: {error}", path.display());
            }
            let count = errors.len();
            fail(1, &format!("{}: {count} error{}", path.display(), if count == 1 { "" } else { "s" }))
        }
    }
}

fn fail(status: u8, message: &str) -> ExitCode {
    eprintln!("sekisho: {message}");
    ExitCode::from(status)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::Io(PathBuf::from("standard output"), error))
}

fn no_more(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    match args.next() {
        None => Ok(()),
        Some(extra) => Err(Failure::Usage(format!("unexpected argument {}", extra.display()))),
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Io(path.clone(), error))
}

fn read_policy(path: &PathBuf, keys: &[String]) -> Result<Policy, Failure> {
    let bytes = read(path)?;
    // The proxy takes no configuration at all for the default policy; an empty file is rather a mistake.
    let bytes = if bytes.is_empty() { b" ".to_vec() } else { bytes };
    parse_policy(path, &bytes, keys)
}

/// The policy with runtime keys, each written `KEY=VALUE`, laid over it.
fn parse_policy(path: &Path, bytes: &[u8], keys: &[String]) -> Result<Policy, Failure> {
    let mut values = Vec::new();
    for key in keys {
        let pair = key.split_once('=').ok_or_else(|| Failure::Usage(format!("--set: {key} is not KEY=VALUE")))?;
        values.push((pair.0.strip_prefix(PREFIX).unwrap_or(pair.0), pair.1));
    }
    let failure = |errors| Failure::Policy(path.to_owned(), errors);
    let (policy, report) = Policy::parse_with(bytes, &values.into_iter().collect()).map_err(failure)?;
    if report.refused.is_empty() { Ok(policy) } else { Err(failure(report.refused)) }
}
