//! Whether predictions can be compared with the truth at all.

use super::Truth;
use crate::classifier::Decision;
use crate::data::Target;
use crate::{Error, Result};

/// Softmax rounds, so a probability may exceed 1 by a little.
const PROBABILITY_TOLERANCE: f32 = 1e-5;

/// Refuses what cannot be evaluated, and says where it is.
pub(super) fn check(labels: &[String], truth: Truth, probabilities: &[f32], decision: &Decision) -> Result<()> {
    let refuse = |problem: String, help: &str| Err(Error::config("evaluation", problem, help));
    let (n_docs, n_labels) = (truth.n_docs(), labels.len());
    if n_docs == 0 {
        return refuse("there are no documents".into(), "give at least one labelled document");
    }
    if n_labels == 0 {
        return refuse("there are no labels".into(), "evaluate with a model that has labels");
    }
    if n_docs.checked_mul(n_labels) != Some(probabilities.len()) {
        return refuse(
            format!(
                "{} probabilities for {n_docs} documents and {n_labels} labels, expected one for each pair",
                probabilities.len()
            ),
            "predict the same documents that the truth is about",
        );
    }
    if let Err(problem) = decision.check(n_labels) {
        return refuse(format!("the decision does not fit: {problem}"), "choose thresholds between 0 and 1");
    }
    if decision.multi_label != matches!(truth, Truth::Multi(_)) {
        let problem = "the truth and the decision differ in whether a document may have several labels";
        return refuse(problem.into(), "this is a bug, please report it");
    }
    for doc_idx in 0..n_docs {
        if let Some(label) = truth.labels_of(doc_idx).iter().find(|&&label| label as usize >= n_labels) {
            return refuse(
                format!("document {} has label number {label} of {n_labels} labels (counted from 0)", doc_idx + 1),
                "map the labels of the data to those of the model first",
            );
        }
        if matches!(truth, Truth::Multi(targets) if targets[doc_idx] == Target::Unlabelled) {
            return refuse(format!("document {} is not labelled", doc_idx + 1), "evaluate on labelled documents only");
        }
    }
    let possible = -PROBABILITY_TOLERANCE..=1.0 + PROBABILITY_TOLERANCE;
    if let Some(index) = probabilities.iter().position(|probability| !possible.contains(probability)) {
        return Err(Error::train(
            format!(
                "the model gives document {} the probability {} for the label {:?}, expected 0 to 1",
                index / n_labels + 1,
                probabilities[index],
                labels[index % n_labels]
            ),
            "it has diverged: train again with a lower learning rate",
        ));
    }
    Ok(())
}
