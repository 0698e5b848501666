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
    /// Several labels in any order, also repeated ones.
    pub fn many(mut labels: Vec<u32>) -> Self {
        labels.sort_unstable();
        labels.dedup();
        Self::Many(labels.into_boxed_slice())
    }

    /// The label indices, ascending.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::Unlabelled => &[],
            Self::One(label) => std::slice::from_ref(label),
            Self::Many(labels) => labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sorts_and_drops_repeats() {
        assert_eq!(Target::many(vec![3, 1, 3]).as_slice(), [1, 3]);
        assert_eq!(Target::Unlabelled.as_slice(), [0u32; 0]);
        assert_eq!(Target::One(7).as_slice(), [7]);
    }
}
