//! The processes of the service, as `/proc` shows them.

use std::fs;

/// The children of a process, by number.
pub fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| field(*pid, "PPid:") == Some(u64::from(parent)) && field(*pid, "VmRSS:").is_some()).collect()
}

/// Memory in use, of a process and its children, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Of the process itself.
    pub service: u64,
    /// Of its children together.
    pub workers: u64,
    /// How many those are.
    pub count: usize,
}

impl Memory {
    /// As it is now.
    pub fn of(service: u32) -> Self {
        let workers: Vec<u64> = children(service).into_iter().filter_map(|pid| field(pid, "VmRSS:")).collect();
        Self {
            service: field(service, "VmRSS:").unwrap_or_default(),
            workers: workers.iter().sum(),
            count: workers.len(),
        }
    }
}

/// A number of `/proc/PID/status`; none for a zombie, which has no memory.
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
