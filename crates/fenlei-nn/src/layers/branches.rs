//! Layers side by side over the same input.

use super::{Cache, Input, Layer, Pass};
use crate::attribution::Shares;
use crate::kernels::elementwise::add_to;
use crate::params::{Grads, Params};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// Runs layers over the same input and puts their columns side by side.
///
/// Cache: `inner[i]`, `outputs[i]` and `d_outputs[i]` of branch `i`; the last of `d_outputs` is the share of a branch
/// in `dx`.
#[derive(Debug)]
pub struct Branches<T> {
    branches: Vec<Box<dyn Layer<T>>>,
    n_out: usize,
}

/// Branches that do not give the same number of rows for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchMismatch {
    /// Which branch differs from the first.
    pub branch_idx: usize,
    /// Length of a document where it differs.
    pub doc_len: usize,
    /// Rows that the first branch gives.
    pub expected: usize,
    /// Rows that this branch gives.
    pub found: usize,
}

impl std::fmt::Display for BranchMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "branch {} gives {} rows for a document of {} tokens, the first branch gives {}; end both with a global \
             pooling, or give their convolutions the padding \"same\" and equal strides",
            self.branch_idx + 1,
            self.found,
            self.doc_len,
            self.expected
        )
    }
}

impl std::error::Error for BranchMismatch {}

/// Document lengths that branches are tried with: every short one, where windows overlap the ends, and a few long ones.
fn probe_lens() -> impl Iterator<Item = usize> + Clone {
    (0..40).chain([64, 101, 257, 1000])
}

/// Tokens to try branches with.
pub fn probe_tokens() -> Batch {
    let ids = [0; 1000];
    Batch::new(probe_lens().map(|len| &ids[..len]), 1)
}

/// Rows of zeros, `width` numbers each, to try branches with. Every document has a row, as behind every first layer.
pub fn probe_rows<T: Scalar>(width: usize) -> Rows<T> {
    let mut rows = Rows::default();
    rows.resize_documents(probe_lens().skip(1), width);
    rows.data.fill(T::ZERO);
    rows
}

impl<T: Scalar> Branches<T> {
    /// The branches in the order of their columns. They are tried on `probe` to see that they fit together:
    /// [`probe_tokens`], [`probe_rows`], or what the layers in front make of them.
    ///
    /// # Errors
    /// When two branches give different numbers of rows for a document.
    pub fn new(
        branches: Vec<Box<dyn Layer<T>>>,
        probe: Input<'_, T>,
        params: &Params<T>,
    ) -> Result<Self, BranchMismatch> {
        let probe_len = |doc_idx| match probe {
            Input::Tokens(batch) => batch.doc(doc_idx).len(),
            Input::Rows(rows) => rows.doc(doc_idx).len(),
        };
        let mut first = None;
        let mut n_out = 0;
        for (branch_idx, branch) in branches.iter().enumerate() {
            let mut y = Rows::default();
            branch.forward(&mut y, &mut Cache::default(), probe, params, Pass::Predict);
            n_out += y.width;
            let first = first.get_or_insert_with(|| y.starts.clone());
            for doc_idx in 0..y.n_docs() {
                let (expected, found) = ((first[doc_idx + 1] - first[doc_idx]) as usize, y.doc(doc_idx).len());
                if expected != found {
                    return Err(BranchMismatch { branch_idx, doc_len: probe_len(doc_idx), expected, found });
                }
            }
        }
        Ok(Self { branches, n_out })
    }

    /// Numbers in a row of the output.
    pub fn n_out(&self) -> usize {
        self.n_out
    }
}

