//! Models that are fitted without labels: centroids of spherical k-means, topics of NMF and LDA.
//!
//! A cluster is a label like any other. One label more stands behind those of the clusters, [`NO_WORDS`]: that of the
//! documents which no cluster can be told for, since they have no word that the model knows.

mod averaged;
mod lda;
mod nmf;
mod numbers;
mod spec;

use rayon::prelude::*;

pub(crate) use averaged::AveragedVectors;
pub(crate) use lda::{Inference, digamma};
pub(crate) use nmf::{descend, gram};
pub(crate) use numbers::ClusterNumbers;
pub use spec::{AveragedSpec, ClusterSpec, KMeansSpec, LdaSpec, NmfSpec};

use self::numbers::{DOCS_PER_TASK, Memory};
use super::sparse::StrongFeature;
use crate::features::{SparseRows, Vectorizer};
use crate::text::TextPipeline;

/// The label of documents without a word that the model knows.
pub const NO_WORDS: &str = "(no words)";

/// Clusters or topics over fitted features.
#[derive(Debug)]
pub struct ClusterModel {
    spec: ClusterSpec,
    vectorizer: Vectorizer,
    numbers: ClusterNumbers,
}

impl ClusterModel {
    /// Puts the parts together.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn new(spec: ClusterSpec, vectorizer: Vectorizer, numbers: ClusterNumbers) -> Result<Self, String> {
        let (k, n_columns) = (spec.k(), vectorizer.n_columns());
        let (found, expected) = match &numbers {
            ClusterNumbers::Centroids(table) | ClusterNumbers::Nmf(table, _) | ClusterNumbers::Lda(table) => {
                (table.len(), n_columns * k)
            }
            ClusterNumbers::Averaged(vectors, centroids) if vectors.table.len() == n_columns * vectors.dim => {
                (centroids.len(), vectors.dim * k)
            }
            ClusterNumbers::Averaged(vectors, _) => (vectors.table.len(), n_columns * vectors.dim),
        };
        let fits = match (&spec, &numbers) {
            (ClusterSpec::KMeans(spec), ClusterNumbers::Centroids(_)) => spec.vectors.is_none(),
            (ClusterSpec::KMeans(spec), ClusterNumbers::Averaged(..)) => spec.vectors.is_some(),
            (ClusterSpec::Nmf(_), ClusterNumbers::Nmf(..)) | (ClusterSpec::Lda(_), ClusterNumbers::Lda(_)) => true,
            _ => false,
        };
        if found != expected || !fits {
            return Err(format!("{found} numbers for {k} clusters, expected {expected}"));
        }
        Ok(Self { spec, vectorizer, numbers })
    }

    /// What the model was built from.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The fitted features, to look at.
    pub fn vectorizer(&self) -> &Vectorizer {
        &self.vectorizer
    }

    pub(crate) fn numbers(&self) -> &ClusterNumbers {
        &self.numbers
    }

    /// Labels with the one of documents without words.
    pub(crate) fn n_labels(&self) -> usize {
        self.spec.k() + 1
    }

    /// The tensors of the model with their shapes, to look at.
    pub fn tables(&self) -> Vec<(&'static str, Vec<usize>)> {
        let k = self.spec.k();
        let shape = vec![self.vectorizer.n_columns(), k];
        match &self.numbers {
            ClusterNumbers::Centroids(_) => vec![("centroids", shape)],
            ClusterNumbers::Nmf(..) | ClusterNumbers::Lda(_) => vec![("topics", shape)],
            ClusterNumbers::Averaged(vectors, _) => {
                let mut tables = vec![("vectors", vec![shape[0], vectors.dim]), ("centroids", vec![vectors.dim, k])];
                if !vectors.component.is_empty() {
                    tables.push(("component", vec![vectors.dim]));
                }
                tables
            }
        }
    }

    /// The probability of each label for each text, `[n_texts, k + 1]`.
    pub(super) fn probabilities<S: AsRef<str> + Sync>(&self, pipeline: &TextPipeline, texts: &[S]) -> Vec<f32> {
        self.probabilities_of_rows(&self.vectorizer.rows(pipeline, texts))
    }

    /// [`probabilities`](Self::probabilities) of texts that are rows of the model's features already.
    fn probabilities_of_rows(&self, rows: &SparseRows) -> Vec<f32> {
        let n_labels = self.n_labels();
        let mut out = vec![0.0; rows.len() * n_labels];
        let tasks = out.par_chunks_mut(DOCS_PER_TASK * n_labels).enumerate();
        tasks.for_each_init(Memory::default, |memory, (task, out)| {
            for (doc, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(n_labels)) {
                self.numbers.score(&self.spec, out, rows.row(doc), memory);
            }
        });
        out
    }

    /// The cluster of each row, `None` for one that none can be told for: what [`probabilities`](Self::probabilities)
    /// makes most probable.
    pub(crate) fn clusters_of_rows(&self, rows: &SparseRows) -> Vec<Option<u32>> {
        self.numbers.clusters_of_rows(&self.spec, rows)
    }

    /// Puts the clusters into another order: the new first one is `order[0]`.
    pub(crate) fn reorder(&mut self, order: &[usize]) {
        let k = self.spec.k();
        let reorder = |table: &mut Vec<f32>| {
            *table = table.chunks_exact(k).flat_map(|row| order.iter().map(|&cluster| row[cluster])).collect();
        };
        match &mut self.numbers {
            ClusterNumbers::Centroids(table) | ClusterNumbers::Averaged(_, table) | ClusterNumbers::Lda(table) => {
                reorder(table);
            }
            ClusterNumbers::Nmf(table, products) => {
                reorder(table);
                *products = gram(table, k);
            }
        }
    }

    /// The `n` features that count most in a cluster, the strongest first; of equal ones the more frequent. None for the
    /// label of documents without words, and for averages, whose numbers are no features.
    pub fn strongest(&self, pipeline: &TextPipeline, label: usize, n: usize) -> Vec<StrongFeature> {
        let k = self.spec.k();
        let table = match &self.numbers {
            ClusterNumbers::Centroids(table) | ClusterNumbers::Nmf(table, _) | ClusterNumbers::Lda(table) => table,
            ClusterNumbers::Averaged(..) => return Vec::new(),
        };
        if label >= k {
            return Vec::new();
        }
        let of_cluster = table.iter().skip(label).step_by(k).copied();
        let mut strong: Vec<(u32, f32)> = (0..).zip(of_cluster).filter(|(_, weight)| *weight > 0.0).collect();
        strong.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        strong.truncate(n);
        let columns: Vec<u32> = strong.iter().map(|(column, _)| *column).collect();
        let names = self.vectorizer.names(pipeline, &columns);
        names.into_iter().zip(strong).map(|(name, (_, weight))| StrongFeature { name, weight }).collect()
    }
}
