//! The numbers of one head in a document, laid out for products, and the memory they lie in.

use std::ops::Range;

use super::Attention;
use crate::scalar::Scalar;

/// What a thread works in.
#[derive(Debug, Clone, Default)]
pub struct Head<T> {
    /// `[n, head_dim]`: queries, turned and scaled.
    pub(super) q: Vec<T>,
    /// `[n, head_dim]`: keys, turned.
    pub(super) k: Vec<T>,
    /// `[n, head_dim]`.
    pub(super) v: Vec<T>,
    /// `[head_dim, n]`: the keys again.
    pub(super) k_t: Vec<T>,
    /// `[head_dim, n]`: the values again.
    pub(super) v_t: Vec<T>,
    /// `[queries, keys]` of a block: scores, then weights.
    pub(super) scores: Vec<T>,
    /// Their gradients.
    pub(super) d_scores: Vec<T>,
    /// `[queries, head_dim]` of a block: sums of values.
    pub(super) sums: Vec<T>,
    /// `[queries, 2]` of a block: largest score so far, sum of exponentials so far.
    pub(super) running: Vec<[T; 2]>,
    /// `[n, head_dim]`: gradients.
    pub(super) dq: Vec<T>,
    pub(super) dk: Vec<T>,
    pub(super) dv: Vec<T>,
    /// `[n]`: gradient along the outputs.
    pub(super) along: Vec<T>,
}

impl<T: Scalar> Attention<'_, T> {
    /// Copies columns of the rows of a document from `column` on, with their bias, turned if they are to be, times `scale`.
    pub(super) fn collect(
        &self,
        out: &mut Vec<T>,
        qkv: &[T],
        rows: Range<usize>,
        column: usize,
        turned: bool,
        scale: T,
    ) {
        let (dim, width) = (self.head_dim, self.width());
        let rotary = self.rotary.filter(|_| turned);
        let bias = self.bias.get(column..column + dim).unwrap_or_default();
        out.resize(rows.len() * dim, T::ZERO);
        for (position, (out, row)) in out.chunks_exact_mut(dim).zip(rows).enumerate() {
            out.copy_from_slice(&qkv[row * width + column..][..dim]);
            out.iter_mut().zip(bias).for_each(|(out, &bias)| *out += bias);
            if let Some(rotary) = rotary {
                rotary.turn(out, position, false);
            }
            if scale != T::ONE {
                out.iter_mut().for_each(|out| *out *= scale);
            }
        }
    }
}

/// `out = numbersᵀ` for `numbers: [n, dim]`.
pub(super) fn transpose<T: Scalar>(out: &mut Vec<T>, numbers: &[T], dim: usize) {
    let n = numbers.len() / dim;
    out.resize(numbers.len(), T::ZERO);
    for (row, numbers) in numbers.chunks_exact(dim).enumerate() {
        for (column, &x) in numbers.iter().enumerate() {
            out[column * n + row] = x;
        }
    }
}
