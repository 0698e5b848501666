//! A product with a weight, and the small matrices that may stand beside it. Its bias is added by the pass that follows.

use crate::compact::Compact;
use crate::init::{Builder, Init};
use crate::kernels::gemm::{Mat, matmul};
use crate::params::{Grads, ParamId, Params, Role};
use crate::scalar::Scalar;
use crate::spec::{LoraSpec, Precision};

/// `y = x · Wᵀ`, and a bias for others to add.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// `[n_out, n_in]`.
    weight: ParamId,
    /// `[n_out]`.
    pub bias: Option<ParamId>,
    lora: Option<Lora>,
    n_in: usize,
    n_out: usize,
    precision: Precision,
}

/// Small matrices beside a frozen weight.
#[derive(Debug, Clone)]
struct Lora {
    /// `[rank, n_in]`.
    a: ParamId,
    /// `[n_out, rank]`.
    b: ParamId,
    rank: usize,
    factor: f64,
}

/// Memory that every product uses again.
#[derive(Debug, Clone, Default)]
pub(super) struct LinearMemory<T> {
    /// Products with small matrices.
    pub small: [Vec<T>; 2],
    /// A weight that is held in fewer bits.
    weight: Vec<T>,
}

/// Sizes and options of a [`Linear`].
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearSpec {
    pub n_in: usize,
    pub n_out: usize,
    /// Numbers that flow out of an input, for first values: a weight may be several side by side.
    pub fan_out: usize,
    pub bias: bool,
    pub frozen: bool,
    pub lora: Option<LoraSpec>,
}

