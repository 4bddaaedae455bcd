//! How much one client may use: requests, and the time of workers.
//!
//! Each client owes requests and time; what it owes shrinks at the rate of the policy, and a request that would bring it above the burst is refused. Nobody
//! knows beforehand what a file costs, so a request is charged the most that it can (the deadline of a job), and given back what it did not use. A client
//! cannot have more of the costliest requests under way than its burst pays for, and the honest one, whose requests are cheap, does not notice.
//!
//! What is charged is paid off like everything else while the request lasts, and then given back in full: who lets requests wait gains at most what is
//! paid off within the deadline of one.
//!
//! Memory is fixed: a table of sets of eight slots, chosen by a hash that nobody outside can compute. A client new to a full set takes the slot of the
//! one that owes least and, as in the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005), what that one owed. So nothing owed is ever
//! forgotten: who comes back after its slot was taken owes at least what it did. Many addresses cannot wash a debt away, nor crowd out
//! those who owe most; they can make newcomers to a set owe what the least of eight owes, which takes eight clients near their burst in each of the sets.

mod client;

use std::hash::Hasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::media_settings::Limits;
pub use client::Client;

/// How many clients are kept apart, at 64 bytes each.
pub const DEFAULT_CLIENTS: usize = 65_536;

const WAYS: usize = 8;
const MAX_SHARDS: usize = 16;
/// The parts of a request, or of a millisecond of work, that are counted: then all rates are whole numbers a millisecond.
const PARTS: u64 = 60_000;

/// The limits, and what all clients owe. Times are those since some moment that the owner chooses.
#[derive(Debug)]
pub struct Limiter {
    requests: Rate,
    work: Rate,
    /// What a request is charged, in milliseconds.
    highest: u64,
    seed: [u8; 16],
    shards: Box<[Mutex<Shard>]>,
}

/// A request that was charged, to be given to [`Limiter::refund`] when it is known what it used. One that is lost stays charged in full.
#[must_use = "what is not refunded stays charged"]
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    client: Client,
    tenure: u64,
    charged: u64,
}

