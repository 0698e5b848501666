//! Attention over ragged documents: each position of a document sees positions of the same document only.
//!
//! The scores of a block of queries with a block of keys are computed, used and forgotten; a running maximum and sum put
//! the blocks together (Milakov and Gimelshein 2018, Dao et al. 2022). Between forward and backward pass one number is kept for each
//! row and head, the logarithm of the sum of its exponentials, from which the weights are computed again.
//!
//! A head of keys in a document is the work of one thread, so no bit depends on the number of threads.

mod backward;
mod forward;
mod head;
mod rotary;
mod rows;

pub use backward::{Kept, backward};
pub use forward::forward;
pub use head::Head;
pub use rotary::Rotary;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::rng;

/// Queries of a block.
const QUERIES: usize = 64;

/// Keys of a block: with its scores it stays in the cache of a core.
const KEYS: usize = 512;

/// What attention reads beside the rows of queries, keys and values: `[n_rows, (heads + 2 · kv_heads) · head_dim]`, the
/// heads of the queries first, then those of the keys, then those of the values.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a, T> {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of the keys and values; `heads` is a multiple of it.
    pub kv_heads: usize,
    /// Numbers in a head.
    pub head_dim: usize,
    /// Whether a position sees only itself and those before it.
    pub causal: bool,
    /// How many positions on each side are seen.
    pub window: Option<usize>,
    /// Added to each row; as long as a row, or empty.
    pub bias: &'a [T],
    /// Turns queries and keys by their positions.
    pub rotary: Option<&'a Rotary<T>>,
    /// Weights that are left out.
    pub dropout: Option<WeightDropout>,
}

impl<T> Attention<'_, T> {
    /// Numbers in a row of queries, keys and values.
    pub fn width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// The positions that `position` of `n` sees.
    #[inline(always)]
    fn seen(&self, position: usize, n: usize) -> Range<usize> {
        let (first, last) = match self.window {
            Some(window) => (position.saturating_sub(window), n.min(position.saturating_add(window).saturating_add(1))),
            None => (0, n),
        };
        first..if self.causal { position + 1 } else { last }
    }

    /// The positions that some of `positions` see; not empty.
    fn seen_by(&self, positions: Range<usize>, n: usize) -> Range<usize> {
        self.seen(positions.start, n).start..self.seen(positions.end - 1, n).end
    }
}

/// Leaves out weights in training.
#[derive(Debug, Clone, Copy)]
pub struct WeightDropout {
    /// Of the step and the layer.
    pub seed: u64,
    /// The share.
    pub rate: f64,
}

impl WeightDropout {
    /// The seed of a row of weights.
    fn row(self, row: usize, head: usize, heads: usize) -> u64 {
        rng::derive(self.seed, (row * heads + head) as u64)
    }
}
