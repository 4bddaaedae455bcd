//! Landlock with nothing allowed: no file, no TCP port, no signal or abstract socket of another domain.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};

/// The version whose rights are asked for: files (all), TCP (4), devices (5), signals and abstract sockets (6).
const VERSION: ABI = ABI::V6;

/// How much of what was asked for the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Landlock {
    /// Nothing: the kernel has no Landlock, or it is switched off.
    None,
    /// A part: an older kernel.
    Partial,
    /// All.
    Full,
}

impl Landlock {
    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Partial => 1,
            Self::Full => 2,
        }
    }

    /// The level of this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::Partial, Self::Full].into_iter().find(|level| level.number() == number)
    }
}

/// Denies all of it to this thread.
pub(super) fn enter() -> io::Result<Landlock> {
    let status = restrict().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(match status {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::None,
    })
}

fn restrict() -> Result<RulesetStatus, RulesetError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?;
    Ok(rules.create()?.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::{fs, thread};

    use super::*;

    #[test]
    fn alone_it_denies_files_and_ports() {
        let tried = thread::spawn(|| {
            fs::read("/proc/self/status").unwrap();
            let level = enter().unwrap();
            let port = TcpStream::connect("127.0.0.1:1").map(|_| ()).map_err(|error| error.kind());
            (level, fs::read("/proc/self/status").map_err(|error| error.kind()), fs::read_dir("/").is_ok(), port)
        });
        let (level, file, folder, port) = tried.join().unwrap();
        if level == Landlock::None {
            println!("skipped: this kernel has no Landlock");
            return;
        }
        assert_eq!(file, Err(io::ErrorKind::PermissionDenied));
        assert!(!folder);
        if level == Landlock::Full {
            assert_eq!(port, Err(io::ErrorKind::PermissionDenied));
        }
        fs::read("/proc/self/status").unwrap();
    }
}
