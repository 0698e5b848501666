//! The norms of a Transformer.

use crate::init::{Builder, Init};
use crate::kernels::shortcut::RowNorm;
use crate::params::{Grads, ParamId, Params, Role};
use crate::scalar::Scalar;
use crate::spec::{NormKind, TransformerSpec};

/// A norm with its parameters.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    scale: ParamId,
    shift: Option<ParamId>,
    kind: NormKind,
    epsilon: f64,
}

impl Norm {
    /// Makes the parameters `{name}.scale` and `{name}.shift`, `[width]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, width: usize, spec: &TransformerSpec) -> Self {
        let scale = builder.add(format!("{name}.scale"), &[width], Role::Bias, Init::Constant(1.0));
        let has_shift = spec.norm_kind == NormKind::Layer && spec.norm_bias;
        let shift = has_shift.then(|| builder.add(format!("{name}.shift"), &[width], Role::Bias, Init::Constant(0.0)));
        if spec.lora.is_some() {
            [Some(scale), shift].into_iter().flatten().for_each(|id| builder.freeze(id));
        }
        Self { scale, shift, kind: spec.norm_kind, epsilon: spec.epsilon }
    }

    /// With its numbers.
    pub fn of<'p, T: Scalar>(&self, params: &'p Params<T>) -> RowNorm<'p, T> {
        RowNorm {
            kind: self.kind,
            epsilon: self.epsilon,
            scale: params.data(self.scale),
            shift: self.shift.map_or(&[], |shift| params.data(shift)),
        }
    }

    /// Whether training changes it.
    pub fn trains<T: Scalar>(&self, params: &Params<T>) -> bool {
        [Some(self.scale), self.shift].into_iter().flatten().any(|id| params.get(id).trainable)
    }

    /// The gradients of scale, shift, and of the bias in front of the norm.
    pub fn gradients<'g, T: Scalar>(&self, grads: &'g mut Grads<T>, bias: Option<ParamId>) -> [&'g mut [T]; 3] {
        grads.several_mut([Some(self.scale), self.shift, bias])
    }
}
