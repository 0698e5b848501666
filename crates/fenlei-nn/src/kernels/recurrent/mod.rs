//! Recurrent nets over ragged documents. What a step reads of its input was multiplied for all positions before; here
//! only the product with the state before is left, for a few documents at a time.
//!
//! Documents are dealt to groups of a fixed size by their lengths, and each group is the work of one thread from its first
//! step to its last, so no bit depends on the number of threads, and no step waits for another group.

mod gru;
mod lstm;
mod panels;

pub use gru::Gru;
pub use lstm::Lstm;
pub use panels::Panels;

use rayon::prelude::*;

use super::lent::{Lender, Shared};
use crate::scalar::Scalar;

/// Documents of a group: as many as a product in registers takes at once.
const GROUP: usize = 8;

/// The documents of a batch in groups, and the direction.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// First row and number of rows of each document, group by group, the longest of a group first.
    docs: Vec<(u32, u32)>,
    n_groups: usize,
}

impl Plan {
    /// Deals documents with bounds `starts`: like lengths to different groups.
    pub fn deal(&mut self, starts: &[u32]) {
        let mut by_length: Vec<(u32, u32)> = starts.windows(2).map(|d| (d[0], d[1] - d[0])).collect();
        by_length.retain(|doc| doc.1 > 0);
        by_length.sort_by_key(|&(start, n)| (std::cmp::Reverse(n), start));
        self.n_groups = by_length.len().div_ceil(GROUP);
        self.docs.clear();
        for group in 0..self.n_groups {
            self.docs.extend(by_length.iter().skip(group).step_by(self.n_groups));
        }
    }

    /// The documents of a group. The first groups have one more where they cannot be divided evenly.
    fn group(&self, group: usize) -> &[(u32, u32)] {
        let (n, more) = (self.docs.len() / self.n_groups, self.docs.len() % self.n_groups);
        let first = group * n + group.min(more);
        &self.docs[first..first + n + usize::from(group < more)]
    }
}

/// What a thread works in: rows for each document of its group.
#[derive(Debug, Clone, Default)]
pub struct GroupMemory<T> {
    /// `[units]`: the state that is read, or its gradient.
    h: Vec<T>,
    /// `[units]`: the state that only a cell reads, or its gradient.
    c: Vec<T>,
    /// `[gates · units]`: the product with the state, or the gradient of it.
    product: Vec<T>,
}

/// How a cell computes its next state, and the way back.
pub trait Cell<T>: Sync {
    /// Gates of a unit.
    const GATES: usize;

    /// One step of one document. `gates` holds what the input gives and gets what the way back needs, as does `kept`; `h`
    /// and `c` hold the state and get the next one. `product` is the state times the recurrent weights.
    fn forward(&self, gates: &mut [T], kept: &mut [T], h: &mut [T], c: &mut [T], product: &[T]);

    /// The way back of one step. `gates` and `kept` hold what [`forward`](Self::forward) left and get the gradients of the
    /// input and, where it differs, the product; `d_product` gets that of the product. `dh` and `dc` hold the gradients of the
    /// next state and get what reaches the state before past the product. `dy` is the gradient of the output.
    fn backward(&self, out: CellGradients<'_, T>, before: CellState<'_, T>, dy: &[T]);
}

/// What [`Cell::backward`] writes.
#[derive(Debug)]
pub struct CellGradients<'a, T> {
    /// `[gates · units]`.
    pub gates: &'a mut [T],
    /// `[units]`.
    pub kept: &'a mut [T],
    /// `[units]`.
    pub dh: &'a mut [T],
    /// `[units]`.
    pub dc: &'a mut [T],
    /// `[gates · units]`.
    pub d_product: &'a mut [T],
}

/// The state before a step, `[units]` each; empty before the first.
#[derive(Debug, Clone, Copy)]
pub struct CellState<'a, T> {
    /// The output of the step before.
    pub h: &'a [T],
    /// What the step before kept.
    pub kept: &'a [T],
}

/// The rows that a recurrent net passes through in one direction.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The documents.
    pub plan: &'a Plan,
    /// Numbers of a state.
    pub units: usize,
    /// From the end to the start.
    pub reverse: bool,
    /// Numbers from one row of the outputs to the next.
    pub stride: usize,
    /// The first column of this direction.
    pub column: usize,
}

impl Way<'_> {
    #[inline(always)]
    fn row(&self, (start, n): (u32, u32), step: usize) -> usize {
        if self.reverse { (start + n) as usize - 1 - step } else { start as usize + step }
    }
}

