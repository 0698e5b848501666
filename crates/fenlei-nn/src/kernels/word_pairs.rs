//! One step of word vectors that predict words: inputs against outputs, all pairs of a window at once.
//!
//! Skip-gram with negative sampling (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their
//! Compositionality") takes for each pair `(input, output)` a step on the logistic loss of their product. Here a window
//! is one step: its inputs, its outputs and the products of all pairs are small matrices that stay in the first cache,
//! so that a row is fetched once a window and not once a pair (Ji et al. 2016, "Parallelizing Word2Vec in Shared and
//! Distributed Memory"). All pairs of the step see the inputs that were there before it. Outputs go eight at a time: one
//! that stands in two groups of eight has moved by the first when the second begins.

use super::shared_rows::{Access, Instructions, LINE, Line, Portable, SharedRows};
use crate::scalar::Scalar;

/// Outputs whose sums stay in registers together.
const BLOCK: usize = 8;

/// Products beyond this give a probability of 0 or 1 to 32 bits, near enough.
const LIMIT: f32 = 30.0;

/// What stands on one side of a step: means of rows of a table. `rows` are those of all inputs, `ends` tells where each
/// input's end. An input of one row is that row.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Rows of the table.
    pub rows: &'a [u32],
    /// For each input the end of its rows. Every input has a row.
    pub ends: &'a [u32],
}

/// What stands on the other side: rows of a table, and what each should say to the inputs.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    /// Rows of the table.
    pub rows: &'a [u32],
    /// For each row 1 where its probability should be high, else 0.
    pub labels: &'a [f32],
}

/// Takes steps on two tables that other threads may work on too.
#[derive(Debug)]
pub struct PairStep {
    instructions: Instructions,
    x: Vec<Line>,
    dx: Vec<Line>,
    y: Vec<Line>,
    /// `[n_inputs, block]`: products, then how far each pair goes.
    pull: Vec<f32>,
}

impl Default for PairStep {
    fn default() -> Self {
        Self::new()
    }
}

impl PairStep {
    /// With the widest instructions that this processor has.
    pub fn new() -> Self {
        Self { instructions: Instructions::here(), x: vec![], dx: vec![], y: vec![], pull: vec![] }
    }

    /// For every input `x` and every output `y` with label `l`: `x += lr (l − σ(x·y)) y` and `y += lr (l − σ(x·y)) x`.
    /// What a mean of rows should move by, each of its rows moves by, as in word2vec and fastText.
    pub fn step(
        &mut self,
        input_table: &SharedRows,
        inputs: Inputs<'_>,
        output_table: &SharedRows,
        outputs: Outputs<'_>,
        lr: f32,
    ) {
        assert_eq!(input_table.dim(), output_table.dim());
        assert_eq!(outputs.rows.len(), outputs.labels.len());
        match self.instructions {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was asked for these instructions.
            Instructions::Avx512 => unsafe { step_avx512(self, input_table, inputs, output_table, outputs, lr) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor was asked for these instructions.
            Instructions::Avx2 => unsafe { step_avx2(self, input_table, inputs, output_table, outputs, lr) },
            Instructions::Portable => step_with(self, Portable, input_table, inputs, output_table, outputs, lr),
        }
    }
}

/// # Safety
/// The processor must have the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
unsafe fn step_avx512(
    scratch: &mut PairStep,
    input_table: &SharedRows,
    inputs: Inputs<'_>,
    output_table: &SharedRows,
    outputs: Outputs<'_>,
    lr: f32,
) {
    // SAFETY: the caller's.
    let access = unsafe { super::shared_rows::x86::Avx512::new() };
    step_with(scratch, access, input_table, inputs, output_table, outputs, lr);
}

/// # Safety
/// The processor must have the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn step_avx2(
    scratch: &mut PairStep,
    input_table: &SharedRows,
    inputs: Inputs<'_>,
    output_table: &SharedRows,
    outputs: Outputs<'_>,
    lr: f32,
) {
    // SAFETY: the caller's.
    let access = unsafe { super::shared_rows::x86::Avx2::new() };
    step_with(scratch, access, input_table, inputs, output_table, outputs, lr);
}