/// The client has used what it may, and may try again after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl Limiter {
    /// A limiter that charges `highest` for each request and keeps so many clients apart. The seed is random, and secret.
    pub fn new(limits: &Limits, highest: Duration, clients: usize, seed: [u8; 16]) -> Self {
        let sets = clients.div_ceil(WAYS).max(1);
        let shards = sets.min(MAX_SHARDS);
        let shard = || Mutex::new(Shard { sets: vec![Default::default(); sets.div_ceil(shards)].into(), tenures: 0 });
        Self {
            requests: Rate::new(limits.requests_per_minute.into(), limits.burst_requests.into()),
            work: Rate::new(u64::from(limits.seconds_per_minute) * 1000, u64::from(limits.burst_seconds) * 1000),
            highest: millis(highest),
            seed,
            shards: std::iter::repeat_with(shard).take(shards).collect(),
        }
    }

    /// Whether there is any limit.
    pub fn is_limiting(&self) -> bool {
        self.requests.per_millisecond > 0 || self.work.per_millisecond > 0
    }

    /// Charges a client for one request and the most work that it can cause. What is refused costs nothing.
    ///
    /// # Errors
    /// When the client has to wait.
    pub fn charge(&self, now: Duration, client: Client) -> Result<Ticket, RetryAfter> {
        let now = millis(now);
        let (request, work) = (self.requests.cost(1), self.work.cost(self.highest));
        let none = RetryAfter(Duration::from_secs(1));
        let charged = self.with_set(client, |set, tenures| {
            for slot in set.iter_mut() {
                slot.settle(now, self.requests, self.work);
            }
            let known = set.iter().position(|slot| slot.client == Some(client));
            let index = known.or_else(|| self.least(set));
            let slot = index.and_then(|index| set.get_mut(index)).ok_or(none)?;
            let wait = self.requests.wait(slot.requests, request).max(self.work.wait(slot.work, work));
            if wait > 0 {
                return Err(RetryAfter(Duration::from_millis(wait)));
            }
            if known.is_none() {
                *tenures = tenures.wrapping_add(1);
                (slot.client, slot.tenure) = (Some(client), *tenures);
            }
            slot.requests = slot.requests.saturating_add(request);
            slot.work = slot.work.saturating_add(work);
            Ok(Ticket { client, tenure: slot.tenure, charged: work })
        });
        charged.unwrap_or(Err(none))
    }

    /// Gives back what a request was charged but did not use. Where another client has taken the slot, it has taken the charge too.
    pub fn refund(&self, now: Duration, ticket: Ticket, used: Duration) {
        let (now, used) = (millis(now), self.work.cost(millis(used)));
        self.with_set(ticket.client, |set, _| {
            let mine = |slot: &&mut Slot| slot.client == Some(ticket.client) && slot.tenure == ticket.tenure;
            if let Some(slot) = set.iter_mut().find(mine) {
                slot.settle(now, self.requests, self.work);
                slot.work = slot.work.saturating_add(used).saturating_sub(ticket.charged);
            }
        });
    }

    /// The slot that is free or owes least, by its share of the burst.
    fn least(&self, set: &Set) -> Option<usize> {
        let load = |slot: &Slot| self.requests.load(slot.requests).max(self.work.load(slot.work));
        set.iter().enumerate().min_by_key(|(_, slot)| load(slot)).map(|(index, _)| index)
    }

    /// Acts on the set of a client, of which there always is one.
    fn with_set<T>(&self, client: Client, act: impl FnOnce(&mut Set, &mut u64) -> T) -> Option<T> {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write_u128(client.number());
        let hash = usize::try_from(hasher.finish() & u64::from(u32::MAX)).unwrap_or_default();
        let shard = self.shards.get(hash.checked_rem(self.shards.len())?)?;
        // Whoever panicked left numbers behind, and all of them are good.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { sets, tenures } = &mut *shard;
        let index = hash.checked_div(self.shards.len())?.checked_rem(sets.len())?;
        Some(act(sets.get_mut(index)?, tenures))
    }
}

type Set = [Slot; WAYS];

#[derive(Debug)]
struct Shard {
    sets: Box<[Set]>,
    /// How many clients were given a slot.
    tenures: u64,
}

/// What a client owes, in parts, at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    client: Option<Client>,
    /// Tells one stay of a client from its next.
    tenure: u64,
    requests: u64,
    work: u64,
    at: u64,
}

impl Slot {
    /// Takes off what was paid since. A clock that goes back takes nothing off.
    fn settle(&mut self, now: u64, requests: Rate, work: Rate) {
        let elapsed = now.saturating_sub(self.at);
        self.requests = requests.after(self.requests, elapsed);
        self.work = work.after(self.work, elapsed);
        self.at = self.at.max(now);
    }
}

/// A rate, in parts a millisecond, and a burst, in parts. No rate is no limit.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_millisecond: u64,
    burst: u64,
}

impl Rate {
    fn new(per_minute: u64, burst: u64) -> Self {
        Self { per_millisecond: per_minute, burst: burst.saturating_mul(PARTS).max(1) }
    }

    fn cost(self, count: u64) -> u64 {
        if self.per_millisecond == 0 { 0 } else { count.saturating_mul(PARTS) }
    }

    fn after(self, owed: u64, elapsed: u64) -> u64 {
        owed.saturating_sub(self.per_millisecond.saturating_mul(elapsed))
    }

    /// Milliseconds until so much more can be owed.
    fn wait(self, owed: u64, cost: u64) -> u64 {
        let excess = owed.saturating_add(cost).saturating_sub(self.burst);
        // What costs nothing has no rate.
        if self.per_millisecond == 0 { 0 } else { excess.div_ceil(self.per_millisecond) }
    }

    /// In millionths of the burst.
    fn load(self, owed: u64) -> u128 {
        u128::from(owed).saturating_mul(1_000_000).div_ceil(self.burst.into())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
