//! The first thing a stranger does: `cargo xtask up`, then the two printed curl lines.

use std::net::TcpListener;
use std::process::{Command, Output};

use xtask::workspace::{cargo, root, target_dir};

/// Runs xtask with a folder of its own for state, beside any stack that runs already.
fn xtask(state: &str, args: &[&str]) -> Output {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "xtask", "--"]).args(args);
    command.env("SEKISHO_STACK_DIR", target_dir().join(state)).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const STATE: &str = "e2e-quickstart";

#[test]
fn the_printed_lines_behave_as_printed() {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    // What a test that was killed may have left.
    let _nothing_to_stop = xtask(STATE, &["down"]);
    let up = xtask(STATE, &["up", "--detach", "--listen", &listen]);
    let printed = text(&up);
    assert!(up.status.success(), "{printed}");
    let again = xtask(STATE, &["up", "--detach", "--listen", &listen]);
    let curls: Vec<&str> = printed.lines().map(str::trim).filter(|line| line.starts_with("curl -sS")).collect();
    let answers: Vec<String> = curls
        .iter()
        .map(|curl| text(&Command::new("sh").args(["-c", curl]).current_dir(root()).output().unwrap()))
        .collect();
    let down = xtask(STATE, &["down"]);

    assert_eq!(answers.len(), 2, "{printed}");
    assert!(
        answers[0].contains("accepted by the demo origin") && answers[0].trim_end().ends_with("202"),
        "{answers:?}"
    );
    assert!(answers[1].contains(r#""rule":"inbox.owner""#) && answers[1].trim_end().ends_with("403"), "{answers:?}");
    assert!(!again.status.success() && text(&again).contains("running already"), "{}", text(&again));
    assert!(down.status.success(), "{}", text(&down));
    assert!(std::net::TcpStream::connect(&listen).is_err(), "it still listens after `down`");
}

#[test]
fn mistakes_are_told_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let wrong = target_dir().join("e2e-wrong-policy.json");
    std::fs::write(&wrong, r#"{"inbox":{"mentions":{"max":-1}}}"#).unwrap();
    let wrong = wrong.display().to_string();
    for (args, told) in [
        (vec!["up", "--detach", "--listen", &port], "taken"),
        (
            vec!["up", "--detach", "--listen", "127.0.0.1:0", "--policy", &wrong],
            "$.inbox.mentions.max: expected a whole number",
        ),
        (vec!["up", "--detach", "--policy", "/nowhere.json", "--listen", "127.0.0.1:0"], "/nowhere.json"),
        (vec!["up", "--port", "1"], "--port"),
        (vec!["fly"], "fly"),
    ] {
        let output = xtask("e2e-mistakes", &args);
        assert!(!output.status.success(), "{args:?}");
        assert!(text(&output).contains(told), "{args:?}: {}", text(&output));
    }
}
