//! The general convolution over rows, document by document.
//!
//! The rows of all documents are laid out once, with zeros between documents where windows reach over an end. Windows
//! then are overlapping rows of a matrix whose row stride is `stride · n_in`, so that one matrix product gives every
//! position of every document without the `width` times larger array of windows ("im2col") ever being stored. The few
//! positions that lie across two documents are computed and thrown away.

use super::{Cache, Input, Layer, Padding, Pass};
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::gemm::Mat;
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;
use crate::spec::Precision;

/// The sizes of a [`Conv1d`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Numbers in a row of the input.
    pub n_in: usize,
    /// Numbers in a row of the output.
    pub n_filters: usize,
    /// Rows a filter looks at, at least 1.
    pub width: usize,
    /// Rows from one position to the next, at least 1.
    pub stride: usize,
    /// What happens at the ends of a document.
    pub padding: Padding,
}

/// `y[p] = Σ_k W[:, k, :] · x[p · stride + k - pad] + b` within each document.
///
/// Cache: `work` holds the laid-out input, `work2` the products and their gradient, `work3` the gradient of the
/// laid-out input, `starts` where each document's layout begins, counted in positions.
#[derive(Debug, Clone)]
pub struct Conv1d {
    /// `[n_filters, width, n_in]`.
    weight: ParamId,
    /// `[n_filters]`.
    bias: ParamId,
    shape: ConvShape,
    precision: Precision,
}

impl Conv1d {
    /// Makes the parameters `{name}.weight`, `[n_filters, width, n_in]`, and `{name}.bias`, `[n_filters]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, shape: ConvShape) -> Self {
        let ConvShape { n_in, n_filters, width, .. } = shape;
        let init = Init::GlorotUniform { fan_in: width * n_in, fan_out: width * n_filters };
        let weight = builder.add(format!("{name}.weight"), &[n_filters, width, n_in], Role::Weight, init);
        let bias = builder.add(format!("{name}.bias"), &[n_filters], Role::Bias, Init::Constant(0.0));
        Self { weight, bias, shape, precision: builder.precision() }
    }

    fn n_positions(&self, len: usize) -> usize {
        self.shape.padding.n_positions(len, self.shape.width, self.shape.stride)
    }

    fn pad_left(&self, len: usize) -> usize {
        self.shape.padding.pad_left(len, self.shape.width, self.shape.stride)
    }

    /// Where each document's layout begins, in positions (units of `stride` rows): as tight as possible with no window
    /// of a document meeting tokens of another. Neighbours share the zeros between them.
    fn lay_out(&self, layout: &mut Vec<u32>, starts: &[u32]) {
        let ConvShape { width, stride, .. } = self.shape;
        layout.clear();
        let (mut next_free, mut windows_end) = (0, 0usize);
        for bounds in starts.windows(2) {
            let len = (bounds[1] - bounds[0]) as usize;
            let (n_positions, pad_left) = (self.n_positions(len), self.pad_left(len));
            let start = usize::max(next_free, windows_end.saturating_sub(pad_left)).div_ceil(stride);
            layout.push(start as u32);
            next_free = start * stride + usize::max(n_positions * stride, pad_left + len);
            windows_end = (start + n_positions - 1) * stride + width;
        }
        layout.push(next_free.div_ceil(stride) as u32);
    }

    /// Rows of the layout: all positions and what the last window reaches beyond them.
    fn n_layout_rows(&self, n_positions: usize) -> usize {
        n_positions * self.shape.stride + self.shape.width.saturating_sub(self.shape.stride)
    }

    /// Every window as a row: `[n_positions, width · n_in]`, rows overlapping.
    fn windows<'a, T>(&self, laid_out: &'a [T], n_positions: usize) -> Mat<'a, T> {
        Mat::strided(laid_out, n_positions, self.shape.width * self.shape.n_in, self.shape.stride * self.shape.n_in)
    }
}

impl<T: Scalar> Layer<T> for Conv1d {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let x = x.rows();
        let ConvShape { n_in, n_filters, width, stride, .. } = self.shape;
        y.resize_documents((0..x.n_docs()).map(|doc_idx| self.n_positions(x.doc(doc_idx).len())), n_filters);
        let Cache { starts: layout, work: laid_out, work2: products, .. } = cache;
        self.lay_out(layout, &x.starts);
        let n_positions = layout[layout.len() - 1] as usize;

        laid_out.resize(self.n_layout_rows(n_positions) * n_in, T::ZERO);
        let n_laid_out = laid_out.len();
        laid_out[n_positions * stride * n_in..].fill(T::ZERO);
        for_each_doc(laid_out, stride * n_in, layout, n_laid_out, |doc_idx, block| {
            let doc = x.doc(doc_idx);
            let (before, rest) = block.split_at_mut(self.pad_left(doc.len()) * n_in);
            let (tokens, behind) = rest.split_at_mut(doc.len() * n_in);
            before.fill(T::ZERO);
            tokens.copy_from_slice(x.doc_data(doc_idx));
            behind.fill(T::ZERO);
        });

