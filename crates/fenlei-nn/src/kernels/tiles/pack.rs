//! Matrices as tiles of split numbers.

use super::{DEPTH, SIDE};
use crate::kernels::gemm::Mat;

/// Half-words in a tile.
const TILE: usize = SIDE * DEPTH;

/// A factor of a product as tiles: for each panel of 16 rows (or columns) and each 32 numbers of the inner axis, the tile
/// of the high parts and, where they are multiplied too, that of the low parts. What is missing at the edges is zero.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    /// Aligned to the size of a tile's row from `first` on.
    data: Vec<u16>,
    first: usize,
    n_panels: usize,
    n_depths: usize,
}

/// Tiles for each place: those of vector registers have no low parts.
fn n_parts() -> usize {
    if super::unit() == Some(super::Unit::Dots) { 1 } else { 2 }
}

impl Packed {
    /// Panels of 16 rows or columns.
    pub fn n_panels(&self) -> usize {
        self.n_panels
    }

    /// Tiles along the inner axis.
    pub fn n_depths(&self) -> usize {
        self.n_depths
    }

    /// The first tile of a panel: `n_depths` times [`n_parts`] tiles follow.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> *const u8 {
        self.data[self.first + panel * self.n_depths * n_parts() * TILE..].as_ptr().cast()
    }

    fn resize(&mut self, n_panels: usize, depth: usize) -> &mut [u16] {
        self.n_panels = n_panels;
        self.n_depths = depth.div_ceil(DEPTH);
        let len = self.n_panels * self.n_depths * n_parts() * TILE;
        // Room to begin at a cache line.
        self.data.resize(len + DEPTH, 0);
        self.first = self.data.as_ptr().align_offset(64).min(DEPTH);
        &mut self.data[self.first..self.first + len]
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod fallback {
    use super::{Mat, Packed};

    /// Never called: there are no tiles.
    pub fn pack_rows(_: &mut Packed, _: Mat<'_, f32>) {}
    /// Never called: there are no tiles.
    pub fn pack_columns(_: &mut Packed, _: Mat<'_, f32>) {}
    /// Never called: there are no tiles.
    pub fn pack_columns_of(_: &mut Packed, _: Mat<'_, f32>, _: &[std::ops::Range<usize>]) {}
}
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub use fallback::{pack_columns, pack_columns_of, pack_rows};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub use x86::{pack_columns, pack_columns_of, pack_rows};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86 {
    use std::arch::x86_64::*;
    use std::ops::Range;

    use rayon::prelude::*;

    use super::{DEPTH, Mat, Packed, SIDE, TILE, n_parts};
    use crate::kernels::memory::prefetch;

    /// Panels that a task packs at least.
    const PANELS_PER_TASK: usize = 8;

    /// Packs the left factor: a tile holds 16 rows and 32 columns, row by row. [`available`](super::super::available)
    /// must hold.
    pub fn pack_rows(packed: &mut Packed, m: Mat<'_, f32>) {
        let n_panels = m.n_rows().div_ceil(SIDE);
        pack(packed, m, n_panels, |panel| panel * SIDE..m.n_rows().min((panel + 1) * SIDE), false);
    }

    /// Packs the right factor: a tile holds 16 columns and 32 rows, as rows of pairs that stand one above the other.
    /// [`available`](super::super::available) must hold.
    pub fn pack_columns(packed: &mut Packed, m: Mat<'_, f32>) {
        pack_columns_of(packed, m, std::slice::from_ref(&(0..m.n_cols())));
    }

    /// [`pack_columns`] for some ranges of columns, one after another, each of which begins a panel.
    pub fn pack_columns_of(packed: &mut Packed, m: Mat<'_, f32>, ranges: &[Range<usize>]) {
        let panels: Vec<Range<usize>> = ranges
            .iter()
            .flat_map(|range| range.clone().step_by(SIDE).map(|first| first..range.end.min(first + SIDE)))
            .collect();
        pack(packed, m.t(), panels.len(), |panel| panels[panel].clone(), true);
    }

    /// Packs rows of `m`: `rows(panel)` says which. The tiles of a left factor hold them as they are, those of a right one
    /// as columns of pairs: as 32-bit words one is the transpose of the other.
    fn pack(
        packed: &mut Packed,
        m: Mat<'_, f32>,
        n_panels: usize,
        rows: impl Fn(usize) -> Range<usize> + Sync,
        columns_of_pairs: bool,
    ) {
        assert!(super::super::available(), "this machine has no tiles");
        let n_depths = m.n_cols().div_ceil(DEPTH);
        let panels = packed.resize(n_panels, m.n_cols()).par_chunks_mut(n_depths * n_parts() * TILE).enumerate();
        panels.with_min_len(PANELS_PER_TASK).for_each(|(panel, tiles)| {
            if panel + 1 < n_panels && m.is_row_major() {
                // Gathered rows lie anywhere: ask for those of the next panel.
                rows(panel + 1).for_each(|row| prefetch(&m.line(row, 0)[..m.n_cols()]));
            }
            let rows = rows(panel);
            let mut edge = [0.0; TILE];
            for (depth, parts) in tiles.chunks_exact_mut(n_parts() * TILE).enumerate() {
                let (high, low) = parts.split_at_mut(TILE);
                let high: &mut [u16; TILE] = high.try_into().expect("a whole tile");
                let mut low: Option<&mut [u16; TILE]> = low.try_into().ok();
                // SAFETY: `available` was checked and asks for these instructions.
                unsafe {
                    let by_rows = m.is_row_major();
                    let block = Block::read(m, rows.clone(), depth * DEPTH, &mut edge);
                    if by_rows {
                        split_rows(high, low.as_deref_mut(), &block);
                    } else {
                        split_columns(high, low.as_deref_mut(), &block);
                    }
                    if by_rows == columns_of_pairs {
                        transpose(high);
                        if let Some(low) = low {
                            transpose(low);
                        }
                    }
                }
            }
        });
    }

    /// 16 rows and 32 columns of a matrix, as 16 lines of 32 numbers or, of a matrix that lies column by column, as 32 lines
    /// of 16.
    struct Block<'a> {
        lines: [&'a [f32]; DEPTH],
    }

    impl<'a> Block<'a> {
        /// At the edges the block is copied to `edge` and filled up with zeros.
        #[inline(always)]
        fn read(m: Mat<'a, f32>, rows: Range<usize>, col: usize, edge: &'a mut [f32; TILE]) -> Self {
            let cols = col..m.n_cols().min(col + DEPTH);
            let (wanted, along, n_lines, len) =
                if m.is_row_major() { (rows, cols, SIDE, DEPTH) } else { (cols, rows, DEPTH, SIDE) };
            let mut lines: [&[f32]; DEPTH] = [&[]; DEPTH];
            if wanted.len() == n_lines && along.len() == len {
                for (i, line) in lines.iter_mut().enumerate().take(n_lines) {
                    *line = &m.line(wanted.start + i, along.start)[..len];
                }
                return Self { lines };
            }
            edge.fill(0.0);
            for (to, line) in edge.chunks_exact_mut(len).zip(wanted) {
                to[..along.len()].copy_from_slice(&m.line(line, along.start)[..along.len()]);
            }
            for (line, numbers) in lines.iter_mut().zip(edge.chunks_exact(len)) {
                *line = numbers;
            }
            Self { lines }
        }

        /// `len` numbers of a line.
        #[inline(always)]
        fn line(&self, line: usize, len: usize) -> &[f32] {
            &self.lines[line][..len]
        }
    }

    /// The bits of the nearest bf16 number, in the upper half of each word (ties to even), and what is left.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn split(x: __m512) -> (__m512i, __m512) {
        let bits = _mm512_castps_si512(x);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
        let high = _mm512_and_si512(rounded, _mm512_set1_epi32(0xFFFF_0000_u32 as i32));
        (high, _mm512_sub_ps(x, _mm512_castsi512_ps(high)))
    }

    /// 16 lines of 32 numbers, as they are.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn split_rows(high: &mut [u16; TILE], mut low: Option<&mut [u16; TILE]>, block: &Block<'_>) {
        for line in 0..SIDE {
            let numbers = block.line(line, DEPTH);
            for half in 0..2 {
                // SAFETY: a line has 32 numbers, and a tile's row has 32 half-words.
                unsafe {
                    let (h, rest) = split(_mm512_loadu_ps(numbers.as_ptr().add(half * SIDE)));
                    let at = line * DEPTH + half * SIDE;
                    let upper = |words| _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(words));
                    _mm256_storeu_si256(high.as_mut_ptr().add(at).cast(), upper(h));
                    if let Some(low) = &mut low {
                        _mm256_storeu_si256(low.as_mut_ptr().add(at).cast(), upper(split(rest).0));
                    }
                }
            }
        }
    }

    /// 32 lines of 16 numbers, as 16 rows of pairs.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn split_columns(high: &mut [u16; TILE], mut low: Option<&mut [u16; TILE]>, block: &Block<'_>) {
        for pair in 0..SIDE {
            // SAFETY: a line has 16 numbers, and a tile's row has 16 words.
            unsafe {
                let (h0, rest0) = split(_mm512_loadu_ps(block.line(2 * pair, SIDE).as_ptr()));
                let (h1, rest1) = split(_mm512_loadu_ps(block.line(2 * pair + 1, SIDE).as_ptr()));
                let join = |first, second| _mm512_or_si512(_mm512_srli_epi32::<16>(first), second);
                let at = pair * DEPTH;
                _mm512_storeu_si512(high.as_mut_ptr().add(at).cast(), join(h0, h1));
                if let Some(low) = &mut low {
                    _mm512_storeu_si512(low.as_mut_ptr().add(at).cast(), join(split(rest0).0, split(rest1).0));
                }
            }
        }
    }

    /// Exchanges rows and columns of a tile of 16 by 16 words.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn transpose(tile: &mut [u16; TILE]) {
        let words: *mut i32 = tile.as_mut_ptr().cast();
        // SAFETY: a tile has 16 rows of 16 words.
        let row = |r: usize| unsafe { _mm512_loadu_si512(words.add(r * SIDE).cast()) };
        let mut a: [__m512i; SIDE] = std::array::from_fn(row);
        let mut b = a;
        // Pairs of rows, then fours, within quarters of a register.
        for i in 0..8 {
            b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
            b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
        }
        for i in 0..4 {
            a[4 * i] = _mm512_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
            a[4 * i + 1] = _mm512_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
            a[4 * i + 2] = _mm512_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
            a[4 * i + 3] = _mm512_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
        }
        // Quarters across registers: now `a[4 i + j]` holds columns j, j+4, j+8, j+12 of rows 4 i to 4 i + 3.
        for j in 0..4 {
            b[j] = _mm512_shuffle_i32x4::<0x88>(a[j], a[4 + j]);
            b[4 + j] = _mm512_shuffle_i32x4::<0xDD>(a[j], a[4 + j]);
            b[8 + j] = _mm512_shuffle_i32x4::<0x88>(a[8 + j], a[12 + j]);
            b[12 + j] = _mm512_shuffle_i32x4::<0xDD>(a[8 + j], a[12 + j]);
        }
        for j in 0..4 {
            a[j] = _mm512_shuffle_i32x4::<0x88>(b[j], b[8 + j]);
            a[8 + j] = _mm512_shuffle_i32x4::<0xDD>(b[j], b[8 + j]);
            a[4 + j] = _mm512_shuffle_i32x4::<0x88>(b[4 + j], b[12 + j]);
            a[12 + j] = _mm512_shuffle_i32x4::<0xDD>(b[4 + j], b[12 + j]);
        }
        for (r, row) in a.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(words.add(r * SIDE).cast(), row) };
        }
    }
}
