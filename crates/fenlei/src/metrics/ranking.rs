//! Whether the labels of a document stand above the others, where a document may have any number of labels.
//!
//! scikit-learn's `label_ranking_loss`, `coverage_error` and `label_ranking_average_precision_score`. Labels of equal
//! probability share the worst of their ranks.

use rayon::prelude::*;

use crate::data::Target;

/// Ranks that precision is taken at.
pub(super) const RANKS: [usize; 3] = [1, 3, 5];

/// Means over the documents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ranking {
    /// Pairs of a true and a false label in the wrong order or tied, among all such pairs; 0 without pairs.
    pub loss: f64,
    /// How far down the list one must go for all true labels; 0 without any.
    pub coverage: f64,
    /// The share of true labels among those down to each true label; 1 where all or none are true.
    pub average_precision: f64,
    /// The share of true labels among the first 1, 3 and 5, ties in the order of the labels; `None` for fewer labels.
    pub precision_at: [Option<f64>; RANKS.len()],
}

/// `probabilities`: `[targets.len(), n_labels]`, lengths checked by the caller.
pub(super) fn ranking(targets: &[Target], probabilities: &[f32], n_labels: usize) -> Ranking {
    let of_documents: Vec<[f64; 3 + RANKS.len()]> = targets
        .par_iter()
        .zip(probabilities.par_chunks_exact(n_labels))
        .map(|(target, row)| of_document(target.as_slice(), row))
        .collect();
    let mut sums = [0.0; 3 + RANKS.len()];
    for figures in &of_documents {
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
    let [loss, coverage, average_precision, at @ ..] = sums.map(|sum| sum / targets.len() as f64);
    let mut precision_at = [None; RANKS.len()];
    for ((precision, k), mean) in precision_at.iter_mut().zip(RANKS).zip(at) {
        *precision = (k <= n_labels).then_some(mean);
    }
    Ranking { loss, coverage, average_precision, precision_at }
}

fn of_document(truth: &[u32], row: &[f32]) -> [f64; 3 + RANKS.len()] {
    let mut ranked: Vec<(f32, bool)> = (0..).zip(row).map(|(label, &p)| (p, truth.contains(&label))).collect();
    // Stable, so that ties stay in the order of the labels.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let at = RANKS.map(|k| ranked.iter().take(k).filter(|(_, is_true)| *is_true).count() as f64 / k as f64);
    let n_true = ranked.iter().filter(|(_, is_true)| *is_true).count();
    let n_false = row.len() - n_true;
    let (mut above, mut true_above) = (0, 0);
    let (mut wrong_pairs, mut coverage, mut precision) = (0, 0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let true_here = tied.iter().filter(|(_, is_true)| *is_true).count();
        above += tied.len();
        true_above += true_here;
        if true_here > 0 {
            coverage = above;
            wrong_pairs += true_here * (above - true_above);
            precision += true_here as f64 * true_above as f64 / above as f64;
        }
    }
    let loss = if n_true == 0 || n_false == 0 { 0.0 } else { wrong_pairs as f64 / (n_true * n_false) as f64 };
    let precision = if n_true == 0 || n_false == 0 { 1.0 } else { precision / n_true as f64 };
    [loss, coverage as f64, precision, at[0], at[1], at[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_labels_on_top_cost_nothing() {
        let targets = [Target::Many([0, 2].into())];
        let found = ranking(&targets, &[0.9, 0.1, 0.8], 3);
        let expected = Ranking {
            loss: 0.0,
            coverage: 2.0,
            average_precision: 1.0,
            precision_at: [Some(1.0), Some(2.0 / 3.0), None],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn ties_count_as_errors_of_order() {
        let found = ranking(&[Target::Many([1].into())], &[0.5, 0.5], 2);
        assert_eq!((found.loss, found.coverage, found.average_precision), (1.0, 2.0, 0.5));
        assert_eq!(found.precision_at[0], Some(0.0));
    }
}
