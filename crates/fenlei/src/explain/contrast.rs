//! Which linear function of a model's outputs is the score of a label.

use fenlei_nn::loss::Head;

use crate::model::Link;

/// How outputs answer for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outputs {
    /// One output for two labels: that of the second.
    One,
    /// One a label, of which one is true.
    Exclusive,
    /// One a label, each by itself or against the rest.
    Independent,
}

impl Outputs {
    /// Those of a linear model.
    pub fn of_link(link: Link) -> Self {
        match link {
            Link::Binary => Self::One,
            Link::Softmax => Self::Exclusive,
            Link::OneVsRest | Link::Independent => Self::Independent,
        }
    }

    /// Those of a net; `None` where an output is about many labels at once.
    pub fn of_head(head: Head) -> Option<Self> {
        match head {
            Head::Binary => Some(Self::One),
            Head::Softmax => Some(Self::Exclusive),
            Head::Sigmoid => Some(Self::Independent),
            Head::Hierarchical => None,
        }
    }

    /// The factor of each output in the score of `label`.
    pub fn contrast(self, label: usize, n_labels: usize) -> Vec<f64> {
        match self {
            Self::One => vec![if label == 0 { -1.0 } else { 1.0 }],
            Self::Exclusive if n_labels > 1 => {
                let others = -1.0 / (n_labels - 1) as f64;
                (0..n_labels).map(|other| if other == label { 1.0 } else { others }).collect()
            }
            Self::Exclusive | Self::Independent => {
                (0..n_labels).map(|other| if other == label { 1.0 } else { 0.0 }).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_raises_all_logits_alike_decides_nothing() {
        assert_eq!(Outputs::Exclusive.contrast(1, 2), [-1.0, 1.0]);
        assert_eq!(Outputs::Exclusive.contrast(0, 3), [1.0, -0.5, -0.5]);
        assert_eq!(Outputs::Exclusive.contrast(0, 1), [1.0]);
        assert_eq!(Outputs::Independent.contrast(2, 3), [0.0, 0.0, 1.0]);
        assert_eq!(Outputs::One.contrast(0, 2), [-1.0]);
        assert_eq!(Outputs::One.contrast(1, 2), [1.0]);
    }
}
