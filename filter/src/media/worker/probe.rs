//! What a worker cannot do, tried: `sekisho media-worker --probe NAME`.
//!
//! A probe enters the very sandbox of a worker and then tries one thing that an attacker would want. `--probe-unconfined` tries the same without, which shows that it
//! is the sandbox that refuses. Neither gives anyone more than a shell has.
#![allow(unsafe_code, reason = "a probe makes the calls that no wrapper would")]

use std::fs::File;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::ptr;

use super::sandbox;

/// What is tried.
pub struct Probe {
    /// Its name on the command line.
    pub name: &'static str,
    /// What an attacker would do with it.
    pub doc: &'static str,
    attempt: fn() -> io::Result<()>,
}

/// All probes.
pub const PROBES: [Probe; 17] = [
    Probe { name: "open", doc: "reads a file", attempt: || File::open("/etc/passwd").map(drop) },
    Probe {
        name: "proc",
        doc: "reads what the kernel tells about itself",
        attempt: || File::open("/proc/self/maps").map(drop),
    },
    Probe { name: "create", doc: "writes a file", attempt: || File::create("/dev/null").map(drop) },
    Probe {
        name: "stat",
        doc: "looks whether a file is there",
        attempt: || std::fs::metadata("/etc/passwd").map(drop),
    },
    Probe { name: "list", doc: "lists a folder", attempt: || std::fs::read_dir("/").map(drop) },
    Probe { name: "socket", doc: "speaks IP", attempt: || call(libc::SYS_socket, [2, 1, 0, 0, 0, 0]) },
    Probe { name: "unix-socket", doc: "speaks to a daemon", attempt: || UnixDatagram::unbound().map(drop) },
    Probe { name: "exec", doc: "becomes another program", attempt: exec },
    Probe { name: "fork", doc: "multiplies", attempt: fork },
    Probe { name: "thread", doc: "runs beside itself", attempt: || std::thread::Builder::new().spawn(|| ()).map(drop) },
    Probe { name: "ptrace", doc: "takes over another process", attempt: || call(libc::SYS_ptrace, [0; 6]) },
    Probe {
        name: "process-vm",
        doc: "reads another process's memory",
        attempt: || call(libc::SYS_process_vm_readv, [own(), 0, 0, 0, 0, 0]),
    },
    Probe { name: "signal", doc: "ends the service", attempt: || call(libc::SYS_kill, [parent(), 0, 0, 0, 0, 0]) },
    Probe { name: "prctl", doc: "lets itself be traced again", attempt: || call(libc::SYS_prctl, [4, 1, 0, 0, 0, 0]) },
    Probe { name: "executable", doc: "makes memory that is written and executed", attempt: executable },
    Probe { name: "limits", doc: "raises its own limits", attempt: || call(libc::SYS_prlimit64, [0, 9, 0, 0, 0, 0]) },
    Probe { name: "memory", doc: "takes more memory than it may have", attempt: memory },
];

/// How a probe ended, when it did not end the process.
#[derive(Debug)]
pub enum Outcome {
    /// It could be done.
    Done,
    /// The kernel refused.
    Refused(io::Error),
}

/// Tries the probe of this name, `confined` as a worker is or not at all. None: there is no such probe.
///
/// # Errors
/// When the sandbox cannot be entered.
pub fn run(name: &str, confined: bool) -> io::Result<Option<Outcome>> {
    let Some(probe) = PROBES.iter().find(|probe| probe.name == name) else { return Ok(None) };
    if confined {
        sandbox::enter().map_err(io::Error::other)?;
    }
    Ok(Some((probe.attempt)().map_or_else(Outcome::Refused, |()| Outcome::Done)))
}

fn call(number: libc::c_long, arguments: [libc::c_long; 6]) -> io::Result<()> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: every caller passes numbers and null pointers only, to calls that then touch no memory of this process.
    let returned = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Without a sandbox it may certainly read itself.
fn own() -> libc::c_long {
    std::process::id().into()
}

fn parent() -> libc::c_long {
    std::os::unix::process::parent_id().into()
}

fn exec() -> io::Result<()> {
    let program = c"/bin/true";
    let arguments = [program.as_ptr(), ptr::null()];
    // SAFETY: a null-terminated list of null-terminated strings. Returns only when it failed.
    unsafe { libc::execv(program.as_ptr(), arguments.as_ptr()) };
    Err(io::Error::last_os_error())
}

fn fork() -> io::Result<()> {
    // SAFETY: the child calls nothing but _exit.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) }
        }
        _ => Ok(()),
    }
}

fn executable() -> io::Result<()> {
    map(4096, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC)
}

fn memory() -> io::Result<()> {
    map(usize::try_from(sandbox::ADDRESS_SPACE).map_err(io::Error::other)?, libc::PROT_READ | libc::PROT_WRITE)
}

fn map(length: usize, protection: libc::c_int) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: fresh memory at a place that the kernel chooses; nothing ever reads or writes it.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}
