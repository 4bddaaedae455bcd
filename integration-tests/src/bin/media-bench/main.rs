//! `cargo xtask bench --media`: what the media service costs, as ratios to `sharp` behind the smallest server.

mod cases;
mod originals;
mod peer;
mod process;
mod quality;
mod resize;
mod rounds;
mod server;
mod table;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use xtask::error::{Error, Result};
use xtask::workspace::native_binary;

use crate::originals::Originals;
use crate::peer::Peer;
use crate::rounds::Plan;

const HELP: &str = "\
cargo xtask bench --media [--quick] [--binary FILE] [CASE...]

  --quick        two short turns each: only to see that it works
  --binary FILE  another build of sekisho
  CASE           only cases whose names contain this
";

/// A turn lasts so long by the clock of the peer, that ticks of 10 ms do not matter.
const FULL: Plan = Plan { rounds: 6, turn_seconds: 1.5 };
const QUICK: Plan = Plan { rounds: 2, turn_seconds: 0.1 };

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut plan, mut binary, mut wanted) = (FULL, native_binary(), Vec::new());
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => plan = QUICK,
            "--binary" => binary = PathBuf::from(args.next().ok_or_else(|| Error::new(HELP))?),
            "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            option if option.starts_with('-') => {
                return Err(Error::new(format!("there is no option {option:?}\n\n{HELP}")));
            }
            _ => wanted.push(arg),
        }
    }
    let peer = Peer::install()?;
    let Some(originals) = Originals::make(&peer)? else { return Ok(()) };
    process::stay_on(process::OURS);
    table::print_head(plan);
    for case in cases::ALL.iter().filter(|case| wanted.is_empty() || wanted.iter().any(|part| case.name.contains(part)))
    {
        let measured = rounds::measure(case, &originals, &peer, &binary, plan)?;
        table::print(case, &measured);
    }
    Ok(())
}
