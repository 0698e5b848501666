//! Dropout.

use super::{Cache, Input, Layer, Pass};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::{fill_with, map2};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::rng;
use crate::scalar::Scalar;

/// Sets numbers to zero with probability `rate` while training and scales the others by `1 / (1 - rate)`, so that
/// prediction needs no change (Srivastava et al. 2014, the inverted form).
///
/// Cache: `mask`, 0 or the scale of each number; empty after a predicting pass.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// Probability of a zero, from 0 to below 1.
    pub rate: f64,
    /// Different for every dropout layer of a net, so that their masks differ.
    pub salt: u64,
    /// Whole columns of a document are dropped together (Tompson et al. 2015) instead of single numbers.
    pub spatial: bool,
}

impl Dropout {
    /// Drops single numbers.
    pub fn new(rate: f64, salt: u64) -> Self {
        Self { rate, salt, spatial: false }
    }

    /// Drops whole columns of a document.
    pub fn spatial(rate: f64, salt: u64) -> Self {
        Self { rate, salt, spatial: true }
    }
}

impl<T: Scalar> Layer<T> for Dropout {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, _: &Params<T>, pass: Pass) {
        let x = x.rows();
        y.resize_like(&x.starts, x.width);
        cache.mask.clear();
        let Pass::Train { seed } = pass else {
            y.data.copy_from_slice(&x.data);
            return;
        };
        let seed = rng::derive(seed, self.salt);
        let bound = rng::threshold(self.rate);
        let scale = if self.rate < 1.0 { T::from_f64(1.0 / (1.0 - self.rate)) } else { T::ZERO };
        let draw = |position: usize| if rng::bits(seed, position as u64) < bound { T::ZERO } else { scale };
        cache.mask.resize(x.data.len(), T::ZERO);
        if self.spatial {
            for_each_doc(&mut cache.mask, x.width, &x.starts, x.data.len(), |doc_idx, mask| {
                let Some(n_repeated) = mask.len().checked_sub(x.width).filter(|_| x.width > 0) else { return };
                for (column, mask) in mask[..x.width].iter_mut().enumerate() {
                    *mask = draw(doc_idx * x.width + column);
                }
                for row in 0..n_repeated / x.width {
                    mask.copy_within(..x.width, (row + 1) * x.width);
                }
            });
        } else {
            fill_with(&mut cache.mask, draw);
        }
        map2(&mut y.data, &x.data, &cache.mask, |x, mask| x * mask);
    }

    fn passes_on(&self, pass: Pass) -> bool {
        // A trace is read backwards, layer by layer.
        pass == Pass::Predict
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        _: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        _: &Params<T>,
    ) {
        let (Some(dx), x) = (dx, x.rows()) else { return };
        dx.resize_like(&x.starts, x.width);
        if cache.mask.is_empty() {
            dx.data.copy_from_slice(&dy.data);
        } else {
            map2(&mut dx.data, &dy.data, &cache.mask, |dy, mask| dy * mask);
        }
    }

    fn trains(&self, _: &Params<T>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(dropout: Dropout, seed: u64) -> Rows<f32> {
        let x = Rows { data: vec![1.0; 1000 * 50], width: 50, starts: (0..=100).map(|d| d * 10).collect() };
        let mut y = Rows::default();
        dropout.forward(&mut y, &mut Cache::default(), Input::Rows(&x), &Params::default(), Pass::Train { seed });
        y
    }

    #[test]
    fn drops_the_asked_share_and_keeps_the_mean() {
        let y = train(Dropout::new(0.3, 1), 5);
        let n_dropped = y.data.iter().filter(|&&y| y == 0.0).count();
        assert!((14_500..15_500).contains(&n_dropped), "{n_dropped}");
        assert!(y.data.iter().all(|&y| y == 0.0 || y == (1.0 / 0.7) as f32));
    }

    #[test]
    fn masks_differ_between_steps_and_layers_and_repeat_with_the_seed() {
        let y = train(Dropout::new(0.5, 1), 5);
        assert_eq!(y, train(Dropout::new(0.5, 1), 5));
        assert_ne!(y, train(Dropout::new(0.5, 2), 5));
        assert_ne!(y, train(Dropout::new(0.5, 1), 6));
    }

    #[test]
    fn spatial_dropout_drops_columns_of_a_document() {
        let y = train(Dropout::spatial(0.5, 1), 5);
        for doc_idx in 0..100 {
            for row in y.doc(doc_idx) {
                assert_eq!(y.row(row), y.row(y.doc(doc_idx).start));
            }
        }
        let kept: Vec<bool> = (0..100).map(|d| y.row(d * 10)[0] > 0.0).collect();
        let n_kept = kept.iter().filter(|&&k| k).count();
        assert!((30..70).contains(&n_kept), "documents differ: {n_kept}");
    }
}
