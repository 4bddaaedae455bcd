//! `cargo xtask bench`: what the filter costs, as ratios to Envoy without it and with a module that does nothing.

mod activities;
mod allocator;
mod cpu;
mod guards;
mod load;
mod native;
mod pages;
mod rounds;
mod scenarios;
mod table;
mod variants;

use std::env;
use std::net::SocketAddr;
use std::process::ExitCode;

use xtask::error::{Error, Result};
use xtask::origin::Origin;

use crate::rounds::Plan;

const HELP: &str = "\
cargo xtask bench [--quick] [--native] [--pages] [--guards]

  --quick   two short rounds: only to see that it works
  --native  only what runs without Envoy
  --pages   only pages
  --guards  only what loops, routes, sign-ups and previews cost other requests
";

/// Rounds are a multiple of twice the number of variants: then everybody has had every place equally often.
const FULL: Plan = Plan { rounds: 20, requests: 5_000, warm_up: 500, connections: 4 };
const QUICK: Plan = Plan { rounds: 2, requests: 300, warm_up: 50, connections: 4 };

/// The same of pages: short ones, and long ones, which take a hundred times as long where they are compressed.
const FULL_PAGES: [Plan; 2] = [
    Plan { rounds: 28, requests: 1_000, warm_up: 100, connections: 4 },
    Plan { rounds: 14, requests: 100, warm_up: 10, connections: 4 },
];
const QUICK_PAGES: [Plan; 2] = [Plan { rounds: 2, requests: 20, warm_up: 5, connections: 2 }; 2];

/// Batches of the native decision.
const FULL_BATCHES: usize = 301;
const QUICK_BATCHES: usize = 3;

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
    let (mut quick, mut native_only, mut pages_only, mut guards_only) = (false, false, false, false);
    for arg in env::args().skip(1) {
        match arg.as_str() {
            "--quick" => quick = true,
            "--guards" => guards_only = true,
            "--native" => native_only = true,
            "--pages" => pages_only = true,
            "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            _ => return Err(Error::new(format!("there is no option {arg:?}\n\n{HELP}"))),
        }
    }
    let batches = if quick { QUICK_BATCHES } else { FULL_BATCHES };
    let plan = if quick { QUICK } else { FULL };
    if guards_only {
        return guards::through_envoy(plan);
    }
    if !native_only && !pages_only {
        through_envoy(plan)?;
        guards::through_envoy(plan)?;
    }
    if !native_only {
        pages::through_envoy(if quick { QUICK_PAGES } else { FULL_PAGES })?;
    }
    if !pages_only {
        native::run(batches)?;
    }
    pages::native(batches)
}

fn through_envoy(plan: Plan) -> Result<()> {
    let origin = Origin::spawn_quiet(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let variants = variants::start(&origin)?;
    variants.iter().try_for_each(variants::Variant::check)?;
    let scenarios = scenarios::all();
    let measured = rounds::measure(&variants, &scenarios, plan)?;
    let Plan { rounds, requests, connections, .. } = plan;
    println!(
        "Through Envoy, one worker: medians (and quartiles) of {rounds} rounds of {requests} requests on {connections} \
         connections, each ratio\ntaken within a round. 1.00 is as good, less is worse; how far \"plain again\" is from \
         1.00 is the noise of this machine."
    );
    for (scenario, measured) in scenarios.iter().zip(&measured) {
        table::print(scenario, measured, &table::RATIOS);
    }
    Ok(())
}
