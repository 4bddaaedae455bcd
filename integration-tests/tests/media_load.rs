//! The media service under load: through Envoy, with workers killed, and with every picture of the corpora.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use integration_tests::client::KeptAlive;
use integration_tests::corpora;
use integration_tests::media::processes::{Memory, children};
use integration_tests::media::{Media, encoded, request};
use xtask::process::{Signal, signal};
use xtask::workspace::root;

/// No rate limit: all requests come from one address.
const UNLIMITED: &str = r#","client_requests_per_minute":0,"client_seconds_per_minute":0,"workers":2"#;

/// Requests at once.
const CLIENTS: usize = 64;

/// More than fetching (30 s), waiting (10 s) and converting (5 s) may take together.
const DEADLINE: Duration = Duration::from_secs(50);

/// How one request ended: its status, or why there is none.
#[derive(Clone, Debug)]
struct Ended {
    target: String,
    result: Result<u16, String>,
    took: Duration,
}

/// Sends each target once, so many at a time, each client on a connection that it keeps.
fn send(addr: SocketAddr, targets: impl IntoIterator<Item = String>, clients: usize) -> Vec<Ended> {
    let queue = Mutex::new(VecDeque::from_iter(targets));
    let ended = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut connection = KeptAlive::new(addr);
                loop {
                    let Some(target) = queue.lock().unwrap().pop_front() else { return };
                    let start = Instant::now();
                    let answer = connection.send(&request("GET", &target, "User-Agent: Mozilla/5.0\r\n"));
                    let result = answer.map(|answer| answer.status).map_err(|error| error.to_string());
                    ended.lock().unwrap().push(Ended { target, result, took: start.elapsed() });
                }
            });
        }
    });
    ended.into_inner().unwrap()
}

/// Counts by result, a percentile of the time, and memory.
fn shown(ended: &[Ended], before: Memory, after: Memory) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in ended {
        let result = one.result.as_ref().map_or_else(Clone::clone, u16::to_string);
        *counts.entry(result).or_insert(0) += 1;
    }
    let mut times: Vec<Duration> = ended.iter().map(|one| one.took).collect();
    times.sort_unstable();
    let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{} requests: {counts:?}", ended.len());
    println!("p50 {:?}, p99 {:?}, slowest {:?}", percentile(50), percentile(99), times[times.len() - 1]);
    println!("memory in KiB before {before:?}, after {after:?}");
    counts
}

fn memory(media: &Media) -> Memory {
    Memory::of(media.stack.media().unwrap().pid())
}

/// Files of every type with every flag, none of them twice: the cache has none.
fn mixed(media: &Media, count: usize, round: &str) -> Vec<String> {
    let flags = ["emoji=1", "avatar=1", "static=1", "preview=1", "emoji=1&static=1", ""];
    let files = [
        "still.png",
        "turned.jpg",
        "moving.gif",
        "moving.webp",
        "still.webp",
        "still.avif",
        "drawn.svg",
        "moving.apng",
    ];
    let target = |n: usize| {
        let path = format!("/data/{}?{round}{n}", files[n % files.len()]);
        media.target(&path, flags[n / files.len() % flags.len()])
    };
    (0..count).map(target).collect()
}

#[test]
fn a_thousand_requests_at_once_by_sixty_four() {
    let media = Media::start(UNLIMITED, |options| options);
    // The service and its workers grow to what they need.
    send(media.stack.addr(), mixed(&media, 200, "a"), CLIENTS);
    let before = memory(&media);
    let ended = send(media.stack.addr(), mixed(&media, 1000, "b"), CLIENTS);
    let after = memory(&media);
    let counts = shown(&ended, before, after);
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["200"], "{:#?}", wrong(&ended, &[200]));
    // The cache may take 64 MiB; two workers and a spare may not take half as much as one picture of the largest size.
    assert!(after.service < before.service + 32 * 1024 && after.workers < 150 * 1024, "{before:?} {after:?}");
    assert!(after.count <= 4, "{after:?}");
    media.assert_upstream_saw_none();
}

