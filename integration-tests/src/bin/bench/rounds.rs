//! Short rounds over the variants, one after the other, again and again.

use std::io::IsTerminal;
use std::time::Duration;

use xtask::error::{Context, Result};

use crate::cpu;
use crate::load::{self, Connection};
use crate::scenarios::Scenario;
use crate::variants::Variant;
use integration_tests::stats::Spread;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often each variant has its turn in each scenario.
    pub rounds: usize,
    /// Requests of a turn.
    pub requests: usize,
    /// Requests before it, to open connections and warm caches.
    pub warm_up: usize,
    /// Connections that a turn uses.
    pub connections: usize,
}

/// What a turn has shown.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    variant: &'static str,
    /// Requests per second.
    pub per_second: f64,
    /// Requests per second of processor time of the proxy.
    pub per_cpu_second: f64,
}

/// All rounds of a scenario.
pub struct Measured {
    rounds: Vec<Vec<Sample>>,
}

/// Measures all variants in all scenarios. A first round does not count: meanwhile the VMs compile what they run.
pub fn measure(variants: &[Variant], scenarios: &[Scenario], plan: Plan) -> Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = scenarios.iter().map(|_| Measured { rounds: Vec::new() }).collect();
    for round in 0..=plan.rounds {
        for (scenario, measured) in scenarios.iter().zip(&mut measured) {
            let order = order(round, variants);
            let samples = order.into_iter().map(|variant| {
                take_turn(variant, scenario, plan).context(|| format!("{}, {}", scenario.name, variant.name))
            });
            let samples = samples.collect::<Result<_>>()?;
            if round > 0 {
                measured.rounds.push(samples);
            }
        }
        progress(round, plan.rounds);
    }
    Ok(measured)
}

/// A line that is written over and over, for somebody who waits.
fn progress(round: usize, rounds: usize) {
    if std::io::stderr().is_terminal() {
        eprint!("\rround {round} of {rounds}{}", if round == rounds { "\n" } else { "" });
    }
}

/// Everybody's place moves on with each round, and every other round goes backwards: neither drift nor a neighbour
/// favours anyone.
fn order<T>(round: usize, all: &[T]) -> Vec<&T> {
    let mut order: Vec<&T> = all.iter().collect();
    if let Some(shift) = (round / 2).checked_rem(order.len()) {
        order.rotate_left(shift);
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

fn take_turn(variant: &Variant, scenario: &Scenario, plan: Plan) -> Result<Sample> {
    let (stack, request) = (&variant.stack, &scenario.request);
    let connections = (0..plan.connections).map(|_| Connection::open(stack.addr()));
    let mut connections = connections.collect::<Result<Vec<_>>>()?;
    load::run(&mut connections, request, plan.warm_up)?;
    let before = cpu::used(stack.pid())?;
    let took = load::run(&mut connections, request, plan.requests)?;
    let used = cpu::used(stack.pid())?.saturating_sub(before);
    variant.forget_log()?;
    let rate = |time: Duration| plan.requests as f64 / time.as_secs_f64().max(1e-9);
    Ok(Sample { variant: variant.name, per_second: rate(took), per_cpu_second: rate(used) })
}

impl Measured {
    /// The ratio of two variants within each round, by some measure, over all rounds.
    pub fn ratio(&self, of: &str, to: &str, measure: fn(&Sample) -> f64) -> Spread {
        let ratios = self.rounds.iter().filter_map(|round| {
            let value = |name| round.iter().find(|sample| sample.variant == name).map(measure);
            Some(value(of)? / value(to)?)
        });
        Spread::of(ratios.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_every_place_equally_often() {
        let all = [0, 1, 2, 3, 4];
        let mut places = [[0; 5]; 5];
        for round in 0..10 {
            for (place, who) in order(round, &all).into_iter().enumerate() {
                places[*who][place] += 1;
            }
        }
        assert_eq!(places, [[2; 5]; 5]);
        assert!(order::<u8>(3, &[]).is_empty());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let sample = |variant, per_second| Sample { variant, per_second, per_cpu_second: 1.0 };
        let round = |scale: f64| vec![sample("b", 8.0 * scale), sample("a", 10.0 * scale)];
        let measured = Measured { rounds: vec![round(1.0), round(3.0), round(2.0)] };
        assert_eq!(measured.ratio("b", "a", |sample| sample.per_second).median, 0.8);
        assert_eq!(measured.ratio("b", "c", |sample| sample.per_second), Spread::default());
    }
}
