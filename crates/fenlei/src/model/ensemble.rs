//! Several models as one: each member answers with its own pipeline, and the answers are put together.

use serde::{Deserialize, Serialize};

use super::{Link, Model, ModelSpec};
use crate::features::SparseRows;
use crate::text::TextPipeline;
use crate::{Error, Result};

/// The most members, so that a file cannot ask for more.
pub(crate) const MAX_MEMBERS: usize = 256;

/// Probabilities are taken to be at least this far from 0 and 1 by a stacking model: a member that is sure and wrong must
/// not weigh without bound.
const SUREST: f32 = 1e-5;

/// How the answers of members become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// The weighted mean of the probabilities.
    #[default]
    Soft,
    /// The weighted share of the members that give the label; of equal shares the one with the larger mean probability.
    Hard,
    /// A logistic regression over the members' logits (Wolpert 1992).
    Stacking,
}

/// The description of an ensemble.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnsembleSpec {
    /// How the answers become one.
    pub combine: Combine,
    /// How much each member counts, with a sum of 1; empty for a stacking model.
    pub weights: Vec<f32>,
    /// What each member is.
    pub members: Vec<ModelSpec>,
}

impl EnsembleSpec {
    /// Checks what does not depend on documents.
    ///
    /// # Errors
    /// [`Error::Config`] with the key.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |place: &str, problem: String| {
            Err(Error::config(place, problem, "make ensembles with `fenlei ensemble`, which writes them complete"))
        };
        if !(1..=MAX_MEMBERS).contains(&self.members.len()) {
            return refuse("model.members", format!("found {}, expected 1 to {MAX_MEMBERS}", self.members.len()));
        }
        let nests = |member: &ModelSpec| matches!(member, ModelSpec::Ensemble(_));
        if self.members.iter().any(nests) {
            return refuse("model.members", "found an ensemble inside of an ensemble".to_owned());
        }
        let expected = if self.combine == Combine::Stacking { 0 } else { self.members.len() };
        let fits = self.weights.len() == expected && self.weights.iter().all(|w| (0.0..=1.0).contains(w));
        if !fits || expected > 0 && (self.weights.iter().sum::<f32>() - 1.0).abs() > 1e-3 {
            let found = &self.weights;
            return refuse("model.weights", format!("found {found:?}, expected {expected} shares with a sum of 1"));
        }
        Ok(())
    }
}

/// One model of an ensemble with what stands before it.
#[derive(Debug)]
pub struct Member {
    pub(crate) pipeline: TextPipeline,
    pub(crate) model: Model,
}

impl Member {
    /// What makes texts into tokens for it.
    pub fn pipeline(&self) -> &TextPipeline {
        &self.pipeline
    }

    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

/// The logistic regression over the logits of the members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meta {
    /// `[n_inputs, n_outputs]`, see [`n_inputs`] and [`Link::n_outputs`].
    pub weights: Vec<f32>,
    /// `[n_outputs]`.
    pub bias: Vec<f32>,
}

/// How the answers of members become one, with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Combiner {
    /// Shares with a sum of 1.
    Soft(Vec<f32>),
    /// Shares with a sum of 1.
    Hard(Vec<f32>),
    Stacking(Meta),
}

/// Several models as one.
#[derive(Debug)]
pub struct EnsembleModel {
    pub(crate) members: Vec<Member>,
    pub(crate) combiner: Combiner,
    pub(crate) n_labels: usize,
    pub(crate) multi_label: bool,
}

impl EnsembleModel {
    /// What it is.
    pub fn spec(&self) -> EnsembleSpec {
        let (combine, weights) = match &self.combiner {
            Combiner::Soft(weights) => (Combine::Soft, weights.clone()),
            Combiner::Hard(weights) => (Combine::Hard, weights.clone()),
            Combiner::Stacking(_) => (Combine::Stacking, Vec::new()),
        };
        EnsembleSpec { combine, weights, members: self.members.iter().map(|member| member.model.spec()).collect() }
    }

