//! One line of output for one line of input.

use std::io::Write;

use fenlei::classifier::{AnswerOptions, Classifier};

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

impl AnswerStyle {
    /// Writes the answer for a row of probabilities, with its line end.
    pub fn write(self, out: &mut Vec<u8>, classifier: &Classifier, row: &[f32]) {
        let options = AnswerOptions { top_k: self.top_k, given_only: self.above_threshold_only };
        let scored = classifier.answer(row, options);
        if self.json {
            // A vector takes every byte, and every float is a number: probabilities are finite.
            let _ = serde_json::to_writer(&mut *out, &scored);
        } else if self.top_k.is_some() {
            let pairs: Vec<String> = scored
                .iter()
                .map(|one| format!("{}\t{:.4}", field(one.label.unwrap_or(ABSTAINS)), one.score))
                .collect();
            out.extend_from_slice(pairs.join("\t").as_bytes());
        } else {
            let decided = classifier.decision().decide(row);
            if decided.abstained {
                let _ = write!(out, "{ABSTAINS}\t{:.4}", decided.confidence);
            } else {
                let mut given: Vec<(usize, f32)> =
                    decided.labels.iter().map(|&label| (label as usize, row[label as usize])).collect();
                given.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                let names: Vec<String> = given.iter().map(|&(label, _)| field(&classifier.labels()[label])).collect();
                let scores: Vec<String> = given.iter().map(|&(_, p)| format!("{p:.4}")).collect();
                let _ = write!(out, "{}\t{}", names.join(","), scores.join(","));
            }
        }
        out.push(b'\n');
    }
}

/// A label as it can stand in a field.
fn field(label: &str) -> String {
    label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
