//! Products of rows with a matrix of 8-bit integers, for predictions.
//!
//! A row of the matrix is `scale · q` with `q` from -127 to 127 (symmetric, a scale for each output). What is multiplied with
//! it is rounded likewise while the product is made, with a scale for each of its rows (dynamic quantisation). Sums of
//! integers are exact, so every machine and every number of threads gets the same bits.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::scalar::Scalar;

/// Outputs in a panel: as many sums as a register holds.
const PANEL: usize = 16;

/// Inputs that one instruction adds up for each output.
const QUAD: usize = 4;

/// Rows that are summed at once, with [`PANELS`] panels each.
const ROWS: usize = 8;
const PANELS: usize = 3;

/// The most inputs of an output: no sum of so many products leaves the range of 32 bits.
pub const MAX_INPUTS: usize = 1 << 16;

/// Rows that a task takes at least.
const ROWS_PER_TASK: usize = 32;

/// The largest of the integers. -128 is left out, so that the range is the same on both sides.
const LARGEST: f32 = 127.0;

/// Four inputs of each output of a panel.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
struct Line([i8; PANEL * QUAD]);

/// A matrix `[n_out, n_in]` of 8-bit integers with a scale for each output.
#[derive(Debug, Clone, PartialEq)]
pub struct Int8Matrix {
    n_out: usize,
    n_in: usize,
    /// `[n_panels, n_quads]`; what is missing at the edges is zero.
    lines: Vec<Line>,
    /// `[n_out]`.
    scales: Vec<f32>,
    /// `[n_out]`, 128 times the sum of each row: factors are made positive by adding 128, which this takes back.
    shifts: Vec<i32>,
}

impl Int8Matrix {
    /// The nearest integers to `weights: [n_out, n_in]`, each row with the scale of its largest number.
    ///
    /// # Panics
    /// When `weights` is not of that size.
    pub fn nearest<T: Scalar>(weights: &[T], n_out: usize, n_in: usize) -> Self {
        assert_eq!(weights.len(), n_out * n_in, "a {n_out} by {n_in} matrix");
        let (mut values, mut scales) = (vec![0; weights.len()], vec![0.0; n_out]);
        for ((row, to), scale) in weights.chunks(n_in.max(1)).zip(values.chunks_mut(n_in.max(1))).zip(&mut scales) {
            let largest = row.iter().fold(0.0, |largest: f64, w| largest.max(w.to_f64().abs()));
            *scale = (largest / f64::from(LARGEST)) as f32;
            if *scale > 0.0 {
                let of_one = 1.0 / f64::from(*scale);
                let bound = f64::from(LARGEST);
                to.iter_mut().zip(row).for_each(|(q, w)| *q = (w.to_f64() * of_one).round().clamp(-bound, bound) as i8);
            }
        }
        Self::new(&values, scales, n_in)
    }

    /// From integers `[n_out, n_in]` and a scale for each output.
    ///
    /// # Panics
    /// When there are not that many integers, or more than [`MAX_INPUTS`] inputs.
    pub fn new(values: &[i8], scales: Vec<f32>, n_in: usize) -> Self {
        let n_out = scales.len();
        assert!(n_in <= MAX_INPUTS, "{n_in} inputs");
        assert_eq!(values.len(), n_out * n_in, "a {n_out} by {n_in} matrix");
        let n_quads = n_in.div_ceil(QUAD);
        let mut lines = vec![Line([0; PANEL * QUAD]); n_out.div_ceil(PANEL) * n_quads];
        for (out, row) in values.chunks(n_in.max(1)).enumerate() {
            for (quad, four) in row.chunks(QUAD).enumerate() {
                let line = &mut lines[out / PANEL * n_quads + quad].0;
                line[out % PANEL * QUAD..][..four.len()].copy_from_slice(four);
            }
        }
        let rows = values.chunks(n_in.max(1));
        let mut shifts: Vec<i32> = rows.map(|row| row.iter().map(|&q| i32::from(q) * 128).sum()).collect();
        shifts.resize(n_out, 0);
        Self { n_out, n_in, lines, scales, shifts }
    }

