//! Classical models: a linear function of a bag of n-grams. Logistic regression, support vector machines, naive Bayes
//! and NB-SVM differ in how their weights are learned, not in how they score.

mod link;
mod spec;

use rayon::prelude::*;
use serde::Serialize;

pub use link::Link;
pub(crate) use link::{sigmoid, softplus};
pub use spec::{LinearLoss, LinearSpec, NbKind, NbSpec, NbSvmSpec, Penalty, SparseSpec};

use crate::features::Vectorizer;
use crate::text::TextPipeline;

/// Documents that one thread scores at a time.
const DOCS_PER_TASK: usize = 64;

/// A linear function of fitted features.
#[derive(Debug)]
pub struct SparseModel {
    spec: SparseSpec,
    vectorizer: Vectorizer,
    /// `[n_columns, n_outputs]`.
    weights: Vec<f32>,
    /// `[n_outputs]`.
    bias: Vec<f32>,
    link: Link,
    n_labels: usize,
}

/// A feature and how much it speaks for a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrongFeature {
    /// Tokens with a space between them, or characters.
    pub name: String,
    /// What each unit of it adds to the label's margin.
    pub weight: f32,
}

impl SparseModel {
    /// Puts the parts together.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn new(
        spec: SparseSpec,
        vectorizer: Vectorizer,
        weights: Vec<f32>,
        bias: Vec<f32>,
        n_labels: usize,
        multi_label: bool,
    ) -> Result<Self, String> {
        let link = Link::of(&spec, n_labels, multi_label);
        let n_outputs = link.n_outputs(n_labels);
        if bias.len() != n_outputs || weights.len() != vectorizer.n_columns() * n_outputs {
            let (found, columns) = (weights.len(), vectorizer.n_columns());
            return Err(format!("{found} weights and {} biases for {columns} × {n_outputs}", bias.len()));
        }
        Ok(Self { spec, vectorizer, weights, bias, link, n_labels })
    }

    /// What the model was built from.
    pub fn spec(&self) -> &SparseSpec {
        &self.spec
    }

    /// The fitted features, to look at.
    pub fn vectorizer(&self) -> &Vectorizer {
        &self.vectorizer
    }

    /// `[n_columns, n_outputs]`.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// `[n_outputs]`: 1 for two labels, else one a label.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// What its margins mean.
    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// How many labels.
    pub(crate) fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// The margins of a row, `[n_outputs]`.
    pub(crate) fn margins(&self, out: &mut [f64], row: (&[u32], &[f32])) {
        margins(out, &self.weights, &self.bias, row);
    }

    /// The probability of each label for each text, `[n_texts, n_labels]`.
    pub(super) fn probabilities<S: AsRef<str> + Sync>(&self, pipeline: &TextPipeline, texts: &[S]) -> Vec<f32> {
        let rows = self.vectorizer.rows(pipeline, texts);
        let n_outputs = self.bias.len();
        let mut out = vec![0.0; texts.len() * self.n_labels];
        let tasks = out.par_chunks_mut(DOCS_PER_TASK * self.n_labels).enumerate();
        tasks.for_each_init(
            || vec![0.0; n_outputs],
            |margins, (task, out)| {
                for (doc, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(self.n_labels)) {
                    self.margins(margins, rows.row(doc));
                    self.link.probabilities(out, margins);
                }
            },
        );
        out
    }

    /// The `n` features that speak most for a label, the strongest first; of equal ones the more frequent.
    pub fn strongest(&self, pipeline: &TextPipeline, label: usize, n: usize) -> Vec<StrongFeature> {
        let n_outputs = self.bias.len();
        let (output, sign) = match (self.link, label) {
            (Link::Binary, 0) => (0, -1.0),
            (Link::Binary, _) => (0, 1.0),
            (_, label) => (label, 1.0),
        };
        let of_output = self.weights.iter().skip(output).step_by(n_outputs.max(1)).map(|weight| sign * weight);
        let mut strong: Vec<(u32, f32)> = (0..).zip(of_output).filter(|(_, weight)| *weight > 0.0).collect();
        strong.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        strong.truncate(n);
        let columns: Vec<u32> = strong.iter().map(|(column, _)| *column).collect();
        let names = self.vectorizer.names(pipeline, &columns);
        names.into_iter().zip(strong).map(|(name, (_, weight))| StrongFeature { name, weight }).collect()
    }
}

/// `out = bias + row · weights`; `weights: [n_columns, n_outputs]`.
pub(crate) fn margins<W: Copy + Into<f64>>(out: &mut [f64], weights: &[W], bias: &[W], row: (&[u32], &[f32])) {
    out.iter_mut().zip(bias).for_each(|(margin, &bias)| *margin = bias.into());
    for (&column, &value) in row.0.iter().zip(row.1) {
        let weights = &weights[column as usize * bias.len()..][..bias.len()];
        out.iter_mut().zip(weights).for_each(|(margin, &w)| *margin += w.into() * f64::from(value));
    }
}
