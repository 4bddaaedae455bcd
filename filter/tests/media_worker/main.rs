//! Workers: what they cannot do, what happens when they die, lie or spin, and that none outlives its service.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod apparmor;
mod confinement;
mod load;
mod orphans;
mod programs;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use sekisho::media::kind::Kind;
use sekisho::media::plan::{Conversion, Fit};
use sekisho::media::worker::pool::PoolSettings;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sekisho");
const SMALL: Conversion = Conversion { fit: Fit::Inside(64, 64), animated: false, oriented: true };
/// Far more than anything here takes: for waits that end with what they wait for.
const LONG: Duration = Duration::from_secs(60);

/// Workers of the real program, under a name by which this test finds them.
fn settings(name: &str, workers: usize) -> PoolSettings {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("media_worker");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_file(&program);
    symlink(PROGRAM, &program).unwrap();
    PoolSettings { program, patience: LONG, deadline: LONG, ..PoolSettings::new(workers) }
}

/// "Workers" that are a shell script; `name` is among their arguments. None spins for ever, also where the test is killed before it has ended them.
fn script(name: &str, text: &str, workers: usize) -> PoolSettings {
    let text = format!("ulimit -t 30; {text}");
    let args = ["-c", &text, name].map(OsString::from).to_vec();
    PoolSettings {
        program: PathBuf::from("/bin/sh"),
        args,
        patience: LONG,
        deadline: LONG,
        ..PoolSettings::new(workers)
    }
}

/// The processes that run and have this name in their command line; not those that are dead and not yet reaped.
fn pids(name: &str) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let mut found: Vec<i32> = numbers
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|part| String::from_utf8_lossy(part).rsplit('/').next() == Some(name))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// The name of real workers, as [`pids`] takes it.
fn name_of(settings: &PoolSettings) -> String {
    settings.program.file_name().unwrap().to_str().unwrap().to_owned()
}

fn kill(pid: Pid) -> bool {
    kill_process(pid, Signal::KILL).is_ok()
}

/// Waits until it is so, and fails when that takes too long.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A photograph of noise: some work for a worker.
fn picture(side: u32) -> (Bytes, Kind) {
    let mut state = 1u32;
    let noise = (0..side * side * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&noise.collect::<Vec<_>>()).unwrap();
    (Bytes::from(file), Kind::Png)
}
