//! Files that are small to send and would be large to decode, made here: `TO_GENERATE.tsv` of the corpus.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod avifs;
mod films;
#[path = "../media_child/mod.rs"]
mod media_child;
mod others;
mod pngs;
mod svgs;

use std::path::{Path, PathBuf};

use media_child::{Report, Worker};

/// The most that any of them may take, in MiB.
const MAX_MEMORY: u64 = 400;

/// What is to become of a bomb.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// An error, at once.
    Refused,
    /// A picture.
    Shown,
    /// Either, within the limits.
    Ended,
}
use Expected::{Ended, Refused, Shown};

#[test]
#[cfg_attr(debug_assertions, ignore = "runs in release: thousands of pictures")]
fn no_bomb_goes_off() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media-bombs");
    std::fs::create_dir_all(&directory).unwrap();
    let mut worker = Worker::new("child");
    let mut wrong = Vec::new();
    for (name, expected, bytes) in pngs::bombs()
        .into_iter()
        .chain(films::bombs())
        .chain(others::bombs())
        .chain(svgs::bombs())
        .chain(avifs::bombs())
    {
        let path: PathBuf = directory.join(name);
        std::fs::write(&path, &bytes).unwrap();
        let report: Report = worker.convert(&path);
        println!("{name:34} {:9} B {report}", bytes.len());
        let is_good = match expected {
            Refused => report.is_refused(),
            Shown => report.is_converted(),
            Ended => true,
        };
        if !is_good || report.death.is_some() || report.peak > MAX_MEMORY {
            wrong.push(format!("{name} is to be {expected:?}: {report}"));
        }
        std::fs::remove_file(&path).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "the process that converts"]
fn child() {
    media_child::serve();
}

type Bombs = Vec<(&'static str, Expected, Vec<u8>)>;