/// Inlined into each version above, so that it is compiled for its instructions.
#[inline(always)]
fn step_with<A: Access>(
    scratch: &mut PairStep,
    access: A,
    input_table: &SharedRows,
    inputs: Inputs<'_>,
    output_table: &SharedRows,
    outputs: Outputs<'_>,
    lr: f32,
) {
    let n_lines = input_table.lines_per_row();
    let n_inputs = inputs.ends.len();
    let PairStep { x, dx, y, pull, .. } = scratch;
    // Nothing that an earlier step left is read.
    grow(x, n_inputs * n_lines, Line::ZERO);
    grow(dx, n_inputs * n_lines, Line::ZERO);
    grow(y, BLOCK * n_lines, Line::ZERO);
    grow(pull, (n_inputs * BLOCK).next_multiple_of(LINE), 0.0);

    let mut start = 0;
    for (x, &end) in x.chunks_exact_mut(n_lines).zip(inputs.ends) {
        let rows = &inputs.rows[start..end as usize];
        start = end as usize;
        load_mean::<A>(access, x, input_table, rows);
    }
    dx[..n_inputs * n_lines].fill(Line::ZERO);
    for (rows, labels) in outputs.rows.chunks(BLOCK).zip(outputs.labels.chunks(BLOCK)) {
        for (y, &row) in y.chunks_exact_mut(n_lines).zip(rows) {
            for (y, shared) in y.iter_mut().zip(output_table.row(row as usize)) {
                access.write(y, access.load(shared));
            }
        }
        let matrices = Matrices { x: &x[..n_inputs * n_lines], dx, y, pull, n_lines };
        match rows.len() {
            1 => block::<A, 1>(access, matrices, labels, lr),
            2 => block::<A, 2>(access, matrices, labels, lr),
            3 => block::<A, 3>(access, matrices, labels, lr),
            4 => block::<A, 4>(access, matrices, labels, lr),
            5 => block::<A, 5>(access, matrices, labels, lr),
            6 => block::<A, 6>(access, matrices, labels, lr),
            7 => block::<A, 7>(access, matrices, labels, lr),
            _ => block::<A, 8>(access, matrices, labels, lr),
        }
        for (dy, &row) in y.chunks_exact(n_lines).zip(rows) {
            add::<A>(access, output_table, row, dy);
        }
    }
    let mut start = 0;
    for (dx, &end) in dx.chunks_exact(n_lines).zip(inputs.ends) {
        for &row in &inputs.rows[start..end as usize] {
            add::<A>(access, input_table, row, dx);
        }
        start = end as usize;
    }
}

#[inline(always)]
fn grow<T: Clone>(buffer: &mut Vec<T>, len: usize, value: T) {
    if buffer.len() < len {
        buffer.resize(len, value);
    }
}

#[inline(always)]
fn load_mean<A: Access>(access: A, x: &mut [Line], table: &SharedRows, rows: &[u32]) {
    for (x, shared) in x.iter_mut().zip(table.row(rows[0] as usize)) {
        access.write(x, access.load(shared));
    }
    if rows.len() == 1 {
        return;
    }
    for (i, &row) in rows.iter().enumerate().skip(1) {
        if let Some(&next) = rows.get(i + 2) {
            table.prefetch(next);
        }
        for (x, shared) in x.iter_mut().zip(table.row(row as usize)) {
            let sum = access.sum(access.read(x), access.load(shared));
            access.write(x, sum);
        }
    }
    let (share, zero) = (access.splat(1.0 / rows.len() as f32), access.splat(0.0));
    for x in x {
        let mean = access.multiply_add(access.read(x), share, zero);
        access.write(x, mean);
    }
}

#[inline(always)]
fn add<A: Access>(access: A, table: &SharedRows, row: u32, delta: &[Line]) {
    for (shared, delta) in table.row(row as usize).iter().zip(delta) {
        access.store(shared, access.sum(access.load(shared), access.read(delta)));
    }
}

struct Matrices<'a> {
    /// `[n_inputs, n_lines]`
    x: &'a [Line],
    /// `[n_inputs, n_lines]`, added to.
    dx: &'a mut [Line],
    /// `[BLOCK, n_lines]`: outputs, then what they move by.
    y: &'a mut [Line],
    pull: &'a mut [f32],
    n_lines: usize,
}

