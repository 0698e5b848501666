//! Matrix products: by the `gemm` crate, or, within a training step, on [`tiles`] where the machine has them.

use std::cell::Cell;

use super::tiles::{self, Filters, MaximaMemory, Packed, Places};
use crate::scalar::Scalar;

/// A matrix in a slice: element `(r, c)` at `r * row_stride + c * col_stride`.
#[derive(Debug, Clone, Copy)]
pub struct Mat<'a, T> {
    data: &'a [T],
    n_rows: usize,
    n_cols: usize,
    row_stride: usize,
    col_stride: usize,
    /// For each row (or column, when transposed) which one of the stored it is.
    lines: Option<&'a [u32]>,
}

impl<'a, T> Mat<'a, T> {
    /// A row-major `[n_rows, n_cols]` matrix.
    ///
    /// # Panics
    /// When `data` has another length.
    pub fn new(data: &'a [T], n_rows: usize, n_cols: usize) -> Self {
        assert_eq!(data.len(), n_rows * n_cols, "a {n_rows} by {n_cols} matrix");
        Self { data, n_rows, n_cols, row_stride: n_cols, col_stride: 1, lines: None }
    }

    /// Some rows of the matrix in `data`: row `r` is row `rows[r]` of it.
    ///
    /// # Panics
    /// When `data` has no such row.
    pub fn gathered(data: &'a [T], rows: &'a [u32], n_cols: usize) -> Self {
        let n_stored = data.len() / n_cols.max(1);
        assert!(rows.iter().all(|&row| (row as usize) < n_stored), "rows of {n_stored}");
        Self { data, n_rows: rows.len(), n_cols, row_stride: n_cols, col_stride: 1, lines: Some(rows) }
    }

    /// An `[n_rows, n_cols]` matrix whose rows begin `row_stride` numbers apart. Rows may overlap, and `data` may be
    /// longer than the matrix.
    ///
    /// # Panics
    /// When `data` is too short.
    pub fn strided(data: &'a [T], n_rows: usize, n_cols: usize, row_stride: usize) -> Self {
        let n = if n_rows == 0 { 0 } else { (n_rows - 1) * row_stride + n_cols };
        assert!(data.len() >= n, "{} numbers for {n_rows} by {n_cols}, {row_stride} apart", data.len());
        Self { data, n_rows, n_cols, row_stride, col_stride: 1, lines: None }
    }

    /// How many rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Whether the numbers of a row stand side by side; else those of a column do.
    #[inline(always)]
    pub(super) fn is_row_major(&self) -> bool {
        self.col_stride == 1
    }

    /// The numbers of a row (or column, see [`is_row_major`](Self::is_row_major)) from one of them on, and what follows.
    #[inline(always)]
    pub(super) fn line(&self, line: usize, from: usize) -> &'a [T] {
        let stride = if self.is_row_major() { self.row_stride } else { self.col_stride };
        let line = self.lines.map_or(line, |lines| lines[line] as usize);
        &self.data[line * stride + from..]
    }

    /// The numbers, and how many lie from one row to the next and from one column to the next. Not for gathered rows.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn strides(&self) -> (&'a [T], usize, usize) {
        debug_assert!(self.lines.is_none());
        (self.data, self.row_stride, self.col_stride)
    }

    /// The same numbers with rows and columns exchanged.
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            n_rows: self.n_cols,
            n_cols: self.n_rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            lines: self.lines,
        }
    }
}

/// From this many multiplications on, splitting the numbers for tiles costs less than tiles save.
const TILES_FROM: usize = 1 << 21;

/// Matrix products by special instructions.
pub trait GemmKernels: Sized {
    /// [`matmul_strided`] on tiles. False when there are none, or when they would not help; nothing is done then.
    fn multiply_on_tiles(
        out: &mut [Self],
        out_stride: usize,
        a: Mat<'_, Self>,
        b: Mat<'_, Self>,
        accumulate: bool,
    ) -> bool;

    /// [`blocks::multiply`](super::blocks::multiply) on instructions for it. False when there are none; nothing is done then.
    fn multiply_in_registers(
        _out: &mut [Self],
        _out_stride: usize,
        _a: Mat<'_, Self>,
        _b: Mat<'_, Self>,
        _accumulate: bool,
    ) -> bool {
        false
    }

    /// [`tiles::max_of_products`]. False when there are no tiles; nothing is done then.
    fn max_of_products_on_tiles(
        out: (&mut [Self], &mut [u32], usize),
        memory: &mut MaximaMemory,
        factors: (Mat<'_, Self>, Mat<'_, Self>),
        groups: &[Filters],
        places: &Places<'_>,
    ) -> bool;
}

impl GemmKernels for f64 {
    fn multiply_on_tiles(_: &mut [Self], _: usize, _: Mat<'_, Self>, _: Mat<'_, Self>, _: bool) -> bool {
        false
    }

