//! Resource limits of a worker: the last resort when its own budgets, or the service's deadline, do not hold.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space, in bytes. Above what the decoders' own budgets add up to; beyond it, allocation fails and the process aborts.
pub const ADDRESS_SPACE: u64 = 1 << 30;
/// CPU time of the process, in seconds. The service replaces a worker long before; this holds when the service hangs.
pub const CPU_SECONDS: u64 = 600;
/// The stack, in bytes.
pub const STACK: u64 = 8 << 20;
/// One more than the highest descriptor: standard input, output and error.
const DESCRIPTORS: u64 = 3;

/// Sets them, soft and hard, so that they can never be raised again.
pub(super) fn enter() -> io::Result<()> {
    let limits = [
        (Resource::As, ADDRESS_SPACE),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Stack, STACK),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        // Does not bind root; seccomp does.
        (Resource::Nproc, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
