//! The maximum over positions of sixteen filters.

use std::ops::Range;

use super::SIDE;
use crate::kernels::windows::Window;

/// The maxima of sixteen filters, and where they are (the first such position): `max_t Σ_k product[index[t + k - pad]][k]`
/// over `positions`. `product` holds for each token and tap a row of sixteen numbers.
///
/// # Panics
/// When a row of the product is missing.
pub(super) fn maximum(
    product: &[f32],
    index: &[u32],
    window: Window,
    positions: Range<usize>,
) -> ([f32; SIDE], [u32; SIDE]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        assert!(super::available(), "this machine has no tiles");
        // SAFETY: `available` asks for these instructions.
        unsafe {
            match window.width {
                1 => x86::maximum::<1>(product, index, window, positions),
                2 => x86::maximum::<2>(product, index, window, positions),
                3 => x86::maximum::<3>(product, index, window, positions),
                4 => x86::maximum::<4>(product, index, window, positions),
                5 => x86::maximum::<5>(product, index, window, positions),
                _ => x86::maximum_of_any_width(product, index, window, positions),
            }
        }
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        let _ = (product, index, window, positions);
        unreachable!("there are no tiles")
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Range, SIDE, Window};

    /// The largest sums so far, and where they are.
    struct Best {
        values: __m512,
        at: __m512i,
    }

    impl Best {
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn new(first: usize) -> Self {
            Self { values: _mm512_set1_ps(f32::NEG_INFINITY), at: _mm512_set1_epi32(first as i32) }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn take(&mut self, sum: __m512, position: usize) {
            let better = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(sum, self.values);
            self.values = _mm512_mask_mov_ps(self.values, better, sum);
            self.at = _mm512_mask_mov_epi32(self.at, better, _mm512_set1_epi32(position as i32));
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn get(self) -> ([f32; SIDE], [u32; SIDE]) {
            let (mut values, mut at) = ([0.0; SIDE], [0; SIDE]);
            // SAFETY: both have room for a register.
            unsafe {
                _mm512_storeu_ps(values.as_mut_ptr(), self.values);
                _mm512_storeu_si512(at.as_mut_ptr().cast(), self.at);
            }
            (values, at)
        }
    }

    /// The row of a token and tap.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn row(rows: &[[f32; SIDE]], token: u32, width: usize, k: usize) -> __m512 {
        let row = &rows[token as usize * width + k];
        // SAFETY: a row has as many numbers as a register.
        unsafe { _mm512_loadu_ps(row.as_ptr()) }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn maximum<const W: usize>(
        product: &[f32],
        index: &[u32],
        window: Window,
        positions: Range<usize>,
    ) -> ([f32; SIDE], [u32; SIDE]) {
        let (rows, _) = product.as_chunks::<SIDE>();
        // Positions whose taps all stand on tokens.
        let n_whole = (index.len() + 1).saturating_sub(W);
        let whole = window.pad_left.clamp(positions.start, positions.end)
            ..(window.pad_left + n_whole).clamp(positions.start, positions.end);
        let mut best = Best::new(positions.start);
        let at_edge = |best: &mut Best, positions: Range<usize>| {
            for t in positions {
                best.take(sum_at_edge(rows, index, window, t), t);
            }
        };
        if whole.is_empty() {
            at_edge(&mut best, positions);
            return best.get();
        }
        at_edge(&mut best, positions.start..whole.start);
        let tokens = &index[whole.start - window.pad_left..whole.end - window.pad_left + W - 1];
        for (i, tokens) in tokens.windows(W).enumerate() {
            let mut sum = row(rows, tokens[0], W, 0);
            for (k, &token) in tokens.iter().enumerate().skip(1) {
                sum = _mm512_add_ps(sum, row(rows, token, W, k));
            }
            best.take(sum, whole.start + i);
        }
        at_edge(&mut best, whole.end..positions.end);
        best.get()
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn maximum_of_any_width(
        product: &[f32],
        index: &[u32],
        window: Window,
        positions: Range<usize>,
    ) -> ([f32; SIDE], [u32; SIDE]) {
        let (rows, _) = product.as_chunks::<SIDE>();
        let mut best = Best::new(positions.start);
        for t in positions {
            best.take(sum_at_edge(rows, index, window, t), t);
        }
        best.get()
    }

    /// The sum at a position of which some taps may stand on nothing.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sum_at_edge(rows: &[[f32; SIDE]], index: &[u32], window: Window, t: usize) -> __m512 {
        let mut sum = _mm512_setzero_ps();
        for k in window.taps_inside(t, index.len()) {
            sum = _mm512_add_ps(sum, row(rows, index[t + k - window.pad_left], window.width, k));
        }
        sum
    }
}
