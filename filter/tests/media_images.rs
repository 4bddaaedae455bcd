//! All pictures of the corpus, by what its manifest expects of each.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod media_child;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use media_child::{CONVERSIONS, Report, Worker};

/// Files that do not do what the manifest expects, each with its reason.
const EXCEPTIONS: &str = include_str!("data/media-images.tsv");

/// The most that a conversion of the corpus may take, in MiB.
const MAX_MEMORY: u64 = 512;

struct Entry {
    file: String,
    magic: String,
    expected: String,
    size: u64,
}

fn manifest(root: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [file, magic, expected, .., size, _hash] = fields[..] else { panic!("{line}") };
            Entry { file: file.into(), magic: magic.into(), expected: expected.into(), size: size.parse().unwrap() }
        })
        .collect()
}

/// Runs over all entries, on two workers.
fn over(entries: &[Entry], run: impl Fn(&mut Worker, &Entry) -> Report + Sync) -> Vec<(&Entry, Report)> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut worker = Worker::new("child");
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = run(&mut worker, entry);
                    reports.lock().unwrap().push((entry, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap();
    reports.sort_by(|a, b| a.0.file.cmp(&b.0.file));
    reports
}

#[test]
#[cfg_attr(debug_assertions, ignore = "runs in release: thousands of pictures")]
fn every_picture_does_what_is_expected_of_it() {
    let Some(root) = media_child::corpus() else { return };
    let exceptions: BTreeMap<&str, &str> =
        EXCEPTIONS.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').unwrap()).collect();
    let entries = manifest(&root);
    let reports = over(&entries, |worker, entry| worker.convert(&root.join(&entry.file)));

    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut table: BTreeMap<(&str, &str), [usize; 4]> = BTreeMap::new();
    for (entry, report) in &reports {
        let is_as_expected = match entry.expected.as_str() {
            "decode" | "sanitise" => report.is_converted(),
            "refuse" => report.is_refused(),
            // Whatever it is, it ended.
            _ => true,
        };
        let counts = table.entry((&entry.expected, &entry.magic)).or_default();
        let column = if report.is_converted() {
            0
        } else if report.is_refused() {
            1
        } else {
            2
        };
        counts[column] += 1;
        if report.death.is_some()
            || report.peak > MAX_MEMORY
            || report.outcomes.iter().any(|(_, o)| o.contains(' ') && !o.starts_with("ok"))
        {
            wrong.push(format!("{} ({}): {report}", entry.file, entry.expected));
        } else if !is_as_expected {
            counts[3] += 1;
            if exceptions.contains_key(entry.file.as_str()) {
                used.insert(entry.file.as_str());
            } else {
                wrong.push(format!("{} ({}): {report}", entry.file, entry.expected));
            }
        }
    }
    println!("{:10} {:14} {:>9} {:>7} {:>5} {:>9}", "expected", "type", "converted", "refused", "mixed", "exception");
    for ((expected, magic), [converted, refused, mixed, excepted]) in &table {
        println!("{expected:10} {magic:14} {converted:9} {refused:7} {mixed:5} {excepted:9}");
    }
    let slowest = reports.iter().max_by_key(|(_, report)| report.slowest).unwrap();
    println!("slowest: {} {}", slowest.0.file, slowest.1);
    let largest = reports.iter().max_by_key(|(_, report)| report.peak).unwrap();
    println!("largest: {} {}", largest.0.file, largest.1);

    let unused: Vec<_> = exceptions.keys().filter(|file| !used.contains(*file)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unused.is_empty(), "exceptions that are none: {unused:?}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "runs in release: thousands of pictures")]
fn no_prefix_and_no_change_hurts() {
    let Some(root) = media_child::corpus() else { return };
    let mut by_type: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in manifest(&root) {
        if ["decode", "either"].contains(&entry.expected.as_str()) && entry.size <= 8000 {
            by_type.entry(entry.magic.clone()).or_default().push(entry);
        }
    }
    // Of every type the first file of each project, and not more than six.
    let sample: Vec<Entry> = by_type
        .into_values()
        .flat_map(|entries| {
            let mut projects = BTreeSet::new();
            entries
                .into_iter()
                .filter(move |entry| projects.insert(entry.file.split('/').nth(1).unwrap().to_owned()))
                .take(6)
        })
        .collect();
    let reports = over(&sample, |worker, entry| worker.mangle(&root.join(&entry.file)));
    let mut wrong = Vec::new();
    let (mut total, mut converted) = (0, 0);
    for (entry, report) in &reports {
        total += report.outcomes.len();
        converted += report.outcomes.iter().filter(|(_, outcome)| outcome.starts_with("ok")).count();
        if report.death.is_some() || report.peak > MAX_MEMORY {
            let last = report.outcomes.len();
            wrong.push(format!("{}: {:?} after {last}, {} MiB", entry.file, report.death, report.peak));
        }
    }
    println!("{} files, {total} conversions, of which {converted} gave a picture", reports.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "the process that converts"]
fn child() {
    media_child::serve();
}

/// CPU milliseconds per conversion, beside the table of `contracts/media-stack.md`.
#[test]
#[ignore = "a measurement: run alone, in release, with --nocapture"]
fn measure() {
    let Some(root) = media_child::corpus() else { return };
    let mut largest: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in manifest(&root) {
        if entry.expected == "decode" && largest.get(&entry.magic).is_none_or(|known| known.size < entry.size) {
            largest.insert(entry.magic.clone(), entry);
        }
    }
    for entry in largest.values() {
        let bytes = std::fs::read(root.join(&entry.file)).unwrap();
        let kind = media_child::kind_of(&bytes);
        print!("{:8} {:60} {:7} B", entry.magic, entry.file, entry.size);
        for (name, conversion) in &CONVERSIONS {
            let begin = cpu_time();
            let mut times = 0;
            while times < 200 && (cpu_time() - begin) < 0.3 {
                let _ = sekisho::media::image::convert(&bytes, kind, conversion);
                times += 1;
            }
            print!(" {name} {:.2}", (cpu_time() - begin) * 1000.0 / f64::from(times));
        }
        println!();
    }
}

/// Seconds that this thread has run (proc(5)).
fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
