//! The worker threads of Envoy, told apart.

use std::time::{Duration, Instant};

use xtask::http::Response;
use xtask::stack::Stack;

use crate::client::{KeptAlive, PATIENCE, exchange};

/// Envoy gives each connection to one worker for good; which one is chance. So many connections miss one of four once in 10^24.
const ENOUGH: usize = 200;

/// Kept connections, at least two on each worker.
#[derive(Debug)]
pub struct Workers<'s> {
    stack: &'s Stack,
    count: usize,
    connections: Vec<KeptAlive>,
}

impl<'s> Workers<'s> {
    /// Opens connections by `request` until each of `count` workers has two. Nobody else may have any.
    ///
    /// # Panics
    /// When they do not spread.
    pub fn reach(stack: &'s Stack, count: usize, request: &[u8]) -> Self {
        let mut connections = Vec::new();
        while connected(stack, count, "active").iter().any(|open| *open < 2) {
            let mut connection = KeptAlive::new(stack.addr());
            connection.send(request).unwrap();
            assert!(connection.is_open() && connections.len() < ENOUGH, "{:?}", connected(stack, count, "active"));
            connections.push(connection);
        }
        Self { stack, count, connections }
    }

    /// How long it takes from `change` until every worker answers `request` with `status`: then on 200 fresh connections as well, that reach every worker.
    ///
    /// # Panics
    /// When that does not come, or does not last.
    pub fn time_to(&mut self, request: &[u8], status: u16, change: impl FnOnce()) -> Duration {
        let start = Instant::now();
        change();
        let mut round = start.elapsed();
        let answers_so = |connection: &mut KeptAlive| connection.send(request).unwrap().status == status;
        while !self.connections.iter_mut().all(answers_so) {
            round = start.elapsed();
            assert!(round < PATIENCE, "no {status} after {PATIENCE:?}");
        }
        self.on_fresh_connections(request, |response| response.status == status);
        round
    }

    fn on_fresh_connections(&self, request: &[u8], is_right: impl Fn(&Response) -> bool) {
        let before = connected(self.stack, self.count, "total");
        for _ in 0..ENOUGH {
            let response = exchange(self.stack.addr(), request).unwrap();
            assert!(is_right(&response), "{} {}", response.status, response.text());
        }
        let after = connected(self.stack, self.count, "total");
        assert!(after.iter().zip(&before).all(|(after, before)| after > before), "{before:?} {after:?}");
    }
}

/// The connections of each worker of the listener: `active` or `total`.
fn connected(stack: &Stack, count: usize, which: &str) -> Vec<u64> {
    let stats = stack.admin().get("/stats?filter=listener.sekisho.worker_").unwrap().text();
    let of = |worker: usize| {
        let name = format!("listener.sekisho.worker_{worker}.downstream_cx_{which}: ");
        stats.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    };
    (0..count).map(|worker| of(worker).unwrap_or_else(|| panic!("no worker {worker} in {stats}"))).collect()
}