/// The states of every step: `y: [n_rows, stride]`. `gates: [n_rows, gates · units]` holds what the inputs give and, with
/// `kept: [n_rows, units]`, gets what the way back needs.
pub fn forward<T: Scalar, C: Cell<T>>(
    (y, gates, kept): (&mut [T], &mut [T], &mut [T]),
    memory: &Lender<GroupMemory<T>>,
    way: Way<'_>,
    cell: &C,
    weights: &Panels<T>,
) {
    let (y, gates, kept) = (Shared::new(y), Shared::new(gates), Shared::new(kept));
    let (units, n_gates) = (way.units, C::GATES * way.units);
    (0..way.plan.n_groups).into_par_iter().for_each_init(
        || memory.lend(),
        |lent, group| {
            let docs = way.plan.group(group);
            let GroupMemory { h, c, product } = &mut lent.memory;
            for (numbers, width) in [(&mut *h, units), (&mut *c, units), (&mut *product, n_gates)] {
                numbers.clear();
                numbers.resize(docs.len() * width, T::ZERO);
            }
            let mut n_docs = docs.len();
            for step in 0..docs[0].1 as usize {
                while docs[n_docs - 1].1 as usize <= step {
                    n_docs -= 1;
                }
                if step > 0 {
                    weights.multiply(&mut product[..n_docs * n_gates], &h[..n_docs * units], false);
                }
                for (i, &doc) in docs[..n_docs].iter().enumerate() {
                    let row = way.row(doc, step);
                    // SAFETY: the rows of a document belong to this task, which takes one of them after the other.
                    let (y, gates, kept) = unsafe {
                        (
                            y.part(row * way.stride + way.column, units),
                            gates.part(row * n_gates, n_gates),
                            kept.part(row * units, units),
                        )
                    };
                    let numbers = i * units..(i + 1) * units;
                    let product = &product[i * n_gates..(i + 1) * n_gates];
                    cell.forward(gates, kept, &mut h[numbers.clone()], &mut c[numbers.clone()], product);
                    y.copy_from_slice(&h[numbers]);
                }
            }
        },
    );
}

/// The way back of [`forward`], from `dy` and `y`, `[n_rows, stride]`: `gates` and `kept` become gradients.
/// `weights` are those of the forward pass with rows and columns exchanged.
pub fn backward<T: Scalar, C: Cell<T>>(
    (gates, kept): (&mut [T], &mut [T]),
    memory: &Lender<GroupMemory<T>>,
    (dy, y): (&[T], &[T]),
    way: Way<'_>,
    cell: &C,
    weights: &Panels<T>,
) {
    let (gates, kept) = (Shared::new(gates), Shared::new(kept));
    let (units, n_gates) = (way.units, C::GATES * way.units);
    (0..way.plan.n_groups).into_par_iter().for_each_init(
        || memory.lend(),
        |lent, group| {
            let docs = way.plan.group(group);
            let GroupMemory { h: dh, c: dc, product } = &mut lent.memory;
            for (numbers, width) in [(&mut *dh, units), (&mut *dc, units), (&mut *product, n_gates)] {
                numbers.clear();
                numbers.resize(docs.len() * width, T::ZERO);
            }
            let mut n_docs = 0;
            for step in (0..docs[0].1 as usize).rev() {
                while n_docs < docs.len() && docs[n_docs].1 as usize > step {
                    n_docs += 1;
                }
                for (i, &doc) in docs[..n_docs].iter().enumerate() {
                    let row = way.row(doc, step);
                    let row_before = (step > 0).then(|| way.row(doc, step - 1));
                    let output = |row: usize| row * way.stride + way.column..row * way.stride + way.column + units;
                    // SAFETY: as in `forward`; the row before is another one.
                    let (gates, kept, kept_before) = unsafe {
                        (
                            gates.part(row * n_gates, n_gates),
                            kept.part(row * units, units),
                            row_before.map_or(&[][..], |row| kept.part(row * units, units)),
                        )
                    };
                    let before = CellState { h: row_before.map_or(&[], |row| &y[output(row)]), kept: kept_before };
                    let numbers = i * units..(i + 1) * units;
                    let out = CellGradients {
                        gates,
                        kept,
                        dh: &mut dh[numbers.clone()],
                        dc: &mut dc[numbers],
                        d_product: &mut product[i * n_gates..(i + 1) * n_gates],
                    };
                    cell.backward(out, before, &dy[output(row)]);
                }
                if step > 0 {
                    weights.multiply(&mut dh[..n_docs * units], &product[..n_docs * n_gates], true);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_in_one_group_and_the_longest_of_a_group_come_first() {
        let lens = [3u32, 0, 9, 4, 4, 1, 7, 7, 2, 2, 2, 5, 6, 8, 0, 3, 1, 9, 4];
        let starts: Vec<u32> = (0..=lens.len()).map(|i| lens[..i].iter().sum()).collect();
        let mut plan = Plan::default();
        plan.deal(&starts);
        assert_eq!(plan.n_groups, 3);
        let mut seen = Vec::new();
        for group in 0..3 {
            let docs = plan.group(group);
            assert!(docs.len() <= GROUP && docs.is_sorted_by_key(|doc| std::cmp::Reverse(doc.1)));
            seen.extend_from_slice(docs);
        }
        seen.sort_unstable();
        let expected: Vec<(u32, u32)> = starts.iter().copied().zip(lens).filter(|doc| doc.1 > 0).collect();
        assert_eq!(seen, expected);
    }
}
