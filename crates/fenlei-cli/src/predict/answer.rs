//! One line of output for one line of input.

use std::io::Write;

use fenlei::classifier::Classifier;
use serde::Serialize;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerStyle {
    /// A JSON list.
    pub json: bool,
    /// The best labels, whatever their probability.
    pub top_k: Option<usize>,
    /// The user named a threshold, so JSON leaves out what is below it.
    pub above_threshold_only: bool,
}

/// What stands for a label where the classifier abstains.
const ABSTAINS: &str = "(abstain)";

#[derive(Serialize)]
struct Scored<'a> {
    /// `None` where the classifier abstains; its score is the confidence that is too low.
    label: Option<&'a str>,
    score: f32,
    /// Where no one threshold tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<bool>,
}

impl AnswerStyle {
    /// Writes the answer for a row of probabilities, with its line end.
    pub fn write(self, out: &mut Vec<u8>, classifier: &Classifier, row: &[f32]) {
        let labels = classifier.labels();
        let decision = classifier.decision();
        let decided = decision.decide(row);
        let is_given = |label: usize| decided.labels.contains(&(label as u32));
        let mut ranked: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if decision.positive.is_some() {
            // The one that is given may be less probable than the other. The sort is stable.
            ranked.sort_by_key(|&(label, _)| !is_given(label));
        }
        if self.above_threshold_only && decision.multi_label {
            ranked.retain(|&(label, _)| is_given(label));
        }
        if let Some(k) = self.top_k {
            ranked.truncate(k);
        }
        if self.json {
            let has_thresholds = decision.thresholds.is_some();
            let silence = Scored { label: None, score: decided.confidence, given: None };
            let silence = (decided.abstained && self.top_k.is_none()).then_some(silence);
            let scored = ranked.iter().map(|&(label, score)| Scored {
                label: Some(&labels[label]),
                score,
                given: has_thresholds.then(|| is_given(label) && !decided.abstained),
            });
            let scored: Vec<Scored<'_>> = silence.into_iter().chain(scored).collect();
            // A vector takes every byte, and every float is a number: probabilities are finite.
            let _ = serde_json::to_writer(&mut *out, &scored);
        } else if self.top_k.is_some() {
            let pairs: Vec<String> =
                ranked.iter().map(|&(label, p)| format!("{}\t{p:.4}", field(&labels[label]))).collect();
            out.extend_from_slice(pairs.join("\t").as_bytes());
        } else if decided.abstained {
            let _ = write!(out, "{ABSTAINS}\t{:.4}", decided.confidence);
        } else {
            ranked.retain(|&(label, _)| is_given(label));
            let names: Vec<String> = ranked.iter().map(|&(label, _)| field(&labels[label])).collect();
            let scores: Vec<String> = ranked.iter().map(|&(_, p)| format!("{p:.4}")).collect();
            let _ = write!(out, "{}\t{}", names.join(","), scores.join(","));
        }
        out.push(b'\n');
    }
}

/// A label as it can stand in a field.
fn field(label: &str) -> String {
    label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
