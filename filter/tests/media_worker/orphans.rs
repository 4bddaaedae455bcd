//! No worker outlives its service, not even when that is killed and the worker cannot see its input end.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Signal, kill_process};
use sekisho::media::worker::pool::Pool;

use super::{name_of, pids, settings, until};

/// Set for the service that is going to be killed: this program once more, for the one "test" below.
const ROLE: &str = "SEKISHO_TEST_SERVICE";

#[test]
#[ignore = "the service that the next test starts and kills"]
fn service() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let settings = settings("orphan", 2);
        let name = name_of(&settings);
        let pool = Pool::start(settings).await.unwrap();
        until("two workers and a spare", || pool.stats().idle == 3).await;
        println!("\nworkers: {name}");
        std::future::pending::<()>().await;
    });
}

#[tokio::test]
async fn workers_die_with_a_service_that_is_killed() {
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::service", "--ignored", "--nocapture"])
        .env(ROLE, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map(Result::unwrap);
    let name = lines.find_map(|line| line.strip_prefix("workers: ").map(str::to_owned)).unwrap();
    let workers = pids(&name);
    assert_eq!(workers.len(), 3);
    // Stopped, they read nothing: only the kernel can end them.
    for pid in workers {
        kill_process(pid, Signal::STOP).unwrap();
    }
    service.kill().unwrap();
    service.wait().unwrap();
    until("all workers are dead", || pids(&name).is_empty()).await;
}

#[tokio::test]
async fn workers_die_with_their_pool() {
    let settings = settings("dropped", 2);
    let name = name_of(&settings);
    let pool = Pool::start(settings).await.unwrap();
    until("two workers and a spare", || pool.stats().idle == 3).await;
    assert_eq!(pids(&name).len(), 3);
    drop(pool);
    until("all workers are dead", || pids(&name).is_empty()).await;
}
