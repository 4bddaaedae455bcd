//! Real workers under load.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sekisho::media::kind::Kind;
use sekisho::media::worker::pool::{Pool, PoolError};
use tokio::task::JoinSet;

use super::{LONG, SMALL, kill, name_of, picture, pids, settings, until};

/// Whether the worker has answered. What it made of the picture is not the matter here.
fn is_answer(outcome: &Result<Kind, PoolError>) -> bool {
    matches!(outcome, Ok(Kind::Webp))
}

fn many(pool: &Arc<Pool>, count: usize) -> JoinSet<Result<Kind, PoolError>> {
    let (file, kind) = picture(200);
    let mut jobs = JoinSet::new();
    for _ in 0..count {
        let (pool, file) = (Arc::clone(pool), file.clone());
        jobs.spawn(async move { pool.convert(file, kind, SMALL).await.map(|made| made.kind) });
    }
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_workers_loses_only_their_own_jobs() {
    let mut settings = settings("killed", 4);
    settings.queue = 400;
    let name = name_of(&settings);
    let pool = Arc::new(Pool::start(settings).await.unwrap());

    let jobs = tokio::spawn(many(&pool, 300).join_all());
    let mut killed = 0;
    while !jobs.is_finished() && killed < 40 {
        let alive = pids(&name);
        // Any of them, and never the same place twice in a row.
        if let Some(pid) = alive.get(killed * 7 % alive.len().max(1)) {
            killed += usize::from(kill(*pid));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let outcomes = jobs.await.unwrap();
    // Only a job that loses two workers, one after the other, is lost.
    let lost = outcomes.iter().filter(|outcome| **outcome == Err(PoolError::Killed)).count();
    let answered = outcomes.iter().filter(|outcome| is_answer(outcome)).count();
    println!("{killed} killed, {lost} jobs lost, {answered} answered");
    assert_eq!(answered + lost, 300, "{outcomes:?}");
    assert!(killed > 10 && 2 * lost <= killed, "{lost} jobs lost by {killed} deaths");

    // It recovers whole.
    assert!(many(&pool, 40).join_all().await.iter().all(is_answer));
    until("four workers and a spare", || pool.stats().idle == 5).await;
    let stats = pool.stats();
    assert_eq!((stats.active, stats.waiting, stats.busy, stats.deadlines), (0, 0, 0, 0));
    // Not before its death is noticed is an idle one counted.
    assert!((lost as u64..=killed as u64).contains(&stats.crashes), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_idle_workers_killed_lose_no_job() {
    let settings = settings("idle", 2);
    let name = name_of(&settings);
    let pool = Arc::new(Pool::start(settings).await.unwrap());
    until("two workers and a spare", || pool.stats().idle == 3).await;
    let alive = pids(&name);
    assert_eq!(alive.len(), 3);
    assert!(alive.into_iter().all(kill));
    until("all dead", || pids(&name).is_empty()).await;
    assert!(many(&pool, 4).join_all().await.iter().all(is_answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_replaced_after_its_share_of_jobs() {
    let mut settings = settings("recycled", 1);
    settings.jobs_per_worker = 3;
    settings.queue = 64;
    let pool = Arc::new(Pool::start(settings).await.unwrap());
    assert!(many(&pool, 30).join_all().await.iter().all(is_answer));
    until("a worker and a spare", || pool.stats().idle == 2).await;
    let stats = pool.stats();
    assert_eq!((stats.jobs, stats.recycled, stats.crashes), (30, 10, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_jobs_and_ends_all_workers() {
    let settings = settings("shutdown", 2);
    let name = name_of(&settings);
    let pool = Arc::new(Pool::start(settings).await.unwrap());
    let jobs = many(&pool, 6);
    until("jobs have begun", || pool.stats().jobs > 0).await;
    until("all are inside", || {
        let stats = pool.stats();
        stats.jobs + stats.waiting as u64 >= 6
    })
    .await;
    pool.shutdown(LONG).await;
    assert!(jobs.join_all().await.iter().all(is_answer));
    assert!(matches!(pool.convert(Bytes::new(), Kind::Png, SMALL).await, Err(PoolError::Busy(_))));
    until("all workers ended", || pids(&name).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_none_is_refused_and_its_worker_goes_on() {
    let pool = Pool::start(settings("refused", 1)).await.unwrap();
    for file in [&b""[..], b"\x89PN", &[0xff; 100_000]] {
        let outcome = pool.convert(Bytes::from_static(file), Kind::Png, SMALL).await;
        assert!(matches!(outcome, Err(PoolError::Refused(_))), "{outcome:?}");
    }
    let outcome = pool.convert(Bytes::from_static(b"ID3"), Kind::Unknown, SMALL).await;
    assert!(matches!(outcome, Err(PoolError::Refused(_))), "{outcome:?}");
    let stats = pool.stats();
    assert_eq!((stats.jobs, stats.crashes, stats.recycled), (3, 0, 0));
}
