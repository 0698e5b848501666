//! Documents as averages of word vectors: from a file of vectors to points for k-means.

use std::path::Path;

use rayon::prelude::*;

use super::points::FullPoints;
use crate::features::{SparseRows, Vectorizer, WordVectors};
use crate::model::{AveragedSpec, AveragedVectors};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Documents that the common component is found from, at most.
const DOCS_OF_COMPONENT: usize = 100_000;

/// Parts that sums over documents are taken in.
const N_PARTS: usize = 64;

/// Rounds of the power method, at most; the component of word vectors stands out far.
const ROUNDS: usize = 50;

/// The vectors of the features from a file, and the common component of the documents `rows` where it is to be taken
/// away; with how much of the features and their entries the file covers.
pub(super) fn fit(
    spec: AveragedSpec,
    path: &Path,
    pipeline: &TextPipeline,
    vectorizer: &Vectorizer,
    rows: &SparseRows,
) -> Result<(AveragedVectors, String)> {
    let columns: Vec<u32> = (0..vectorizer.n_columns() as u32).collect();
    let mut counts = vec![0u64; columns.len()];
    rows.columns.iter().for_each(|&column| counts[column as usize] += 1);
    let names = vectorizer.names(pipeline, &columns);
    let read = WordVectors::load_for(path, names.iter().map(String::as_str).zip(counts))?;
    let dim = read.dim;
    let mut table = vec![0.0; columns.len() * dim];
    for (out, vector) in table.chunks_exact_mut(dim).zip(read.iter()) {
        if let Some(vector) = vector {
            out.copy_from_slice(vector);
        }
    }
    if read.coverage.n_found == 0 {
        let problem = "it has no vector for any word of the documents";
        return Err(Error::data(
            path,
            None,
            problem,
            "give vectors of the documents' language, cut into the same words",
        ));
    }
    let coverage = &read.coverage;
    let (words, tokens) = (100.0 * coverage.of_words(), 100.0 * coverage.of_tokens());
    let said = format!("vectors cover {words:.1} % of the features, {tokens:.1} % of where they stand");
    let mut vectors = AveragedVectors { dim, table, component: Vec::new() };
    if spec.remove_component {
        vectors.component = common_component(&vectors, rows);
    }
    Ok((vectors, said))
}

/// The first right singular vector of the averages of the documents, by the power method.
fn common_component(vectors: &AveragedVectors, rows: &SparseRows) -> Vec<f32> {
    let step = rows.len().div_ceil(DOCS_OF_COMPONENT).max(1);
    let some: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let averages = vectors.averages(&rows.subset(&some));
    let dim = vectors.dim;
    let docs_per_part = some.len().div_ceil(N_PARTS).max(1);
    let mut component = vec![1.0f64; dim];
    normalise(&mut component);
    for _ in 0..ROUNDS {
        let parts: Vec<Vec<f64>> = averages
            .par_chunks(docs_per_part * dim)
            .map(|part| {
                let mut sums = vec![0.0; dim];
                for row in part.chunks_exact(dim) {
                    let along: f64 = row.iter().zip(&component).map(|(&x, c)| f64::from(x) * c).sum();
                    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += along * f64::from(x));
                }
                sums
            })
            .collect();
        let mut next = vec![0.0; dim];
        parts.iter().for_each(|part| next.iter_mut().zip(part).for_each(|(sum, x)| *sum += x));
        normalise(&mut next);
        let moved: f64 = next.iter().zip(&component).map(|(a, b)| (a - b).abs()).sum();
        component = next;
        if moved < 1e-9 {
            break;
        }
    }
    component.iter().map(|&x| x as f32).collect()
}

fn normalise(vector: &mut [f64]) {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// The averages that have a direction, and which documents they are of.
pub(super) fn points(vectors: &AveragedVectors, rows: &SparseRows) -> (FullPoints, Vec<usize>) {
    let mut values = vectors.averages(rows);
    let dim = vectors.dim;
    let told = |doc: usize, values: &[f32]| values[doc * dim..][..dim].iter().any(|x| *x != 0.0);
    let docs: Vec<usize> = (0..rows.len()).filter(|&doc| told(doc, &values)).collect();
    for (to, &from) in docs.iter().enumerate().filter(|(to, from)| to != *from) {
        values.copy_within(from * dim..(from + 1) * dim, to * dim);
    }
    values.truncate(docs.len() * dim);
    (FullPoints { values, dim }, docs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_what_all_averages_have_in_common() {
        // Every word points along (1, 1, 0) and a little to its own side.
        let table = vec![1.0, 1.0, 0.3, 1.0, 1.0, -0.3, 1.1, 0.9, 0.0, 0.9, 1.1, 0.0];
        let vectors = AveragedVectors { dim: 3, table, component: Vec::new() };
        let mut rows = SparseRows::new(4);
        (0..40u32).for_each(|doc| rows.push([(doc % 4, 1.0)].into_iter()));
        let component = common_component(&vectors, &rows);
        let half = 0.5f32.sqrt();
        let near = component.iter().zip([half, half, 0.0]).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(near, "{component:?}");
    }

    #[test]
    fn documents_without_a_vector_are_no_points() {
        let vectors = AveragedVectors { dim: 2, table: vec![1.0, 0.0, 0.0, 0.0, 0.0, 2.0], component: Vec::new() };
        let mut rows = SparseRows::new(3);
        for column in [1, 0, 1, 2] {
            rows.push([(column, 1.0)].into_iter());
        }
        let (points, docs) = points(&vectors, &rows);
        assert_eq!((points.values, docs), (vec![1.0, 0.0, 0.0, 1.0], vec![1, 3]));
    }
}