    fn max_of_products_on_tiles(
        _: (&mut [Self], &mut [u32], usize),
        _: &mut MaximaMemory,
        _: (Mat<'_, Self>, Mat<'_, Self>),
        _: &[Filters],
        _: &Places<'_>,
    ) -> bool {
        false
    }
}

thread_local! {
    /// The factors of the last product, to use their memory again. Taken out while in use: a thread that waits for
    /// others may be given another product to compute.
    static FACTORS: Cell<(Packed, Packed)> = Cell::default();
}

impl GemmKernels for f32 {
    fn multiply_on_tiles(
        out: &mut [Self],
        out_stride: usize,
        a: Mat<'_, Self>,
        b: Mat<'_, Self>,
        accumulate: bool,
    ) -> bool {
        let (m, k, n) = (a.n_rows, a.n_cols, b.n_cols);
        if m * n * k < TILES_FROM || m.min(n) < tiles::SIDE || k < tiles::DEPTH || !tiles::available() {
            return false;
        }
        let (mut left, mut right) = FACTORS.take();
        rayon::join(|| tiles::pack_rows(&mut left, a), || tiles::pack_columns(&mut right, b));
        tiles::multiply(out, out_stride, m, n, (&left, &right), accumulate);
        FACTORS.set((left, right));
        true
    }

    #[cfg(target_arch = "x86_64")]
    fn multiply_in_registers(
        out: &mut [Self],
        out_stride: usize,
        a: Mat<'_, Self>,
        b: Mat<'_, Self>,
        accumulate: bool,
    ) -> bool {
        super::blocks::x86::multiply(out, out_stride, a, b, accumulate)
    }

    fn max_of_products_on_tiles(
        out: (&mut [Self], &mut [u32], usize),
        memory: &mut MaximaMemory,
        factors: (Mat<'_, Self>, Mat<'_, Self>),
        groups: &[Filters],
        places: &Places<'_>,
    ) -> bool {
        let available = tiles::available();
        if available {
            tiles::max_of_products(out, memory, factors, groups, places);
        }
        available
    }
}

impl<T: Scalar> Mat<'_, T> {
    /// The numbers one line after another, where they lie apart.
    fn collected(&self) -> Option<Vec<T>> {
        self.lines?;
        let (n_lines, len) = if self.is_row_major() { (self.n_rows, self.n_cols) } else { (self.n_cols, self.n_rows) };
        Some((0..n_lines).flat_map(|line| &self.line(line, 0)[..len]).copied().collect())
    }

    /// The same matrix in `collected`, its numbers one line after another.
    fn of<'c>(&self, collected: &'c [T]) -> Mat<'c, T> {
        if self.is_row_major() {
            Mat::new(collected, self.n_rows, self.n_cols)
        } else {
            Mat::new(collected, self.n_cols, self.n_rows).t()
        }
    }
}

/// Below this many multiplications one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 20;

/// `out = a · b`, or `out += a · b` with `accumulate`. `out` is row-major `[a.n_rows, b.n_cols]`.
///
/// # Panics
/// When the sizes do not fit.
pub fn matmul<T: Scalar>(out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
    assert_eq!(out.len(), a.n_rows * b.n_cols, "a {} by {} result", a.n_rows, b.n_cols);
    matmul_strided(out, b.n_cols, a, b, accumulate);
}

/// [`matmul`] into rows that begin `out_stride` numbers apart. Numbers of `out` between rows and behind the last one
/// keep their values.
///
/// # Panics
/// When the sizes do not fit.
pub fn matmul_strided<T: Scalar>(out: &mut [T], out_stride: usize, a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
    let alone = a.n_rows * a.n_cols * b.n_cols < PARALLEL_FROM;
    let parallelism = if alone { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(0) };
    matmul_with(parallelism, out, out_stride, a, b, accumulate);
}

/// [`matmul_strided`] on this thread alone.
pub(super) fn matmul_alone<T: Scalar>(
    out: &mut [T],
    out_stride: usize,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    accumulate: bool,
) {
    matmul_with(gemm::Parallelism::None, out, out_stride, a, b, accumulate);
}

