//! From the gradient of the weighted means to those of queries, keys and values.

use std::ops::Range;

use rayon::prelude::*;

use super::forward::within;
use super::head::{Head, transpose};
use super::rows::{dot, drop_some, scores_backward, weights};
use super::{Attention, KEYS, QUERIES};
use crate::kernels::blocks::multiply;
use crate::kernels::gemm::Mat;
use crate::kernels::lent::{Lender, Shared};
use crate::scalar::Scalar;

/// What the forward pass left, and the gradient of its `context`.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a, T> {
    /// `[n_rows, attention.width()]`.
    pub qkv: &'a [T],
    /// `[n_rows, heads · head_dim]`.
    pub context: &'a [T],
    /// `[n_rows, heads]`.
    pub log_sums: &'a [T],
    /// `[n_rows, heads · head_dim]`.
    pub d_context: &'a [T],
}

/// `d_qkv`, the gradient of the rows of queries, keys and values, in their layout.
pub fn backward<T: Scalar>(
    d_qkv: &mut [T],
    memory: &Lender<Head<T>>,
    kept: Kept<'_, T>,
    starts: &[u32],
    attention: &Attention<'_, T>,
) {
    let n_tasks = starts.len().saturating_sub(1) * attention.kv_heads;
    let d_qkv = Shared::new(d_qkv);
    (0..n_tasks).into_par_iter().for_each_init(
        || memory.lend(),
        |lent, task| {
            let (doc, kv_head) = (task / attention.kv_heads, task % attention.kv_heads);
            let rows = starts[doc] as usize..starts[doc + 1] as usize;
            if !rows.is_empty() {
                group(attention, &mut lent.memory, &d_qkv, kept, rows, kv_head);
            }
        },
    );
}

/// The heads of queries that read one head of keys, in one document.
fn group<T: Scalar>(
    attention: &Attention<'_, T>,
    memory: &mut Head<T>,
    d_qkv: &Shared<T>,
    kept: Kept<'_, T>,
    rows: Range<usize>,
    kv_head: usize,
) {
    let Attention { heads, kv_heads, head_dim: dim, .. } = *attention;
    let n = rows.len();
    let (k_column, v_column) = ((heads + kv_head) * dim, (heads + kv_heads + kv_head) * dim);
    attention.collect(&mut memory.k, kept.qkv, rows.clone(), k_column, true, T::ONE);
    transpose(&mut memory.k_t, &memory.k, dim);
    attention.collect(&mut memory.v, kept.qkv, rows.clone(), v_column, false, T::ONE);
    transpose(&mut memory.v_t, &memory.v, dim);
    for gradient in [&mut memory.dk, &mut memory.dv] {
        gradient.clear();
        gradient.resize(n * dim, T::ZERO);
    }
    let scale = T::from_f64(1.0 / (dim as f64).sqrt());
    let group = heads / kv_heads;
    for head in kv_head * group..(kv_head + 1) * group {
        attention.collect(&mut memory.q, kept.qkv, rows.clone(), head * dim, true, scale);
        one_head(attention, memory, kept, rows.clone(), head);
        memory.dq.iter_mut().for_each(|d| *d *= scale);
        put(attention, d_qkv, &mut memory.dq, rows.clone(), head * dim, true);
    }
    put(attention, d_qkv, &mut memory.dk, rows.clone(), k_column, true);
    put(attention, d_qkv, &mut memory.dv, rows, v_column, false);
}

/// The gradients of one head: sets `dq`, adds to `dk` and `dv`.
fn one_head<T: Scalar>(
    attention: &Attention<'_, T>,
    memory: &mut Head<T>,
    kept: Kept<'_, T>,
    rows: Range<usize>,
    head: usize,
) {
    let Attention { heads, head_dim: dim, .. } = *attention;
    let (first_row, n, width) = (rows.start, rows.len(), heads * dim);
    let Head { q, k, k_t, v_t, scores, d_scores, dq, dk, dv, along, .. } = memory;
    // The rows of this head begin here; they lie a row of all heads apart.
    let d_context = &kept.d_context[first_row * width + head * dim..];
    let context = &kept.context[first_row * width + head * dim..];
    along.clear();
    along.extend((0..n).map(|i| dot(&d_context[i * width..][..dim], &context[i * width..][..dim])));
    dq.clear();
    dq.resize(n * dim, T::ZERO);
    for first in (0..n).step_by(QUERIES) {
        let queries = first..n.min(first + QUERIES);
        let seen = attention.seen_by(queries.clone(), n);
        let d_context = Mat::strided(&d_context[queries.start * width..], queries.len(), dim, width);
        let q = Mat::new(&q[queries.start * dim..queries.end * dim], queries.len(), dim);
        for first_key in seen.clone().step_by(KEYS) {
            let keys = first_key..seen.end.min(first_key + KEYS);
            let n_keys = keys.len();
            scores.resize(queries.len() * n_keys, T::ZERO);
            d_scores.resize(queries.len() * n_keys, T::ZERO);
            multiply(scores, n_keys, q, Mat::strided(&k_t[keys.start..], dim, n_keys, n), false);
            multiply(d_scores, n_keys, d_context, Mat::strided(&v_t[keys.start..], dim, n_keys, n), false);
            let blocks = scores.chunks_exact_mut(n_keys).zip(d_scores.chunks_exact_mut(n_keys));
            for (position, (scores, d_scores)) in queries.clone().zip(blocks) {
                let row = first_row + position;
                let seen = within(attention.seen(position, n), &keys);
                for numbers in [&mut *scores, &mut *d_scores] {
                    numbers[..seen.start].fill(T::ZERO);
                    numbers[seen.end..].fill(T::ZERO);
                }
                let (scores, d_scores) = (&mut scores[seen.clone()], &mut d_scores[seen.clone()]);
                weights(scores, kept.log_sums[row * heads + head]);
                if let Some(dropout) = attention.dropout {
                    let seed = dropout.row(row, head, heads);
                    drop_some(d_scores, keys.start + seen.start, seed, dropout.rate);
                    scores_backward(d_scores, scores, along[position]);
                    drop_some(scores, keys.start + seen.start, seed, dropout.rate);
                } else {
                    scores_backward(d_scores, scores, along[position]);
                }
            }
            let weights = Mat::new(scores, queries.len(), n_keys);
            let d_scores = Mat::new(d_scores, queries.len(), n_keys);
            let of_keys = keys.start * dim..keys.end * dim;
            multiply(&mut dv[of_keys.clone()], dim, weights.t(), d_context, true);
            multiply(&mut dk[of_keys.clone()], dim, d_scores.t(), q, true);
            let dq = &mut dq[queries.start * dim..queries.end * dim];
            multiply(dq, dim, d_scores, Mat::new(&k[of_keys], n_keys, dim), true);
        }
    }
}

/// Puts gradients of a head in their place, turned back if the head was turned.
fn put<T: Scalar>(
    attention: &Attention<'_, T>,
    d_qkv: &Shared<T>,
    gradient: &mut [T],
    rows: Range<usize>,
    column: usize,
    turned: bool,
) {
    let (dim, width) = (attention.head_dim, attention.width());
    for (position, (gradient, row)) in gradient.chunks_exact_mut(dim).zip(rows).enumerate() {
        if let Some(rotary) = attention.rotary.filter(|_| turned) {
            rotary.turn(gradient, position, true);
        }
        // SAFETY: these columns of this row belong to this task.
        unsafe { d_qkv.part(row * width + column, dim) }.copy_from_slice(gradient);
    }
}
