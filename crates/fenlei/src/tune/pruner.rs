//! When a trial is not worth going on with, by its validation curve beside those of others.

use serde::{Deserialize, Serialize};

/// Curves that the median is taken of, at least.
const FEWEST_CURVES: usize = 5;

/// The share of trials that ASHA promotes is one of so many; its rungs stand at the powers of it.
const REDUCTION: u64 = 3;

/// When to end a trial early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pruner {
    /// Never.
    None,
    /// When its best figure so far is below the median of what others had at the same step.
    #[default]
    Median,
    /// Asynchronous successive halving (Li et al. 2020): at steps 1, 3, 9, … only the best third goes on.
    Asha,
}

impl Pruner {
    /// Whether this pruner looks at `step`, counted from 1.
    pub(super) fn looks_at(self, step: u64) -> bool {
        match self {
            Self::None => false,
            Self::Median => step > 1,
            Self::Asha => {
                let mut rung = 1;
                while rung < step {
                    rung *= REDUCTION;
                }
                rung == step
            }
        }
    }

    /// Whether a trial ends whose best score so far is `own`, where others had `others` at the same step.
    pub(super) fn ends(self, own: f64, others: &[f64]) -> bool {
        let mut others = others.to_vec();
        others.sort_by(|a, b| b.total_cmp(a));
        match self {
            Self::None => false,
            Self::Median => {
                let n = others.len();
                let below = |n: usize| own < (others[(n - 1) / 2] + others[n / 2]) / 2.0;
                n >= FEWEST_CURVES && below(n)
            }
            Self::Asha => {
                let n = others.len() + 1;
                let n_promoted = n / REDUCTION as usize;
                // Among the first few nobody is the best third: whoever leads goes on.
                let n_better = others.iter().filter(|other| **other > own).count();
                n_better >= n_promoted.max(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_median_of_enough_curves_ends() {
        let others = [0.5, 0.6, 0.7, 0.8, 0.9];
        assert!(Pruner::Median.ends(0.69, &others) && !Pruner::Median.ends(0.7, &others));
        assert!(!Pruner::Median.ends(0.1, &others[..4]));
        assert!(!Pruner::Median.looks_at(1) && Pruner::Median.looks_at(2));
        assert!(!Pruner::None.ends(0.0, &others) && !Pruner::None.looks_at(3));
    }

    #[test]
    fn a_third_goes_on_from_each_rung() {
        let rungs: Vec<u64> = (1..=30).filter(|step| Pruner::Asha.looks_at(*step)).collect();
        assert_eq!(rungs, [1, 3, 9, 27]);
        let others = [0.5, 0.6, 0.7, 0.8, 0.9];
        assert!(!Pruner::Asha.ends(0.85, &others) && Pruner::Asha.ends(0.75, &others));
        assert!(!Pruner::Asha.ends(0.1, &[]) && Pruner::Asha.ends(0.1, &[0.2]));
    }
}
