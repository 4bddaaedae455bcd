//! The system calls of a worker.
//!
//! What is not listed kills the process: a decoder that asks for a socket is not a decoder any more, and the service counts the death (SIGSYS). Two
//! groups get an error instead, because honest libraries ask and go on without: opening and looking for files (`std::thread::available_parallelism` and
//! sysconf look into /proc, /sys and cgroups), and the number of processors.

use std::collections::BTreeMap;
use std::io;

use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Binds this thread for good.
pub(super) fn enter() -> io::Result<()> {
    // Of several filters the strictest answer counts, so the first says "error" for what the second, which alone kills, lets through.
    let errors = compile(refused(), SeccompAction::Allow, SeccompAction::Errno(libc::EACCES.unsigned_abs()))?;
    let kills = compile(allowed().map_err(other)?, SeccompAction::KillProcess, SeccompAction::Allow)?;
    seccompiler::apply_filter(&errors).map_err(other)?;
    seccompiler::apply_filter(&kills).map_err(other)
}

/// Calls that fail with EACCES.
fn refused() -> Rules {
    let calls = [
        libc::SYS_openat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_readlinkat,
        libc::SYS_sched_getaffinity,
        // What came before them; not on aarch64.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
    ];
    calls.into_iter().map(|call| (call, Vec::new())).collect()
}

/// All calls that do not kill; those of [`refused`] among them.
fn allowed() -> Result<Rules, seccompiler::BackendError> {
    let mut rules = refused();
    let any = [
        // Memory. No file can be mapped, as none can be opened; `mmap` and `mprotect` below.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        // The end.
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Hash seeds, CPU time, spinning locks, what interrupted calls go on with.
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_sched_yield,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigreturn,
        // Rust takes down its signal stack at the end; abort() unblocks SIGABRT and asks who it is.
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigprocmask,
        libc::SYS_getpid,
        libc::SYS_gettid,
        // glibc's qsort, used by libwebp, asks how much memory there is.
        libc::SYS_sysinfo,
    ];
    rules.extend(any.into_iter().map(|call| (call, Vec::new())));

    rules.insert(libc::SYS_read, vec![rule(&[(0, Eq, 0)])?]);
    let output = vec![rule(&[(0, Eq, 1)])?, rule(&[(0, Eq, 2)])?];
    rules.insert(libc::SYS_write, output.clone());
    rules.insert(libc::SYS_writev, output);

    // Memory that nobody can execute, and of no file.
    let executable = bits(libc::PROT_EXEC);
    let anonymous = bits(libc::MAP_ANONYMOUS);
    let mmap = rule(&[(2, MaskedEq(executable), 0), (3, MaskedEq(anonymous), anonymous)])?;
    rules.insert(libc::SYS_mmap, vec![mmap]);
    rules.insert(libc::SYS_mprotect, vec![rule(&[(2, MaskedEq(executable), 0)])?]);
    let advice = [libc::MADV_DONTNEED, libc::MADV_FREE];
    rules.insert(libc::SYS_madvise, one_of(2, u64::MAX, &advice)?);

    // Waiting and waking, with or without the private flag; not the operations with a history (requeue, PI).
    let plain = !bits(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    let futex = one_of(1, plain, &[libc::FUTEX_WAIT, libc::FUTEX_WAKE, libc::FUTEX_WAIT_BITSET])?;
    rules.insert(libc::SYS_futex, futex);

    // abort() only: a signal to this process itself.
    let own = bits(std::process::id().cast_signed());
    let abort = rule(&[(0, Eq, own), (2, Eq, bits(libc::SIGABRT))])?;
    rules.insert(libc::SYS_tgkill, vec![abort]);
    Ok(rules)
}

fn one_of(argument: u8, mask: u64, values: &[libc::c_int]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| rule(&[(argument, MaskedEq(mask), bits(*value))])).collect()
}

/// A rule by conditions on arguments: number, operator, value. Only their lower 32 bits are `int`s, so only those are compared.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, seccompiler::BackendError> {
    let all = conditions
        .iter()
        .map(|(argument, operator, value)| SeccompCondition::new(*argument, Dword, operator.clone(), *value));
    SeccompRule::new(all.collect::<Result<_, _>>()?)
}

fn compile(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> io::Result<BpfProgram> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(other)?;
    SeccompFilter::new(rules, otherwise, matched, architecture).and_then(BpfProgram::try_from).map_err(other)
}

fn bits(flags: libc::c_int) -> u64 {
    flags.cast_unsigned().into()
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}
