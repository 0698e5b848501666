//! Maxima over the positions of a text, from a product that never leaves a processor's own cache.
//!
//! The product of a batch's tokens with all filters has megabytes; written by one kernel and read by the next it would
//! pass through slower memory twice. Here a thread takes a few filters, multiplies all tokens with them, and takes the
//! maxima of these filters over all documents before it goes on to the next.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::{Packed, SIDE, multiply_in_parts, pack_columns_of, pack_rows, positions};
use crate::kernels::gemm::Mat;
use crate::kernels::windows::Window;

/// Filters that a thread takes at once: as many as a register holds, so that their product is small.
const FILTERS: usize = SIDE;

/// Filters of one width: the weights of filter `f` at tap `k` are row `first_row + k · n_filters + f`.
#[derive(Debug, Clone, Copy)]
pub struct Filters {
    /// Taps and padding.
    pub window: Window,
    /// The first row of the weights.
    pub first_row: usize,
    /// How many filters.
    pub n_filters: usize,
    /// The first of their columns in the output.
    pub output: usize,
}

/// What there is a maximum of.
pub struct Places<'a> {
    /// The row of `vectors` of each token of the batch.
    pub index: &'a [u32],
    /// Rows of the output.
    pub n_rows: usize,
    /// For an output row and a group of filters: the tokens of its document, and the positions that it is the maximum of.
    pub of: &'a (dyn Fn(usize, usize) -> (Range<usize>, Range<usize>) + Sync),
}

/// Memory that is used again.
#[derive(Debug, Clone, Default)]
pub struct MaximaMemory {
    vectors: Packed,
    weights: Packed,
    blocks: Vec<Block>,
}

/// Some filters of a group, and their maxima.
#[derive(Debug, Clone, Default)]
struct Block {
    group: usize,
    /// Among the filters of the group.
    filters: Range<usize>,
    /// The panels of its columns in the packed weights.
    panels: Range<usize>,
    /// `[n_rows, filters.len()]`.
    best: Vec<f32>,
    winners: Vec<u32>,
}

thread_local! {
    /// The product of a thread's block. Taken out while in use.
    static PRODUCT: Cell<Vec<f32>> = Cell::default();
}

/// `y[row, output + f] = max_t Σ_k vectors[index[t + k - pad]] · weights[k, f]`, and where the maximum is, for all
/// groups of filters. `vectors`: `[n_distinct, dim]`, `weights`: `[n_columns, dim]`, `y` and `winners`: `[n_rows,
/// width]`. [`available`](super::available) must hold.
pub fn max_of_products(
    (y, winners, width): (&mut [f32], &mut [u32], usize),
    memory: &mut MaximaMemory,
    (vectors, weights): (Mat<'_, f32>, Mat<'_, f32>),
    groups: &[Filters],
    places: &Places<'_>,
) {
    let MaximaMemory { vectors: left, weights: right, blocks } = memory;
    let parts = lay_out(blocks, groups);
    rayon::join(|| pack_rows(left, vectors), || pack_columns_of(right, weights.t(), &parts));
    let n_distinct = vectors.n_rows();
    assert!(places.index.iter().all(|&row| (row as usize) < n_distinct), "rows of {n_distinct}");
    blocks.par_iter_mut().for_each(|block| {
        let group = &groups[block.group];
        let (n_filters, stride) = (block.filters.len(), block.panels.len() * SIDE);
        let mut product = PRODUCT.take();
        product.resize(n_distinct * stride, 0.0);
        let columns = block.panels.start * SIDE..block.panels.end * SIDE;
        multiply_in_parts(&mut product, stride, n_distinct, columns, (left, right), false);
        block.best.resize(places.n_rows * n_filters, 0.0);
        block.winners.resize(places.n_rows * n_filters, 0);
        let rows = block.best.par_chunks_mut(n_filters).zip(block.winners.par_chunks_mut(n_filters)).enumerate();
        rows.with_min_len(4).for_each(|(row, (best, winners))| {
            let (tokens, positions) = (places.of)(row, block.group);
            let (values, at) = positions::maximum(&product, &places.index[tokens], group.window, positions);
            best.copy_from_slice(&values[..n_filters]);
            winners.copy_from_slice(&at[..n_filters]);
        });
        PRODUCT.set(product);
    });
    let rows = y.par_chunks_mut(width).zip(winners.par_chunks_mut(width)).enumerate();
    rows.with_min_len(16).for_each(|(row, (y, winners))| {
        for block in &*blocks {
            let n = block.filters.len();
            let first = groups[block.group].output + block.filters.start;
            y[first..first + n].copy_from_slice(&block.best[row * n..(row + 1) * n]);
            winners[first..first + n].copy_from_slice(&block.winners[row * n..(row + 1) * n]);
        }
    });
}

/// Divides the groups into blocks, and tells which rows of the weights their panels hold.
fn lay_out(blocks: &mut Vec<Block>, groups: &[Filters]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut n_blocks, mut panel) = (0, 0);
    for (g, group) in groups.iter().enumerate() {
        for first in (0..group.n_filters).step_by(FILTERS) {
            let filters = first..group.n_filters.min(first + FILTERS);
            for k in 0..group.window.width {
                let row = group.first_row + k * group.n_filters;
                parts.push(row + filters.start..row + filters.end);
            }
            let panels = panel..panel + group.window.width * filters.len().div_ceil(SIDE);
            panel = panels.end;
            blocks.resize_with(blocks.len().max(n_blocks + 1), Block::default);
            let block = &mut blocks[n_blocks];
            (block.group, block.filters, block.panels) = (g, filters, panels);
            n_blocks += 1;
        }
    }
    blocks.truncate(n_blocks);
    parts
}
