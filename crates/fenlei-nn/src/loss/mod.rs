//! Losses: from logits and labels to a number to make small, with its gradient.

mod error;
mod head;
mod rows;
mod targets;
mod tied;
mod tree;

use serde::{Deserialize, Serialize};

pub use error::LossError;
pub use head::Head;
pub use targets::Targets;
pub use tied::{Decoder, DecoderGrads, TiedSoftmax};

use crate::scalar::Scalar;

/// What training makes small.
///
/// Each label's share of a document's target is one over the number of the document's labels in a softmax, and 1 in
/// independent sigmoids. A binary head is a softmax over its one logit and zero: every loss of it equals that of the
/// two-class softmax.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossSpec {
    /// `-Σ_c q_c ln p_c` over the classes of a [`Head::Softmax`]; PyTorch's `cross_entropy`. Without smoothing also that of
    /// a [`Head::Hierarchical`], whose probabilities are products.
    SoftmaxCrossEntropy {
        /// Share of the target that is spread evenly over all classes (Szegedy et al. 2016).
        #[serde(default)]
        label_smoothing: f64,
    },
    /// `-(q ln p + (1 - q) ln(1 - p))` for a [`Head::Binary`], or for each unit of a [`Head::Sigmoid`] and then their
    /// mean; PyTorch's `binary_cross_entropy_with_logits`.
    BinaryCrossEntropy {
        /// Share of the target that is spread evenly over both outcomes.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// The mean over outputs of `(p - q)²`, with `p` the **probabilities** of the head, not the logits.
    MeanSquaredError {},
    /// Cross-entropy with each term weighted by `(1 - p)^gamma`, so that documents that are already right count less
    /// (Lin et al. 2017). Works with every head.
    Focal {
        /// How much less: 0 is plain cross-entropy, 2 is usual.
        gamma: f64,
        /// Share of the target that is spread evenly.
        #[serde(default)]
        label_smoothing: f64,
    },
}

impl LossSpec {
    /// The usual loss of a head, without smoothing.
    pub fn of(head: Head) -> Self {
        match head {
            Head::Softmax | Head::Hierarchical => Self::SoftmaxCrossEntropy { label_smoothing: 0.0 },
            Head::Sigmoid | Head::Binary => Self::BinaryCrossEntropy { label_smoothing: 0.0 },
        }
    }
}

/// A loss that fits its head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    spec: LossSpec,
    head: Head,
}

impl Loss {
    /// A loss over the logits of a head.
    ///
    /// # Errors
    /// When the loss is not defined for the head, `label_smoothing` is not within 0 and 1, or `gamma` is negative.
    pub fn new(spec: LossSpec, head: Head) -> Result<Self, LossError> {
        let (smoothing, gamma) = match spec {
            LossSpec::SoftmaxCrossEntropy { label_smoothing } if head == Head::Hierarchical => {
                if label_smoothing != 0.0 {
                    let (field, expected) = ("label_smoothing", "0 with a hierarchical head");
                    return Err(LossError::Range { field, found: label_smoothing, expected });
                }
                (0.0, 0.0)
            }
            LossSpec::Focal { .. } | LossSpec::MeanSquaredError {} | LossSpec::BinaryCrossEntropy { .. }
                if head == Head::Hierarchical =>
            {
                let (loss, instead) = ("that was asked for", "softmax-cross-entropy");
                return Err(LossError::Head { loss, head, instead });
            }
            LossSpec::SoftmaxCrossEntropy { .. } if head != Head::Softmax => {
                let (loss, instead) = ("softmax-cross-entropy", "binary-cross-entropy");
                return Err(LossError::Head { loss, head, instead });
            }
            LossSpec::BinaryCrossEntropy { .. } if head == Head::Softmax => {
                let (loss, instead) = ("binary-cross-entropy", "softmax-cross-entropy");
                return Err(LossError::Head { loss, head, instead });
            }
            LossSpec::SoftmaxCrossEntropy { label_smoothing } | LossSpec::BinaryCrossEntropy { label_smoothing } => {
                (label_smoothing, 0.0)
            }
            LossSpec::MeanSquaredError {} => (0.0, 0.0),
            LossSpec::Focal { gamma, label_smoothing } => (label_smoothing, gamma),
        };
        if !(0.0..=1.0).contains(&smoothing) {
            let (field, expected) = ("label_smoothing", "from 0 to 1");
            return Err(LossError::Range { field, found: smoothing, expected });
        }
        if !(gamma >= 0.0 && gamma.is_finite()) {
            return Err(LossError::Range { field: "gamma", found: gamma, expected: "0 or more" });
        }
        Ok(Self { spec, head })
    }

