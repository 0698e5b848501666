//! Layers one after another.

use super::{Cache, Input, Layer, Pass};
use crate::attribution::Shares;
use crate::params::{Grads, Params};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// Runs layers one after another. Without layers it passes rows on unchanged.
///
/// Cache: `inner[i]` of layer `i`, `outputs[i]` and `d_outputs[i]` of every layer but the last.
#[derive(Debug)]
pub struct Sequential<T> {
    layers: Vec<Box<dyn Layer<T>>>,
}

impl<T: Scalar> Sequential<T> {
    /// The layers in the order in which they run. Each must take what the one before it makes.
    pub fn new(layers: Vec<Box<dyn Layer<T>>>) -> Self {
        Self { layers }
    }
}

impl<T: Scalar> Layer<T> for Sequential<T> {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let Some((last, first)) = self.layers.split_last() else {
            y.copy_from(x.rows());
            return;
        };
        cache.inner.resize_with(self.layers.len(), Cache::default);
        cache.outputs.resize_with(first.len(), Rows::default);
        let mut input = x;
        for ((layer, inner), output) in first.iter().zip(&mut cache.inner).zip(&mut cache.outputs) {
            if layer.passes_on(pass) {
                continue;
            }
            layer.forward(output, inner, input, params, pass);
            input = Input::Rows(output);
        }
        last.forward(y, &mut cache.inner[first.len()], input, params, pass);
    }

    fn backward(
        &self,
        mut dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let n = self.layers.len();
        if n == 0 {
            if let Some(dx) = dx {
                dx.copy_from(dy);
            }
            return;
        }
        let Cache { inner, outputs, d_outputs, .. } = cache;
        d_outputs.resize_with(n - 1, Rows::default);
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let (before, behind) = d_outputs.split_at_mut(i);
            let (dy, y) = if i + 1 == n { (dy, y) } else { (&behind[0], &outputs[i]) };
            match before.last_mut() {
                Some(d_input) => {
                    let input = Input::Rows(&outputs[i - 1]);
                    layer.backward(Some(d_input), grads, &mut inner[i], dy, y, input, params);
                }
                None => layer.backward(dx.take(), grads, &mut inner[i], dy, y, x, params),
            }
        }
    }

    fn attribute(
        &self,
        shares: &mut Shares<T>,
        scratch: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) -> bool {
        let n = self.layers.len();
        if n == 0 {
            return false;
        }
        let Cache { inner, outputs, d_outputs, .. } = cache;
        d_outputs.resize_with(n - 1, Rows::default);
        for i in (1..n).rev() {
            let (before, behind) = d_outputs.split_at_mut(i);
            let (dy, y) = if i + 1 == n { (dy, y) } else { (&behind[0], &outputs[i]) };
            let input = Input::Rows(&outputs[i - 1]);
            self.layers[i].backward(before.last_mut(), scratch, &mut inner[i], dy, y, input, params);
        }
        let (dy, y) = if n == 1 { (dy, y) } else { (&d_outputs[0], &outputs[0]) };
        self.layers[0].attribute(shares, scratch, &mut inner[0], dy, y, batch, params)
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.layers.iter().any(|layer| layer.trains(params))
    }

    fn merge(&self, params: &mut Params<T>) {
        self.layers.iter().for_each(|layer| layer.merge(params));
    }

    fn begin_training(&self, params: &mut Params<T>) {
        for layer in &self.layers {
            layer.begin_training(params);
        }
    }

    fn finalise(&self, params: &mut Params<T>) {
        for layer in &self.layers {
            layer.finalise(params);
        }
    }

    fn prepare_scoring(&self, cache: &mut Cache<T>, params: &Params<T>) {
        cache.inner.resize_with(self.layers.len(), Cache::default);
        for (layer, inner) in self.layers.iter().zip(&mut cache.inner) {
            layer.prepare_scoring(inner, params);
        }
    }

    fn update_statistics(&self, params: &mut Params<T>, cache: &Cache<T>) {
        for (layer, inner) in self.layers.iter().zip(&cache.inner) {
            layer.update_statistics(params, inner);
        }
    }
}
