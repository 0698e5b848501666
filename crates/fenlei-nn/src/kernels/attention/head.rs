//! The numbers of one head in a document, laid out for products, and the memory they lie in.

use std::ops::Range;
use std::sync::Mutex;

use super::Attention;
use crate::scalar::Scalar;

/// What a thread works in.
#[derive(Debug, Clone, Default)]
pub(super) struct Head<T> {
    /// `[n, head_dim]`: queries, turned and scaled.
    pub q: Vec<T>,
    /// `[n, head_dim]`: keys, turned.
    pub k: Vec<T>,
    /// `[n, head_dim]`.
    pub v: Vec<T>,
    /// `[head_dim, n]`: the keys again.
    pub k_t: Vec<T>,
    /// `[head_dim, n]`: the values again.
    pub v_t: Vec<T>,
    /// `[queries, keys]` of a block: scores, then weights.
    pub scores: Vec<T>,
    /// Their gradients.
    pub d_scores: Vec<T>,
    /// `[queries, head_dim]` of a block: sums of values.
    pub sums: Vec<T>,
    /// `[queries, 2]` of a block: largest score so far, sum of exponentials so far.
    pub running: Vec<[T; 2]>,
    /// `[n, head_dim]`: gradients.
    pub dq: Vec<T>,
    pub dk: Vec<T>,
    pub dv: Vec<T>,
    /// `[n]`: gradient along the outputs.
    pub along: Vec<T>,
}

/// Memory for threads that work on heads, to be used again.
#[derive(Debug, Default)]
pub struct HeadMemory<T>(Mutex<Vec<Head<T>>>);

impl<T> Clone for HeadMemory<T> {
    /// Memory for other threads: none yet.
    fn clone(&self) -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> HeadMemory<T> {
    /// Some memory, given back when it is dropped.
    pub(super) fn lend(&self) -> Lent<'_, T> {
        let head = self.0.lock().map(|mut free| free.pop()).unwrap_or_default();
        Lent { head: head.unwrap_or_default(), owner: self }
    }
}

/// Memory that goes back to where it came from.
pub(super) struct Lent<'a, T: Default> {
    pub head: Head<T>,
    owner: &'a HeadMemory<T>,
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Ok(mut free) = self.owner.0.lock() {
            free.push(std::mem::take(&mut self.head));
        }
    }
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
