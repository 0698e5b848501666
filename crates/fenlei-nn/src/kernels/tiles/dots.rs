//! The product of two packed factors on vector registers, for processors that multiply pairs of bf16 numbers
//! (AVX512-BF16) but have no tiles.
//!
//! Such an instruction does twice the work of one on `f32`, so three products for the parts of split numbers would cost
//! more than they save. Only the high parts are multiplied: 8 bits of each factor, sums in `f32`.

use std::arch::x86_64::*;

use super::{Packed, SIDE};

/// Rows of the result that are summed at once.
const ROWS: usize = 8;

/// Panels of columns that are summed at once: 24 sums stay in registers, beside what they are made of.
const PANELS: usize = 3;

/// Bytes of a tile, and of a tile's row.
const TILE: usize = 1024;
const ROW: usize = 64;

/// A part of the result.
pub(super) struct Part {
    /// Numbers from one row of the result to the next.
    pub stride: usize,
    pub n_rows: usize,
    pub n_cols: usize,
    /// The first panel of each factor.
    pub left: usize,
    pub right: usize,
}

/// `out = a · b`, or `out += a · b`, for a part of the result.
///
/// # Safety
/// The processor must have the instructions, `out` room for the rows and columns of `part`, and the factors the panels
/// that they come from.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn multiply(out: *mut f32, part: &Part, a: &Packed, b: &Packed, accumulate: bool) {
    for row in (0..part.n_rows).step_by(ROWS) {
        // SAFETY: a panel of rows holds two blocks of them, one behind the other.
        let left = unsafe { a.panel(part.left + row / SIDE).add(row % SIDE * ROW) };
        let n_rows = ROWS.min(part.n_rows - row);
        for col in (0..part.n_cols).step_by(PANELS * SIDE) {
            let n_cols = part.n_cols - col;
            let n_panels = n_cols.div_ceil(SIDE).min(PANELS);
            let right: [*const u8; PANELS] =
                std::array::from_fn(|i| b.panel(part.right + col / SIDE + i.min(n_panels - 1)));
            // SAFETY: the caller's: there is room from here on.
            unsafe {
                let block = Block { out: out.add(row * part.stride + col), stride: part.stride, n_rows, n_cols };
                match n_panels {
                    1 => sum::<1>(&block, left, &right, a.n_depths(), accumulate),
                    2 => sum::<2>(&block, left, &right, a.n_depths(), accumulate),
                    _ => sum::<PANELS>(&block, left, &right, a.n_depths(), accumulate),
                }
            }
        }
    }
}

/// Where up to [`ROWS`] rows of the result go. Of their columns there may be fewer than are computed.
struct Block {
    out: *mut f32,
    stride: usize,
    n_rows: usize,
    n_cols: usize,
}

impl Block {
    /// The columns of panel `c` that there are.
    fn mask(&self, c: usize) -> __mmask16 {
        let n_cols = self.n_cols.saturating_sub(c * SIDE).min(SIDE);
        ((1u32 << n_cols) - 1) as __mmask16
    }

    fn place(&self, r: usize, c: usize) -> *mut f32 {
        self.out.wrapping_add(r * self.stride + c * SIDE)
    }
}

/// [`ROWS`] rows and `C` panels of columns.
///
/// # Safety
/// As for [`multiply`]; `left` and `right` begin at a panel's first tile.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn sum<const C: usize>(
    block: &Block,
    left: *const u8,
    right: &[*const u8; PANELS],
    n_depths: usize,
    accumulate: bool,
) {
    let mut sums = [[_mm512_setzero_ps(); C]; ROWS];
    if accumulate {
        for (r, sums) in sums.iter_mut().enumerate().take(block.n_rows) {
            for (c, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller's; what is not there is masked.
                *sum = unsafe { _mm512_maskz_loadu_ps(block.mask(c), block.place(r, c)) };
            }
        }
    }
    for depth in 0..n_depths {
        let tile = depth * TILE;
        for pair in 0..SIDE {
            // SAFETY: a panel has `n_depths` tiles of 16 rows of 64 bytes.
            let columns: [__m512bh; C] = std::array::from_fn(|c| unsafe {
                std::mem::transmute::<__m512i, __m512bh>(_mm512_load_si512(right[c].add(tile + pair * ROW).cast()))
            });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above; two bf16 numbers are the bytes of one word.
                let both = unsafe { left.add(tile + r * ROW + pair * 4).cast::<i32>().read() };
                // SAFETY: both types are 512 bits of anything.
                let row = unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(both)) };
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = _mm512_dpbf16_ps(*sum, row, column);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate().take(block.n_rows) {
        for (c, &sum) in sums.iter().enumerate() {
            // SAFETY: the caller's; what is not there is masked.
            unsafe { _mm512_mask_storeu_ps(block.place(r, c), block.mask(c), sum) };
        }
    }
}
