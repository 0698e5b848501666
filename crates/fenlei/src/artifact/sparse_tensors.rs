//! A classical model as tensors: its n-grams level by level, the factors of its features, its weights.

use super::container::Container;
use super::tensors::{DType, TensorData};
use crate::features::{Learned, Level, Vectorizer};
use crate::model::{Link, SparseModel, SparseSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

const IDF: &str = "features.idf";
const WEIGHTS: &str = "weights";
const BIAS: &str = "bias";

/// The names of a level's two tensors.
fn level_names(block: usize, length: usize) -> [String; 2] {
    [format!("features.{block}.{length}.nodes"), format!("features.{block}.{length}.columns")]
}

/// Everything that the description of the model does not say.
pub(super) fn tensors(model: &SparseModel) -> Vec<TensorData<'static>> {
    let Learned { blocks, idf } = model.vectorizer().learned();
    let mut tensors = Vec::new();
    for (block, levels) in blocks.iter().enumerate() {
        for (length, level) in (1..).zip(levels) {
            let [nodes, columns] = level_names(block, length);
            tensors.push(from_u32(nodes, &[level.nodes.len(), 2], level.nodes.as_flattened()));
            tensors.push(from_u32(columns, &[level.columns.len()], &level.columns));
        }
    }
    if !idf.is_empty() {
        tensors.push(TensorData::from_f32(IDF, &[idf.len()], &idf));
    }
    let n_outputs = model.bias().len();
    let shape = [model.vectorizer().n_columns(), n_outputs];
    tensors.push(TensorData::from_f32(WEIGHTS, &shape, model.weights()));
    tensors.push(TensorData::from_f32(BIAS, &[n_outputs], model.bias()));
    tensors
}

fn from_u32(name: String, shape: &[usize], values: &[u32]) -> TensorData<'static> {
    let mut bytes = Vec::with_capacity(values.len() * 4);
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    TensorData { name, dtype: DType::U32, shape: shape.to_vec(), bytes: bytes.into() }
}

/// The model that a file describes, which is not trusted; `refuse` makes an error of what is wrong with it.
pub(super) fn read(
    container: &Container,
    spec: SparseSpec,
    pipeline: &TextPipeline,
    n_labels: usize,
    multi_label: bool,
    refuse: &impl Fn(String) -> Error,
) -> Result<SparseModel> {
    let has = |name: &str| container.names().any(|held| held == name);
    let mut blocks = Vec::new();
    let mut n_read = 2;
    for block in 0.. {
        let mut levels = Vec::new();
        for length in 1.. {
            let [nodes, columns] = level_names(block, length);
            if !has(&nodes) {
                break;
            }
            let numbers = read_u32(container, &nodes, refuse)?;
            let (pairs, rest) = numbers.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(refuse(format!("its tensor {nodes:?} has {} numbers, expected pairs", numbers.len())));
            }
            levels.push(Level { nodes: pairs.to_vec(), columns: read_u32(container, &columns, refuse)? });
            n_read += 2;
        }
        if levels.is_empty() {
            break;
        }
        blocks.push(levels);
    }
    let floats = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
        let numbers = container.read_f32(name, shape)?;
        match numbers.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(refuse(format!("number {at} of its tensor {name:?} is {}", numbers[at]))),
            None => Ok(numbers),
        }
    };
    let mut idf = Vec::new();
    if has(IDF) {
        idf = floats(IDF, container.tensor(IDF)?.shape)?;
        n_read += 1;
    }
    if container.names().count() != n_read {
        return Err(refuse(format!("{} tensors, expected {n_read}", container.names().count())));
    }
    let learned = Learned { blocks, idf };
    let vectorizer = Vectorizer::restore(spec.features(), pipeline, learned).map_err(refuse)?;
    let n_outputs = Link::of(&spec, n_labels, multi_label).n_outputs(n_labels);
    let weights = floats(WEIGHTS, &[vectorizer.n_columns(), n_outputs])?;
    let bias = floats(BIAS, &[n_outputs])?;
    SparseModel::new(spec, vectorizer, weights, bias, n_labels, multi_label).map_err(refuse)
}

fn read_u32(container: &Container, name: &str, refuse: &impl Fn(String) -> Error) -> Result<Vec<u32>> {
    let tensor = container.tensor(name)?;
    match tensor.dtype {
        DType::U32 => Ok(tensor.data.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()),
        dtype => Err(refuse(format!("the numbers of its tensor {name:?} are {dtype:?}, expected U32"))),
    }
}
