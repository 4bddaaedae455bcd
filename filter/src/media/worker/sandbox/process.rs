//! What the process is: alone, without inherited descriptors and privileges.
#![allow(unsafe_code, reason = "close_range, prctl and capset have no safe wrapper among the features that are on")]

use std::io;

use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal, setsid};

/// Its own session, death with its parent, no tracing by others of the same user, and no folder that it keeps busy.
pub(super) fn detach() -> io::Result<()> {
    // The thread that started this process is the parent that counts: see `pool::spawner`. A parent that died before this line
    // left an input at its end, which ends the worker too.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match setsid() {
        // Leads its group already: a shell started it.
        Ok(_) | Err(rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    std::env::set_current_dir("/")
}

/// Closes all but standard input, output and error. The service marks its descriptors close-on-exec; this is for those that a library forgot.
pub(super) fn close_descriptors() -> io::Result<()> {
    // SAFETY: no pointer. Nothing in this process owns a descriptor above 2: it has opened none that is still in use.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) })
}

/// No new privileges, and for a service that runs as root: none of the old.
pub(super) fn drop_privileges() -> io::Result<()> {
    // SAFETY: no pointer; the unused arguments must be 0.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    check(done.into())?;

    /// `_LINUX_CAPABILITY_VERSION_3`: two sets of 32 each.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let none = [[0u32; 3]; 2];
    // SAFETY: both point to arrays of the layout that capset(2) gives for this version: `{u32 version; int pid}` and twice
    // `{u32 effective; u32 permitted; u32 inheritable}`, alive during the call. The kernel writes neither for a known version.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })
}

fn check(returned: libc::c_long) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
