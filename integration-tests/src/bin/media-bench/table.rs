//! The numbers as a table.

use integration_tests::stats::Spread;

use crate::cases::Case;
use crate::rounds::{Measured, Plan, Shown};

/// What is wanted of a ratio to sharp.
const CPU: f64 = 0.5;
const BYTES: f64 = 1.04;
const POINTS: f64 = 0.5;
const MEMORY: f64 = 0.25;

/// What the numbers are.
pub fn print_head(Plan { rounds, .. }: Plan) {
    println!(
        "`sekisho media` (service and worker) / sharp behind the smallest server (node), each on one processor, {rounds} turns \
         each.\nCPU, pictures per second: median (and quartiles) of ratios within a round. ! is where an aim is missed: CPU <= {CPU}, bytes <= {BYTES},\n\
         ssimulacra2 not below by more than {POINTS}, memory <= {MEMORY}.\n"
    );
    print_columns(["", "CPU ms per picture", "CPU ratio", "per second", "bytes", "ssimulacra2", "peak memory, MB"]);
}

fn print_columns<T: std::fmt::Display>([case, cpu, ratio, speed, bytes, score, memory]: [T; 7]) {
    println!("{case:<31}{cpu:<27}{ratio:<19}{speed:<20}{bytes:<25}{score:<23}{memory}");
}

/// A line.
pub fn print(case: &Case, Measured { ours, theirs }: &Measured) {
    let cpu = ratio(ours, theirs, |shown| &shown.cpu_ms);
    let speed = ratio(ours, theirs, |shown| &shown.per_second);
    let bytes = ours.bytes as f64 / theirs.bytes.max(1) as f64;
    let memory = ours.peak as f64 / theirs.peak.max(1) as f64;
    let mark = |missed: bool| if missed { " !" } else { "" };
    let mb = |bytes: u64| bytes as f64 / 1e6;
    print_columns([
        case.name.to_string(),
        format!("{:.2} / {:.2}", median(&ours.cpu_ms), median(&theirs.cpu_ms)),
        format!("{}{}", shown(cpu), mark(cpu.median > CPU)),
        shown(speed),
        format!("{} / {} {bytes:.2}{}", ours.bytes, theirs.bytes, mark(bytes > BYTES)),
        format!(
            "{:.1} / {:.1} {:+.1}{}",
            ours.score,
            theirs.score,
            ours.score - theirs.score,
            mark(ours.score < theirs.score - POINTS)
        ),
        format!("{:.0} / {:.0} {memory:.2}{}", mb(ours.peak), mb(theirs.peak), mark(memory > MEMORY)),
    ]);
}

/// The ratios of two measurements of the same round.
fn ratio(ours: &Shown, theirs: &Shown, measure: fn(&Shown) -> &Vec<f64>) -> Spread {
    Spread::of(measure(ours).iter().zip(measure(theirs)).map(|(ours, theirs)| ours / theirs).collect())
}

fn shown(Spread { low, median, high }: Spread) -> String {
    format!("{median:.2} ({low:.2}..{high:.2})")
}

fn median(values: &[f64]) -> f64 {
    Spread::of(values.to_vec()).median
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let measured = |cpu_ms: &[f64]| Shown { cpu_ms: cpu_ms.to_vec(), ..Shown::default() };
        let ratio = ratio(&measured(&[1.0, 3.0, 2.0]), &measured(&[2.0, 6.0, 4.0]), |shown| &shown.cpu_ms);
        assert_eq!(shown(ratio), "0.50 (0.50..0.50)");
        assert_eq!(median(&[]), 0.0);
    }
}
