//! What this process uses, asked without reading /proc.
#![allow(
    unsafe_code,
    reason = "clock_gettime, mallinfo2 and malloc_trim have no safe wrapper among the features that are on"
)]

pub(super) use super::protocol::Usage;

/// Freed memory above which it is given back to the system, in bytes. Below, the next job has it at once.
#[cfg(target_env = "gnu")]
const KEPT: usize = 32 << 20;

/// Lets the allocator keep what is freed, up to [`KEPT`]: by default every buffer of a picture is mapped anew for each job, and the kernel clears it page by
/// page. To be called once, before any job.
pub(super) fn keep_memory() {
    #[cfg(target_env = "gnu")]
    {
        let kept = libc::c_int::try_from(KEPT).unwrap_or(libc::c_int::MAX);
        // SAFETY: numbers alone. Where they are refused, the defaults stay.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, kept);
            libc::mallopt(libc::M_TRIM_THRESHOLD, kept);
        }
    }
}

/// What is used now, without the `answer` (bytes) that is about to be written and freed. Gives much freed memory back, so that one large picture does
/// not make a worker large for ever.
pub(super) fn now(answer: usize) -> Usage {
    let answer = u32::try_from(answer >> 10).unwrap_or(u32::MAX);
    Usage { cpu_ms: cpu_ms(), held_kib: held_kib().saturating_sub(answer) }
}

fn cpu_ms() -> u32 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time` alone. Where it fails, the time stays 0.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let ms = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
    u32::try_from(ms).unwrap_or(u32::MAX)
}

#[cfg(target_env = "gnu")]
fn held_kib() -> u32 {
    // SAFETY: no argument; reads the allocator's own state under its own lock.
    let memory = unsafe { libc::mallinfo2() };
    if memory.fordblks > KEPT {
        // SAFETY: gives back pages that nobody has allocated.
        unsafe { libc::malloc_trim(0) };
    }
    u32::try_from(memory.uordblks.saturating_add(memory.hblkhd) >> 10).unwrap_or(u32::MAX)
}

/// Other libraries do not tell.
#[cfg(not(target_env = "gnu"))]
fn held_kib() -> u32 {
    0
}
