//! `sekisho media-worker`: what `sekisho media` starts; nothing for people to type.

use std::ffi::OsString;
use std::path::PathBuf;

use sekisho::media::worker::child;
use sekisho::media::worker::probe::{self, Outcome};

use super::{Failure, no_more, print};

/// Runs a worker; or `--probe NAME` and `--probe-unconfined NAME`, which try what a worker cannot do.
pub(super) fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let pipe = |error| Failure::Io(PathBuf::from("media-worker"), error);
    let Some(option) = args.next() else { return child::run().map_err(pipe) };
    let confined = match option.to_str() {
        Some("--probe") => true,
        Some("--probe-unconfined") => false,
        _ => return no_more(std::iter::once(option)),
    };
    let name = args.next().unwrap_or_default();
    no_more(args)?;
    let text = match probe::run(&name.to_string_lossy(), confined).map_err(pipe)? {
        Some(Outcome::Done) => "done".to_owned(),
        Some(Outcome::Refused(error)) => format!("refused: {error}"),
        None => return Err(Failure::Usage(format!("no probe {}", name.display()))),
    };
    print(&format!("{}: {text}\n", name.display()))
}
