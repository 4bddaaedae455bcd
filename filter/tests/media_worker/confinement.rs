//! Inside a worker.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};

use sekisho::media::worker::pool::Pool;
use sekisho::media::worker::probe::PROBES;
use sekisho::media::worker::sandbox::Landlock;

use super::{PROGRAM, name_of, pids, settings, until};

/// Those that fail with an error, because honest libraries ask for them, or because it is memory that runs out. All others end the process.
const REFUSED: [&str; 6] = ["open", "proc", "create", "stat", "list", "memory"];

fn probe(option: &str, name: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["media-worker", option, name]).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn what_an_attacker_wants_fails_inside_and_works_outside() {
    for name in PROBES.iter().map(|probe| probe.name) {
        let outside = probe("--probe-unconfined", name);
        // One that becomes another program has nothing left to say.
        let done = if name == "exec" { String::new() } else { format!("{name}: done\n") };
        assert_eq!(String::from_utf8_lossy(&outside.stdout), done, "{name}");
        assert!(outside.status.success(), "{name}");

        let inside = probe("--probe", name);
        let said = String::from_utf8_lossy(&inside.stdout);
        if REFUSED.contains(&name) {
            assert!(said.starts_with(&format!("{name}: refused: ")), "{name}: {said}");
        } else {
            assert_eq!(inside.status.signal(), Some(libc::SIGSYS), "{name}: {said}");
            assert!(said.is_empty(), "{name}: {said}");
        }
    }
    for name in REFUSED {
        assert!(PROBES.iter().any(|probe| probe.name == name), "{name} is tried no more");
    }
}

#[tokio::test]
async fn a_worker_has_nothing() {
    let settings = settings("nothing", 1);
    let name = name_of(&settings);
    let pool = Pool::start(settings).await.unwrap();
    until("a worker and a spare are confined", || pool.stats().idle == 2).await;
    let pid = pids(&name)[0].as_raw_nonzero();
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let text = read("status").unwrap();
    let status: HashMap<_, _> = text.lines().filter_map(|line| line.split_once(":\t")).collect();
    let fields = ["NoNewPrivs", "Seccomp", "Threads", "CapInh", "CapPrm", "CapEff", "CapAmb"];
    let none = "0000000000000000";
    assert_eq!(fields.map(|field| status[field]), ["1", "2", "1", none, none, none, none]);

    let limits = read("limits").unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["3", "3"]);
    assert_eq!(limit("Max processes"), ["0", "0"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max address space"), ["1073741824", "1073741824"]);

    // Session and group of its own.
    let stat = read("stat").unwrap();
    let after_name: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(after_name[2..4], [pid.to_string(), pid.to_string()]);

    // Not dumpable: only root may look at these.
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(descriptors) => {
            let mut open: Vec<_> = descriptors.map(|entry| entry.unwrap().file_name()).collect();
            open.sort();
            assert_eq!(open, ["0", "1", "2"]);
            assert_eq!(read("environ").unwrap(), "");
            assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
        }
        Err(error) => println!("partly skipped: {error}"),
    }
    if pool.confinement().landlock < Landlock::Full {
        println!("Landlock on this kernel: {:?}", pool.confinement().landlock);
    }
}