impl<T: Scalar> Layer<T> for Branches<T> {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        cache.inner.resize_with(self.branches.len(), Cache::default);
        cache.outputs.resize_with(self.branches.len(), Rows::default);
        for ((branch, inner), output) in self.branches.iter().zip(&mut cache.inner).zip(&mut cache.outputs) {
            branch.forward(output, inner, x, params, pass);
        }
        y.resize_like(cache.outputs.first().map_or(&[0], |output| &output.starts), self.n_out);
        let mut first = 0;
        for output in &cache.outputs {
            let columns = first..first + output.width;
            for (y, output) in y.data.chunks_exact_mut(self.n_out.max(1)).zip(output.data.chunks_exact(output.width)) {
                y[columns.clone()].copy_from_slice(output);
            }
            first = columns.end;
        }
    }

    fn backward(
        &self,
        mut dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let n = self.branches.len();
        cache.d_outputs.resize_with(n + 1, Rows::default);
        let (d_outputs, d_shared) = cache.d_outputs.split_at_mut(n);
        let mut first = 0;
        for (i, (branch, d_output)) in self.branches.iter().zip(d_outputs).enumerate() {
            let output = &cache.outputs[i];
            let columns = first..first + output.width;
            first = columns.end;
            d_output.resize_like(&output.starts, output.width);
            let rows = d_output.data.chunks_exact_mut(output.width).zip(dy.data.chunks_exact(self.n_out));
            rows.for_each(|(d_output, dy)| d_output.copy_from_slice(&dy[columns.clone()]));
            let inner = &mut cache.inner[i];
            match dx.as_deref_mut() {
                Some(dx) if i > 0 => {
                    branch.backward(Some(&mut d_shared[0]), grads, inner, d_output, output, x, params);
                    add_to(&mut dx.data, &d_shared[0].data);
                }
                dx => branch.backward(dx, grads, inner, d_output, output, x, params),
            }
        }
    }

    fn attribute(
        &self,
        shares: &mut Shares<T>,
        scratch: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) -> bool {
        let mut first = 0;
        let mut d_output = Rows::default();
        for ((branch, inner), output) in self.branches.iter().zip(&mut cache.inner).zip(&cache.outputs) {
            let columns = first..first + output.width;
            first = columns.end;
            d_output.resize_like(&output.starts, output.width);
            let rows = d_output.data.chunks_exact_mut(output.width).zip(dy.data.chunks_exact(self.n_out));
            rows.for_each(|(d_output, dy)| d_output.copy_from_slice(&dy[columns.clone()]));
            if !branch.attribute(shares, scratch, inner, &d_output, output, batch, params) {
                return false;
            }
        }
        true
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.branches.iter().any(|layer| layer.trains(params))
    }

    fn merge(&self, params: &mut Params<T>) {
        self.branches.iter().for_each(|layer| layer.merge(params));
    }

    fn begin_training(&self, params: &mut Params<T>) {
        for layer in &self.branches {
            layer.begin_training(params);
        }
    }

    fn finalise(&self, params: &mut Params<T>) {
        for layer in &self.branches {
            layer.finalise(params);
        }
    }

    fn prepare_scoring(&self, cache: &mut Cache<T>, params: &Params<T>) {
        cache.inner.resize_with(self.branches.len(), Cache::default);
        for (layer, inner) in self.branches.iter().zip(&mut cache.inner) {
            layer.prepare_scoring(inner, params);
        }
    }

    fn update_statistics(&self, params: &mut Params<T>, cache: &Cache<T>) {
        for (branch, inner) in self.branches.iter().zip(&cache.inner) {
            branch.update_statistics(params, inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::Builder;
    use crate::layers::conv1d::{Conv1d, ConvShape};
    use crate::layers::{Activation, Padding};

    fn conv(builder: &mut Builder<'_, f64>, width: usize, padding: Padding) -> Box<dyn Layer<f64>> {
        let shape = ConvShape { n_in: 2, n_filters: 3, width, stride: 1, padding };
        Box::new(Conv1d::new(builder, &format!("conv{}", builder.n_params()), shape))
    }

    #[test]
    fn branches_of_different_lengths_are_refused_with_the_place() {
        let mut params = Params::default();
        let mut builder = Builder::new(&mut params, 1);
        let branches = vec![conv(&mut builder, 3, Padding::Valid), conv(&mut builder, 4, Padding::Valid)];
        let error = Branches::new(branches, Input::Rows(&probe_rows(2)), &params).unwrap_err();
        assert_eq!(error, BranchMismatch { branch_idx: 1, doc_len: 4, expected: 2, found: 1 });
        assert!(error.to_string().contains("branch 2 gives 1 rows for a document of 4 tokens"), "{error}");
    }

    #[test]
    fn columns_stand_side_by_side() {
        let mut params = Params::default();
        let mut builder = Builder::new(&mut params, 1);
        let branches =
            vec![conv(&mut builder, 3, Padding::Same), Box::new(Activation::Relu), Box::new(Activation::Linear)];
        let x = Rows { data: vec![1.0, -1.0, 2.0, -2.0], width: 2, starts: vec![0, 2] };
        let branches = Branches::new(branches, Input::Rows(&x), &params).unwrap();
        assert_eq!(branches.n_out(), 7);
        let mut y = Rows::default();
        branches.forward(&mut y, &mut Cache::default(), Input::Rows(&x), &params, Pass::Predict);
        assert_eq!(y.row(0)[3..], [1.0, 0.0, 1.0, -1.0]);
        assert_eq!(y.row(1)[3..], [2.0, 0.0, 2.0, -2.0]);
    }
}