    /// The models.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// [`Model::prepare_scoring`] of every member.
    pub(crate) fn prepare_scoring(&self) {
        self.members.iter().for_each(|member| member.model.prepare_scoring());
    }

    /// The probability of each label for each text, `[n_texts, n_labels]`.
    pub(crate) fn probabilities<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<f32> {
        let answers: Vec<Vec<f32>> =
            self.members.iter().map(|member| member.model.probabilities(&member.pipeline, texts)).collect();
        self.combiner.combine(&answers, self.n_labels, self.multi_label)
    }
}

/// Numbers that a stacking model sees of one document: for each member the log-odds of each label, of two labels only that
/// of the second.
pub(crate) fn n_inputs(n_members: usize, n_labels: usize, multi_label: bool) -> usize {
    n_members * if n_labels == 2 && !multi_label { 1 } else { n_labels }
}

/// The logits of members for every document: `[n_docs, n_inputs]`.
pub(crate) fn logits(answers: &[Vec<f32>], n_labels: usize, multi_label: bool) -> SparseRows {
    let n_docs = answers.first().map_or(0, |answers| answers.len() / n_labels);
    let first = usize::from(n_labels == 2 && !multi_label);
    let n_inputs = n_inputs(answers.len(), n_labels, multi_label);
    let mut rows = SparseRows::new(n_inputs);
    for doc_idx in 0..n_docs {
        for answers in answers {
            let row = &answers[doc_idx * n_labels..][..n_labels];
            rows.values.extend(row[first..].iter().map(|&p| {
                let p = p.clamp(SUREST, 1.0 - SUREST);
                (p / (1.0 - p)).ln()
            }));
        }
        rows.columns.extend(0..n_inputs as u32);
        rows.starts.push(rows.values.len());
    }
    rows
}

impl Combiner {
    /// One answer of several: `answers[member]: [n_docs, n_labels]` to `[n_docs, n_labels]`.
    pub fn combine(&self, answers: &[Vec<f32>], n_labels: usize, multi_label: bool) -> Vec<f32> {
        let n_numbers = answers.first().map_or(0, Vec::len);
        match self {
            Self::Soft(weights) => weighted_mean(answers, weights, n_numbers),
            Self::Hard(weights) => {
                /// What the mean probability counts beside a vote: less than any share of one.
                const TIE_BREAK: f32 = 1e-4;
                let votes: Vec<Vec<f32>> = answers.iter().map(|a| votes(a, n_labels, multi_label)).collect();
                let mean = weighted_mean(answers, weights, n_numbers);
                let mut shares = weighted_mean(&votes, weights, n_numbers);
                shares.iter_mut().zip(mean).for_each(|(share, p)| *share += TIE_BREAK * (p - *share));
                shares
            }
            Self::Stacking(meta) => {
                let link = link(n_labels, multi_label);
                let (rows, n_outputs) = (logits(answers, n_labels, multi_label), link.n_outputs(n_labels));
                let mut out = vec![0.0; n_numbers];
                let documents = rows.values.chunks_exact(rows.n_columns.max(1)).zip(out.chunks_exact_mut(n_labels));
                let mut margins = vec![0.0f64; n_outputs];
                for (inputs, out) in documents {
                    margins.iter_mut().zip(&meta.bias).for_each(|(margin, &bias)| *margin = f64::from(bias));
                    for (&input, weights) in inputs.iter().zip(meta.weights.chunks_exact(n_outputs)) {
                        let products = weights.iter().map(|&weight| f64::from(weight) * f64::from(input));
                        margins.iter_mut().zip(products).for_each(|(margin, product)| *margin += product);
                    }
                    link.probabilities(out, &margins);
                }
                out
            }
        }
    }
}

/// What the margins of a stacking model mean.
pub(crate) fn link(n_labels: usize, multi_label: bool) -> Link {
    match (multi_label, n_labels) {
        (true, _) => Link::Independent,
        (false, 2) => Link::Binary,
        (false, _) => Link::Softmax,
    }
}

