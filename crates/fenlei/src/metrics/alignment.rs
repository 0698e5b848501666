//! Test data may number its labels differently from the model, and may have labels that the model never saw.

use std::collections::HashMap;

use crate::data::Target;
use crate::{Error, Result};

/// Which label of the model each label of a data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelAlignment {
    /// For each label of the data, its index among the model's labels; `None` when the model does not know it.
    pub to_model: Vec<Option<u32>>,
    /// The labels that the model does not know, in the order of the data's labels.
    pub unknown: Vec<UnknownLabel>,
}

/// A label that the model cannot predict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLabel {
    /// Its name.
    pub label: String,
    /// How many documents carry it.
    pub n_docs: u64,
}

/// Finds the labels of a data set among those of a model; names must be equal, byte for byte.
///
/// # Errors
/// [`Error::Config`] when a name stands twice in either list, or when a target is outside of `data_labels`.
pub fn align_labels(model_labels: &[String], data_labels: &[String], targets: &[Target]) -> Result<LabelAlignment> {
    let known = index_by_name("labels of the model", model_labels)?;
    index_by_name("labels of the data", data_labels)?;
    let mut n_docs = vec![0u64; data_labels.len()];
    for (doc_idx, target) in targets.iter().enumerate() {
        for &label in target.as_slice() {
            *n_docs.get_mut(label as usize).ok_or_else(|| {
                Error::config(
                    format!("document {}", doc_idx + 1),
                    format!("label number {label} of {} labels (counted from 0)", data_labels.len()),
                    "the labels and the targets are from different data: read them together",
                )
            })? += 1;
        }
    }
    let to_model: Vec<_> = data_labels.iter().map(|label| known.get(label.as_str()).copied()).collect();
    let unknown = to_model
        .iter()
        .zip(data_labels.iter().zip(n_docs))
        .filter(|(index, _)| index.is_none())
        .map(|(_, (label, n_docs))| UnknownLabel { label: label.clone(), n_docs })
        .collect();
    Ok(LabelAlignment { to_model, unknown })
}

impl LabelAlignment {
    /// The target in the model's numbers, or `None` when the document is unlabelled or carries a label that the model
    /// does not know, so that no prediction could be right.
    pub fn target(&self, target: &Target) -> Option<Target> {
        let to_model = |&label: &u32| self.to_model.get(label as usize).copied().flatten();
        match target {
            Target::Unlabelled => None,
            Target::One(label) => to_model(label).map(Target::One),
            Target::Many(labels) => {
                let mut labels: Vec<u32> = labels.iter().map(to_model).collect::<Option<_>>()?;
                labels.sort_unstable();
                labels.dedup();
                Some(Target::Many(labels.into()))
            }
        }
    }
}

fn index_by_name<'a>(place: &str, labels: &'a [String]) -> Result<HashMap<&'a str, u32>> {
    let mut indices = HashMap::with_capacity(labels.len());
    for (index, label) in (0..).zip(labels) {
        if let Some(first) = indices.insert(label.as_str(), index) {
            return Err(Error::config(
                place,
                format!("{label:?} is both label number {first} and number {index} (counted from 0)"),
                "labels must be distinct",
            ));
        }
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| label.to_string()).collect()
    }

    #[test]
    fn labels_in_another_order_are_found_and_unknown_ones_counted() {
        let targets = [Target::One(0), Target::One(1), Target::One(1), Target::Unlabelled, Target::One(2)];
        let alignment =
            align_labels(&strings(&["体育", "财经", "科技"]), &strings(&["科技", "娱乐", "体育"]), &targets).unwrap();
        assert_eq!(alignment.to_model, [Some(2), None, Some(0)]);
        assert_eq!(alignment.unknown, [UnknownLabel { label: "娱乐".into(), n_docs: 2 }]);
        let aligned: Vec<_> = targets.iter().map(|target| alignment.target(target)).collect();
        assert_eq!(aligned, [Some(Target::One(2)), None, None, None, Some(Target::One(0))]);
        let both = Target::Many([0, 2].into());
        assert_eq!(alignment.target(&both), Some(Target::Many([0, 2].into())));
        assert_eq!(alignment.target(&Target::Many([1].into())), None);
        assert_eq!(alignment.target(&Target::Many([].into())), Some(Target::Many([].into())));
    }

    #[test]
    fn many_labels_stay_ascending_in_the_models_numbers() {
        let alignment = align_labels(&strings(&["a", "b"]), &strings(&["b", "a"]), &[]).unwrap();
        assert_eq!(alignment.target(&Target::Many([0, 1].into())), Some(Target::Many([0, 1].into())));
        assert_eq!(alignment.target(&Target::Many([0].into())), Some(Target::Many([1].into())));
    }

    #[test]
    fn labels_that_cannot_be_told_apart_are_refused() {
        let error = align_labels(&strings(&["a", "b", "a"]), &[], &[]).unwrap_err().to_string();
        assert!(error.contains("\"a\" is both label number 0 and number 2"), "{error}");
        let error = align_labels(&[], &strings(&["a"]), &[Target::One(0), Target::One(1)]).unwrap_err().to_string();
        assert!(error.contains("document 2") && error.contains("number 1 of 1 labels"), "{error}");
    }
}
