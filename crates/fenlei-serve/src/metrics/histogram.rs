//! Counts of values by their size.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts below each of some bounds, and the sum.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds.
    counts: Vec<AtomicU64>,
    /// In millionths.
    sum: AtomicU64,
}

/// Seconds, from 50 microseconds on.
pub(crate) const SECONDS: &[f64] =
    &[50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Numbers of texts.
pub(crate) const TEXTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];

impl Histogram {
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    pub fn add(&self, value: f64) {
        let place = self.bounds.partition_point(|&bound| bound < value);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * 1e6) as u64, Ordering::Relaxed);
    }

    /// How many values.
    pub fn n(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The bound below which a share of the values lies; infinite above the last one, 0 without values.
    pub fn quantile(&self, share: f64) -> f64 {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let n: u64 = counts.iter().sum();
        let mut below = 0;
        for (i, count) in counts.iter().enumerate() {
            below += count;
            if n > 0 && below as f64 >= share * n as f64 {
                return self.bounds.get(i).copied().unwrap_or(f64::INFINITY);
            }
        }
        0.0
    }

    /// In the format of Prometheus; `labels` as `a="b"`, or empty.
    pub fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (i, count) in self.counts.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            let bound = self.bounds.get(i).map_or("+Inf".to_owned(), ToString::to_string);
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}");
        }
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let sum = self.sum.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "{name}_sum{braced} {sum}\n{name}_count{braced} {below}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_below_their_bounds() {
        let histogram = Histogram::new(TEXTS);
        [1.0, 2.0, 3.0, 10_000.0].iter().for_each(|&value| histogram.add(value));
        let mut out = String::new();
        histogram.write(&mut out, "n", "a=\"b\"");
        for line in [
            "n_bucket{a=\"b\",le=\"1\"} 1",
            "n_bucket{a=\"b\",le=\"2\"} 2",
            "n_bucket{a=\"b\",le=\"4\"} 3",
            "n_bucket{a=\"b\",le=\"4096\"} 3",
            "n_bucket{a=\"b\",le=\"+Inf\"} 4",
            "n_sum{a=\"b\"} 10006",
            "n_count{a=\"b\"} 4",
        ] {
            assert!(out.lines().any(|found| found == line), "{line}\n{out}");
        }
        assert_eq!((histogram.quantile(0.5), histogram.quantile(1.0)), (2.0, f64::INFINITY));
        assert_eq!(Histogram::new(SECONDS).quantile(0.9), 0.0);
    }
}
