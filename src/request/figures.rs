//! What many requests took: rate, percentiles, a count per status.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use crate::output::grouped;

/// Collected while requests run.
#[derive(Debug, Default)]
pub struct Figures {
    micros: Vec<u32>,
    statuses: BTreeMap<String, u64>,
    failed: u64,
}

impl Figures {
    /// One request: what came of it, and how long that took.
    pub fn note(&mut self, status: String, is_failure: bool, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.micros.push(micros);
        *self.statuses.entry(status).or_default() += 1;
        self.failed += u64::from(is_failure);
    }

    /// True when every request was answered with less than 400.
    pub fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// The figures of a run that took `seconds`.
    pub fn summary(mut self, seconds: f64) -> Summary {
        self.micros.sort_unstable();
        let count = self.micros.len();
        Summary {
            count: u64::try_from(count).unwrap_or(u64::MAX),
            seconds,
            ms: [50.0, 95.0, 99.0, 100.0].map(|p| percentile(&self.micros, p) / 1_000.0),
            statuses: self.statuses,
        }
    }
}

/// The smallest value that at least `percent` of all do not exceed, in microseconds.
fn percentile(sorted: &[u32], percent: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most ten million values"
    )]
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map_or(0.0, |micros| f64::from(*micros))
}

/// The figures of a run.
#[derive(Debug)]
pub struct Summary {
    count: u64,
    seconds: f64,
    ms: [f64; 4],
    statuses: BTreeMap<String, u64>,
}

impl Summary {
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most ten million")]
        let count = self.count as f64;
        count / self.seconds.max(f64::EPSILON)
    }

    /// For people.
    pub fn text(&self) -> String {
        let [p50, p95, p99, max] = self.ms;
        let statuses = self
            .statuses
            .iter()
            .map(|(status, count)| format!("\n{status:>8}  {}", grouped(*count)));
        format!(
            "{} requests in {:.2} s: {:.0}/s\n     p50  {p50:.2} ms\n     p95  {p95:.2} ms\n     p99  {p99:.2} ms\n     max  {max:.2} ms{}",
            grouped(self.count),
            self.seconds,
            self.rate(),
            statuses.collect::<String>()
        )
    }

    /// For machines.
    pub fn json(&self) -> String {
        let [p50, p95, p99, max] = self.ms;
        json!({
            "requests": self.count,
            "seconds": self.seconds,
            "requests_per_second": self.rate(),
            "latency_ms": { "p50": p50, "p95": p95, "p99": p99, "max": max },
            "statuses": self.statuses,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], 50.0, 0.0)]
    #[case(&[7], 99.0, 7.0)]
    #[case(&[1, 2, 3, 4], 50.0, 2.0)]
    #[case(&[1, 2, 3, 4], 95.0, 4.0)]
    #[case(&[1, 2, 3, 4], 100.0, 4.0)]
    #[case(&[1, 2, 3, 4, 5], 50.0, 3.0)]
    fn a_percentile_is_a_value_that_occurred(
        #[case] sorted: &[u32],
        #[case] percent: f64,
        #[case] wanted: f64,
    ) {
        assert!((percentile(sorted, percent) - wanted).abs() < f64::EPSILON);
    }

    #[test]
    fn the_summary_counts_each_status() {
        let mut figures = Figures::default();
        for ms in 1..=100 {
            let status = if ms == 100 { "503" } else { "200" };
            figures.note(status.to_owned(), ms == 100, Duration::from_millis(ms));
        }
        assert!(!figures.is_clean());
        let summary: serde_json::Value =
            serde_json::from_str(&figures.summary(2.0).json()).unwrap();
        assert_eq!(summary["requests_per_second"], 50.0);
        assert_eq!(summary["latency_ms"]["p95"], 95.0);
        assert_eq!(summary["statuses"], json!({"200": 99, "503": 1}));
    }
}
