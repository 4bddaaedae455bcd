//! The first thing a stranger does: `cargo xtask up`, then the two printed curl lines.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xtask::workspace::{cargo, root, target_dir};

/// Runs xtask with a folder of its own for state, beside any stack that runs already.
fn xtask(state: &str, args: &[&str]) -> Output {
    command(state, args).output().unwrap()
}

fn command(state: &str, args: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "xtask", "--"]).args(args);
    command.env("SEKISHO_STACK_DIR", target_dir().join(state));
    command
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

    assert_eq!(answers.len(), 3, "{printed}");
    assert!(
        answers[0].contains("accepted by the demo origin") && answers[0].trim_end().ends_with("202"),
        "{answers:?}"
    );
    assert!(answers[1].contains(r#""rule":"inbox.owner""#) && answers[1].trim_end().ends_with("403"), "{answers:?}");
    assert_eq!(answers[2].trim_end(), "image/webp 200", "{answers:?} {printed}");
    assert!(!again.status.success() && text(&again).contains("running already"), "{}", text(&again));
    assert!(down.status.success(), "{}", text(&down));
    assert!(std::net::TcpStream::connect(&listen).is_err(), "it still listens after `down`");
}

#[test]
fn a_saved_policy_is_published() {
    const STATE: &str = "e2e-follow";
    const MAX_TWO: &str = r#"{"inbox":{"mentions":{"max":2}}}"#;
    let policy = target_dir().join("e2e-follow-policy.json");
    std::fs::write(&policy, "{}").unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let taken = TcpListener::bind("127.0.0.1:9902");
    let _nothing_to_stop = xtask(STATE, &["down"]);
    let args = ["up", "--listen", &listen, "--policy", policy.to_str().unwrap()];
    let mut up = command(STATE, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (lines, printed) = mpsc::channel();
    let stdout = BufReader::new(up.stdout.take().unwrap());
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    let mut seen = Vec::new();
    let mut wait_for = |text: &str| {
        while !seen.last().is_some_and(|line: &String| line.contains(text)) {
            match printed.recv_timeout(Duration::from_secs(120)) {
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}; no {text:?} in {seen:#?}"),
            }
        }
    };
    wait_for("  metrics   http://127.0.0.1:");
    wait_for("runtime_modify?sekisho.inbox.mentions.max=5'");
    wait_for("policy loaded");
    std::fs::write(&policy, r#"{"inbox":{"mentions":{"max":-1}}}"#).unwrap();
    wait_for("$.inbox.mentions.max: expected a whole number");
    wait_for("The last good policy stays in force.");
    std::fs::write(&policy, MAX_TWO).unwrap();
    wait_for("policy published");
    let in_use = std::fs::read_to_string(target_dir().join(STATE).join("ecds/filter.yaml")).unwrap();
    let down = xtask(STATE, &["down"]);
    up.wait().unwrap();
    assert!(down.status.success(), "{}", text(&down));
    assert!(in_use.ends_with(&format!("value: |\n          {MAX_TWO}\n")), "{in_use}");
    drop(taken);
    let coloured = seen.iter().find(|line| line.contains('\x1b'));
    assert_eq!(coloured, None, "no colours in a pipe");
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
        (vec!["up", "--detach", "--listen", "127.0.0.1:0", "--metrics", &port], "taken"),
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
