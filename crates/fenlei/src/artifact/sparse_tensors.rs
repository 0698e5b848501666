//! A classical model as tensors: its n-grams level by level, the factors of its features, its weights.

use super::container::Container;
use super::tensors::{DType, TensorData};
use crate::features::{FeaturesSpec, Learned, Level, Vectorizer};
use crate::model::{Link, SparseModel, SparseSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// The names of its tensors; `prefix` stands before all of them.
struct Names {
    prefix: &'static str,
    idf: String,
    weights: String,
    bias: String,
}

impl Names {
    fn new(prefix: &'static str) -> Self {
        let name = |name| format!("{prefix}{name}");
        Self { prefix, idf: name("features.idf"), weights: name("weights"), bias: name("bias") }
    }

    /// Those of a level's two tensors.
    fn of_level(&self, block: usize, length: usize) -> [String; 2] {
        ["nodes", "columns"].map(|part| format!("{}features.{block}.{length}.{part}", self.prefix))
    }
}

/// Everything that the description of the model does not say, under names that begin with `prefix`.
pub(super) fn tensors(model: &SparseModel, prefix: &'static str) -> Vec<TensorData<'static>> {
    let names = Names::new(prefix);
    let mut tensors = vectorizer_tensors(model.vectorizer(), prefix);
    let n_outputs = model.bias().len();
    let shape = [model.vectorizer().n_columns(), n_outputs];
    tensors.push(TensorData::from_f32(names.weights, &shape, model.weights()));
    tensors.push(TensorData::from_f32(names.bias, &[n_outputs], model.bias()));
    tensors
}

/// What was learned about the features.
pub(super) fn vectorizer_tensors(vectorizer: &Vectorizer, prefix: &'static str) -> Vec<TensorData<'static>> {
    let names = Names::new(prefix);
    let Learned { blocks, idf } = vectorizer.learned();
    let mut tensors = Vec::new();
    for (block, levels) in blocks.iter().enumerate() {
        for (length, level) in (1..).zip(levels) {
            let [nodes, columns] = names.of_level(block, length);
            tensors.push(from_u32(nodes, &[level.nodes.len(), 2], level.nodes.as_flattened()));
            tensors.push(from_u32(columns, &[level.columns.len()], &level.columns));
        }
    }
    if !idf.is_empty() {
        tensors.push(TensorData::from_f32(names.idf, &[idf.len()], &idf));
    }
    tensors
}

fn from_u32(name: String, shape: &[usize], values: &[u32]) -> TensorData<'static> {
    let mut bytes = Vec::with_capacity(values.len() * 4);
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    TensorData { name, dtype: DType::U32, shape: shape.to_vec(), bytes: bytes.into() }
}

/// The model that a file describes, which is not trusted, and how many tensors it has; `refuse` makes an error of what is
/// wrong with it.
pub(super) fn read(
    container: &Container,
    prefix: &'static str,
    spec: SparseSpec,
    pipeline: &TextPipeline,
    n_labels: usize,
    multi_label: bool,
    refuse: &impl Fn(String) -> Error,
) -> Result<(SparseModel, usize)> {
    let names = Names::new(prefix);
    let (vectorizer, n_of_features) = read_vectorizer(container, prefix, spec.features(), pipeline, refuse)?;
    let n_outputs = Link::of(&spec, n_labels, multi_label).n_outputs(n_labels);
    let weights = floats(container, &names.weights, &[vectorizer.n_columns(), n_outputs], refuse)?;
    let bias = floats(container, &names.bias, &[n_outputs], refuse)?;
    let model = SparseModel::new(spec, vectorizer, weights, bias, n_labels, multi_label).map_err(refuse)?;
    Ok((model, n_of_features + 2))
}

/// The features that a file describes, which are not trusted, and how many tensors they have.
pub(super) fn read_vectorizer(
    container: &Container,
    prefix: &'static str,
    spec: &FeaturesSpec,
    pipeline: &TextPipeline,
    refuse: &impl Fn(String) -> Error,
) -> Result<(Vectorizer, usize)> {
    let names = Names::new(prefix);
    let has = |name: &str| container.names().any(|held| held == name);
    let mut blocks = Vec::new();
    let mut n_read = 0;
    for block in 0.. {
        let mut levels = Vec::new();
        for length in 1.. {
            let [nodes, columns] = names.of_level(block, length);
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
    let mut idf = Vec::new();
    if has(&names.idf) {
        idf = floats(container, &names.idf, container.tensor(&names.idf)?.shape, refuse)?;
        n_read += 1;
    }
    let vectorizer = Vectorizer::restore(spec, pipeline, Learned { blocks, idf }).map_err(refuse)?;
    Ok((vectorizer, n_read))
}

fn floats(container: &Container, name: &str, shape: &[usize], refuse: &impl Fn(String) -> Error) -> Result<Vec<f32>> {
    let numbers = container.read_f32(name, shape)?;
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(refuse(format!("number {at} of its tensor {name:?} is {}", numbers[at]))),
        None => Ok(numbers),
    }
}

fn read_u32(container: &Container, name: &str, refuse: &impl Fn(String) -> Error) -> Result<Vec<u32>> {
    let tensor = container.tensor(name)?;
    match tensor.dtype {
        DType::U32 => Ok(tensor.data.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()),
        dtype => Err(refuse(format!("the numbers of its tensor {name:?} are {dtype:?}, expected U32"))),
    }
}
