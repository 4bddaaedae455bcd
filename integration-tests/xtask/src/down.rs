//! `cargo xtask down`.

use crate::error::Result;
use crate::{process, state};

/// Stops what the last `up` started, by pid, after a look at whether it is still the same process.
pub fn run() -> Result<()> {
    let alive = state::alive();
    for started in &alive {
        // What ends with another one in the list may be gone by now.
        process::stop(started.pid, &started.mark);
        println!("stopped {} (pid {})", started.role, started.pid);
    }
    if alive.is_empty() {
        println!("nothing is running");
    }
    state::clear();
    Ok(())
}
