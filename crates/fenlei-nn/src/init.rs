//! First values of parameters.

use crate::params::{ParamId, Params, Role};
use crate::rng;
use crate::scalar::Scalar;
use crate::spec::Precision;

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Uniform within `±sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010), the usual start of dense and
    /// convolution weights.
    GlorotUniform {
        /// Numbers that flow into an output.
        fan_in: usize,
        /// Numbers that flow out of an input.
        fan_out: usize,
    },
    /// Uniform within plus and minus this bound.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// All the same.
    Constant(f64),
}

/// Makes the parameters of the layers of a net, each with a seed of its own, so that adding a layer does not change
/// the first values of those before it.
#[derive(Debug)]
pub struct Builder<'a, T> {
    params: &'a mut Params<T>,
    /// `None` leaves everything 0, for numbers that are about to be loaded.
    seed: Option<u64>,
    precision: Precision,
}

impl<'a, T: Scalar> Builder<'a, T> {
    /// Adds to `params`, with values from `seed`.
    pub fn new(params: &'a mut Params<T>, seed: u64) -> Self {
        Self { params, seed: Some(seed), precision: Precision::default() }
    }

    /// Adds to `params`, all zeros: for numbers that are about to be loaded.
    pub fn zeros(params: &'a mut Params<T>) -> Self {
        Self { params, seed: None, precision: Precision::default() }
    }

    /// Layers made from here on multiply with this precision in training.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How exactly the layers multiply in training.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Adds a parameter called `name`.
    pub fn add(&mut self, name: String, shape: &[usize], role: Role, init: Init) -> ParamId {
        let Some(seed) = self.seed else { return self.params.add_zeros(name, shape, role) };
        let seed = rng::derive(seed, self.params.len() as u64);
        let uniform = |bound: f64, i: usize| bound * (2.0 * rng::uniform(seed, i as u64) - 1.0);
        self.params.add(name, shape, role, |i| match init {
            Init::GlorotUniform { fan_in, fan_out } => uniform((6.0 / (fan_in + fan_out) as f64).sqrt(), i),
            Init::Uniform(bound) => uniform(bound, i),
            Init::Normal(deviation) => deviation * rng::normal(seed, i as u64),
            Init::Constant(value) => value,
        })
    }

    /// Gives some numbers of a parameter another first value, unless its numbers are about to be loaded.
    pub fn fill(&mut self, id: ParamId, numbers: std::ops::Range<usize>, value: f64) {
        if self.seed.is_some() {
            self.params.data_mut(id)[numbers].fill(T::from_f64(value));
        }
    }

    /// Leaves a parameter as it is in training.
    pub fn freeze(&mut self, id: ParamId) {
        self.params.get_mut(id).trainable = false;
    }

    /// The parameters made so far.
    pub fn params(&self) -> &Params<T> {
        self.params
    }

    /// How many parameters there are so far: a number to make unique names and dropout seeds from.
    pub fn n_params(&self) -> usize {
        self.params.len()
    }
}
