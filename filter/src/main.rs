//! The native `sekisho`: the same rules as in the proxy, for the command line.

#[cfg(not(target_arch = "wasm32"))]
mod cli;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    end_at_panic();
    cli::run(std::env::args_os().skip(1))
}

/// From now on a panic ends the process: what it leaves is half done, and the pool makes another worker. Not by the profile: tests unwind, and all of the crate would be built twice,
/// under one name.
#[cfg(not(target_arch = "wasm32"))]
fn end_at_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

#[cfg(target_arch = "wasm32")]
fn main() {}
