//! Labels and weights.

use super::Head;

/// The labels of a batch and how much they count.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// The labels of all documents, one document after another. Each is below the number of labels.
    pub labels: &'a [u32],
    /// `[n_docs + 1]`: where each document starts in `labels`.
    ///
    /// With a softmax or binary head a document without labels counts nothing. With sigmoids it has none of the labels.
    pub starts: &'a [u32],
    /// `[n_labels]`: how much each label counts. The mean of a softmax or binary head is divided by the weights of the
    /// documents' labels, that of sigmoids by the number of outputs; both as in PyTorch.
    pub class_weights: Option<&'a [f64]>,
    /// `[n_docs]`: how much each document counts.
    pub sample_weights: Option<&'a [f64]>,
    /// `[n_docs, n_labels]`: a probability of each label, as another model gives it (Hinton, Vinyals and Dean 2015), in the
    /// place of the labels, which are not looked at. Rows sum to 1 with one label a document. Losses smooth it as they
    /// smooth labels. Not for a hierarchical head.
    pub soft: Option<&'a [f32]>,
}

impl<'a> Targets<'a> {
    /// Targets that all count the same.
    pub fn new(labels: &'a [u32], starts: &'a [u32]) -> Self {
        Self { labels, starts, class_weights: None, sample_weights: None, soft: None }
    }

    /// How many documents.
    pub fn n_docs(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The labels of a document.
    pub fn doc(&self, doc_idx: usize) -> &'a [u32] {
        &self.labels[self.starts[doc_idx] as usize..self.starts[doc_idx + 1] as usize]
    }

    /// Those of some documents.
    pub fn of(&self, docs: std::ops::Range<usize>) -> Self {
        let n_labels = self.soft.map_or(0, |soft| soft.len() / self.n_docs().max(1));
        Self {
            starts: &self.starts[docs.start..=docs.end],
            sample_weights: self.sample_weights.map(|weights| &weights[docs.clone()]),
            soft: self.soft.map(|soft| &soft[docs.start * n_labels..docs.end * n_labels]),
            ..*self
        }
    }

    /// What all documents count together: what the mean of their losses is divided by.
    pub(crate) fn weight(&self, head: Head) -> f64 {
        let of_doc = |doc| match head {
            // Class weights are inside the sum over the outputs.
            Head::Sigmoid => self.sample_weights.map_or(1.0, |weights| weights[doc]),
            _ => self.doc_weight(doc, head),
        };
        (0..self.n_docs()).map(of_doc).sum()
    }

    /// The soft target of a document, if there are any.
    pub(super) fn soft_doc(&self, doc_idx: usize) -> Option<&'a [f32]> {
        let soft = self.soft?;
        let n_labels = soft.len() / self.n_docs().max(1);
        Some(&soft[doc_idx * n_labels..][..n_labels])
    }

    pub(super) fn class_weight(&self, label: usize) -> f64 {
        self.class_weights.map_or(1.0, |weights| weights[label])
    }

    /// What a document counts: its own weight, and with one distribution over the classes their weights too.
    pub(super) fn doc_weight(&self, doc_idx: usize, head: Head) -> f64 {
        let labels = self.doc(doc_idx);
        let by_class = match head {
            Head::Sigmoid => 1.0,
            _ if self.soft.is_some() => {
                let soft = self.soft_doc(doc_idx).unwrap_or_default();
                soft.iter().enumerate().map(|(label, &q)| f64::from(q) * self.class_weight(label)).sum()
            }
            _ if labels.is_empty() => 0.0,
            _ => labels.iter().map(|&label| self.class_weight(label as usize)).sum::<f64>() / labels.len() as f64,
        };
        by_class * self.sample_weights.map_or(1.0, |weights| weights[doc_idx])
    }
}