impl Linear {
    /// Makes the parameters `{name}.weight`, `{name}.bias`, `{name}.lora-a` and `{name}.lora-b`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, spec: LinearSpec) -> Self {
        let LinearSpec { n_in, n_out, fan_out, .. } = spec;
        let init = Init::GlorotUniform { fan_in: n_in, fan_out };
        let weight = builder.add(format!("{name}.weight"), &[n_out, n_in], Role::Weight, init);
        let bias = spec.bias.then(|| builder.add(format!("{name}.bias"), &[n_out], Role::Bias, Init::Constant(0.0)));
        let lora = spec.lora.map(|lora| {
            let uniform = Init::Uniform((3.0 / n_in as f64).sqrt());
            let a = builder.add(format!("{name}.lora-a"), &[lora.rank, n_in], Role::Weight, uniform);
            let b = builder.add(format!("{name}.lora-b"), &[n_out, lora.rank], Role::Weight, Init::Constant(0.0));
            Lora { a, b, rank: lora.rank, factor: lora.alpha / lora.rank as f64 }
        });
        if spec.frozen {
            [Some(weight), bias].into_iter().flatten().for_each(|id| builder.freeze(id));
        }
        Self { weight, bias, lora, n_in, n_out, precision: builder.precision() }
    }

    /// The bias, or nothing.
    pub fn bias<'p, T: Scalar>(&self, params: &'p Params<T>) -> &'p [T] {
        self.bias.map_or(&[], |bias| params.data(bias))
    }

    /// The weight.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// Whether training changes any of its parameters.
    pub fn trains<T: Scalar>(&self, params: &Params<T>) -> bool {
        let lora = self.lora.iter().flat_map(|lora| [lora.a, lora.b]);
        [self.weight].into_iter().chain(self.bias).chain(lora).any(|id| params.get(id).trainable)
    }

    /// Adds the small matrices to the weight that they stand beside, and sets the second one to zero.
    pub fn merge<T: Scalar>(&self, params: &mut Params<T>) {
        let Some(Lora { a, b, rank, factor }) = self.lora else { return };
        params.get_mut(self.weight).expand();
        let mut moved = vec![T::ZERO; self.n_out * self.n_in];
        let (a, second) = (Mat::new(params.data(a), rank, self.n_in), Mat::new(params.data(b), self.n_out, rank));
        matmul(&mut moved, second, a, false);
        let factor = T::from_f64(factor);
        params.data_mut(self.weight).iter_mut().zip(moved).for_each(|(weight, moved)| *weight += factor * moved);
        params.data_mut(b).fill(T::ZERO);
    }

    fn multiply<T: Scalar>(&self, training: bool, out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
        if training {
            self.precision.matmul(out, a, b, accumulate);
        } else {
            matmul(out, a, b, accumulate);
        }
    }

    /// `y: [n_rows, n_out]` without the bias.
    pub fn forward<T: Scalar>(
        &self,
        y: &mut [T],
        memory: &mut LinearMemory<T>,
        x: &[T],
        params: &Params<T>,
        training: bool,
    ) {
        if let (false, Some(Compact::Int8(matrix))) = (training, &params.get(self.weight).compact) {
            return matrix.multiply(y, x);
        }
        let x = Mat::new(x, x.len() / self.n_in, self.n_in);
        let weight = Mat::new(params.numbers(self.weight, &mut memory.weight), self.n_out, self.n_in);
        self.multiply(training, y, x, weight.t(), false);
        if let Some(lora) = &self.lora {
            let small = &mut memory.small[0];
            lora.project(small, x, params);
            let b = Mat::new(params.data(lora.b), self.n_out, lora.rank);
            matmul(y, Mat::new(small, x.n_rows(), lora.rank), b.t(), true);
        }
    }

    /// The gradients of the weights, from `dy: [n_rows, n_out]`. That of the bias is added by the pass that made `dy`.
    pub fn weight_backward<T: Scalar>(
        &self,
        grads: &mut Grads<T>,
        memory: &mut LinearMemory<T>,
        dy: &[T],
        x: &[T],
        params: &Params<T>,
        training: bool,
    ) {
        let n_rows = dy.len() / self.n_out;
        let (x, dy_mat) = (Mat::new(x, n_rows, self.n_in), Mat::new(dy, n_rows, self.n_out));
        // A frozen parameter has no gradient.
        let d_weight = grads.data_mut(self.weight);
        if !d_weight.is_empty() {
            self.multiply(training, d_weight, dy_mat.t(), x, true);
        }
        let Some(lora) = &self.lora else { return };
        let [projected, d_projected] = &mut memory.small;
        let d_b = grads.data_mut(lora.b);
        if !d_b.is_empty() {
            lora.project(projected, x, params);
            matmul(d_b, dy_mat.t(), Mat::new(projected, n_rows, lora.rank), true);
        }
        let d_a = grads.data_mut(lora.a);
        if !d_a.is_empty() {
            lora.project_back(d_projected, dy_mat, params);
            matmul(d_a, Mat::new(d_projected, n_rows, lora.rank).t(), x, true);
        }
    }

    /// `dx: [n_rows, n_in]`, the gradient of what was read.
    pub fn input_backward<T: Scalar>(
        &self,
        dx: &mut [T],
        memory: &mut LinearMemory<T>,
        dy: &[T],
        params: &Params<T>,
        training: bool,
    ) {
        self.to_input(dx, memory, dy, params, training, false);
    }

    /// Adds the gradient of what was read to `dx: [n_rows, n_in]`.
    pub fn add_input_backward<T: Scalar>(
        &self,
        dx: &mut [T],
        memory: &mut LinearMemory<T>,
        dy: &[T],
        params: &Params<T>,
        training: bool,
    ) {
        self.to_input(dx, memory, dy, params, training, true);
    }

    fn to_input<T: Scalar>(
        &self,
        dx: &mut [T],
        memory: &mut LinearMemory<T>,
        dy: &[T],
        params: &Params<T>,
        training: bool,
        accumulate: bool,
    ) {
        let dy = Mat::new(dy, dy.len() / self.n_out, self.n_out);
        let weight = Mat::new(params.numbers(self.weight, &mut memory.weight), self.n_out, self.n_in);
        self.multiply(training, dx, dy, weight, accumulate);
        if let Some(lora) = &self.lora {
            let d_projected = &mut memory.small[1];
            lora.project_back(d_projected, dy, params);
            let a = Mat::new(params.data(lora.a), lora.rank, self.n_in);
            matmul(dx, Mat::new(d_projected, dy.n_rows(), lora.rank), a, true);
        }
    }
}

impl Lora {
    /// `out = factor · x · Aᵀ`.
    fn project<T: Scalar>(&self, out: &mut Vec<T>, x: Mat<'_, T>, params: &Params<T>) {
        out.resize(x.n_rows() * self.rank, T::ZERO);
        matmul(out, x, Mat::new(params.data(self.a), self.rank, x.n_cols()).t(), false);
        crate::kernels::elementwise::scale(out, T::from_f64(self.factor));
    }

    /// `out = factor · dy · B`.
    fn project_back<T: Scalar>(&self, out: &mut Vec<T>, dy: Mat<'_, T>, params: &Params<T>) {
        out.resize(dy.n_rows() * self.rank, T::ZERO);
        matmul(out, dy, Mat::new(params.data(self.b), dy.n_cols(), self.rank), false);
        crate::kernels::elementwise::scale(out, T::from_f64(self.factor));
    }
}
