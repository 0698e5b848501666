//! What can be wrong with a description of a loss.

use super::Head;

/// A loss that does not fit its head, or has a number outside its range.
#[derive(Debug, Clone, PartialEq)]
pub enum LossError {
    /// The loss is defined for other heads.
    Head {
        /// The loss.
        loss: &'static str,
        /// The head.
        head: Head,
        /// What to use instead.
        instead: &'static str,
    },
    /// A number is outside its range.
    Range {
        /// Its name.
        field: &'static str,
        /// What was found.
        found: f64,
        /// What was expected.
        expected: &'static str,
    },
}

impl std::fmt::Display for LossError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head { loss, head, instead } => {
                write!(f, "the loss {loss} does not fit the head {head:?}; use {instead}")
            }
            Self::Range { field, found, expected } => write!(f, "{field} is {found}; it must be {expected}"),
        }
    }
}

impl std::error::Error for LossError {}
