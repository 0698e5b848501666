//! What a document is labelled with.

/// The labels of one document, as indices into [`Dataset::labels`](super::Dataset::labels).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// No label is known (text to predict, or an unlabelled part).
    #[default]
    Unlabelled,
    /// Exactly one label.
    One(u32),
    /// Any number of labels, ascending and distinct (multi-label data).
    Many(Box<[u32]>),
}

impl Target {
    /// The label indices, ascending.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::Unlabelled => &[],
            Self::One(label) => std::slice::from_ref(label),
            Self::Many(labels) => labels,
        }
    }
}