#[test]
fn killed_workers_lose_only_their_own_requests() {
    let media = Media::start(UNLIMITED, |options| options);
    let service = media.stack.media().unwrap().pid();
    let before = memory(&media);
    let over = AtomicBool::new(false);
    let (ended, killed) = thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            // As fast as they come, but the first of a row only: some have to live to do any work.
            while !over.load(Ordering::Relaxed) && killed < 20 {
                let converted = media.metric("sekisho_media_jobs_total{result=\"done\"}");
                if converted >= 20 * (killed + 1)
                    && let Some(worker) = children(service).first()
                {
                    signal(*worker, Signal::Kill);
                    killed += 1;
                }
            }
            killed
        });
        let ended = send(media.stack.addr(), mixed(&media, 600, "k"), 16);
        over.store(true, Ordering::Relaxed);
        (ended, killer.join().unwrap())
    });
    let counts = shown(&ended, before, memory(&media));
    let lost = ended.iter().filter(|one| one.result != Ok(200)).count() as u64;
    println!("{killed} workers killed, {lost} requests lost");
    assert!(killed >= 5 && lost <= killed, "{killed} {counts:?}");
    // A job whose worker is killed goes to another; who loses two of them is told to come back. Nobody is left without an answer.
    assert!(counts.keys().all(|result| ["200", "503"].contains(&result.as_str())), "{counts:?}");
    assert!(media.metric("sekisho_media_workers_total{event=\"died\"}") >= killed / 2);
    assert_eq!(media.get(&media.target("/data/still.png", "static=1")).status, 200);
}

#[test]
fn every_picture_of_the_corpora_gets_a_clean_answer() {
    let Some(set) = corpora::set("images") else { return };
    let media = Media::start(UNLIMITED, |options| options);
    media.origin.serve_corpus(set.clone());
    let rows = corpora::manifest(&set);
    let target = |media: &Media, file: &str| media.target(&format!("/corpus/{}", encoded(file)), "static=1");
    let expected: BTreeMap<String, &str> = rows
        .iter()
        .map(|row| (target(&media, corpora::column(row, "file")), corpora::column(row, "expected")))
        .collect();
    let before = memory(&media);
    let ended = send(media.stack.addr(), expected.keys().cloned(), 8);
    let after = memory(&media);
    shown(&ended, before, after);

    let mut table: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for one in &ended {
        let result = one.result.as_ref().map_or_else(Clone::clone, u16::to_string);
        *table.entry((expected[&one.target], result)).or_default() += 1;
    }
    for ((expected, status), count) in &table {
        println!("{expected:10} {status:4} {count:5}");
    }
    for result in ["done", "refused", "timeout", "crashed", "rejected"] {
        let count = media.metric(&format!("sekisho_media_jobs_total{{result=\"{result}\"}}"));
        println!("jobs {result:9} {count:5}");
    }
    let unclean = wrong(&ended, &[200, 404, 413, 422]);
    assert!(unclean.is_empty(), "{unclean:#?}");
    // What should be shown is shown, but for the files that are listed with their reasons.
    let listed: BTreeSet<String> = corpora::table(&root().join("filter/tests/data/media-images.tsv"))
        .iter()
        .map(|row| target(&media, corpora::column(row, " file")))
        .collect();
    let mut refused = wrong(&ended, &[200]);
    refused.retain(|one| ["decode", "sanitise"].contains(&expected[&one.target]) && !listed.contains(&one.target));
    assert!(refused.is_empty(), "{refused:#?}");
    let late: Vec<&Ended> = ended.iter().filter(|one| one.took > DEADLINE).collect();
    assert!(late.is_empty(), "{late:#?}");
    assert!(after.service < before.service + 128 * 1024, "{before:?} {after:?}");
    assert!(after.workers < 400 * 1024 && after.count <= 4, "{before:?} {after:?}");
    assert_eq!(media.get(&media.target("/data/still.png", "static=1")).status, 200);
    media.assert_upstream_saw_none();
}

fn wrong<'e>(ended: &'e [Ended], right: &[u16]) -> Vec<&'e Ended> {
    ended.iter().filter(|one| !one.result.as_ref().is_ok_and(|status| right.contains(status))).collect()
}
