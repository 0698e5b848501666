//! The logistic regression over the answers of an ensemble's members.

use super::sparse::{Task, learn};
use crate::Result;
use crate::data::Target;
use crate::features::Labels;
use crate::model::{LinearSpec, Meta, SparseSpec, stacking_logits};

/// Fits the meta-model of a stacking ensemble. `answers[member]: [n_docs, n_labels]` must be out-of-fold probabilities:
/// those for documents that a member learned from are better than it is.
///
/// # Errors
/// When the solver fails.
pub(crate) fn fit_stacking(answers: &[Vec<f32>], targets: &[Target], labels: Labels) -> Result<Meta> {
    let spec = SparseSpec::Linear(LinearSpec::default());
    let rows = stacking_logits(answers, labels.n, labels.multi);
    let task = Task {
        spec: &spec,
        rows: &rows,
        targets,
        labels,
        label_weights: None,
        n_originals: targets.len(),
        seed: 0,
        stop: None,
    };
    let solution = learn(&task)?;
    let as_f32 = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect();
    Ok(Meta { weights: as_f32(&solution.weights), bias: as_f32(&solution.bias) })
}
