//! Long short-term memory (Hochreiter and Schmidhuber 1997), in the order of PyTorch: input, forget, cell, output.
//!
//! ```text
//! i, f, o = σ(x + product)    g = tanh(x + product)    c' = f c + i g    h' = o tanh(c')
//! ```

use multiversion::multiversion;

use super::{Cell, CellGradients, CellState};
use crate::scalar::Scalar;

/// The cell. It keeps `c`.
#[derive(Debug, Clone, Copy)]
pub struct Lstm<'a, T> {
    /// `[4 · units]`.
    pub bias: &'a [T],
}

impl<T: Scalar> Cell<T> for Lstm<'_, T> {
    const GATES: usize = 4;

    fn forward(&self, gates: &mut [T], kept: &mut [T], h: &mut [T], c: &mut [T], product: &[T]) {
        forward(gates, h, c, product, self.bias);
        kept.copy_from_slice(c);
    }

    fn backward(&self, out: CellGradients<'_, T>, before: CellState<'_, T>, dy: &[T]) {
        let CellGradients { gates, kept, dh, dc, d_product } = out;
        backward(gates, dh, dc, kept, before.kept, dy);
        d_product.copy_from_slice(gates);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn forward<T: Scalar>(gates: &mut [T], h: &mut [T], c: &mut [T], product: &[T], bias: &[T]) {
    let units = h.len();
    gates.iter_mut().zip(product).zip(bias).for_each(|((gate, &product), &bias)| *gate += product + bias);
    let (i, rest) = gates.split_at_mut(units);
    let (f, rest) = rest.split_at_mut(units);
    let (g, o) = rest.split_at_mut(units);
    let (o, h, c) = (&mut o[..units], &mut h[..units], &mut c[..units]);
    for k in 0..units {
        i[k] = i[k].sigmoid_lane();
        f[k] = f[k].sigmoid_lane();
        g[k] = g[k].tanh_lane();
        o[k] = o[k].sigmoid_lane();
        c[k] = f[k] * c[k] + i[k] * g[k];
        h[k] = o[k] * c[k].tanh_lane();
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn backward<T: Scalar>(gates: &mut [T], dh: &mut [T], dc: &mut [T], c: &[T], c_before: &[T], dy: &[T]) {
    let units = dh.len();
    let (i, rest) = gates.split_at_mut(units);
    let (f, rest) = rest.split_at_mut(units);
    let (g, o) = rest.split_at_mut(units);
    let (o, dc, c, dy) = (&mut o[..units], &mut dc[..units], &c[..units], &dy[..units]);
    for k in 0..units {
        let c_before = if c_before.is_empty() { T::ZERO } else { c_before[k] };
        let (tanh, d) = (c[k].tanh_lane(), dh[k] + dy[k]);
        let d_cell = dc[k] + d * o[k] * (T::ONE - tanh * tanh);
        let (i_k, f_k, g_k, o_k) = (i[k], f[k], g[k], o[k]);
        i[k] = d_cell * g_k * i_k * (T::ONE - i_k);
        f[k] = d_cell * c_before * f_k * (T::ONE - f_k);
        g[k] = d_cell * i_k * (T::ONE - g_k * g_k);
        o[k] = d * tanh * o_k * (T::ONE - o_k);
        dc[k] = d_cell * f_k;
        dh[k] = T::ZERO;
    }
}
