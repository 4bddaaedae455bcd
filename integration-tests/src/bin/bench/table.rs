//! The ratios as a table.

use crate::rounds::{Measured, Sample};
use crate::scenarios::{Aim, Scenario};
use crate::variants::{AGAIN, NO_OP, NO_OP_ALL, PLAIN, SEKISHO};
use integration_tests::stats::Spread;

/// What is compared with what.
pub const RATIOS: [(&str, &str); 6] =
    [(NO_OP, PLAIN), (NO_OP_ALL, PLAIN), (SEKISHO, PLAIN), (SEKISHO, NO_OP), (SEKISHO, NO_OP_ALL), (AGAIN, PLAIN)];

const MEASURES: [fn(&Sample) -> f64; 2] = [|sample| sample.per_second, |sample| sample.per_cpu_second];

/// Prints a scenario. Every number is a ratio: 1.00 is as good, less is worse.
pub fn print(scenario: &Scenario, measured: &Measured, ratios: &[(&str, &str)]) {
    println!("\n{:<34}{:<22}{:<22}aim", scenario.name, "throughput", "requests per CPU time");
    for (of, to) in ratios.iter().copied() {
        let spreads = MEASURES.map(|measure| measured.ratio(of, to, measure));
        let aim = (of == scenario.aim.who && to == scenario.aim.of).then(|| verdict(&scenario.aim, spreads));
        let [throughput, cpu] = spreads.map(shown);
        let line = format!("  {:<32}{throughput:<22}{cpu:<22}{}", format!("{of} / {to}"), aim.unwrap_or_default());
        println!("{}", line.trim_end());
    }
}

fn shown(spread: Spread) -> String {
    format!("{:.2} ({:.2}..{:.2})", spread.median, spread.low, spread.high)
}

fn verdict(aim: &Aim, [throughput, cpu]: [Spread; 2]) -> String {
    let met = |spread: Spread| if spread.median >= aim.at_least { "met" } else { "MISSED" };
    format!(">= {:.2}: {} by throughput, {} by CPU time", aim.at_least, met(throughput), met(cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_decides() {
        let spread = |median| Spread { low: 0.5, median, high: 1.5 };
        let aim = Aim { who: SEKISHO, of: NO_OP, at_least: 0.93 };
        assert_eq!(verdict(&aim, [spread(0.93), spread(0.929)]), ">= 0.93: met by throughput, MISSED by CPU time");
        assert_eq!(shown(spread(1.0)), "1.00 (0.50..1.50)");
    }
}
