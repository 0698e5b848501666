//! Labelled documents: reading, describing, splitting, converting, fetching.

mod target;

pub use target::Target;

/// Labelled documents in memory.
///
/// Invariant: `texts.len() == targets.len()`, every target index is below `labels.len()`, `labels` are distinct
/// and sorted (numbers by value, else by text), so that the same documents give the same indices in any order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// The raw texts, decoded to UTF-8, otherwise untouched.
    pub texts: Vec<String>,
    /// The labels of each text.
    pub targets: Vec<Target>,
    /// The names of the labels.
    pub labels: Vec<String>,
    /// Whether a document may have any number of labels (sigmoid head) rather than exactly one (softmax head).
    pub multi_label: bool,
}
