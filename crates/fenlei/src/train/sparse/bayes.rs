//! Naive Bayes: weights from counts, in closed form.

use crate::features::SparseRows;
use crate::model::{NbKind, NbSpec};

/// Weights `[n_columns, n_classes]` and biases of a naive Bayes over classes, of which each document has one.
pub(super) struct Bayes {
    pub weights: Vec<f64>,
    pub bias: Vec<f64>,
}

/// Sums of each column over the documents of each class: `[n_columns, n_classes]`.
pub(super) fn class_sums(columns: &SparseRows, classes: &[u32], n_classes: usize, costs: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; columns.len() * n_classes];
    for (column, sums) in sums.chunks_exact_mut(n_classes).enumerate() {
        let (docs, values) = columns.row(column);
        for (&doc, &x) in docs.iter().zip(values) {
            sums[classes[doc as usize] as usize] += costs[doc as usize] * f64::from(x);
        }
    }
    sums
}

/// The logarithms of what each class gives a feature.
pub(super) fn fit(spec: &NbSpec, columns: &SparseRows, classes: &[u32], n_classes: usize, costs: &[f64]) -> Bayes {
    let mut weights = class_sums(columns, classes, n_classes, costs);
    let mut class_docs = vec![0.0; n_classes];
    classes.iter().zip(costs).for_each(|(&class, cost)| class_docs[class as usize] += cost);
    let total: f64 = class_docs.iter().sum();
    let uniform = -(n_classes as f64).ln();
    let mut bias: Vec<f64> = class_docs.iter().map(|n| if spec.prior { (n / total).ln() } else { uniform }).collect();
    match spec.kind {
        NbKind::Multinomial => {
            let sums = class_totals(&weights, spec.alpha, n_classes);
            each(&mut weights, n_classes, |count, class| ((count + spec.alpha) / sums[class]).ln());
        }
        NbKind::Complement => {
            bias.fill(0.0);
            for row in weights.chunks_exact_mut(n_classes) {
                let all: f64 = row.iter().sum();
                row.iter_mut().for_each(|count| *count = all - *count);
            }
            let sums = class_totals(&weights, spec.alpha, n_classes);
            each(&mut weights, n_classes, |count, class| -((count + spec.alpha) / sums[class]).ln());
            if spec.normalise {
                let sums = class_totals(&weights, 0.0, n_classes);
                each(&mut weights, n_classes, |weight, class| weight / sums[class]);
            }
        }
        NbKind::Bernoulli => {
            // A feature that is not there speaks too: all of them into the bias, taken back where one is there.
            let share = |count: f64, class: usize| (count + spec.alpha) / (class_docs[class] + 2.0 * spec.alpha);
            for row in weights.chunks_exact(n_classes) {
                bias.iter_mut().enumerate().for_each(|(class, bias)| *bias += (-share(row[class], class)).ln_1p());
            }
            each(&mut weights, n_classes, |count, class| {
                let share = share(count, class);
                share.ln() - (-share).ln_1p()
            });
        }
    }
    // What all classes have in common changes no probability, and would cost digits.
    weights.chunks_exact_mut(n_classes).for_each(centre);
    centre(&mut bias);
    Bayes { weights, bias }
}

fn class_totals(counts: &[f64], alpha: f64, n_classes: usize) -> Vec<f64> {
    let mut totals = vec![0.0; n_classes];
    for row in counts.chunks_exact(n_classes) {
        totals.iter_mut().zip(row).for_each(|(total, count)| *total += count + alpha);
    }
    totals
}

fn each(weights: &mut [f64], n_classes: usize, f: impl Fn(f64, usize) -> f64) {
    for row in weights.chunks_exact_mut(n_classes) {
        row.iter_mut().enumerate().for_each(|(class, weight)| *weight = f(*weight, class));
    }
}

fn centre(row: &mut [f64]) {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    row.iter_mut().for_each(|x| *x -= mean);
}

/// How much more a feature stands in class 1 than in class 0: the logarithm of the ratio of its shares (Wang and Manning
/// 2012).
pub(super) fn log_ratios(columns: &SparseRows, classes: &[u32], alpha: f64, costs: &[f64]) -> Vec<f64> {
    let sums = class_sums(columns, classes, 2, costs);
    let totals = class_totals(&sums, alpha, 2);
    sums.chunks_exact(2).map(|row| ((row[1] + alpha) / totals[1]).ln() - ((row[0] + alpha) / totals[0]).ln()).collect()
}
