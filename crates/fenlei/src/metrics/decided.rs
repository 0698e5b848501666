//! What was decided, counted.

use super::counts::Counts;
use super::{Confusion, Truth};
use crate::classifier::Decision;
use crate::data::Target;

/// What was predicted, counted.
pub(super) struct Decisions {
    pub per_label: Vec<Counts>,
    pub confusion: Option<Confusion>,
    /// Documents predicted exactly right.
    pub n_right: u64,
    /// Wrong (document, label) decisions; multi-label only.
    pub n_wrong_pairs: u64,
    /// Sum over the documents of the F1 of their sets; multi-label only.
    pub sum_of_f1: f64,
}

impl Decisions {
    pub fn make(n_labels: usize, truth: Truth, probabilities: &[f32], decision: &Decision) -> Self {
        let rows = probabilities.chunks_exact(n_labels);
        match truth {
            Truth::Single(labels) => Self::single(n_labels, labels, rows, decision),
            Truth::Multi(targets) => Self::multi(n_labels, targets, rows, decision),
        }
    }

    fn single<'a>(n_labels: usize, truth: &[u32], rows: impl Iterator<Item = &'a [f32]>, decision: &Decision) -> Self {
        let mut per_label = vec![Counts::default(); n_labels];
        let mut matrix = Confusion::for_labels(n_labels);
        let mut n_right = 0;
        for (&label, row) in truth.iter().zip(rows) {
            let (label, predicted) = (label as usize, decision.one_label(row));
            per_label[label].support += 1;
            per_label[predicted].predicted += 1;
            if label == predicted {
                per_label[label].true_positives += 1;
                n_right += 1;
            }
            if let Some(matrix) = &mut matrix {
                matrix[label][predicted] += 1;
            }
        }
        let confusion = matrix.map(Confusion::Single);
        Self { per_label, confusion, n_right, n_wrong_pairs: 0, sum_of_f1: 0.0 }
    }

    fn multi<'a>(
        n_labels: usize,
        truth: &[Target],
        rows: impl Iterator<Item = &'a [f32]>,
        decision: &Decision,
    ) -> Self {
        let mut per_label = vec![Counts::default(); n_labels];
        let (mut n_right, mut n_wrong_pairs, mut sum_of_f1) = (0, 0, 0.0);
        let mut is_true = vec![false; n_labels];
        for (target, row) in truth.iter().zip(rows) {
            is_true.fill(false);
            target.as_slice().iter().for_each(|&label| is_true[label as usize] = true);
            let mut document = Counts::default();
            for (label, ((&probability, &truth), counts)) in row.iter().zip(&is_true).zip(&mut per_label).enumerate() {
                let given = decision.gives(label, probability);
                document.add(given, truth);
                counts.add(given, truth);
            }
            let n_wrong = document.predicted + document.support - 2 * document.true_positives;
            n_right += u64::from(n_wrong == 0);
            n_wrong_pairs += n_wrong;
            sum_of_f1 += document.f1();
        }
        let matrices = per_label.iter().map(|counts| counts.matrix(truth.len() as u64)).collect();
        Self { per_label, confusion: Some(Confusion::Multi(matrices)), n_right, n_wrong_pairs, sum_of_f1 }
    }
}
