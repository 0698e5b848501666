//! A classical model as tensors: its features, its weights.

use super::container::Container;
use super::feature_tensors::{self, read_finite};
use super::tensors::TensorData;
use crate::model::{Link, SparseModel, SparseSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Everything that the description of the model does not say, under names that begin with `prefix`.
pub(super) fn tensors(model: &SparseModel, prefix: &str) -> Vec<TensorData<'static>> {
    let mut tensors = feature_tensors::tensors(model.vectorizer(), prefix);
    let n_outputs = model.bias().len();
    let shape = [model.vectorizer().n_columns(), n_outputs];
    tensors.push(TensorData::from_f32(format!("{prefix}weights"), &shape, model.weights()));
    tensors.push(TensorData::from_f32(format!("{prefix}bias"), &[n_outputs], model.bias()));
    tensors
}

/// The model that a file describes, which is not trusted, and how many tensors it has; `refuse` makes an error of what is
/// wrong with it.
pub(super) fn read(
    container: &Container,
    prefix: &str,
    spec: SparseSpec,
    pipeline: &TextPipeline,
    n_labels: usize,
    multi_label: bool,
    refuse: &impl Fn(String) -> Error,
) -> Result<(SparseModel, usize)> {
    let (vectorizer, n_of_features) = feature_tensors::read(container, prefix, spec.features(), pipeline, refuse)?;
    let n_outputs = Link::of(&spec, n_labels, multi_label).n_outputs(n_labels);
    let shape = [vectorizer.n_columns(), n_outputs];
    let weights = read_finite(container, &format!("{prefix}weights"), &shape, refuse)?;
    let bias = read_finite(container, &format!("{prefix}bias"), &[n_outputs], refuse)?;
    let model = SparseModel::new(spec, vectorizer, weights, bias, n_labels, multi_label).map_err(refuse)?;
    Ok((model, n_of_features + 2))
}
