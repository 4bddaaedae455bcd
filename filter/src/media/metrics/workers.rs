//! What became of workers, which requests alone do not tell: a job whose worker was killed may have been done by another.

use std::fmt::Write as _;

use crate::media::worker::pool::Stats;

const NAME: &str = "sekisho_media_workers_total";

/// The lines for `/metrics`.
pub fn render(stats: &Stats) -> String {
    let mut page = String::new();
    super::head(&mut page, NAME, "Workers, by what became of them", "counter");
    for (event, count) in [
        ("started", stats.starts),
        ("failed_start", stats.failed_starts),
        ("replaced", stats.recycled),
        ("deadline", stats.deadlines),
        ("client_gone", stats.cancelled),
        ("died", stats.crashes),
        // Of those that died: who asked the kernel for what no decoder needs. Each is worth a look.
        ("violation", stats.violations),
    ] {
        let _ = writeln!(page, "{NAME}{{event=\"{event}\"}} {count}");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told() {
        let page = render(&Stats { crashes: 3, violations: 2, ..Stats::default() });
        assert!(page.contains("sekisho_media_workers_total{event=\"died\"} 3\n"), "{page}");
        assert!(page.contains("sekisho_media_workers_total{event=\"violation\"} 2\n"), "{page}");
    }
}
