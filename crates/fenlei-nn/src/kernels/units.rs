//! The units between the two products of a feed-forward part: bias, activation and gate in one pass over each row, forth
//! and back.

use multiversion::multiversion;
use rayon::prelude::*;

use super::shortcut::{ROWS, parts_per_task};
use crate::layers::activation::Activation;
use crate::scalar::Scalar;

/// How units answer.
#[derive(Debug, Clone, Copy)]
pub struct Units<'a, T> {
    /// Applied to each number, or to each gate.
    pub activation: Activation,
    /// Whether a row holds gates and, behind them, as many numbers that they are multiplied with.
    pub gated: bool,
    /// As long as a row, or empty.
    pub bias: &'a [T],
}

/// Calls `$pass` with what `$activation` and its slope give at a number.
macro_rules! with_activation {
    ($activation:expr, $pass:ident) => {
        match $activation {
            Activation::Relu => $pass!(Activation::Relu),
            Activation::Gelu => $pass!(Activation::Gelu),
            Activation::GeluTanh => $pass!(Activation::GeluTanh),
            Activation::Silu => $pass!(Activation::Silu),
            Activation::Tanh => $pass!(Activation::Tanh),
            Activation::Sigmoid => $pass!(Activation::Sigmoid),
            Activation::Linear => $pass!(Activation::Linear),
        }
    };
}

impl<T: Scalar> Units<'_, T> {
    /// `y: [n_rows, n]` from `x: [n_rows, n]`, or `[n_rows, 2n]` with gates.
    pub fn forward(&self, y: &mut [T], x: &[T], n: usize) {
        let n_in = if self.gated { 2 * n } else { n };
        let parts = y.par_chunks_mut(n * ROWS).zip(x.par_chunks(n_in * ROWS)).with_min_len(parts_per_task(x.len()));
        parts.for_each(|(y, x)| {
            macro_rules! pass {
                ($a:expr) => {
                    forward_rows(y, x, n, self.bias, self.gated, |x| $a.value_and_slope(x).0)
                };
            }
            with_activation!(self.activation, pass);
        });
    }

    /// From `dy: [n_rows, n]`: `dx`, as `x`; adds its column sums to `d_bias` (as long as a row, or empty). `y` is made
    /// again.
    pub fn backward(
        &self,
        (y, dx, d_bias): (&mut [T], &mut [T], &mut [T]),
        partial: &mut Vec<T>,
        dy: &[T],
        x: &[T],
        n: usize,
    ) {
        let n_in = if self.gated { 2 * n } else { n };
        let n_parts = x.len().div_ceil(n_in * ROWS).max(1);
        partial.clear();
        partial.resize(n_parts * n_in, T::ZERO);
        let parts = y.par_chunks_mut(n * ROWS).zip(dx.par_chunks_mut(n_in * ROWS)).zip(partial.par_chunks_mut(n_in));
        let parts = parts.zip(dy.par_chunks(n * ROWS).zip(x.par_chunks(n_in * ROWS)));
        parts.with_min_len(parts_per_task(x.len())).for_each(|(((y, dx), sums), (dy, x))| {
            macro_rules! pass {
                ($a:expr) => {
                    backward_rows((y, dx, sums), dy, x, n, self.bias, self.gated, |x| $a.value_and_slope(x))
                };
            }
            with_activation!(self.activation, pass);
        });
        for sums in partial.chunks_exact(n_in) {
            d_bias.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn forward_rows<T: Scalar, F: Fn(T) -> T>(y: &mut [T], x: &[T], n: usize, bias: &[T], gated: bool, f: F) {
    let n_in = if gated { 2 * n } else { n };
    for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(n_in)) {
        let (gates, ups) = x.split_at(n);
        let (gate_bias, up_bias) = bias.split_at(n.min(bias.len()));
        match (gated, bias.is_empty()) {
            (false, true) => y.iter_mut().zip(gates).for_each(|(y, &x)| *y = f(x)),
            (false, false) => {
                y.iter_mut().zip(gates).zip(gate_bias).for_each(|((y, &x), &bias)| *y = f(x + bias));
            }
            (true, true) => y.iter_mut().zip(gates).zip(ups).for_each(|((y, &gate), &up)| *y = f(gate) * up),
            (true, false) => {
                let numbers = y.iter_mut().zip(gates.iter().zip(ups)).zip(gate_bias.iter().zip(up_bias));
                numbers.for_each(|((y, (&gate, &up)), (&a, &b))| *y = f(gate + a) * (up + b));
            }
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn backward_rows<T: Scalar, F: Fn(T) -> (T, T)>(
    (y, dx, sums): (&mut [T], &mut [T], &mut [T]),
    dy: &[T],
    x: &[T],
    n: usize,
    bias: &[T],
    gated: bool,
    f: F,
) {
    let n_in = if gated { 2 * n } else { n };
    let rows = y.chunks_exact_mut(n).zip(dx.chunks_exact_mut(n_in)).zip(dy.chunks_exact(n).zip(x.chunks_exact(n_in)));
    for ((y, dx), (dy, x)) in rows {
        // The input with its bias stands in `dx` until its gradient does.
        if bias.is_empty() {
            dx.copy_from_slice(x);
        } else {
            dx.iter_mut().zip(x).zip(bias).for_each(|((dx, &x), &bias)| *dx = x + bias);
        }
        let (gates, ups) = dx.split_at_mut(n);
        if gated {
            for ((y, &dy), (gate, up)) in y.iter_mut().zip(dy).zip(gates.iter_mut().zip(ups.iter_mut())) {
                let (value, slope) = f(*gate);
                *y = value * *up;
                *gate = dy * *up * slope;
                *up = dy * value;
            }
        } else {
            for ((y, &dy), x) in y.iter_mut().zip(dy).zip(gates.iter_mut()) {
                let (value, slope) = f(*x);
                *y = value;
                *x = dy * slope;
            }
        }
        sums.iter_mut().zip(&*dx).for_each(|(sum, &dx)| *sum += dx);
    }
}