fn matmul_with<T: Scalar>(
    parallelism: gemm::Parallelism,
    out: &mut [T],
    out_stride: usize,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    accumulate: bool,
) {
    let (m, k, n) = (a.n_rows, a.n_cols, b.n_cols);
    assert_eq!(k, b.n_rows, "inner sizes");
    if m == 0 || n == 0 {
        return;
    }
    assert!(out_stride >= n && out.len() >= (m - 1) * out_stride + n, "a {m} by {n} result, {out_stride} apart");
    if k == 0 {
        if !accumulate {
            out.chunks_mut(out_stride).take(m).for_each(|row| row[..n].fill(T::ZERO));
        }
        return;
    }
    let (a_collected, b_collected) = (a.collected(), b.collected());
    let a = a_collected.as_deref().map_or(a, |numbers| a.of(numbers));
    let b = b_collected.as_deref().map_or(b, |numbers| b.of(numbers));
    // SAFETY: `Mat` holds its whole matrix (checked in `new` and `strided`, kept by `t`; not gathered any more), `out` holds `m` rows of `n`
    // numbers that do not overlap (checked above) and is apart from the inputs, because it is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// [`matmul`] for training steps: where the machine multiplies bf16 numbers ([`tiles`]), large products of `f32` are made
/// of those, to 16 bits instead of 24, or to 8 where there are no tiles. What a trained net says never depends on it.
///
/// # Panics
/// When the sizes do not fit.
pub fn matmul_in_training<T: Scalar>(out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
    assert_eq!(out.len(), a.n_rows * b.n_cols, "a {} by {} result", a.n_rows, b.n_cols);
    matmul_strided_in_training(out, b.n_cols, a, b, accumulate);
}

/// [`matmul_strided`] for training steps, as [`matmul_in_training`].
///
/// # Panics
/// When the sizes do not fit.
pub fn matmul_strided_in_training<T: Scalar>(
    out: &mut [T],
    out_stride: usize,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    accumulate: bool,
) {
    assert_eq!(a.n_cols, b.n_rows, "inner sizes");
    if !T::multiply_on_tiles(out, out_stride, a, b, accumulate) {
        matmul_strided(out, out_stride, a, b, accumulate);
    }
}

/// The definition of [`matmul`], to test against.
pub fn matmul_naive<T: Scalar>(out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
    for r in 0..a.n_rows {
        for c in 0..b.n_cols {
            let mut sum = if accumulate { out[r * b.n_cols + c] } else { T::ZERO };
            for i in 0..a.n_cols {
                sum += a.data[r * a.row_stride + i * a.col_stride] * b.data[i * b.row_stride + c * b.col_stride];
            }
            out[r * b.n_cols + c] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn random<T: Scalar>(n: usize, seed: u64) -> Vec<T> {
        (0..n).map(|i| T::from_f64(rng::normal(seed, i as u64))).collect()
    }

    fn agrees<T: Scalar>(tolerance: f64) {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (33, 65, 129), (0, 3, 2), (4, 4, 0)] {
            for (ta, tb, accumulate) in [(false, false, false), (true, false, true), (false, true, true)] {
                let (a, b): (Vec<T>, Vec<T>) = (random(m * k, 1), random(k * n, 2));
                let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
                let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
                let mut fast: Vec<T> = random(m * n, 3);
                let mut plain = fast.clone();
                matmul(&mut fast, a, b, accumulate);
                matmul_naive(&mut plain, a, b, accumulate);
                for (x, y) in fast.iter().zip(&plain) {
                    assert!((*x - *y).abs().to_f64() < tolerance, "{x} and {y}");
                }
            }
        }
    }

    #[test]
    fn equals_the_definition() {
        agrees::<f32>(1e-4);
        agrees::<f64>(1e-10);
    }

    #[test]
    fn strided_rows_may_overlap_and_leave_gaps() {
        // Windows of three numbers, two apart, times a vector, into every second place.
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let w = [1.0, 10.0, 100.0];
        let mut out = [-1.0; 6];
        matmul_strided(&mut out, 2, Mat::strided(&x, 3, 3, 2), Mat::new(&w, 3, 1), false);
        assert_eq!(out, [321.0, -1.0, 543.0, -1.0, 765.0, -1.0]);
        matmul_strided(&mut out, 2, Mat::strided(&x, 3, 3, 2), Mat::new(&w, 3, 1), true);
        assert_eq!(out, [642.0, -1.0, 1086.0, -1.0, 1530.0, -1.0]);
    }

    #[test]
    fn gives_the_same_bits_for_any_number_of_threads() {
        let (m, n, k) = (301, 640, 128);
        let (a, b): (Vec<f32>, Vec<f32>) = (random(m * k, 1), random(k * n, 2));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0f32; m * n];
            pool.install(|| matmul(&mut out, Mat::new(&a, m, k), Mat::new(&b, k, n), false));
            out
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3) && one == run(8));
    }

    #[test]
    fn long_sums_give_the_same_bits_for_any_number_of_threads() {
        // The shape of a weight gradient: few outputs, a long inner side.
        let (m, n, k) = (64, 96, 5000);
        let (a, b): (Vec<f32>, Vec<f32>) = (random(k * m, 1), random(k * n, 2));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0f32; m * n];
            pool.install(|| matmul(&mut out, Mat::new(&a, k, m).t(), Mat::new(&b, k, n), true));
            out
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3) && one == run(8));
    }
}
