//! The AppArmor profile of workers, where the kernel has AppArmor and the profile is loaded (`filter/apparmor/sekisho-media`).
//!
//! The worker enters it by itself and by stacking, because that is what works everywhere: an exec rule (`cx`) or `aa_change_onexec` is refused when
//! the service runs with no_new_privs (systemd's `NoNewPrivileges=`), while stacking can only take away and is always allowed; and once the program
//! is loaded, the profile needs to allow no file at all, not even libraries.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Part of the kernel's interface since 5.1; not there without AppArmor. A thread may write its own only: the first, which is the only one.
const ATTRIBUTE: &str = "/proc/self/attr/apparmor/current";
const COMMAND: &[u8] = b"stack sekisho-media//worker";

/// Whether the profile was entered. Not being there is no failure: AppArmor is the administrator's to load.
pub(super) fn enter() -> bool {
    OpenOptions::new().write(true).open(ATTRIBUTE).and_then(|mut file| file.write_all(COMMAND)).is_ok()
}
