//! The numbers as a table.

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
    let cpu = Ratio::of(ours, theirs, |shown| &shown.cpu_ms);
    let speed = Ratio::of(ours, theirs, |shown| &shown.per_second);
    let bytes = ours.bytes as f64 / theirs.bytes.max(1) as f64;
    let memory = ours.peak as f64 / theirs.peak.max(1) as f64;
    let mark = |missed: bool| if missed { " !" } else { "" };
    let mb = |bytes: u64| bytes as f64 / 1e6;
    print_columns([
        case.name.to_string(),
        format!("{:.2} / {:.2}", median(&ours.cpu_ms), median(&theirs.cpu_ms)),
        format!("{}{}", cpu.shown(), mark(cpu.median > CPU)),
        speed.shown(),
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

struct Ratio {
    low: f64,
    median: f64,
    high: f64,
}

impl Ratio {
    fn of(ours: &Shown, theirs: &Shown, measure: fn(&Shown) -> &Vec<f64>) -> Self {
        let ratios: Vec<f64> = measure(ours).iter().zip(measure(theirs)).map(|(ours, theirs)| ours / theirs).collect();
        Self { low: quantile(&ratios, 0.25), median: median(&ratios), high: quantile(&ratios, 0.75) }
    }

    fn shown(&self) -> String {
        format!("{:.2} ({:.2}..{:.2})", self.median, self.low, self.high)
    }
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Interpolates between the two values beside the wanted place.
fn quantile(values: &[f64], fraction: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = fraction * sorted.len().saturating_sub(1) as f64;
    let value = |place: f64| sorted.get(place as usize).copied().unwrap_or_default();
    let (below, above) = (value(place.floor()), value(place.ceil()));
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let shown = |cpu_ms: &[f64]| Shown { cpu_ms: cpu_ms.to_vec(), ..Shown::default() };
        let ratio = Ratio::of(&shown(&[1.0, 3.0, 2.0]), &shown(&[2.0, 6.0, 4.0]), |shown| &shown.cpu_ms);
        assert_eq!(ratio.shown(), "0.50 (0.50..0.50)");
        assert_eq!(median(&[]), 0.0);
    }
}
