//! What a worker takes from itself before it reads the first byte.
//!
//! Each step alone would stop most of what an attacker wants; they stand behind one another because each has a case in which it is not there
//! (an old kernel, a container that forbids it). Only Landlock and AppArmor may be missing, and the service is told. All else fails closed.

mod apparmor;
mod landlock;
mod limits;
mod process;
mod seccomp;

use std::io;

pub use self::landlock::Landlock;
pub use self::limits::{ADDRESS_SPACE, CPU_SECONDS, STACK};

/// How a worker is confined, beyond what every worker has (seccomp, limits, no privileges, no descriptors).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// How much of Landlock the kernel has.
    pub landlock: Landlock,
    /// Whether the AppArmor profile `sekisho-media//worker` was entered.
    pub apparmor: bool,
}

/// A step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxError {
    /// The step.
    pub stage: Stage,
    /// The kernel's error number, or 0.
    pub errno: i32,
}

impl std::fmt::Display for SandboxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.errno {
            0 => write!(f, "{:?}: failed", self.stage),
            errno => write!(f, "{:?}: {}", self.stage, io::Error::from_raw_os_error(errno)),
        }
    }
}

impl std::error::Error for SandboxError {}

/// The steps that may fail, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Session, parent's death, no core dump, no tracing, working directory.
    Process,
    /// Closing what was inherited.
    Descriptors,
    /// No new privileges, and none of the old.
    Privileges,
    /// Landlock.
    Landlock,
    /// Resource limits.
    Limits,
    /// The list of system calls.
    Seccomp,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Process, Self::Descriptors, Self::Privileges, Self::Landlock, Self::Limits, Self::Seccomp];

    /// Its number on the wire, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Process => 1,
            Self::Descriptors => 2,
            Self::Privileges => 3,
            Self::Landlock => 4,
            Self::Limits => 5,
            Self::Seccomp => 6,
        }
    }

    /// The step of this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.number() == number)
    }

    fn failed(self, error: &io::Error) -> SandboxError {
        SandboxError { stage: self, errno: error.raw_os_error().unwrap_or(0) }
    }
}

/// Confines this process for good. It must have one thread only: Landlock and seccomp bind the thread that asks.
///
/// # Errors
/// The step that failed; the process must then end. An AppArmor profile that is not there, or a kernel without Landlock, is no error but told in
/// the answer.
pub fn enter() -> Result<Confinement, SandboxError> {
    // First, while /proc may still be written; under no_new_privs a change of profile can be refused.
    let apparmor = apparmor::enter();
    process::detach().map_err(|error| Stage::Process.failed(&error))?;
    process::close_descriptors().map_err(|error| Stage::Descriptors.failed(&error))?;
    process::drop_privileges().map_err(|error| Stage::Privileges.failed(&error))?;
    let landlock = landlock::enter().map_err(|error| Stage::Landlock.failed(&error))?;
    // After Landlock, which needs a descriptor for a moment.
    limits::enter().map_err(|error| Stage::Limits.failed(&error))?;
    // Last: nothing above would be allowed any more.
    seccomp::enter().map_err(|error| Stage::Seccomp.failed(&error))?;
    Ok(Confinement { landlock, apparmor })
}
