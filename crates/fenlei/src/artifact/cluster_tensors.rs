//! A model without labels as tensors: its features, its centroids or topics, the vectors that it averages.

use super::container::Container;
use super::feature_tensors::{self, read_finite};
use super::tensors::TensorData;
use crate::model::{AveragedVectors, ClusterModel, ClusterNumbers, ClusterSpec, KMeansSpec, NO_WORDS};
use crate::text::TextPipeline;
use crate::{Error, Result};

const CENTROIDS: &str = "centroids";
const TOPICS: &str = "topics";
const VECTORS: &str = "vectors";
const COMPONENT: &str = "component";

/// Everything that the description of the model does not say.
pub(super) fn tensors(model: &ClusterModel) -> Vec<TensorData<'static>> {
    let mut tensors = feature_tensors::tensors(model.vectorizer(), "");
    let (n_columns, k) = (model.vectorizer().n_columns(), model.spec().k());
    match model.numbers() {
        ClusterNumbers::Centroids(centroids) => {
            tensors.push(TensorData::from_f32(CENTROIDS, &[n_columns, k], centroids));
        }
        ClusterNumbers::Averaged(vectors, centroids) => {
            tensors.push(TensorData::from_f32(VECTORS, &[n_columns, vectors.dim], &vectors.table));
            tensors.push(TensorData::from_f32(CENTROIDS, &[vectors.dim, k], centroids));
            if !vectors.component.is_empty() {
                tensors.push(TensorData::from_f32(COMPONENT, &[vectors.dim], &vectors.component));
            }
        }
        ClusterNumbers::Nmf(topics, _) | ClusterNumbers::Lda(topics) => {
            tensors.push(TensorData::from_f32(TOPICS, &[n_columns, k], topics));
        }
    }
    tensors
}

/// The model that a file describes, which is not trusted, and how many tensors it has; `refuse` makes an error of what is
/// wrong with it.
pub(super) fn read(
    container: &Container,
    spec: ClusterSpec,
    pipeline: &TextPipeline,
    labels: &[String],
    multi_label: bool,
    refuse: &impl Fn(String) -> Error,
) -> Result<(ClusterModel, usize)> {
    spec.check().map_err(|error| refuse(error.to_string()))?;
    let k = spec.k();
    if multi_label || labels.len() != k + 1 || labels[k] != NO_WORDS {
        return Err(refuse(format!("its {} labels are not those of {k} clusters and {NO_WORDS:?}", labels.len())));
    }
    let (vectorizer, mut n_read) = feature_tensors::read(container, "", spec.features(), pipeline, refuse)?;
    let n_columns = vectorizer.n_columns();
    let table = |name: &str, shape: [usize; 2]| read_finite(container, name, &shape, refuse);
    n_read += 1;
    let numbers = match &spec {
        ClusterSpec::KMeans(KMeansSpec { vectors: None, .. }) => {
            ClusterNumbers::Centroids(table(CENTROIDS, [n_columns, k])?)
        }
        ClusterSpec::KMeans(KMeansSpec { vectors: Some(averaged), .. }) => {
            let dim = match container.tensor(VECTORS)?.shape {
                &[_, dim] if dim > 0 => dim,
                shape => return Err(refuse(format!("its tensor {VECTORS:?} has shape {shape:?}, expected a table"))),
            };
            n_read += 1 + usize::from(averaged.remove_component);
            let component =
                if averaged.remove_component { read_finite(container, COMPONENT, &[dim], refuse)? } else { Vec::new() };
            let vectors = AveragedVectors { dim, table: table(VECTORS, [n_columns, dim])?, component };
            ClusterNumbers::Averaged(vectors, table(CENTROIDS, [dim, k])?)
        }
        ClusterSpec::Nmf(_) => {
            let topics = table(TOPICS, [n_columns, k])?;
            if let Some(weight) = topics.iter().find(|weight| **weight < 0.0) {
                return Err(refuse(format!("a number of its topics is {weight}, expected none below 0")));
            }
            ClusterNumbers::nmf(topics, k)
        }
        ClusterSpec::Lda(_) => {
            let topics = table(TOPICS, [n_columns, k])?;
            if let Some(weight) = topics.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
                return Err(refuse(format!("a number of its topics is {weight}, expected 0 to 1")));
            }
            ClusterNumbers::Lda(topics)
        }
    };
    let model = ClusterModel::new(spec, vectorizer, numbers).map_err(refuse)?;
    Ok((model, n_read))
}
