//! Documents that need not be in memory all at once.

use crate::Result;

/// Documents that can be passed over more than once, each time the same in the same order.
pub trait Corpus {
    /// Calls `f` with all documents in order, some at a time.
    ///
    /// # Errors
    /// That the documents cannot be read, and those of `f`.
    fn for_each_chunk(&self, f: &mut dyn FnMut(&[&str]) -> Result<()>) -> Result<()>;
}

/// Documents in memory, given out in chunks.
#[derive(Debug, Clone, Copy)]
pub struct InMemory<'a, S> {
    /// The documents.
    pub texts: &'a [S],
    /// How many to give out at a time, 1 at least.
    pub chunk: usize,
}

impl<S: AsRef<str>> Corpus for InMemory<'_, S> {
    fn for_each_chunk(&self, f: &mut dyn FnMut(&[&str]) -> Result<()>) -> Result<()> {
        self.texts
            .chunks(self.chunk.max(1))
            .try_for_each(|chunk| f(&chunk.iter().map(AsRef::as_ref).collect::<Vec<_>>()))
    }
}
