//! How far a figure may be off because the documents are only a sample: the bootstrap (Efron 1979), by percentiles.
//!
//! Each resample draws as many documents as there are, with replacement. Two models are compared on the same resamples
//! (the paired bootstrap), so that documents that are hard for both do not blur the difference.
//!
//! Invariant: a resample is a function of the seed and its number; the figures of the resamples are sorted, so that
//! nothing depends on the number of threads.

use std::collections::BTreeMap;

use fenlei_nn::rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Figure, Outcomes};
use crate::{Error, Result};

/// Resamples when nobody says how many.
pub const DEFAULT_RESAMPLES: u32 = 1000;

/// Fewer have no percentiles that mean anything.
const MIN_RESAMPLES: u32 = 100;

/// The share of resamples that lies in an interval.
const LEVEL: f64 = 0.95;

/// How many resamples, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// How many.
    pub n: u32,
    /// The same seed gives the same resamples.
    pub seed: u64,
}

/// Where a figure lies in 95 % of the resamples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The percentile 2.5.
    pub low: f64,
    /// The percentile 97.5.
    pub high: f64,
}

/// Intervals of the figures of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intervals {
    /// The share of resamples in each interval.
    pub level: f64,
    /// How many resamples.
    pub resamples: u32,
    /// Where they start.
    pub seed: u64,
    /// By the names of the figures in the report; without those that most resamples left undefined.
    pub figures: BTreeMap<String, Interval>,
}

/// A figure of two models on the same documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The figure's name in the report.
    pub figure: String,
    /// Of the first model.
    pub a: f64,
    /// Of the second model.
    pub b: f64,
    /// The second less the first.
    pub difference: f64,
    /// Where the difference lies in 95 % of the resamples.
    pub interval: Interval,
    /// Twice the share of resamples in which the difference is not on the side where it mostly is, one resample added to
    /// both; at most 1.
    pub p_value: f64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { n: DEFAULT_RESAMPLES, seed: 0 }
    }
}

impl Resampling {
    fn check(self) -> Result<()> {
        if self.n >= MIN_RESAMPLES {
            return Ok(());
        }
        let problem = format!("found {} resamples, expected at least {MIN_RESAMPLES}", self.n);
        Err(Error::config("--intervals", problem, "1000 is usual"))
    }

    /// How often each of `weights.len()` documents stands in a resample.
    fn draw(self, resample: u32, weights: &mut [u32]) {
        weights.fill(0);
        let seed = rng::derive(self.seed, u64::from(resample));
        let n = weights.len() as u128;
        for position in 0..weights.len() as u64 {
            let doc_idx = (u128::from(rng::bits(seed, position)) * n) >> 64;
            weights[doc_idx as usize] += 1;
        }
    }

    /// What `figures` gives for each resample, in their order.
    fn map<F: Send>(self, n_docs: usize, figures: impl Fn(&[u32]) -> F + Sync) -> Vec<F> {
        let of_resample = |weights: &mut Vec<u32>, resample: u32| {
            self.draw(resample, weights);
            figures(weights)
        };
        (0..self.n).into_par_iter().map_init(|| vec![0u32; n_docs], of_resample).collect()
    }
}

/// The interval of every figure that can be resampled.
///
/// # Errors
/// [`Error::Config`] for fewer than 100 resamples.
pub fn intervals(outcomes: &Outcomes, resampling: Resampling) -> Result<Intervals> {
    resampling.check()?;
    let resampled = resampling.map(outcomes.n_docs(), |weights| outcomes.figures(weights, &mut Vec::new()));
    let mut figures = BTreeMap::new();
    for (i, figure) in Figure::ALL.into_iter().enumerate() {
        let values = resampled.iter().filter_map(|figures| figures[i]).collect();
        figures.extend(interval(values, resampling.n).map(|interval| (figure.name().to_owned(), interval)));
    }
    Ok(Intervals { level: LEVEL, resamples: resampling.n, seed: resampling.seed, figures })
}

/// The differences of every figure between two models that predicted the same documents.
///
/// # Errors
/// [`Error::Config`] for fewer than 100 resamples, and for different numbers of documents.
pub fn differences(a: &Outcomes, b: &Outcomes, resampling: Resampling) -> Result<Vec<Difference>> {
    resampling.check()?;
    if a.n_docs() != b.n_docs() {
        let problem = format!("found {} and {} documents, expected the same ones", a.n_docs(), b.n_docs());
        return Err(Error::config("comparison", problem, "predict the same documents with both models"));
    }
    let both = |weights: &[u32]| {
        let mut counts = Vec::new();
        (a.figures(weights, &mut counts), b.figures(weights, &mut counts))
    };
    let (of_a, of_b) = both(&vec![1; a.n_docs()]);
    let resampled = resampling.map(a.n_docs(), both);
    let mut differences = Vec::new();
    for (i, figure) in Figure::ALL.into_iter().enumerate() {
        let (Some(a), Some(b)) = (of_a[i], of_b[i]) else { continue };
        let values: Vec<f64> = resampled.iter().filter_map(|(a, b)| Some(b[i]? - a[i]?)).collect();
        let p_value = two_sided(&values);
        let Some(interval) = interval(values, resampling.n) else { continue };
        differences.push(Difference { figure: figure.name().to_owned(), a, b, difference: b - a, interval, p_value });
    }
    Ok(differences)
}

fn two_sided(differences: &[f64]) -> f64 {
    let count = |side: fn(&f64) -> bool| differences.iter().filter(|&difference| side(difference)).count();
    let fewer = count(|d| *d <= 0.0).min(count(|d| *d >= 0.0));
    (2.0 * (fewer as f64 + 1.0) / (differences.len() as f64 + 1.0)).min(1.0)
}

/// `None` when fewer than half of the resamples have a value.
fn interval(mut values: Vec<f64>, resamples: u32) -> Option<Interval> {
    if values.len() < 2 || 2 * values.len() < resamples as usize {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval { low: percentile(&values, tail), high: percentile(&values, 1.0 - tail) })
}

/// numpy's `quantile`: straight between the two nearest values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
