//! A shortcut around a layer.

use super::{Cache, Input, Layer, Pass};
use crate::kernels::elementwise::{add_to, map2};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// `y = x + inner(x)` (He et al. 2016).
///
/// Where `inner` makes a row for a document that has none (see [`Padding`](super::Padding)), that row is `inner`'s alone.
///
/// Cache: `inner[0]` and `outputs[0]` of the inner layer.
#[derive(Debug)]
pub struct Residual<T> {
    inner: Box<dyn Layer<T>>,
}

impl<T: Scalar> Residual<T> {
    /// A shortcut around `inner`, which must keep the shape of documents that are not empty: as many rows, as wide.
    pub fn new(inner: Box<dyn Layer<T>>) -> Self {
        Self { inner }
    }
}

impl<T: Scalar> Layer<T> for Residual<T> {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        cache.inner.resize_with(1, Cache::default);
        cache.outputs.resize_with(1, Rows::default);
        let output = &mut cache.outputs[0];
        self.inner.forward(output, &mut cache.inner[0], x, params, pass);
        let x = x.rows();
        if x.starts == output.starts {
            y.resize_like(&x.starts, x.width);
            map2(&mut y.data, &x.data, &output.data, |x, inner| x + inner);
        } else {
            y.copy_from(output);
            for doc_idx in (0..x.n_docs()).filter(|&doc_idx| !x.doc(doc_idx).is_empty()) {
                add_to(y.doc_data_mut(doc_idx), x.doc_data(doc_idx));
            }
        }
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let Cache { inner, outputs, .. } = cache;
        let Some(dx) = dx else {
            return self.inner.backward(None, grads, &mut inner[0], dy, &outputs[0], x, params);
        };
        self.inner.backward(Some(&mut *dx), grads, &mut inner[0], dy, &outputs[0], x, params);
        if dx.starts == dy.starts {
            return add_to(&mut dx.data, &dy.data);
        }
        for doc_idx in (0..dx.n_docs()).filter(|&doc_idx| !x.rows().doc(doc_idx).is_empty()) {
            add_to(dx.doc_data_mut(doc_idx), dy.doc_data(doc_idx));
        }
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.inner.trains(params)
    }

    fn merge(&self, params: &mut Params<T>) {
        self.inner.merge(params);
    }

    fn begin_training(&self, params: &mut Params<T>) {
        self.inner.begin_training(params);
    }

    fn finalise(&self, params: &mut Params<T>) {
        self.inner.finalise(params);
    }

    fn prepare_scoring(&self, cache: &mut Cache<T>, params: &Params<T>) {
        cache.inner.resize_with(1, Cache::default);
        self.inner.prepare_scoring(&mut cache.inner[0], params);
    }

    fn update_statistics(&self, params: &mut Params<T>, cache: &Cache<T>) {
        for inner in &cache.inner {
            self.inner.update_statistics(params, inner);
        }
    }
}
