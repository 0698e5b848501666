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

#[derive(Serialize)]
struct Scored<'a> {
    label: &'a str,
    score: f32,
}

impl AnswerStyle {
    /// Writes the answer for a row of probabilities, with its line end.
    pub fn write(self, out: &mut Vec<u8>, classifier: &Classifier, row: &[f32]) {
        let labels = classifier.labels();
        let decision = classifier.decision();
        let mut ranked: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.above_threshold_only {
            ranked.retain(|(_, p)| *p >= decision.threshold);
        }
        if let Some(k) = self.top_k {
            ranked.truncate(k);
        }
        if self.json {
            let scored: Vec<Scored<'_>> =
                ranked.iter().map(|&(label, score)| Scored { label: &labels[label], score }).collect();
            // A vector takes every byte, and every float is a number: probabilities are finite.
            let _ = serde_json::to_writer(&mut *out, &scored);
        } else if self.top_k.is_some() {
            let pairs: Vec<String> =
                ranked.iter().map(|&(label, p)| format!("{}\t{p:.4}", field(&labels[label]))).collect();
            out.extend_from_slice(pairs.join("\t").as_bytes());
        } else {
            if decision.multi_label {
                ranked.retain(|(_, p)| *p >= decision.threshold);
            } else {
                ranked.truncate(1);
            }
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
