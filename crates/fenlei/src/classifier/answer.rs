//! What people and programs are told about one text: labels with their probabilities, best first.
//!
//! Invariant: the program, the server and every later front end take their answers from here, so that the same text
//! gets the same answer everywhere.

use serde::Serialize;

use super::{Classifier, Decision};

/// A label and its probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scored<'a> {
    /// `None` where the classifier abstains; its score is the confidence that is too low.
    pub label: Option<&'a str>,
    /// The probability.
    pub score: f32,
    /// Whether the label is given, where no one threshold tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<bool>,
}

/// How much of an answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerOptions {
    /// The best labels, whatever their probability.
    pub top_k: Option<usize>,
    /// Of several labels only those that are given.
    pub given_only: bool,
}

impl Classifier {
    /// The labels of a text with these probabilities, best first; the one that is given comes before all others. Of
    /// a text about which the classifier abstains, that comes first, unless the best labels were asked for.
    pub fn answer(&self, row: &[f32], options: AnswerOptions) -> Vec<Scored<'_>> {
        self.answer_by(&self.decision, row, options)
    }

    /// Like [`Classifier::answer`], by another decision than the saved one.
    pub fn answer_by(&self, decision: &Decision, row: &[f32], options: AnswerOptions) -> Vec<Scored<'_>> {
        let decided = decision.decide(row);
        let is_given = |label: usize| decided.labels.contains(&(label as u32));
        let mut ranked: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if decision.positive.is_some() {
            // The one that is given may be less probable than the other. The sort is stable.
            ranked.sort_by_key(|&(label, _)| !is_given(label));
        }
        if options.given_only && decision.multi_label {
            ranked.retain(|&(label, _)| is_given(label));
        }
        if let Some(k) = options.top_k {
            ranked.truncate(k);
        }
        let has_thresholds = decision.thresholds.is_some();
        let silence = Scored { label: None, score: decided.confidence, given: None };
        let silence = (decided.abstained && options.top_k.is_none()).then_some(silence);
        let scored = ranked.iter().map(|&(label, score)| Scored {
            label: Some(&self.labels[label]),
            score,
            given: has_thresholds.then(|| is_given(label) && !decided.abstained),
        });
        silence.into_iter().chain(scored).collect()
    }
}
