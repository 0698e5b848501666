//! Which features tell most about the labels.

use rayon::prelude::*;

use super::matrix::SparseRows;
use super::spec::{SelectBy, SelectSpec};
use crate::data::Target;

/// The columns to keep, ascending: the best by what `spec` names; of equal ones the first.
pub(super) fn best_columns(spec: SelectSpec, counts: &SparseRows, targets: &[Target], labels: Labels) -> Vec<u32> {
    let scores = scores(spec.by, counts, targets, labels);
    let mut order: Vec<u32> = (0..counts.n_columns as u32).collect();
    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
    order.truncate(spec.keep);
    order.sort_unstable();
    order
}

/// The labels that targets are about.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// How many.
    pub n: usize,
    /// Whether a document may have several.
    pub multi: bool,
}

/// How much each column tells.
pub(super) fn scores(by: SelectBy, counts: &SparseRows, targets: &[Target], labels: Labels) -> Vec<f64> {
    let n_docs = targets.len() as f64;
    let mut class_docs = vec![0.0; labels.n];
    targets.iter().flat_map(Target::as_slice).for_each(|&label| class_docs[label as usize] += 1.0);
    let columns = counts.transposed();
    (0..columns.len())
        .into_par_iter()
        .map_init(
            || vec![0.0; labels.n],
            |in_class, column| {
                in_class.fill(0.0);
                let (docs, values) = columns.row(column);
                let mut sum = 0.0;
                for (&doc, &value) in docs.iter().zip(values) {
                    let amount = if by == SelectBy::Chi2 { f64::from(value) } else { 1.0 };
                    sum += amount;
                    targets[doc as usize].as_slice().iter().for_each(|&label| in_class[label as usize] += amount);
                }
                let score = |in_class: &[f64], class_docs: &[f64]| match by {
                    SelectBy::Chi2 => chi2(in_class, class_docs, sum, n_docs),
                    SelectBy::MutualInformation => mutual_information(in_class, class_docs, sum, n_docs),
                };
                if !labels.multi {
                    return score(in_class, &class_docs);
                }
                let of_label = |(&inside, &docs): (&f64, &f64)| score(&[inside, sum - inside], &[docs, n_docs - docs]);
                in_class.iter().zip(&class_docs).map(of_label).fold(0.0, f64::max)
            },
        )
        .collect()
}

/// Pearson's statistic of what each class has of a feature's `sum`, against its share of the documents.
fn chi2(in_class: &[f64], class_docs: &[f64], sum: f64, n_docs: f64) -> f64 {
    let terms = in_class.iter().zip(class_docs).map(|(observed, docs)| {
        let expected = sum * docs / n_docs;
        if expected > 0.0 { (observed - expected).powi(2) / expected } else { 0.0 }
    });
    terms.sum()
}

/// Of the presence of a feature and the class, in nats; `df` documents have the feature, `in_class` of each class.
fn mutual_information(in_class: &[f64], class_docs: &[f64], df: f64, n_docs: f64) -> f64 {
    let term = |both: f64, one: f64, docs: f64| {
        if both > 0.0 { both / n_docs * (both * n_docs / (one * docs)).ln() } else { 0.0 }
    };
    let terms = in_class
        .iter()
        .zip(class_docs)
        .map(|(&present, &docs)| term(present, df, docs) + term(docs - present, n_docs - df, docs));
    terms.sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(dense: &[[u8; 3]]) -> SparseRows {
        let mut rows = SparseRows::new(3);
        for row in dense {
            rows.push((0..).zip(row).filter(|(_, x)| **x > 0).map(|(column, &x)| (column, f32::from(x))));
        }
        rows
    }

    #[test]
    fn a_feature_of_one_class_is_better_than_one_of_both() {
        let counts = rows(&[[2, 0, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1]]);
        let targets = [0, 0, 1, 1].map(Target::One);
        for by in [SelectBy::Chi2, SelectBy::MutualInformation] {
            let kept = best_columns(SelectSpec { by, keep: 2 }, &counts, &targets, Labels { n: 2, multi: false });
            assert_eq!(kept, [0, 2], "{by:?}");
        }
        // All of it: a feature that gives the class away tells ln 2.
        let scores = scores(SelectBy::MutualInformation, &counts, &targets, Labels { n: 2, multi: false });
        assert!((scores[0] - 2f64.ln()).abs() < 1e-12 && scores[1].abs() < 1e-12, "{scores:?}");
    }

    #[test]
    fn of_several_labels_the_one_counts_that_a_feature_says_most_about() {
        let counts = rows(&[[1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]]);
        let targets = [vec![0, 1], vec![0], vec![1], vec![]].map(Target::many);
        let kept = SelectSpec { by: SelectBy::Chi2, keep: 1 };
        assert_eq!(best_columns(kept, &counts, &targets, Labels { n: 2, multi: true }), [0]);
    }
}
