//! Agreement of predicted labels with the truth beyond what the shares of the labels give by chance.

use super::counts::Counts;

/// scikit-learn's `balanced_accuracy_score`: mean recall of the labels that occur. `None` when none does.
pub(super) fn balanced_accuracy(counts: &[Counts]) -> Option<f64> {
    let occurring = counts.iter().filter(|label| label.support > 0);
    let (sum, n) = occurring.fold((0.0, 0u64), |(sum, n), label| (sum + label.recall(), n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// What both figures below are made of: documents, right ones, and sums over the labels.
struct Margins {
    n: f64,
    right: f64,
    /// Σ predicted · true.
    chance: f64,
    /// Σ predicted².
    predicted: f64,
    /// Σ true².
    truth: f64,
}

impl Margins {
    fn of(counts: &[Counts]) -> Self {
        let sum = |of: fn(&Counts) -> u128| counts.iter().map(of).sum::<u128>() as f64;
        Self {
            n: sum(|label| label.support.into()),
            right: sum(|label| label.true_positives.into()),
            chance: sum(|label| u128::from(label.predicted) * u128::from(label.support)),
            predicted: sum(|label| u128::from(label.predicted).pow(2)),
            truth: sum(|label| u128::from(label.support).pow(2)),
        }
    }
}

/// scikit-learn's `matthews_corrcoef` (for more than two labels Gorodkin 2004): 1 for no error, 0 for chance; also 0,
/// as there, when only one label occurs or only one is predicted.
pub(super) fn matthews(counts: &[Counts]) -> f64 {
    let m = Margins::of(counts);
    let square = (m.n * m.n - m.predicted) * (m.n * m.n - m.truth);
    if square <= 0.0 { 0.0 } else { (m.right * m.n - m.chance) / square.sqrt() }
}

/// scikit-learn's `cohen_kappa_score` (Cohen 1960). `None` when one label only occurs and it alone is predicted: then
/// agreement by chance is certain.
pub(super) fn cohen_kappa(counts: &[Counts]) -> Option<f64> {
    let m = Margins::of(counts);
    let beyond_chance = m.n * m.n - m.chance;
    (beyond_chance > 0.0).then(|| (m.right * m.n - m.chance) / beyond_chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[[u64; 3]]) -> Vec<Counts> {
        rows.iter().map(|&[true_positives, predicted, support]| Counts { true_positives, predicted, support }).collect()
    }

    #[test]
    fn chance_is_nothing_and_no_error_is_one() {
        let chance = counts(&[[25, 50, 50], [25, 50, 50]]);
        assert_eq!((matthews(&chance), cohen_kappa(&chance)), (0.0, Some(0.0)));
        let perfect = counts(&[[10, 10, 10], [30, 30, 30]]);
        assert_eq!((matthews(&perfect), cohen_kappa(&perfect)), (1.0, Some(1.0)));
    }

    #[test]
    fn one_label_only_leaves_nothing_to_agree_on() {
        let one = counts(&[[10, 10, 10], [0, 0, 0]]);
        assert_eq!((matthews(&one), cohen_kappa(&one), balanced_accuracy(&one)), (0.0, None, Some(1.0)));
        assert_eq!(balanced_accuracy(&[]), None);
        // All predicted alike, but not all are.
        let alike = counts(&[[10, 40, 10], [0, 0, 30]]);
        assert_eq!((matthews(&alike), cohen_kappa(&alike), balanced_accuracy(&alike)), (0.0, Some(0.0), Some(0.5)));
    }
}
