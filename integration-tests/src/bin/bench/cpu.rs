//! How much of a processor another process has used.

use std::fs;
use std::time::Duration;

use xtask::error::{Context, Error, Result};

/// What a tick of `/proc/PID/stat` is worth: `USER_HZ` is 100 on every machine that Envoy is built for.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of all threads of a process, user and system: to the nanosecond where the kernel keeps
/// `schedstat`, else in ticks.
pub fn used(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&tasks).context(|| tasks.clone())?.flatten() {
        let Some(ran) = fs::read_to_string(task.path().join("schedstat")).ok().as_deref().and_then(ran) else {
            return ticks(pid);
        };
        nanoseconds += ran;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn ran(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn ticks(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).context(|| path.clone())?;
    let ticks = stat_ticks(&stat).ok_or_else(|| Error::new(format!("{path} has an unknown form")))?;
    Ok(TICK * ticks)
}

/// `utime` and `stime`: fields 14 and 15. The name, field 2 in parentheses, may hold anything.
fn stat_ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(ran("200126198 334660 5\n"), Some(200_126_198));
        let stat = "7684 (a) b) S 7681 7681 29889 0 -1 4194304 89 155 0 0 20 3 0 0 20 0 1 0 362496 2654208 366";
        assert_eq!(stat_ticks(stat), Some(23));
        assert_eq!(stat_ticks(""), None);
    }

    #[test]
    fn grows_with_work() {
        let pid = std::process::id();
        let before = used(pid).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < TICK * 5 {}
        assert!(used(pid).unwrap() > before);
    }
}