/// `N` outputs against all inputs.
#[inline(always)]
fn block<A: Access, const N: usize>(access: A, matrices: Matrices<'_>, labels: &[f32], lr: f32) {
    let Matrices { x, dx, y, pull, n_lines } = matrices;
    let n_pairs = x.len() / n_lines * N;
    let zero = access.splat(0.0);
    for (x, pull) in x.chunks_exact(n_lines).zip(pull.chunks_exact_mut(N)) {
        let mut sums = [zero; N];
        for k in 0..n_lines {
            let x = access.read(&x[k]);
            for j in 0..N {
                sums[j] = access.multiply_add(x, access.read(&y[j * n_lines + k]), sums[j]);
            }
        }
        for j in 0..N {
            pull[j] = access.total(sums[j]);
        }
    }
    // A plain loop, which the compiler turns into one over registers; also over what stands behind the last pair.
    for product in &mut pull[..n_pairs.next_multiple_of(LINE)] {
        *product = sigmoid::<A>(*product);
    }
    for pull in pull[..n_pairs].chunks_exact_mut(N) {
        for j in 0..N {
            pull[j] = (labels[j] - pull[j]) * lr;
        }
    }
    for k in 0..n_lines {
        let mut outputs = [zero; N];
        for j in 0..N {
            outputs[j] = access.read(&y[j * n_lines + k]);
        }
        let mut moves = [zero; N];
        for (i, pull) in pull[..n_pairs].chunks_exact(N).enumerate() {
            let x = access.read(&x[i * n_lines + k]);
            let mut sum = access.read(&dx[i * n_lines + k]);
            for j in 0..N {
                let pull = access.splat(pull[j]);
                sum = access.multiply_add(pull, outputs[j], sum);
                moves[j] = access.multiply_add(pull, x, moves[j]);
            }
            access.write(&mut dx[i * n_lines + k], sum);
        }
        for j in 0..N {
            access.write(&mut y[j * n_lines + k], moves[j]);
        }
    }
}

#[inline(always)]
fn fused<A: Access>(a: f32, b: f32, c: f32) -> f32 {
    if A::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `1 / (1 + e^-x)`. The power is `2^n · e^r` with `r` within ± ln 2 / 2, where a polynomial is exact to 32 bits
/// (coefficients of Moshier's Cephes library, `expf`).
#[inline(always)]
fn sigmoid<A: Access>(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = -x.clamp(-LIMIT, LIMIT);
    let shifted = fused::<A>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused::<A>(n, 2.121_944_4e-4, fused::<A>(n, -0.693_359_4, x));
    let mut p = 1.987_569_2e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5, 1.0, 1.0] {
        p = fused::<A>(p, r, c);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    1.0 / (1.0 + p * power)
}

/// The step as it is defined, on tables of `dim` numbers a row, in any precision; the sum of the losses before it.
pub fn step_naive<T: Scalar>(
    input_table: &mut [T],
    inputs: Inputs<'_>,
    output_table: &mut [T],
    outputs: Outputs<'_>,
    dim: usize,
    lr: T,
) -> T {
    let (old_inputs, old_outputs) = (input_table.to_vec(), output_table.to_vec());
    let (mut loss, mut start) = (T::ZERO, 0);
    for &end in inputs.ends {
        let rows = &inputs.rows[start..end as usize];
        start = end as usize;
        let count = T::from_f64(rows.len() as f64);
        let x: Vec<T> =
            (0..dim).map(|c| rows.iter().map(|&row| old_inputs[row as usize * dim + c]).sum::<T>() / count).collect();
        for (&row, &label) in outputs.rows.iter().zip(outputs.labels) {
            let place = row as usize * dim;
            let y = &old_outputs[place..place + dim];
            let product: T = x.iter().zip(y).map(|(&x, &y)| x * y).sum();
            let label = T::from_f64(f64::from(label));
            let probability = T::ONE / (T::ONE + (-product).exp());
            loss += -(label * probability.ln() + (T::ONE - label) * (T::ONE - probability).ln());
            let pull = lr * (label - probability);
            for c in 0..dim {
                output_table[place + c] += pull * x[c];
                for &input in rows {
                    input_table[input as usize * dim + c] += pull * y[c];
                }
            }
        }
    }
    loss
}

#[cfg(test)]
#[path = "word_pairs_tests.rs"]
mod tests;
