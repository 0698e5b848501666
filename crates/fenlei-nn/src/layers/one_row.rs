//! Pooling that takes one row of each document.

use super::{Cache, Input, Layer, Pass};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// One row of each document; zeros for an empty one. Uses nothing of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneRow {
    /// The first, such as that of `[CLS]` (Devlin et al. 2019).
    First,
    /// The last, which has seen all others in a causal net.
    Last,
}

impl OneRow {
    fn of(self, doc: std::ops::Range<usize>) -> Option<usize> {
        match self {
            _ if doc.is_empty() => None,
            Self::First => Some(doc.start),
            Self::Last => Some(doc.end - 1),
        }
    }
}

impl<T: Scalar> Layer<T> for OneRow {
    fn forward(&self, y: &mut Rows<T>, _: &mut Cache<T>, x: Input<'_, T>, _: &Params<T>, _: Pass) {
        let x = x.rows();
        y.reset_vectors(x.n_docs(), x.width);
        for doc in 0..x.n_docs() {
            if let Some(row) = self.of(x.doc(doc)) {
                y.doc_data_mut(doc).copy_from_slice(x.row(row));
            }
        }
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        _: &mut Grads<T>,
        _: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        _: &Params<T>,
    ) {
        let (Some(dx), x) = (dx, x.rows()) else { return };
        dx.reset(&x.starts, x.width);
        for doc in 0..x.n_docs() {
            if let Some(row) = self.of(x.doc(doc)) {
                dx.data[row * x.width..(row + 1) * x.width].copy_from_slice(dy.row(doc));
            }
        }
    }

    fn trains(&self, _: &Params<T>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_or_the_last_row() {
        let x = Rows { data: vec![1.0, 2.0, 3.0, 4.0], width: 1, starts: vec![0, 3, 3, 4] };
        for (pool, expected) in [(OneRow::First, [1.0, 0.0, 4.0]), (OneRow::Last, [3.0, 0.0, 4.0])] {
            let mut y = Rows::default();
            pool.forward(&mut y, &mut Cache::default(), Input::Rows(&x), &Params::default(), Pass::Predict);
            assert_eq!(y.data, expected);
        }
    }
}