    /// The mean loss of a batch, and its gradient in `dlogits`. Both slices are `[n_docs, n_outputs]`.
    ///
    /// Everything within a document is computed in `f64`. With no weight in the batch both are zero.
    ///
    /// # Panics
    /// When the slices do not fit the targets, or a label is not below the number of labels.
    pub fn forward_backward<T: Scalar>(&self, dlogits: &mut [T], logits: &[T], targets: &Targets<'_>) -> f64 {
        assert_eq!(dlogits.len(), logits.len(), "a gradient for each logit");
        let n_docs = targets.n_docs();
        if n_docs == 0 || logits.is_empty() {
            return 0.0;
        }
        assert_eq!(logits.len() % n_docs, 0, "as many logits for each document");
        let n_outputs = logits.len() / n_docs;
        let doc_weight = |doc_idx| match self.head {
            // Class weights are inside the sum over the outputs.
            Head::Sigmoid => targets.sample_weights.map_or(1.0, |weights| weights[doc_idx]),
            _ => targets.doc_weight(doc_idx, self.head),
        };
        let total: f64 = (0..n_docs).map(doc_weight).sum();
        if total <= 0.0 {
            dlogits.fill(T::ZERO);
            return 0.0;
        }
        let mut sum = 0.0;
        let rows = dlogits.chunks_exact_mut(n_outputs).zip(logits.chunks_exact(n_outputs));
        for (doc_idx, (d, z)) in rows.enumerate() {
            if doc_weight(doc_idx) == 0.0 {
                d.fill(T::ZERO);
                continue;
            }
            if self.head == Head::Hierarchical {
                sum += tree::cross_entropy(d, z, targets.doc(doc_idx), |label| {
                    let sample_weight = targets.sample_weights.map_or(1.0, |weights| weights[doc_idx]);
                    sample_weight * targets.class_weight(label) / total
                });
                continue;
            }
            // `d` holds the target distribution on entry and the gradient afterwards.
            match targets.soft_doc(doc_idx) {
                Some(soft) => self.write_soft_target(d, soft),
                None => self.write_target(d, targets.doc(doc_idx)),
            }
            let sample_weight = targets.sample_weights.map_or(1.0, |weights| weights[doc_idx]);
            let row = rows::Row { scale: sample_weight / total, class_weights: targets.class_weights };
            sum += match (self.spec, self.head) {
                (LossSpec::SoftmaxCrossEntropy { .. }, _) => row.softmax_cross_entropy(d, z),
                (LossSpec::Focal { gamma, .. }, Head::Softmax) => row.softmax_focal(d, z, gamma),
                (LossSpec::MeanSquaredError {}, Head::Softmax) => {
                    let by_class = targets.doc_weight(doc_idx, self.head) / total;
                    rows::Row { scale: by_class, class_weights: None }.softmax_squared_error(d, z)
                }
                (LossSpec::BinaryCrossEntropy { .. }, head) => row.sigmoid(d, z, head, rows::Unit::Focal(0.0)),
                (LossSpec::Focal { gamma, .. }, head) => row.sigmoid(d, z, head, rows::Unit::Focal(gamma)),
                (LossSpec::MeanSquaredError {}, head) => row.sigmoid(d, z, head, rows::Unit::SquaredError),
            };
        }
        sum
    }

    /// The mean loss alone. `scratch` is overwritten; it keeps its memory.
    pub fn value<T: Scalar>(&self, scratch: &mut Vec<T>, logits: &[T], targets: &Targets<'_>) -> f64 {
        scratch.resize(logits.len(), T::ZERO);
        self.forward_backward(scratch, logits, targets)
    }

    fn smoothing(&self) -> f64 {
        match self.spec {
            LossSpec::SoftmaxCrossEntropy { label_smoothing }
            | LossSpec::BinaryCrossEntropy { label_smoothing }
            | LossSpec::Focal { label_smoothing, .. } => label_smoothing,
            LossSpec::MeanSquaredError {} => 0.0,
        }
    }

    /// What the outputs should be by the probabilities of another model, smoothed.
    fn write_soft_target<T: Scalar>(&self, target: &mut [T], soft: &[f32]) {
        assert_ne!(self.head, Head::Hierarchical, "a hierarchical head learns from labels");
        let smoothing = self.smoothing();
        let (first, even) = match self.head {
            Head::Softmax | Head::Hierarchical => (0, smoothing / target.len() as f64),
            Head::Sigmoid => (0, smoothing / 2.0),
            Head::Binary => (1, smoothing / 2.0),
        };
        for (target, &q) in target.iter_mut().zip(&soft[first..]) {
            *target = T::from_f64((1.0 - smoothing) * f64::from(q) + even);
        }
    }

    /// What the outputs should be, smoothed.
    fn write_target<T: Scalar>(&self, target: &mut [T], labels: &[u32]) {
        let smoothing = self.smoothing();
        match self.head {
            Head::Softmax => {
                target.fill(T::from_f64(smoothing / target.len() as f64));
                let share = T::from_f64((1.0 - smoothing) / labels.len() as f64);
                labels.iter().for_each(|&label| target[label as usize] += share);
            }
            // Its loss takes the labels themselves.
            Head::Hierarchical => {}
            Head::Sigmoid => {
                target.fill(T::from_f64(smoothing / 2.0));
                labels.iter().for_each(|&label| target[label as usize] = T::from_f64(1.0 - smoothing / 2.0));
            }
            Head::Binary => {
                let share = labels.iter().filter(|&&label| label == 1).count() as f64 / labels.len() as f64;
                target[0] = T::from_f64(share * (1.0 - smoothing) + smoothing / 2.0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
