//! Workers that misbehave, played by shell scripts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sekisho::media::image::Converted;
use sekisho::media::kind::Kind;
use sekisho::media::worker::pool::{Pool, PoolError, PoolSettings, Requirement, StartError};
use sekisho::media::worker::protocol::{Answer, Greeting, Usage, write_greeting};
use sekisho::media::worker::sandbox::{Confinement, Landlock, SandboxError, Stage};

use super::{SMALL, pids, script, until};

const CONFINED: Greeting = Ok(Confinement { landlock: Landlock::Full, apparmor: false });
/// A job that a shell can read: it ends with a line.
const JOB: (Bytes, Kind) = (Bytes::from_static(b"any\n"), Kind::Png);

/// A shell command that writes these bytes.
fn says(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{escaped}'")
}

/// A worker that greets, takes a job, and then does this. Builtins only: a script with children would be several processes.
fn worker(then: &str) -> String {
    format!("{}; read -r job || exit; {then}", says(&write_greeting(&CONFINED)))
}

fn spinning(name: &str) -> PoolSettings {
    script(name, &worker("while :; do :; done"), 1)
}

async fn convert(pool: &Pool) -> Result<Converted, PoolError> {
    pool.convert(JOB.0, JOB.1, SMALL).await
}

#[tokio::test]
async fn one_that_spins_is_killed_at_the_deadline() {
    let settings = PoolSettings { deadline: Duration::from_millis(300), ..spinning("spins") };
    let pool = Pool::start(settings).await.unwrap();
    until("two are ready", || pool.stats().idle == 2).await;
    for _ in 0..2 {
        let (begun, before) = (Instant::now(), pids("spins"));
        assert_eq!(convert(&pool).await, Err(PoolError::Deadline));
        assert!((300..5_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        // The one that spun is gone, the spare is still there, and a fresh one is on its way.
        until("one is replaced", || pids("spins").iter().filter(|pid| before.contains(pid)).count() == 1).await;
        until("two are ready", || pool.stats().idle == 2 && pids("spins").len() == 2).await;
    }
    assert_eq!(pool.stats().deadlines, 2);
}

#[tokio::test]
async fn a_full_queue_says_busy() {
    let settings = PoolSettings { queue: 1, deadline: Duration::from_millis(700), ..spinning("full") };
    let pool = Pool::start(settings).await.unwrap();
    let third = async {
        until("one runs, one waits", || (pool.stats().active, pool.stats().waiting) == (1, 1)).await;
        convert(&pool).await
    };
    let (first, second, third) = tokio::join!(convert(&pool), convert(&pool), third);
    assert_eq!((first, second), (Err(PoolError::Deadline), Err(PoolError::Deadline)));
    assert!(matches!(third, Err(PoolError::Busy(after)) if after >= Duration::from_secs(1)), "{third:?}");
    assert_eq!((pool.stats().busy, pool.stats().jobs), (1, 2));
}

#[tokio::test]
async fn patience_ends_in_busy() {
    let settings = PoolSettings { patience: Duration::from_millis(100), ..spinning("patience") };
    let pool = Pool::start(settings).await.unwrap();
    let mut first = Box::pin(convert(&pool));
    let second = async {
        until("the first runs", || pool.stats().active == 1).await;
        convert(&pool).await
    };
    tokio::select! {
        outcome = &mut first => panic!("{outcome:?}"),
        outcome = second => assert!(matches!(outcome, Err(PoolError::Busy(_))), "{outcome:?}"),
    }
}

#[tokio::test]
async fn a_client_that_goes_frees_its_place_and_its_worker() {
    let settings = PoolSettings { queue: 1, ..spinning("gone") };
    let pool = Pool::start(settings).await.unwrap();
    for round in 1..=3 {
        until("two are ready", || pool.stats().idle == 2).await;
        let before = pids("gone");
        let mut running = Box::pin(convert(&pool));
        let mut waiting = Box::pin(convert(&pool));
        tokio::select! {
            outcome = &mut running => panic!("{outcome:?}"),
            outcome = &mut waiting => panic!("{outcome:?}"),
            () = until("one runs, one waits", || (pool.stats().active, pool.stats().waiting) == (1, 1)) => {}
        }
        drop(waiting);
        assert_eq!(pool.stats().waiting, 0);
        drop(running);
        assert_eq!((pool.stats().active, pool.stats().cancelled), (0, round));
        until("its worker is gone", || pids("gone").iter().filter(|pid| before.contains(pid)).count() == 1).await;
    }
    assert_eq!(pool.stats().busy, 0);
}

#[tokio::test]
async fn what_is_no_answer_is_a_crash() {
    let made = |kind, length| Ok(Converted { kind, bytes: vec![b'x'; length] });
    let answer = |number, length| Answer::new(number, Usage::default(), &made(Kind::Webp, length));
    let too_long = Answer { length: u32::MAX, ..answer(0, 0) };
    let stay = "while :; do :; done";
    let cases = [
        ("dies", "exit 1".to_owned()),
        ("aborts", "kill -ABRT $$".to_owned()),
        ("nonsense", format!("{}; {stay}", says(&[b'x'; 24]))),
        ("other-job", format!("{}; {stay}", says(&answer(7, 0).write()))),
        ("too-long", format!("{}; {stay}", says(&too_long.write()))),
        ("stops-half-way", format!("{}; printf xxx; exit 0", says(&answer(0, 10).write()))),
    ];
    for (name, then) in cases {
        let pool = Pool::start(script(name, &worker(&then), 1)).await.unwrap();
        assert_eq!(convert(&pool).await, Err(PoolError::Crashed), "{name}");
        assert_eq!((pool.stats().crashes, pool.stats().violations), (1, 0), "{name}");
        // And a fresh one is there.
        until("two are ready", || pool.stats().idle == 2).await;
    }
    let honest = format!("{}; printf xxx; {stay}", says(&answer(0, 3).write()));
    let pool = Pool::start(script("honest", &worker(&honest), 1)).await.unwrap();
    assert_eq!(convert(&pool).await, Ok(Converted { kind: Kind::Webp, bytes: b"xxx".to_vec() }));
}

#[tokio::test]
async fn one_that_is_killed_from_outside_loses_no_job() {
    let answer = Answer::new(0, Usage::default(), &Ok(Converted { kind: Kind::Webp, bytes: b"xxx".to_vec() }));
    let flag = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-once-{}", std::process::id()));
    let (path, honest) = (flag.display(), says(&answer.write()));
    let once = format!("[ -e {path} ] || {{ : > {path}; kill -9 $$; }}; {honest}; printf xxx; while :; do :; done");
    let pool = Pool::start(script("killed-once", &worker(&once), 1)).await.unwrap();
    assert_eq!(convert(&pool).await, Ok(Converted { kind: Kind::Webp, bytes: b"xxx".to_vec() }));
    assert_eq!((pool.stats().crashes, pool.stats().jobs), (1, 2));
    std::fs::remove_file(flag).unwrap();

    // Twice, and it is said that nobody knows what is wrong with the file.
    let pool = Pool::start(script("killed-twice", &worker("kill -9 $$"), 1)).await.unwrap();
    assert_eq!(convert(&pool).await, Err(PoolError::Killed));
    assert_eq!((pool.stats().crashes, pool.stats().jobs), (2, 2));
    until("two are ready", || pool.stats().idle == 2).await;
}

#[tokio::test]
async fn a_death_by_seccomp_is_counted() {
    let pool = Pool::start(script("violates", &worker("kill -SYS $$"), 1)).await.unwrap();
    assert_eq!(convert(&pool).await, Err(PoolError::Crashed));
    assert_eq!((pool.stats().crashes, pool.stats().violations), (1, 1));
}

#[tokio::test]
async fn a_worker_that_keeps_much_memory_is_replaced() {
    let usage = Usage { cpu_ms: 0, held_kib: 100 << 10 };
    let refusal = Answer { number: 0, outcome: Err(sekisho::media::image::ConvertError::Broken), usage, length: 0 };
    let text = worker(&format!("{}; while :; do :; done", says(&refusal.write())));
    let pool = Pool::start(script("keeps", &text, 1)).await.unwrap();
    assert!(matches!(convert(&pool).await, Err(PoolError::Refused(_))));
    assert_eq!(pool.stats().recycled, 1);
}

#[tokio::test]
async fn a_pool_that_cannot_work_does_not_start() {
    let failed = async |settings| Pool::start(settings).await.err().unwrap();
    let missing = PoolSettings { program: PathBuf::from("/nonexistent"), ..PoolSettings::new(1) };
    assert!(matches!(failed(missing).await, StartError::Spawn(_)));
    assert!(matches!(failed(script("silent", "exit 0", 1)).await, StartError::Silent));
    assert!(matches!(failed(script("babbles", "printf 'Hello, I am no worker.'", 1)).await, StartError::Silent));

    let error = SandboxError { stage: Stage::Seccomp, errno: libc::EINVAL };
    let unconfined = script("unconfined", &says(&write_greeting(&Err(error))), 1);
    assert!(matches!(failed(unconfined).await, StartError::Sandbox(told) if told == error));

    let old = Ok(Confinement { landlock: Landlock::None, apparmor: false });
    let old = script("old-kernel", &format!("{}; while :; do :; done", says(&write_greeting(&old))), 1);
    let strict = PoolSettings { landlock: Requirement::Required, ..old.clone() };
    assert!(matches!(failed(strict).await, StartError::NoLandlock));
    assert_eq!(Pool::start(old).await.unwrap().confinement().landlock, Landlock::None);
}

#[tokio::test]
async fn workers_that_die_at_once_are_not_started_again_and_again() {
    let settings = script("ephemeral", &says(&write_greeting(&CONFINED)), 1);
    let pool = Pool::start(PoolSettings { patience: Duration::from_secs(1), ..settings }).await.unwrap();
    until("both are dead", || pids("ephemeral").is_empty()).await;
    // One may be given the job in its last moment.
    assert!(matches!(convert(&pool).await, Err(PoolError::Busy(_) | PoolError::Crashed)));
    // 50, 100, 200, 400 ms between them, and a few before.
    assert!(pool.stats().starts <= 12, "{:?}", pool.stats());
}
