//! From queries, keys and values to the weighted means of values.

use std::ops::Range;

use rayon::prelude::*;

use super::head::{Head, transpose};
use super::rows::{drop_some, exponentials};
use super::{Attention, KEYS, QUERIES};
use crate::kernels::blocks::multiply;
use crate::kernels::gemm::Mat;
use crate::kernels::lent::{Lender, Shared};
use crate::scalar::Scalar;

/// `context: [n_rows, heads · head_dim]` and, for the backward pass, `log_sums: [n_rows, heads]`, from
/// `qkv: [n_rows, attention.width()]` of documents with bounds `starts`.
pub fn forward<T: Scalar>(
    (context, log_sums): (&mut [T], &mut [T]),
    memory: &Lender<Head<T>>,
    qkv: &[T],
    starts: &[u32],
    attention: &Attention<'_, T>,
) {
    let n_tasks = starts.len().saturating_sub(1) * attention.kv_heads;
    let (context, log_sums) = (Shared::new(context), Shared::new(log_sums));
    (0..n_tasks).into_par_iter().for_each_init(
        || memory.lend(),
        |lent, task| {
            let (doc, kv_head) = (task / attention.kv_heads, task % attention.kv_heads);
            let rows = starts[doc] as usize..starts[doc + 1] as usize;
            if !rows.is_empty() {
                group(attention, &mut lent.memory, (&context, &log_sums), qkv, rows, kv_head);
            }
        },
    );
}

/// The heads of queries that read one head of keys, in one document.
fn group<T: Scalar>(
    attention: &Attention<'_, T>,
    memory: &mut Head<T>,
    (context, log_sums): (&Shared<T>, &Shared<T>),
    qkv: &[T],
    rows: Range<usize>,
    kv_head: usize,
) {
    let Attention { heads, kv_heads, head_dim: dim, .. } = *attention;
    let (first_row, n) = (rows.start, rows.len());
    let Head { q, k, v, k_t, scores, sums, running, .. } = memory;
    attention.collect(k, qkv, rows.clone(), (heads + kv_head) * dim, true, T::ONE);
    transpose(k_t, k, dim);
    attention.collect(v, qkv, rows.clone(), (heads + kv_heads + kv_head) * dim, false, T::ONE);
    let scale = T::from_f64(1.0 / (dim as f64).sqrt());
    let group = heads / kv_heads;
    for head in kv_head * group..(kv_head + 1) * group {
        attention.collect(q, qkv, rows.clone(), head * dim, true, scale);
        for first in (0..n).step_by(QUERIES) {
            let queries = first..n.min(first + QUERIES);
            sums.clear();
            sums.resize(queries.len() * dim, T::ZERO);
            running.clear();
            running.resize(queries.len(), [T::NEG_INFINITY, T::ZERO]);
            let seen = attention.seen_by(queries.clone(), n);
            for first_key in seen.clone().step_by(KEYS) {
                let keys = first_key..seen.end.min(first_key + KEYS);
                scores.resize(queries.len() * keys.len(), T::ZERO);
                let q = Mat::new(&q[queries.start * dim..queries.end * dim], queries.len(), dim);
                multiply(scores, keys.len(), q, Mat::strided(&k_t[keys.start..], dim, keys.len(), n), false);
                let blocks = scores.chunks_exact_mut(keys.len()).zip(sums.chunks_exact_mut(dim)).zip(&mut *running);
                for (position, ((scores, sums), [top, total])) in queries.clone().zip(blocks) {
                    let seen = within(attention.seen(position, n), &keys);
                    scores[..seen.start].fill(T::ZERO);
                    scores[seen.end..].fill(T::ZERO);
                    if seen.is_empty() {
                        continue;
                    }
                    let (new_top, sum) = exponentials(&mut scores[seen.clone()], *top);
                    if *total > T::ZERO && new_top > *top {
                        let keep = (*top - new_top).exp_lane();
                        *total *= keep;
                        sums.iter_mut().for_each(|sum| *sum *= keep);
                    }
                    *top = new_top;
                    *total += sum;
                    if let Some(dropout) = attention.dropout {
                        let seed = dropout.row(first_row + position, head, heads);
                        drop_some(&mut scores[seen.clone()], keys.start + seen.start, seed, dropout.rate);
                    }
                }
                let weights = Mat::new(scores, queries.len(), keys.len());
                multiply(sums, dim, weights, Mat::new(&v[keys.start * dim..keys.end * dim], keys.len(), dim), true);
            }
            for (position, (sums, &[top, total])) in queries.zip(sums.chunks_exact(dim).zip(&*running)) {
                let row = first_row + position;
                // SAFETY: this head of this row belongs to this task.
                let (out, log_sum) =
                    unsafe { (context.part((row * heads + head) * dim, dim), log_sums.part(row * heads + head, 1)) };
                let share = T::ONE / total;
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = sum * share);
                log_sum[0] = top + total.ln();
            }
        }
    }
}

/// What a row sees of a block of keys, counted from the block's first.
pub(super) fn within(seen: Range<usize>, keys: &Range<usize>) -> Range<usize> {
    let start = seen.start.clamp(keys.start, keys.end);
    start - keys.start..seen.end.clamp(start, keys.end) - keys.start
}
