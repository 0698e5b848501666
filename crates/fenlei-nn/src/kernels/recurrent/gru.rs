//! Gated recurrent units (Cho et al. 2014), in the order and with the formula of PyTorch: reset, update, new; the reset
//! gate stands behind the product.
//!
//! ```text
//! r, z = σ(x + product)    n = tanh(x + r (product + b))    h' = (1 - z) n + z h
//! ```

use multiversion::multiversion;

use super::{Cell, CellGradients, CellState};
use crate::scalar::Scalar;

/// The cell. It keeps the product behind `n`.
#[derive(Debug, Clone, Copy)]
pub struct Gru<'a, T> {
    /// `[3 · units]`: beside the input.
    pub bias: &'a [T],
    /// `[units]`: beside the product behind `n`.
    pub product_bias: &'a [T],
}

impl<T: Scalar> Cell<T> for Gru<'_, T> {
    const GATES: usize = 3;

    fn forward(&self, gates: &mut [T], kept: &mut [T], h: &mut [T], _: &mut [T], product: &[T]) {
        forward(gates, kept, h, product, self.bias, self.product_bias);
    }

    fn backward(&self, out: CellGradients<'_, T>, before: CellState<'_, T>, dy: &[T]) {
        let CellGradients { gates, kept, dh, d_product, .. } = out;
        backward(gates, kept, dh, before.h, dy);
        let units = kept.len();
        d_product[..2 * units].copy_from_slice(&gates[..2 * units]);
        d_product[2 * units..].copy_from_slice(kept);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn forward<T: Scalar>(gates: &mut [T], kept: &mut [T], h: &mut [T], product: &[T], bias: &[T], product_bias: &[T]) {
    let units = h.len();
    gates.iter_mut().zip(bias).for_each(|(gate, &bias)| *gate += bias);
    let (r, rest) = gates.split_at_mut(units);
    let (z, n) = rest.split_at_mut(units);
    let (n, kept) = (&mut n[..units], &mut kept[..units]);
    let (product_r, rest) = product.split_at(units);
    let (product_z, product_n) = rest.split_at(units);
    let (product_n, product_bias) = (&product_n[..units], &product_bias[..units]);
    for k in 0..units {
        r[k] = (r[k] + product_r[k]).sigmoid_lane();
        z[k] = (z[k] + product_z[k]).sigmoid_lane();
        kept[k] = product_n[k] + product_bias[k];
        n[k] = (n[k] + r[k] * kept[k]).tanh_lane();
        h[k] = n[k] + z[k] * (h[k] - n[k]);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn backward<T: Scalar>(gates: &mut [T], kept: &mut [T], dh: &mut [T], h_before: &[T], dy: &[T]) {
    let units = dh.len();
    let (r, rest) = gates.split_at_mut(units);
    let (z, n) = rest.split_at_mut(units);
    let (n, kept, dy) = (&mut n[..units], &mut kept[..units], &dy[..units]);
    for k in 0..units {
        let h_before = if h_before.is_empty() { T::ZERO } else { h_before[k] };
        let d = dh[k] + dy[k];
        let (r_k, z_k, n_k) = (r[k], z[k], n[k]);
        let d_new = d * (T::ONE - z_k) * (T::ONE - n_k * n_k);
        r[k] = d_new * kept[k] * r_k * (T::ONE - r_k);
        z[k] = d * (h_before - n_k) * z_k * (T::ONE - z_k);
        n[k] = d_new;
        kept[k] = d_new * r_k;
        dh[k] = d * z_k;
    }
}
