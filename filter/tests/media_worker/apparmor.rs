//! The profile compiles. (That it is entered can only be seen on a kernel with AppArmor.)

use std::path::Path;
use std::process::{Command, Output};

const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/apparmor/sekisho-media");
/// What a kernel with AppArmor can do: the one that compiles may have none.
const FEATURES: &str = "/etc/apparmor.d/abi/3.0";

fn compile(profile: &Path) -> Option<Output> {
    if !Path::new(FEATURES).exists() {
        println!("skipped: the package apparmor is not installed");
        return None;
    }
    let mut parser = Command::new("apparmor_parser");
    let parser = parser.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(["-QTK", "--kernel-features", FEATURES]);
    match parser.arg(profile).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: apparmor_parser does not run: {error}");
            None
        }
    }
}

#[test]
fn the_profile_compiles() {
    let Some(output) = compile(Path::new(PROFILE)) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_broken_profile_does_not() {
    let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-profile");
    let profile = std::fs::read_to_string(PROFILE).unwrap();
    std::fs::write(&broken, profile.replace("network inet stream,", "network of everything,")).unwrap();
    let Some(output) = compile(&broken) else { return };
    assert!(!output.status.success());
}