    /// Outputs.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Inputs of an output.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// The scale of each output.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The integers of an output.
    pub fn row(&self, out: usize) -> impl Iterator<Item = i8> + '_ {
        let n_quads = self.n_in.div_ceil(QUAD);
        let lines = &self.lines[out / PANEL * n_quads..][..n_quads];
        let quads = lines.iter().flat_map(move |line| &line.0[out % PANEL * QUAD..][..QUAD]);
        quads.take(self.n_in).copied()
    }

    /// What an output's integers stand for.
    pub fn expand_row<T: Scalar>(&self, to: &mut [T], out: usize) {
        let scale = T::from_f64(f64::from(self.scales[out]));
        to.iter_mut().zip(self.row(out)).for_each(|(to, q)| *to = scale * T::from_f64(f64::from(q)));
    }

    /// `y: [n_rows, n_out]`, the product of the rows of `x: [n_rows, n_in]` with the transposed matrix.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn multiply<T: Scalar>(&self, y: &mut [T], x: &[T]) {
        if self.n_in == 0 || self.n_out == 0 {
            return y.fill(T::ZERO);
        }
        let n_rows = x.len() / self.n_in;
        assert!(x.len() == n_rows * self.n_in && y.len() == n_rows * self.n_out, "{n_rows} rows, {} sums", y.len());
        // Rows are dealt out in blocks of `ROWS`, so that a thread's block is never cut.
        let n_threads = rayon::current_num_threads().max(1);
        let per_task = n_rows.div_ceil(n_threads).max(ROWS_PER_TASK).next_multiple_of(ROWS).min(8 * ROWS_PER_TASK);
        let tasks = y.par_chunks_mut(per_task * self.n_out).zip(x.par_chunks(per_task * self.n_in));
        tasks.for_each_init(Rounded::default, |rounded, (y, x)| {
            rounded.fill(x, self.n_in);
            self.multiply_rounded(y, rounded);
        });
    }

    fn multiply_rounded<T: Scalar>(&self, y: &mut [T], rounded: &Rounded) {
        let n_rows = rounded.scales.len();
        let n_quads = self.n_in.div_ceil(QUAD);
        let fast = has_instructions();
        for panel in (0..self.n_out.div_ceil(PANEL)).step_by(PANELS) {
            let n_panels = (self.n_out.div_ceil(PANEL) - panel).min(PANELS);
            let lines = &self.lines[panel * n_quads..(panel + n_panels) * n_quads];
            let columns = panel * PANEL..self.n_out.min((panel + n_panels) * PANEL);
            for first in (0..n_rows).step_by(ROWS) {
                let mut sums = [[0; PANELS * PANEL]; ROWS];
                let n = ROWS.min(n_rows - first);
                let rows = &rounded.values[first * rounded.width..(first + n) * rounded.width];
                sum(&mut sums, rows, rounded.width, lines, n_quads, fast);
                for (r, sums) in sums[..n].iter().enumerate() {
                    let row = first + r;
                    let to = &mut y[row * self.n_out..][columns.clone()];
                    let of_columns = (&self.shifts[columns.clone()], &self.scales[columns.clone()]);
                    scale_back(to, sums, rounded.scales[row], of_columns.0, of_columns.1);
                }
            }
        }
    }
}

/// Rows as integers from 1 to 255, 128 more than what they stand for.
#[derive(Debug, Default)]
struct Rounded {
    /// `[n_rows, width]`, filled up with 128, which stands for zero.
    values: Vec<u8>,
    width: usize,
    /// `[n_rows]`.
    scales: Vec<f32>,
}

impl Rounded {
    fn fill<T: Scalar>(&mut self, x: &[T], n_in: usize) {
        let n_rows = x.len() / n_in;
        self.width = n_in.next_multiple_of(QUAD);
        self.values.clear();
        self.values.resize(n_rows * self.width, 128);
        self.scales.clear();
        for (row, to) in x.chunks_exact(n_in).zip(self.values.chunks_exact_mut(self.width)) {
            self.scales.push(round_row(to, row));
        }
    }
}

