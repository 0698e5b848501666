//! A linear model of n-grams beside a net: "wide and deep" (Cheng et al. 2016), with the wide part solved first.
//!
//! The wide part is NB-SVM over the ids that the net reads. Its answer is added to the logits of the net, which so
//! learns only what n-grams do not tell. What it answers about a training document while the net learns comes from a fit
//! without that document, as its answers about documents that it has seen are too good to leave anything to learn.

use fenlei_nn::loss::Head;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sparse::{Link, NbSvmSpec, SparseModel, SparseSpec, softplus};
use crate::features::{DfLimit, FeaturesSpec, Idf, Norm, SeenColumns, Tf};
use crate::text::EncodedTexts;
use crate::{Error, Result};

/// Documents that one thread answers at a time.
const DOCS_PER_TASK: usize = 64;

/// The settings of the wide part: `[model.wide]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WideSpec {
    /// Runs of one token up to this many are features. An unknown token ends a run. Default: 3.
    pub word_ngrams: usize,
    /// Features of fewer documents are left out: a number, or a share (with a decimal point). Default: 2.
    pub min_df: DfLimit,
    /// The most features; those that stand most often are kept. Default: 300,000.
    pub max_features: usize,
    /// What is added to each count of naive Bayes. Default: 1.
    pub alpha: f64,
    /// How much the errors count against the penalty. Default: 1.
    pub c: f64,
    /// When the optimum is near enough: the gradient as a share of what it was at the start. Default: 0.01.
    pub tolerance: f64,
}

impl Default for WideSpec {
    fn default() -> Self {
        Self {
            word_ngrams: 3,
            min_df: DfLimit::Documents(2),
            max_features: 300_000,
            alpha: 1.0,
            c: 1.0,
            tolerance: 0.01,
        }
    }
}

impl WideSpec {
    /// The linear model that the wide part is.
    pub(crate) fn linear(&self) -> SparseSpec {
        let features = FeaturesSpec {
            word_ngrams: self.word_ngrams,
            tf: Tf::Binary,
            idf: Idf::None,
            norm: Norm::None,
            min_df: self.min_df,
            max_features: Some(self.max_features),
            ..FeaturesSpec::default()
        };
        let Self { alpha, c, tolerance, .. } = *self;
        SparseSpec::NbSvm(NbSvmSpec { alpha, c, tolerance, features, ..NbSvmSpec::default() })
    }

    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the dotted key.
    pub(crate) fn check(&self) -> Result<()> {
        self.linear().check().map_err(|error| match error {
            Error::Config { place, problem, help } => {
                let key = place.rsplit('.').next().unwrap_or_default();
                Error::Config { place: format!("model.wide.{key}"), problem, help }
            }
            error => error,
        })
    }
}

/// A fitted wide part.
#[derive(Debug)]
pub struct Wide {
    pub(crate) linear: SparseModel,
    /// What its answers are multiplied by, so that they are as sure as they are right.
    pub(crate) scale: f32,
}

impl Wide {
    /// The linear model, to look at.
    pub fn linear(&self) -> &SparseModel {
        &self.linear
    }

    /// What is added to the logits of a net with this `head`: `[n_texts, n_outputs]`.
    pub(crate) fn offsets(&self, head: Head, texts: &EncodedTexts) -> Vec<f32> {
        let (weights, bias) = (self.linear.weights(), self.linear.bias());
        let n_outputs = head.n_outputs(self.linear.n_labels());
        let mut out = vec![0.0; texts.len() * n_outputs];
        let tasks = out.par_chunks_mut(DOCS_PER_TASK * n_outputs).enumerate();
        let n_columns = self.linear.vectorizer().n_columns();
        let memory = || (SeenColumns::of(texts.ids.len(), n_columns), vec![0.0; bias.len()]);
        tasks.for_each_init(memory, |(seen, margins), (task, out)| {
            for (doc, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(n_outputs)) {
                margins.iter_mut().zip(bias).for_each(|(margin, &bias)| *margin = f64::from(bias));
                let ids = texts.get(doc).unwrap_or_default();
                // Features are there or not: each adds its weights once.
                self.linear.vectorizer().for_each_column_of_ids(ids, seen, |column| {
                    let weights = &weights[column as usize * bias.len()..][..bias.len()];
                    margins.iter_mut().zip(weights).for_each(|(margin, &w)| *margin += f64::from(w));
                });
                log_odds(out, head, self.linear.link(), margins);
                out.iter_mut().for_each(|x| *x *= self.scale);
            }
        });
        out
    }
}

/// The margins of a linear model as logits of a net's head.
pub(crate) fn log_odds(out: &mut [f32], head: Head, link: Link, margins: &[f64]) {
    match (head, link) {
        (Head::Binary, _) => out[0] = margins[0] as f32,
        (Head::Softmax, Link::Binary) => {
            out[0] = -softplus(margins[0]) as f32;
            out[1] = -softplus(-margins[0]) as f32;
        }
        // Each label against the rest: the logarithm of its probability.
        (Head::Softmax, _) => out.iter_mut().zip(margins).for_each(|(out, &m)| *out = -softplus(-m) as f32),
        (Head::Sigmoid, Link::Binary) => {
            out[0] = -margins[0] as f32;
            out[1] = margins[0] as f32;
        }
        (Head::Sigmoid, _) => out.iter_mut().zip(margins).for_each(|(out, &m)| *out = m as f32),
        // `NetModelSpec::check` refuses it: a question is about many labels.
        (Head::Hierarchical, _) => out.fill(0.0),
    }
}
