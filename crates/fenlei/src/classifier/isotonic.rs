//! Isotonic regression: the rising curve that is nearest to the truth.
//!
//! Fitted by pooling adjacent violators (Ayer et al. 1955), straight between its points and level beyond them: what
//! scikit-learn's `IsotonicRegression(out_of_bounds="clip")` gives, compared in the tests.

use serde::{Deserialize, Serialize};

/// A curve from what a model says to what is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsotonicCurve {
    /// Probabilities of the model, ascending.
    pub x: Vec<f32>,
    /// What they mean, never descending.
    pub y: Vec<f32>,
}

/// Documents whose probabilities have one meaning.
struct Block {
    first: f32,
    last: f32,
    n_true: u64,
    n: u64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.n_true as f64 / self.n as f64
    }
}

impl IsotonicCurve {
    /// The rising curve with the least squared error. No document may have NaN.
    pub(super) fn fit(scored: impl Iterator<Item = (f32, bool)>) -> Self {
        let mut scored: Vec<(f32, bool)> = scored.collect();
        scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for tied in scored.chunk_by(|a, b| a.0 == b.0) {
            let n_true = tied.iter().filter(|(_, truth)| *truth).count() as u64;
            let mut block = Block { first: tied[0].0, last: tied[0].0, n_true, n: tied.len() as u64 };
            // Compared as products of whole numbers: no rounding decides what is pooled.
            let not_below = |before: &Block, block: &Block| {
                u128::from(before.n_true) * u128::from(block.n) >= u128::from(block.n_true) * u128::from(before.n)
            };
            while let Some(before) = blocks.pop_if(|before| not_below(before, &block)) {
                block = Block {
                    first: before.first,
                    last: block.last,
                    n_true: before.n_true + block.n_true,
                    n: before.n + block.n,
                };
            }
            blocks.push(block);
        }
        let mut curve = Self { x: Vec::new(), y: Vec::new() };
        for block in &blocks {
            curve.x.push(block.first);
            curve.y.push(block.mean() as f32);
            if block.last > block.first {
                curve.x.push(block.last);
                curve.y.push(block.mean() as f32);
            }
        }
        curve
    }

    /// The same curve within the bounds that `n_docs` documents can tell: what none of them had may still occur.
    pub(super) fn bounded(mut self, n_docs: usize) -> Self {
        let least = 0.5 / (n_docs as f32 + 1.0);
        self.y.iter_mut().for_each(|y| *y = y.clamp(least, 1.0 - least));
        self
    }

    /// What the probability `p` means.
    pub(super) fn at(&self, p: f32) -> f32 {
        if p.is_nan() {
            return p;
        }
        let above = self.x.partition_point(|&x| x <= p);
        let (Some(before), Some(&next_x)) = (above.checked_sub(1), self.x.get(above)) else {
            let end = if above == 0 { self.y.first() } else { self.y.last() };
            return end.copied().unwrap_or(p);
        };
        let (x, y, next_y) = (f64::from(self.x[before]), f64::from(self.y[before]), f64::from(self.y[above]));
        (y + (f64::from(p) - x) / (f64::from(next_x) - x) * (next_y - y)) as f32
    }

    /// What is wrong with a curve that comes from a file.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.x.is_empty() {
            return Err("a curve of its calibration has no points".to_owned());
        }
        if self.x.len() != self.y.len() {
            return Err(format!("a curve of its calibration has {} places and {} values", self.x.len(), self.y.len()));
        }
        if let Some(outside) = self.x.iter().chain(&self.y).find(|p| !(-1e-3..=1.0 + 1e-3).contains(*p)) {
            return Err(format!("a curve of its calibration has the number {outside}, expected 0 to 1"));
        }
        if let Some(outside) = self.y.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(format!("a curve of its calibration has the value {outside}, expected 0 to 1"));
        }
        if self.x.windows(2).any(|x| x[0] >= x[1]) || self.y.windows(2).any(|y| y[0] > y[1]) {
            return Err("a curve of its calibration does not rise".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        x: Vec<f32>,
        y: Vec<u8>,
        asked: Vec<f32>,
        expected: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Golden {
        isotonic: Vec<Case>,
    }

    #[test]
    fn curves_equal_those_of_scikit_learn() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/decision_golden.json")).unwrap();
        assert!(golden.isotonic.len() >= 4);
        for case in golden.isotonic {
            let curve = IsotonicCurve::fit(case.x.iter().copied().zip(case.y.iter().map(|&y| y == 1)));
            assert_eq!(curve.check(), Ok(()), "{}", case.name);
            for (&asked, expected) in case.asked.iter().zip(case.expected) {
                let found = f64::from(curve.at(asked));
                // The points of a curve are f32, and so is what it gives.
                assert!((found - expected).abs() < 3e-7, "{} at {asked}: {found}, expected {expected}", case.name);
            }
        }
    }

    #[test]
    fn violators_are_pooled() {
        let scored = [(0.1, false), (0.2, true), (0.3, false), (0.4, true)];
        let curve = IsotonicCurve::fit(scored.into_iter());
        assert_eq!((curve.x, curve.y), (vec![0.1, 0.2, 0.3, 0.4], vec![0.0, 0.5, 0.5, 1.0]));
    }

    #[test]
    fn nothing_is_impossible_that_was_only_not_seen() {
        let curve = IsotonicCurve::fit([(0.25, false), (0.75, true)].into_iter()).bounded(4);
        assert_eq!((curve.at(0.0), curve.at(1.0), curve.at(0.5)), (0.1, 0.9, 0.5));
    }
}