/// Rounds a row and gives its scale.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn round_row<T: Scalar>(to: &mut [u8], row: &[T]) -> f32 {
    /// Maxima that are taken beside each other, so that the loop is one over registers.
    const LANES: usize = 16;
    let mut largest = [T::ZERO; LANES];
    let chunks = row.chunks_exact(LANES);
    for (i, x) in chunks.remainder().iter().enumerate() {
        largest[i] = x.abs();
    }
    for chunk in chunks {
        for (largest, x) in largest.iter_mut().zip(chunk) {
            *largest = largest.max(x.abs());
        }
    }
    let largest = largest.iter().fold(T::ZERO, |a, &b| a.max(b)).to_f64() as f32;
    // Numbers that are not finite have no place among integers; what comes of them is not finite either.
    if !largest.is_finite() {
        return f32::NAN;
    }
    if largest == 0.0 {
        return 0.0;
    }
    let of_one = T::from_f64(f64::from(LARGEST / largest));
    // Adding half and cutting off rounds what is positive.
    let half = T::from_f64(128.5);
    to.iter_mut().zip(row).for_each(|(to, &x)| *to = (x * of_one + half).truncate() as u8);
    largest / LARGEST
}

/// `to = row_scale · scales · (sums - shifts)`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn scale_back<T: Scalar>(to: &mut [T], sums: &[i32], row_scale: f32, shifts: &[i32], scales: &[f32]) {
    for (((to, &sum), &shift), &scale) in to.iter_mut().zip(sums).zip(shifts).zip(scales) {
        *to = T::from_f64(f64::from((sum - shift) as f32 * (row_scale * scale)));
    }
}

/// The sums of up to [`ROWS`] rows and [`PANELS`] panels.
fn sum(
    sums: &mut [[i32; PANELS * PANEL]; ROWS],
    rows: &[u8],
    width: usize,
    lines: &[Line],
    n_quads: usize,
    fast: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if fast {
        let n_panels = lines.len() / n_quads;
        // SAFETY: the processor has the instructions; `rows` are whole, and a panel has `n_quads` lines.
        return unsafe {
            match n_panels {
                1 => x86::sum::<1>(sums, rows, width, lines, n_quads),
                2 => x86::sum::<2>(sums, rows, width, lines, n_quads),
                _ => x86::sum::<PANELS>(sums, rows, width, lines, n_quads),
            }
        };
    }
    let _ = fast;
    sum_plainly(sums, rows, width, lines, n_quads);
}

