//! Who takes the vectors that a reader finds.

use crate::Result;

/// Takes vectors, in the order of the file.
pub(super) trait Sink {
    /// Whether the vector of this word is wanted, so that its numbers must be read.
    fn wants(&self, word: &[u8]) -> bool;

    /// A vector, with the line it stands on (in binary files its number). All vectors have one length.
    fn take(&mut self, word: &[u8], vector: &[f32], line: u64) -> Result<()>;
}
