//! The benchmarks run, whatever they find.

use std::process::Command;

#[test]
fn a_quick_run_prints_every_table() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--quick").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for wanted in [
        "GET page",
        "GET asset",
        "POST /inbox, 2 KB",
        "sekisho / no-op",
        "Create, 2 KB",
        "GET page, 500 KB",
        "rewriting / plain",
        "The rewriter alone",
    ] {
        assert!(printed.contains(wanted), "{wanted} in {printed}");
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--fast").output().unwrap();
    assert!(!unknown.status.success());
}