/// The definition, for processors without the instructions.
#[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
fn sum_plainly(sums: &mut [[i32; PANELS * PANEL]; ROWS], rows: &[u8], width: usize, lines: &[Line], n_quads: usize) {
    for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(width)) {
        for (sums, lines) in sums.chunks_exact_mut(PANEL).zip(lines.chunks_exact(n_quads)) {
            for (line, four) in lines.iter().zip(row.chunks_exact(QUAD)) {
                for (sum, weights) in sums.iter_mut().zip(line.0.chunks_exact(QUAD)) {
                    for (&x, &w) in four.iter().zip(weights) {
                        *sum += i32::from(x) * i32::from(w);
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_instructions() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_instructions() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Line, PANEL, PANELS, QUAD, ROWS};

    /// # Safety
    /// The processor must have the instructions; `rows` must hold whole rows of `width` numbers, `4 · n_quads` or more, and
    /// `lines` `C` times `n_quads`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub unsafe fn sum<const C: usize>(
        sums: &mut [[i32; PANELS * PANEL]; ROWS],
        rows: &[u8],
        width: usize,
        lines: &[Line],
        n_quads: usize,
    ) {
        let n_rows = rows.len() / width;
        // A row that is not there is computed as the last one.
        let at: [*const u8; ROWS] = std::array::from_fn(|r| rows[r.min(n_rows - 1) * width..].as_ptr());
        let panel: [*const Line; C] = std::array::from_fn(|c| lines[c * n_quads..].as_ptr());
        let mut totals = [[_mm512_setzero_si512(); C]; ROWS];
        for quad in 0..n_quads {
            // SAFETY: the caller's; a line is 64 aligned bytes.
            let weights: [__m512i; C] =
                std::array::from_fn(|c| unsafe { _mm512_load_si512(panel[c].add(quad).cast()) });
            for (totals, &row) in totals.iter_mut().zip(&at) {
                // SAFETY: the caller's: a row has `4 · n_quads` bytes.
                let four = _mm512_set1_epi32(unsafe { row.add(quad * QUAD).cast::<i32>().read_unaligned() });
                for (total, &weights) in totals.iter_mut().zip(&weights) {
                    *total = _mm512_dpbusd_epi32(*total, four, weights);
                }
            }
        }
        for (sums, totals) in sums.iter_mut().zip(&totals) {
            for (sums, &total) in sums.chunks_exact_mut(PANEL).zip(totals) {
                // SAFETY: a panel has 16 sums.
                unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), total) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn random(n: usize, seed: u64) -> Vec<f32> {
        (0..n).map(|i| rng::normal(seed, i as u64) as f32).collect()
    }

    /// By definition: both factors rounded, then a product of integers.
    fn plain(matrix: &Int8Matrix, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::new();
        for row in x.chunks(matrix.n_in()) {
            let largest = row.iter().fold(0f32, |a, b| a.max(b.abs()));
            let q = |x: f32| if largest > 0.0 { (x * (127.0 / largest) + 0.5).floor() as i32 } else { 0 };
            for out in 0..matrix.n_out() {
                let sum: i32 = row.iter().zip(matrix.row(out)).map(|(&x, w)| q(x) * i32::from(w)).sum();
                y.push(sum as f32 * (largest / 127.0 * matrix.scales()[out]));
            }
        }
        y
    }

    #[test]
    fn products_are_those_of_the_rounded_factors() {
        for (n_rows, n_out, n_in) in [(1, 1, 1), (9, 17, 5), (40, 50, 64), (70, 100, 33), (3, 48, 384)] {
            let (w, mut x) = (random(n_out * n_in, 1), random(n_rows * n_in, 2));
            x[..n_in].fill(0.0);
            let matrix = Int8Matrix::nearest(&w, n_out, n_in);
            let mut y = vec![7.0; n_rows * n_out];
            matrix.multiply(&mut y, &x);
            for (got, expected) in y.iter().zip(plain(&matrix, &x)) {
                assert!((got - expected).abs() <= 1e-6 * expected.abs(), "{got}, expected {expected}");
            }
            // And near the product of what was rounded.
            for (i, got) in y.iter().enumerate() {
                let (row, out) = (i / n_out, i % n_out);
                let exact: f32 = (0..n_in).map(|k| x[row * n_in + k] * w[out * n_in + k]).sum();
                assert!((got - exact).abs() < 0.05 * (n_in as f32).sqrt(), "{got}, {exact} without rounding");
            }
        }
    }

    #[test]
    fn instructions_and_definition_give_the_same_sums() {
        let (n_out, n_in) = (48, 20);
        let matrix = Int8Matrix::nearest(&random(n_out * n_in, 3), n_out, n_in);
        let mut rounded = Rounded::default();
        rounded.fill(&random(5 * n_in, 4), n_in);
        let (mut fast, mut slow) = ([[0; PANELS * PANEL]; ROWS], [[0; PANELS * PANEL]; ROWS]);
        sum(&mut fast, &rounded.values, rounded.width, &matrix.lines, n_in / QUAD, has_instructions());
        sum_plainly(&mut slow, &rounded.values, rounded.width, &matrix.lines, n_in / QUAD);
        assert_eq!(fast[..5], slow[..5]);
    }

    #[test]
    fn integers_come_back_as_they_were_given() {
        let values: Vec<i8> = (0..17 * 7).map(|i| (i * 37 % 255 - 127) as i8).collect();
        let matrix = Int8Matrix::new(&values, vec![0.5; 17], 7);
        let back: Vec<i8> = (0..17).flat_map(|out| matrix.row(out).collect::<Vec<_>>()).collect();
        assert_eq!(back, values);
        let mut row = [0f64; 7];
        matrix.expand_row(&mut row, 16);
        assert_eq!(row.map(|x| (x * 2.0) as i8), values[16 * 7..]);
    }

    #[test]
    fn a_number_that_is_not_finite_stays_visible() {
        let matrix = Int8Matrix::nearest(&[1f32, 2.0], 1, 2);
        let mut y = [0f32; 2];
        matrix.multiply(&mut y, &[1.0, 2.0, f32::INFINITY, 1.0]);
        assert!(y[0].is_finite() && y[1].is_nan());
    }
}
