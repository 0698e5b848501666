//! Products of small matrices by one thread, for loops that divide their work themselves: attention within a document,
//! a step of a recurrent net.

use super::gemm::Mat;
use crate::scalar::Scalar;

/// `out = a · b`, or `out += a · b`, on this thread. Rows of `out` begin `out_stride` numbers apart.
///
/// # Panics
/// When the sizes do not fit.
pub fn multiply<T: Scalar>(out: &mut [T], out_stride: usize, a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
    if !T::multiply_in_registers(out, out_stride, a, b, accumulate) {
        super::gemm::matmul_alone(out, out_stride, a, b, accumulate);
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use crate::kernels::gemm::Mat;

    /// Numbers in a register.
    const LANES: usize = 16;

    /// Registers of columns that are summed at once.
    const COLS: usize = 2;

    /// Rows that are summed at once: with `COLS` registers each, as many sums as hide the time of an addition.
    const ROWS: usize = 8;

    /// [`multiply`](super::multiply) on AVX-512. False where that is missing, or where the rows of `b` are not whole.
    pub fn multiply(out: &mut [f32], out_stride: usize, a: Mat<'_, f32>, b: Mat<'_, f32>, accumulate: bool) -> bool {
        if !is_x86_feature_detected!("avx512f") || !b.is_row_major() {
            return false;
        }
        let (m, k, n) = (a.n_rows(), a.n_cols(), b.n_cols());
        assert_eq!(k, b.n_rows(), "inner sizes");
        if m == 0 || n == 0 {
            return true;
        }
        assert!(out_stride >= n && out.len() >= (m - 1) * out_stride + n, "a {m} by {n} result, {out_stride} apart");
        // SAFETY: the processor has the instructions; `Mat` holds its whole matrix, and `out` was checked.
        unsafe { product(out.as_mut_ptr(), out_stride, a, b, accumulate) }
        true
    }

    /// # Safety
    /// The processor must have the instructions, and `out` room for the result.
    #[target_feature(enable = "avx512f")]
    unsafe fn product(out: *mut f32, out_stride: usize, a: Mat<'_, f32>, b: Mat<'_, f32>, accumulate: bool) {
        let (m, n) = (a.n_rows(), b.n_cols());
        let (a_data, a_row, a_col) = a.strides();
        let (b_data, b_row, _) = b.strides();
        for col in (0..n).step_by(COLS * LANES) {
            let n_cols = n - col;
            let mask = |i: usize| -> __mmask16 {
                let n_lanes = n_cols.saturating_sub(i * LANES).min(LANES);
                ((1u32 << n_lanes) - 1) as __mmask16
            };
            let masks = [mask(0), mask(1)];
            for row in (0..m).step_by(ROWS) {
                // SAFETY: the block begins within the matrices, and rows and masks end with them.
                unsafe {
                    let block = Block {
                        out: out.add(row * out_stride + col),
                        out_stride,
                        a: a_data.as_ptr().add(row * a_row),
                        a_row,
                        a_col,
                        b: b_data.as_ptr().add(col),
                        b_row,
                        k: a.n_cols(),
                        accumulate,
                    };
                    match m - row {
                        1 => block.sum::<1>(masks),
                        2 => block.sum::<2>(masks),
                        3 => block.sum::<3>(masks),
                        4 => block.sum::<4>(masks),
                        5 => block.sum::<5>(masks),
                        6 => block.sum::<6>(masks),
                        7 => block.sum::<7>(masks),
                        _ => block.sum::<ROWS>(masks),
                    }
                }
            }
        }
    }

    /// A part of the result, and where what it is made of begins.
    struct Block {
        out: *mut f32,
        out_stride: usize,
        a: *const f32,
        a_row: usize,
        a_col: usize,
        b: *const f32,
        b_row: usize,
        k: usize,
        accumulate: bool,
    }

    impl Block {
        /// # Safety
        /// As [`product`]; the matrices must have so many rows and, where masks have bits, columns.
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn sum<const R: usize>(&self, masks: [__mmask16; COLS]) {
            let mut sums = [[_mm512_setzero_ps(); COLS]; R];
            for p in 0..self.k {
                // SAFETY: masked lanes are not read; the others lie in the matrices.
                unsafe {
                    let b = self.b.add(p * self.b_row);
                    let b =
                        [_mm512_maskz_loadu_ps(masks[0], b), _mm512_maskz_loadu_ps(masks[1], b.wrapping_add(LANES))];
                    let a = self.a.add(p * self.a_col);
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let a = _mm512_set1_ps(*a.add(r * self.a_row));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = _mm512_fmadd_ps(a, b, *sum);
                        }
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (i, (mut sum, mask)) in sums.into_iter().zip(masks).enumerate() {
                    // SAFETY: masked lanes are neither read nor written; the others lie in `out`.
                    unsafe {
                        let out = self.out.wrapping_add(r * self.out_stride + i * LANES);
                        if self.accumulate {
                            sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
                        }
                        _mm512_mask_storeu_ps(out, mask, sum);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::gemm::matmul_naive;
    use crate::rng;

    fn agrees<T: Scalar>(tolerance: f64) {
        let random = |n: usize, seed| -> Vec<T> { (0..n).map(|i| T::from_f64(rng::normal(seed, i as u64))).collect() };
        for (m, n, k) in [(1, 1, 1), (8, 32, 4), (9, 33, 5), (21, 70, 13), (7, 15, 3), (3, 5, 0), (0, 4, 4)] {
            for (transposed, accumulate) in [(false, false), (true, false), (false, true), (true, true)] {
                let (a, b) = (random(m * k, 1), random(k * n, 2));
                let a = if transposed { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
                let b = Mat::new(&b, k, n);
                let stride = n + 3;
                let before = random(m * stride, 3);
                let mut fast = before.clone();
                multiply(&mut fast, stride, a, b, accumulate);
                let mut plain: Vec<T> = (0..m).flat_map(|r| before[r * stride..r * stride + n].to_vec()).collect();
                matmul_naive(&mut plain, a, b, accumulate);
                for r in 0..m {
                    for (x, y) in fast[r * stride..].iter().zip(&plain[r * n..(r + 1) * n]) {
                        assert!((*x - *y).abs().to_f64() < tolerance, "{m} {n} {k}: {x} and {y}");
                    }
                    assert_eq!(fast[r * stride + n..(r + 1) * stride], before[r * stride + n..(r + 1) * stride]);
                }
            }
        }
    }

    #[test]
    fn equals_the_definition() {
        agrees::<f32>(1e-5);
        agrees::<f64>(1e-12);
    }
}
