//! A vector for each position, added to the row that stands there.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::add_to;
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;
use crate::spec::PositionKind;

/// `y[i] = x[i] + table[position of i in its document]`. Positions behind the last of the table have its last vector.
///
/// Uses nothing of the cache.
#[derive(Debug, Clone)]
pub struct Positions {
    /// `[n_positions, width]` in [`Params`]; `None` for sines.
    table: Option<ParamId>,
    width: usize,
    n_positions: usize,
}

impl Positions {
    /// Learned ones make the parameter `{name}.table`, `[n_positions, width]`.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        width: usize,
        kind: PositionKind,
        n_positions: usize,
    ) -> Self {
        let learned = kind == PositionKind::Learned;
        let shape = [n_positions, width];
        let table = learned.then(|| builder.add(format!("{name}.table"), &shape, Role::Weight, Init::Normal(0.02)));
        Self { table, width, n_positions }
    }

    /// Column `column` of the sines at `position`: pairs of a sine and a cosine (Vaswani et al. 2017).
    fn wave(&self, position: usize, column: usize) -> f64 {
        let pair = (column / 2 * 2) as f64 / self.width as f64;
        let angle = position as f64 * 10_000f64.powf(-pair);
        if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    }
}

impl<T: Scalar> Layer<T> for Positions {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _: Pass) {
        let (x, width) = (x.rows(), self.width);
        let table = match self.table {
            Some(table) => params.data(table),
            None => {
                let longest = (0..x.n_docs()).map(|doc| x.doc(doc).len()).max().unwrap_or(0).min(self.n_positions);
                for position in cache.work.len() / width..longest {
                    cache.work.extend((0..width).map(|column| T::from_f64(self.wave(position, column))));
                }
                &cache.work
            }
        };
        y.copy_from(x);
        let work = y.data.len();
        for_each_doc(&mut y.data, width, &x.starts, work, |_, y| {
            let (first, rest) = y.split_at_mut(y.len().min(self.n_positions * width));
            first.iter_mut().zip(table).for_each(|(y, &vector)| *y += vector);
            for y in rest.chunks_exact_mut(width) {
                y.iter_mut().zip(&table[(self.n_positions - 1) * width..]).for_each(|(y, &vector)| *y += vector);
            }
        });
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        _: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        _: Input<'_, T>,
        _: &Params<T>,
    ) {
        if let Some(dx) = dx {
            dx.copy_from(dy);
        }
        let Some(table) = self.table else { return };
        let d_table = grads.data_mut(table);
        if d_table.is_empty() {
            return;
        }
        for doc in 0..dy.n_docs() {
            let (first, rest) = dy.doc_data(doc).split_at(dy.doc_data(doc).len().min(d_table.len()));
            add_to(&mut d_table[..first.len()], first);
            let last = (self.n_positions - 1) * self.width;
            rest.chunks_exact(self.width).for_each(|d| add_to(&mut d_table[last..], d));
        }
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.table.is_some_and(|table| params.get(table).trainable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_are_those_of_the_paper() {
        let mut params = Params::<f64>::default();
        let layer = Positions::new(&mut Builder::new(&mut params, 1), "p", 4, PositionKind::Sinusoidal, 3);
        assert!(params.is_empty());
        let mut x = Rows::default();
        x.reset(&[0, 5], 4);
        let mut y = Rows::default();
        layer.forward(&mut y, &mut Cache::default(), Input::Rows(&x), &params, Pass::Predict);
        let at = |position: f64| [position.sin(), position.cos(), (position / 100.0).sin(), (position / 100.0).cos()];
        for (row, position) in [0.0, 1.0, 2.0, 2.0, 2.0].into_iter().enumerate() {
            for (found, expected) in y.row(row).iter().zip(at(position)) {
                assert!((found - expected).abs() < 1e-15, "row {row}: {found} and {expected}");
            }
        }
    }
}
