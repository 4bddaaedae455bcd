//! What Prometheus reads.

use xtask::stack::Stack;

use crate::client::exchange;

/// The samples of one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics(String);

impl Metrics {
    /// Reads them where Prometheus does.
    ///
    /// # Panics
    /// When there is nothing to read.
    pub fn read(stack: &Stack) -> Self {
        let scrape = b"GET /stats/prometheus HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n";
        let response = exchange(stack.metrics_addr(), scrape).unwrap();
        assert_eq!(response.status, 200);
        Self(response.text())
    }

    /// The sum of the samples of that name which have all of these labels, each given as `label=value`. `None` when there is no such sample.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<u64> {
        let samples = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, rest) = series.split_once('{').unwrap_or((series, "}"));
            let has = |label: &&str| {
                let (label, wanted) = label.split_once('=').unwrap_or((label, ""));
                let wanted = format!("{label}=\"{wanted}\"");
                rest.trim_end_matches('}').split(',').any(|found| found == wanted)
            };
            (found == name && labels.iter().all(has)).then(|| value.parse::<u64>().ok()).flatten()
        });
        samples.fold(None, |sum, sample| Some(sum.unwrap_or_default() + sample))
    }

    /// The lines about Sekisho that are not zero, for a message.
    pub fn shown(&self) -> String {
        let lines = self.0.lines().filter(|line| line.starts_with("sekisho_") && !line.ends_with(" 0"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The sum of samples as it is now; see [`Metrics::sum`].
pub fn metric(stack: &Stack, name: &str, labels: &[&str]) -> Option<u64> {
    Metrics::read(stack).sum(name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let metrics = Metrics(
            "# TYPE a counter\na{x=\"1\",y=\"b.c\"} 3\na{x=\"2\",y=\"b.c\"} 4\na_b{x=\"1\"} 9\nc{} 5\nd 6\n".to_owned(),
        );
        assert_eq!(metrics.sum("a", &["y=b.c"]), Some(7));
        assert_eq!(metrics.sum("a", &["y=b.c", "x=1"]), Some(3));
        assert_eq!(metrics.sum("a", &["y=b"]), None);
        assert_eq!((metrics.sum("c", &[]), metrics.sum("d", &[])), (Some(5), Some(6)));
    }
}
