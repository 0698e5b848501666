//! Documents made ready for training: token ids and label numbers, checked.

use crate::data::{Dataset, Target, stratified_split};
use crate::features::Vectorizer;
use crate::metrics::{Report, Truth, align_labels};
use crate::model::NetInputs;
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Documents with their targets in the model's label numbers.
#[derive(Debug)]
pub(crate) struct Documents<'a> {
    pub texts: Vec<&'a str>,
    pub targets: Vec<Target>,
    /// Labelled documents that are left out, as the model does not know their labels.
    pub n_left_out: usize,
    /// These labels.
    pub unknown_labels: Vec<String>,
}

/// Encoded documents with their targets in the model's label numbers.
#[derive(Debug)]
pub(crate) struct Examples {
    pub inputs: NetInputs,
    pub targets: Vec<Target>,
    /// What is added to the logits of the net, `[n_docs, n_outputs]`; empty where there is nothing beside it.
    pub offsets: Vec<f32>,
    /// What a teacher answers, `[n_docs, n_labels]`; empty where there is none.
    pub soft: Vec<f32>,
    /// As those of [`Documents`].
    pub n_left_out: usize,
    /// As those of [`Documents`].
    pub unknown_labels: Vec<String>,
}

impl<'a> Documents<'a> {
    /// The documents `indices` of `data`, leaving out those with labels that the model does not know.
    ///
    /// # Errors
    /// When a document has not exactly one label, but the model gives one.
    pub fn new(data: &'a Dataset, indices: &[usize], labels: &[String], multi_label: bool) -> Result<Self> {
        let alignment = align_labels(labels, &data.labels, &data.targets)?;
        let mut texts: Vec<&str> = Vec::with_capacity(indices.len());
        let mut targets = Vec::with_capacity(indices.len());
        let mut n_left_out = 0;
        for &i in indices {
            let Some(mut target) = alignment.target(&data.targets[i]) else {
                n_left_out += usize::from(data.targets[i] != Target::Unlabelled);
                continue;
            };
            if !multi_label {
                let &[label] = target.as_slice() else {
                    let problem = format!("document {} has {} labels, expected one", i + 1, target.as_slice().len());
                    return Err(Error::train(
                        problem,
                        "give every document one label, as those of the classifier have",
                    ));
                };
                target = Target::One(label);
            }
            texts.push(&data.texts[i]);
            targets.push(target);
        }
        let unknown_labels = alignment.unknown.into_iter().filter(|u| u.n_docs > 0).map(|u| u.label).collect();
        Ok(Self { texts, targets, n_left_out, unknown_labels })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Refuses a validation part in which nothing is left to validate with; `None` where there is no such part.
    pub fn check_validation(n_docs: Option<usize>) -> Result<()> {
        if n_docs == Some(0) {
            return Err(Error::train(
                "no validation document carries a label that the training documents have",
                "give validation documents with the same labels, or leave --validation out",
            ));
        }
        Ok(())
    }

    /// Compares probabilities with the targets.
    pub fn report(
        &self,
        labels: &[String],
        probabilities: &[f32],
        multi_label: bool,
        threshold: f32,
    ) -> Result<Report> {
        report(&self.targets, labels, probabilities, multi_label, threshold)
    }
}

impl Examples {
    /// Documents as the net reads them: by `features` if there are any, else by the tokens of the `pipeline`.
    pub fn new(documents: Documents<'_>, pipeline: &TextPipeline, features: Option<&Vectorizer>) -> Self {
        let inputs = NetInputs::new(pipeline, features, &documents.texts);
        Self::of_inputs(documents, inputs)
    }

    /// Documents that have been read already.
    pub fn of_inputs(documents: Documents<'_>, inputs: NetInputs) -> Self {
        let Documents { targets, n_left_out, unknown_labels, .. } = documents;
        Self { inputs, targets, offsets: Vec::new(), soft: Vec::new(), n_left_out, unknown_labels }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// The offsets of some documents, one after another.
    pub fn gather_offsets(&self, out: &mut Vec<f32>, docs: &[u32]) {
        gather(out, &self.offsets, self.targets.len(), docs);
    }

    /// The soft targets of some documents, one after another.
    pub fn gather_soft(&self, out: &mut Vec<f32>, docs: &[u32]) {
        gather(out, &self.soft, self.targets.len(), docs);
    }

    /// Compares probabilities with the targets.
    pub fn report(
        &self,
        labels: &[String],
        probabilities: &[f32],
        multi_label: bool,
        threshold: f32,
    ) -> Result<Report> {
        report(&self.targets, labels, probabilities, multi_label, threshold)
    }
}

/// The rows of some documents, one after another. `rows: [n_docs, n]`, or empty.
fn gather(out: &mut Vec<f32>, rows: &[f32], n_docs: usize, docs: &[u32]) {
    out.clear();
    let n = rows.len() / n_docs.max(1);
    docs.iter().for_each(|&doc| out.extend_from_slice(&rows[doc as usize * n..][..n]));
}

fn report(
    targets: &[Target],
    labels: &[String],
    probabilities: &[f32],
    multi_label: bool,
    threshold: f32,
) -> Result<Report> {
    if multi_label {
        return Report::new(labels, Truth::Multi(targets), probabilities, threshold);
    }
    let truth: Vec<u32> = targets.iter().map(|t| t.as_slice()[0]).collect();
    Report::new(labels, Truth::Single(&truth), probabilities, threshold)
}

/// The documents to train on, and those held back to validate with, as indices into `data`. Unlabelled ones are in
/// neither.
pub(crate) fn hold_back(data: &Dataset, share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    check_trainable(data)?;
    let (kept, held) =
        if share == 0.0 { ((0..data.texts.len()).collect(), Vec::new()) } else { stratified_split(data, share, seed)? };
    let labelled = |part: Vec<usize>| part.into_iter().filter(|&i| data.targets[i] != Target::Unlabelled).collect();
    Ok((labelled(kept), labelled(held)))
}

fn check_trainable(data: &Dataset) -> Result<()> {
    let mut counts = vec![0usize; data.labels.len()];
    for target in &data.targets {
        target.as_slice().iter().for_each(|&label| counts[label as usize] += 1);
    }
    let used: Vec<&String> = data.labels.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(l, _)| l).collect();
    match used[..] {
        [] => Err(Error::train(
            "no document has a label",
            "name the label column with --label-column, or check the format with `fenlei data stats`",
        )),
        [only] if !data.multi_label => Err(Error::train(
            format!("every document has the same label, {only:?}, so there is nothing to tell apart"),
            "give documents of at least two labels",
        )),
        _ => Ok(()),
    }
}
