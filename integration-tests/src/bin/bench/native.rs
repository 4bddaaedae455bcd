//! The decision alone, natively, beside a well-known reader of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sekisho::http::RequestHead;
use sekisho::policy::Policy;
use xtask::error::{Error, Result};

use crate::allocator::{self, Allocations};
use crate::{activities, scenarios};
use integration_tests::stats::Spread;

/// What a decision of the 2 KB activity may take.
const AIM: Duration = Duration::from_micros(20);

/// Measures and prints. Each of `batches` lasts a few milliseconds.
pub fn run(batches: usize) -> Result<()> {
    let policy = Policy::parse(b"").map_err(|_| Error::new("the default policy does not compile"))?;
    println!(
        "\nThe decision alone, native, default policy (beside it: serde_json::from_slice::<Value> of the same bytes)"
    );
    println!("  {:<16}{:<34}{:<28}{:<26}aim", "", "decision", "allocations", "time / serde_json's");
    for (name, body, aim) in [
        ("Create, 2 KB", activities::small(), Some(AIM)),
        ("Create, 17 KB", activities::large(), None),
        ("64 KB of tags", activities::tags(), None),
        ("64 KB of names", activities::names(), None),
    ] {
        let head = head(&body);
        let decide = || policy.site(None).inbox.decide(&head, &body);
        let peer = || serde_json::from_slice::<serde_json::Value>(&body);
        if let Some(refusal) = decide().refusal {
            return Err(Error::new(format!("{name}: refused by {}", refusal.rule)));
        }
        let times = Times::take(batches, || drop(black_box(decide())), || drop(black_box(peer())));
        let (ours, theirs) = (allocator::count(decide), allocator::count(peer));
        print(name, &times, ours, theirs, aim);
    }
    Ok(())
}

fn head(body: &[u8]) -> RequestHead {
    RequestHead {
        content_type: Some(b"application/activity+json".to_vec()),
        content_length: Some(body.len().to_string().into_bytes()),
        signature: Some(scenarios::signature(activities::KEY_ID).into_bytes()),
        ..RequestHead::default()
    }
}

fn print(name: &str, times: &Times, ours: Allocations, theirs: Allocations, aim: Option<Duration>) {
    let time = Spread::of(times.ours.clone());
    let ratio = Spread::of(times.ours.iter().zip(&times.theirs).map(|(ours, theirs)| ours / theirs).collect());
    let time_text = format!("{:.0} ns ({:.0}..{:.0})", time.median, time.low, time.high);
    let allocations = format!("{} ({} bytes; {})", ours.count, ours.bytes, theirs.count);
    let ratio = format!("{:.2} ({:.2}..{:.2})", ratio.median, ratio.low, ratio.high);
    let aim = aim.map_or_else(String::new, |aim| {
        let met = if time.median <= aim.as_nanos() as f64 { "met" } else { "MISSED" };
        format!("<= {aim:?}: {met}")
    });
    println!("{}", format!("  {name:<16}{time_text:<34}{allocations:<28}{ratio:<26}{aim}").trim_end());
}

/// Nanoseconds of a call, batch by batch.
pub struct Times {
    /// Of the one.
    pub ours: Vec<f64>,
    /// Of the other.
    pub theirs: Vec<f64>,
}

impl Times {
    /// Times two pieces of work in turns.
    pub fn take(batches: usize, ours: impl Fn(), theirs: impl Fn()) -> Self {
        let calls = calls_of_a_batch(&ours).min(calls_of_a_batch(&theirs));
        let mut times = Self { ours: Vec::new(), theirs: Vec::new() };
        for _ in 0..batches {
            times.ours.push(nanoseconds(calls, &ours));
            times.theirs.push(nanoseconds(calls, &theirs));
        }
        times
    }
}

/// So many that the clock does not matter, and so few that one batch does not either.
fn calls_of_a_batch(work: &impl Fn()) -> u32 {
    const BATCH: Duration = Duration::from_millis(3);
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < BATCH {
        work();
        calls += 1;
    }
    calls
}

fn nanoseconds(calls: u32, work: &impl Fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls.max(1))
}