fn weighted_mean(answers: &[Vec<f32>], weights: &[f32], n_numbers: usize) -> Vec<f32> {
    let mut mean = vec![0.0; n_numbers];
    for (answers, weight) in answers.iter().zip(weights) {
        mean.iter_mut().zip(answers).for_each(|(mean, p)| *mean += weight * p);
    }
    mean
}

/// 1 where a member gives the label, else 0.
fn votes(answers: &[f32], n_labels: usize, multi_label: bool) -> Vec<f32> {
    let mut votes = Vec::with_capacity(answers.len());
    for row in answers.chunks_exact(n_labels) {
        if multi_label {
            votes.extend(row.iter().map(|&p| f32::from(u8::from(p >= 0.5))));
        } else {
            let best = (1..n_labels).fold(0, |best, label| if row[label] > row[best] { label } else { best });
            votes.extend((0..n_labels).map(|label| f32::from(u8::from(label == best))));
        }
    }
    votes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f32], expected: &[f32]) {
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4),
            "{found:?}"
        );
    }

    #[test]
    fn soft_votes_are_means_and_hard_votes_are_shares() {
        let answers = [vec![0.9, 0.1], vec![0.4, 0.6], vec![0.45, 0.55]];
        let equal = vec![1.0 / 3.0; 3];
        near(&Combiner::Soft(equal.clone()).combine(&answers, 2, false), &[0.583_33, 0.416_67]);
        let hard = Combiner::Hard(equal).combine(&answers, 2, false);
        assert!((hard[0] - 1.0 / 3.0).abs() < 1e-3 && (hard[1] - 2.0 / 3.0).abs() < 1e-3, "{hard:?}");
        near(&Combiner::Soft(vec![0.0, 0.5, 0.5]).combine(&answers, 2, false), &[0.425, 0.575]);
        // A tie of votes: the surer member wins.
        let tie = Combiner::Hard(vec![0.5, 0.5]).combine(&answers[..2], 2, false);
        assert!(tie[0] > tie[1] && (tie[0] + tie[1] - 1.0).abs() < 1e-6, "{tie:?}");
        let several = Combiner::Hard(vec![0.5, 0.5]).combine(&[vec![0.6, 0.7], vec![0.2, 0.9]], 2, true);
        assert!((several[0] - 0.5).abs() < 1e-3 && several[1] > 0.99, "{several:?}");
    }

    #[test]
    fn a_stacking_model_is_a_logistic_regression_over_logits() {
        let answers = [vec![0.2, 0.8], vec![0.5, 0.5]];
        let meta = Meta { weights: vec![0.5, 3.0], bias: vec![-0.1] };
        let out = Combiner::Stacking(meta).combine(&answers, 2, false);
        let p = 1.0 / (1.0 + (-(0.5 * 4.0f32.ln() - 0.1)).exp());
        near(&out, &[1.0 - p, p]);
        // With the identity, three labels come out as odds made to sum to 1.
        let identity = Meta { weights: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], bias: vec![0.0; 3] };
        let out = Combiner::Stacking(identity).combine(&[vec![0.5, 0.25, 0.25]], 3, false);
        near(&out, &[0.6, 0.2, 0.2]);
    }

    #[test]
    fn a_description_that_makes_no_ensemble_is_refused() {
        let member = || ModelSpec::Linear(crate::model::LinearSpec::default());
        let spec = |weights: &[f32], n: usize| EnsembleSpec {
            weights: weights.to_vec(),
            members: (0..n).map(|_| member()).collect(),
            ..EnsembleSpec::default()
        };
        spec(&[0.25, 0.75], 2).check().unwrap();
        for (weights, n) in [(&[][..], 0), (&[0.5, 0.6], 2), (&[1.0], 2), (&[f32::NAN, 1.0], 2), (&[2.0, -1.0], 2)] {
            assert!(spec(weights, n).check().is_err(), "{weights:?}");
        }
        let nested = EnsembleSpec {
            members: vec![ModelSpec::Ensemble(spec(&[1.0], 1))],
            weights: vec![1.0],
            ..Default::default()
        };
        assert!(nested.check().unwrap_err().to_string().contains("inside of an ensemble"));
    }
}
