//! McNemar's test: whether one of two classifiers is right more often, from the documents on which they differ.

use serde::{Deserialize, Serialize};

/// Below this number of documents the binomial distribution is used itself, from it on its limit.
const EXACT_BELOW: u64 = 25;

/// What the test says (McNemar 1947; with the correction of Edwards 1948).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McNemar {
    /// Documents that only the first classifier has right.
    pub only_a: u64,
    /// Documents that only the second classifier has right.
    pub only_b: u64,
    /// Whether the binomial distribution was used itself, rather than chi-squared.
    pub exact: bool,
    /// Chi-squared with one degree of freedom, where it was used.
    pub statistic: Option<f64>,
    /// How probable such a difference, or a larger one, is between equally good classifiers.
    pub p_value: f64,
}

/// Tests two numbers of documents that only one classifier has right.
pub fn mcnemar(only_a: u64, only_b: u64) -> McNemar {
    let n = only_a + only_b;
    if n < EXACT_BELOW {
        return McNemar { only_a, only_b, exact: true, statistic: None, p_value: binomial(only_a.min(only_b), n) };
    }
    // As many on both sides are no sign of a difference, which the correction must not turn into one.
    let difference = (only_a.abs_diff(only_b) as f64 - 1.0).max(0.0);
    let statistic = difference * difference / n as f64;
    let p_value = libm::erfc((statistic / 2.0).sqrt());
    McNemar { only_a, only_b, exact: false, statistic: Some(statistic), p_value }
}

/// The chance that of `n` throws of a coin at most `fewer` fall on the rarer side, whichever that is.
fn binomial(fewer: u64, n: u64) -> f64 {
    let (mut ways, mut sum) = (1u64, 0u64);
    for k in 0..=fewer {
        sum += ways;
        ways = ways * (n - k) / (k + 1);
    }
    (2.0 * sum as f64 / (1u64 << n) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        only_a: u64,
        only_b: u64,
        statistic: Option<f64>,
        p_value: f64,
    }

    #[derive(Deserialize)]
    struct Golden {
        mcnemar: Vec<Case>,
    }

    #[test]
    fn p_values_equal_those_of_scipy() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/decision_golden.json")).unwrap();
        assert!(golden.mcnemar.len() >= 8);
        for case in golden.mcnemar {
            let found = mcnemar(case.only_a, case.only_b);
            assert!((found.p_value - case.p_value).abs() < 1e-9, "{found:?}, expected {}", case.p_value);
            assert_eq!(found.statistic.is_some(), case.statistic.is_some());
            if let (Some(found), Some(expected)) = (found.statistic, case.statistic) {
                assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
            }
        }
    }

    #[test]
    fn models_that_differ_on_as_many_documents_each_way_are_not_told_apart() {
        assert_eq!(mcnemar(0, 0).p_value, 1.0);
        assert_eq!(mcnemar(7, 7).p_value, 1.0);
        assert_eq!(mcnemar(50, 50).p_value, 1.0);
        assert_eq!(mcnemar(3, 17).p_value, mcnemar(17, 3).p_value);
    }
}