        products.resize(n_positions * n_filters, T::ZERO);
        let w = Mat::new(params.data(self.weight), n_filters, width * n_in);
        pass.matmul(self.precision, products, self.windows(laid_out, n_positions), w.t());
        let bias = params.data(self.bias);
        let work = y.data.len();
        for_each_doc(&mut y.data, n_filters, &y.starts, work, |doc_idx, y| {
            let products = &products[layout[doc_idx] as usize * n_filters..];
            for (y, products) in y.chunks_exact_mut(n_filters).zip(products.chunks_exact(n_filters)) {
                for ((y, &product), &bias) in y.iter_mut().zip(products).zip(bias) {
                    *y = product + bias;
                }
            }
        });
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
        let x = x.rows();
        let ConvShape { n_in, n_filters, width, stride, .. } = self.shape;
        let Cache { starts: layout, work: laid_out, work2: d_products, work3: d_laid_out, .. } = cache;
        let n_positions = layout[layout.len() - 1] as usize;
        let work = d_products.len();
        // Positions across two documents have no gradient.
        for_each_doc(d_products, n_filters, layout, work, |doc_idx, block| {
            let doc = dy.doc(doc_idx);
            let (positions, behind) = block.split_at_mut(doc.len() * n_filters);
            positions.copy_from_slice(dy.doc_data(doc_idx));
            behind.fill(T::ZERO);
        });
        add_column_sums(grads.data_mut(self.bias), &dy.data);
        let wins = &mut cache.sparse.conv;
        let is_sparse = wins.list(d_products, n_filters);
        let dw = grads.data_mut(self.weight);
        if !dw.is_empty() && is_sparse {
            wins.add_to_weights(dw, laid_out, stride * n_in, width * n_in);
        } else if !dw.is_empty() {
            self.precision.matmul(
                dw,
                Mat::new(d_products, n_positions, n_filters).t(),
                self.windows(laid_out, n_positions),
                true,
            );
        }

        let Some(dx) = dx else { return };
        d_laid_out.clear();
        // A batch without documents still has this shape, so that each place of a window has its slice.
        d_laid_out.resize(self.n_layout_rows(n_positions).max(width) * n_in, T::ZERO);
        if is_sparse {
            wins.add_to_rows(d_laid_out, params.data(self.weight), stride * n_in, width * n_in);
        } else {
            let d_products = Mat::new(d_products, n_positions, n_filters);
            // Place k of a window adds to rows `position · stride + k`: one product each, so that no rows overlap.
            for k in 0..width {
                let w_k = Mat::strided(&params.data(self.weight)[k * n_in..], n_filters, n_in, width * n_in);
                self.precision.matmul_strided(&mut d_laid_out[k * n_in..], stride * n_in, d_products, w_k, true);
            }
        }
        dx.reset(&x.starts, n_in);
        let work = dx.data.len();
        for_each_doc(&mut dx.data, n_in, &x.starts, work, |doc_idx, dx| {
            let first = layout[doc_idx] as usize * stride + self.pad_left(x.doc(doc_idx).len());
            dx.copy_from_slice(&d_laid_out[first * n_in..][..dx.len()]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    /// The definition, document by document.
    fn conv1d_naive(shape: ConvShape, x: &[Vec<f64>], w: &[f64], b: &[f64]) -> Vec<f64> {
        let ConvShape { n_in, n_filters, width, stride, padding } = shape;
        let mut y = Vec::new();
        for doc in x {
            let len = doc.len() / n_in;
            let left = padding.pad_left(len, width, stride) as isize;
            for position in 0..padding.n_positions(len, width, stride) {
                for f in 0..n_filters {
                    let mut sum = b[f];
                    for k in 0..width {
                        let row = (position * stride + k) as isize - left;
                        for c in (0..n_in).filter(|_| row >= 0 && row < len as isize) {
                            sum += w[(f * width + k) * n_in + c] * doc[row as usize * n_in + c];
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    #[test]
    fn equals_the_definition_for_every_padding_width_and_stride() {
        let lens = [7, 0, 1, 2, 12, 3, 0, 5];
        for padding in [Padding::Valid, Padding::Same, Padding::Full] {
            for (width, stride) in [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (3, 3), (2, 3), (6, 4)] {
                let shape = ConvShape { n_in: 3, n_filters: 4, width, stride, padding };
                let mut params = Params::<f64>::default();
                let conv = Conv1d::new(&mut Builder::new(&mut params, 1), "conv", shape);
                params.data_mut(conv.bias).copy_from_slice(&[0.1, -0.2, 0.3, 0.4]);
                let docs: Vec<Vec<f64>> = lens
                    .iter()
                    .enumerate()
                    .map(|(d, len)| (0..len * 3).map(|i| rng::normal(d as u64, i as u64)).collect())
                    .collect();
                let mut x = Rows::default();
                x.resize_documents(lens.iter().copied(), 3);
                x.data = docs.concat();
                let (mut y, mut cache) = (Rows::default(), Cache::default());
                conv.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Predict);
                let plain = conv1d_naive(shape, &docs, params.data(conv.weight), params.data(conv.bias));
                assert_eq!(y.data.len(), plain.len(), "{shape:?}");
                for (a, b) in y.data.iter().zip(&plain) {
                    assert!((a - b).abs() < 1e-12, "{shape:?}: {a} and {b}");
                }
            }
        }
    }
}
