//! Fitted features as tensors: their n-grams level by level, and the factor of each.

use super::container::Container;
use super::tensors::{DType, TensorData};
use crate::features::{FeaturesSpec, Learned, Level, Vectorizer};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// The names of a level's two tensors; `prefix` stands before all names.
fn of_level(prefix: &str, block: usize, length: usize) -> [String; 2] {
    ["nodes", "columns"].map(|part| format!("{prefix}features.{block}.{length}.{part}"))
}

fn idf_name(prefix: &str) -> String {
    format!("{prefix}features.idf")
}

/// Everything that the description of the features does not say, under names that begin with `prefix`.
pub(super) fn tensors(vectorizer: &Vectorizer, prefix: &str) -> Vec<TensorData<'static>> {
    let Learned { blocks, idf } = vectorizer.learned();
    let mut tensors = Vec::new();
    for (block, levels) in blocks.iter().enumerate() {
        for (length, level) in (1..).zip(levels) {
            let [nodes, columns] = of_level(prefix, block, length);
            tensors.push(from_u32(nodes, &[level.nodes.len(), 2], level.nodes.as_flattened()));
            tensors.push(from_u32(columns, &[level.columns.len()], &level.columns));
        }
    }
    if !idf.is_empty() {
        tensors.push(TensorData::from_f32(idf_name(prefix), &[idf.len()], &idf));
    }
    tensors
}

fn from_u32(name: String, shape: &[usize], values: &[u32]) -> TensorData<'static> {
    let mut bytes = Vec::with_capacity(values.len() * 4);
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    TensorData { name, dtype: DType::U32, shape: shape.to_vec(), bytes: bytes.into() }
}

/// The features that a file describes, which is not trusted, and how many tensors they have; `refuse` makes an error of
/// what is wrong with them.
pub(super) fn read(
    container: &Container,
    prefix: &str,
    spec: &FeaturesSpec,
    pipeline: &TextPipeline,
    refuse: &impl Fn(String) -> Error,
) -> Result<(Vectorizer, usize)> {
    let has = |name: &str| container.names().any(|held| held == name);
    let mut blocks = Vec::new();
    let mut n_read = 0;
    for block in 0.. {
        let mut levels = Vec::new();
        for length in 1.. {
            let [nodes, columns] = of_level(prefix, block, length);
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
    let (name, mut idf) = (idf_name(prefix), Vec::new());
    if has(&name) {
        idf = read_finite(container, &name, container.tensor(&name)?.shape, refuse)?;
        n_read += 1;
    }
    let vectorizer = Vectorizer::restore(spec, pipeline, Learned { blocks, idf }).map_err(refuse)?;
    Ok((vectorizer, n_read))
}

/// A tensor of numbers that are all finite.
pub(super) fn read_finite(
    container: &Container,
    name: &str,
    shape: &[usize],
    refuse: &impl Fn(String) -> Error,
) -> Result<Vec<f32>> {
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
