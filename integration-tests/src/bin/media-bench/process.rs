//! What a process and all its children have used.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The processor of the benchmark and the origin.
pub const OURS: u32 = 0;
/// The processor of whoever is measured.
pub const THEIRS: u32 = 1;

/// What a tick of `/proc/PID/stat` is worth: `USER_HZ` is 100.
const TICK: Duration = Duration::from_millis(10);

/// Keeps this process, and the threads it starts, on one processor.
pub fn stay_on(processor: u32) {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-p", "-c", &processor.to_string(), &std::process::id().to_string()]);
    if !xtask::process::succeeds(taskset.stdout(Stdio::null())) {
        eprintln!("there is no taskset: processors are shared");
    }
}

/// The time of a process, of its children and of those that have ended already, user and system.
pub fn cpu(pid: u32) -> Duration {
    let stats = stats();
    let ticks = family(pid, &stats).into_iter().filter_map(|pid| stats.get(&pid)).map(|stat| stat.ticks).sum::<u32>();
    TICK * ticks
}

/// The most memory that each living one had in use since its start, added up, in bytes.
pub fn peak(pid: u32) -> u64 {
    let of = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
    };
    family(pid, &stats()).into_iter().map(of).sum()
}

struct Stat {
    parent: u32,
    ticks: u32,
}

fn stats() -> HashMap<u32, Stat> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// Field 4, and 14 to 17: `utime`, `stime` and those of the children that were waited for. The name, field 2 in
/// parentheses, may hold anything.
fn stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Stat { parent, ticks })
}

fn family(pid: u32, stats: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(stats.iter().filter(|(_, stat)| stat.parent == parent).map(|(&pid, _)| pid));
        at += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        let read =
            stat("7684 (a) b) S 7681 7681 29889 0 -1 4194304 89 155 0 0 20 3 4 5 20 0 1 0 362496 2654208 366").unwrap();
        assert_eq!((read.parent, read.ticks), (7681, 32));
        assert!(stat("").is_none());
    }

    #[test]
    fn children_count() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let family = family(std::process::id(), &stats());
        assert!(family.contains(&child.id()));
        assert!(peak(std::process::id()) > 1 << 20);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
