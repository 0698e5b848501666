//! Functions applied to each number.

use serde::{Deserialize, Serialize};

use super::{Cache, Input, Layer, Pass};
use crate::kernels::elementwise::{map, map2};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// A function applied to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`. A NaN stays a NaN, so that a net that diverged is seen to.
    Relu,
    /// `x · Φ(x)` with the exact normal distribution function, PyTorch's default (Hendrycks and Gimpel 2016).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// The number itself.
    #[default]
    Linear,
}

impl Activation {
    /// The function's value.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, x: T) -> T {
        match self {
            Self::Relu => relu(x),
            Self::Gelu => gelu(x),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Linear => x,
        }
    }

    /// The slope at the input `x`. That of relu at zero is zero.
    #[inline(always)]
    pub fn derivative<T: Scalar>(self, x: T) -> T {
        match self {
            Self::Gelu => gelu_derivative(x),
            _ => self.derivative_from_output(self.apply(x)),
        }
    }

    /// Whether a larger input never gives a smaller output: then the activation may be applied behind a maximum
    /// instead of in front of it, and the slope follows from the output alone.
    pub fn is_monotone(self) -> bool {
        self != Self::Gelu
    }

    /// The slope where the output is `y`.
    ///
    /// # Panics
    /// For [`Activation::Gelu`], which is not [monotone](Self::is_monotone).
    #[inline(always)]
    pub fn derivative_from_output<T: Scalar>(self, y: T) -> T {
        match self {
            Self::Relu => relu_derivative(y),
            Self::Tanh => T::ONE - y * y,
            Self::Sigmoid => y * (T::ONE - y),
            Self::Linear => T::ONE,
            Self::Gelu => panic!("the slope of gelu does not follow from its output"),
        }
    }

    /// `y[i] = apply(x[i])`.
    pub fn forward<T: Scalar>(self, y: &mut [T], x: &[T]) {
        match self {
            Self::Relu => map(y, x, relu),
            Self::Gelu => map(y, x, gelu),
            Self::Tanh => map(y, x, T::tanh),
            Self::Sigmoid => map(y, x, sigmoid),
            Self::Linear => y.copy_from_slice(x),
        }
    }

    /// `dx[i] = dy[i] · slope`, from the outputs `y` or, for gelu, the inputs `x`.
    pub fn backward<T: Scalar>(self, dx: &mut [T], dy: &[T], y: &[T], x: &[T]) {
        match self {
            Self::Relu => map2(dx, dy, y, |dy, y| dy * relu_derivative(y)),
            Self::Gelu => map2(dx, dy, x, |dy, x| dy * gelu_derivative(x)),
            Self::Tanh => map2(dx, dy, y, |dy, y| dy * (T::ONE - y * y)),
            Self::Sigmoid => map2(dx, dy, y, |dy, y| dy * (y * (T::ONE - y))),
            Self::Linear => dx.copy_from_slice(dy),
        }
    }
}

#[inline(always)]
fn relu<T: Scalar>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

#[inline(always)]
fn relu_derivative<T: Scalar>(y: T) -> T {
    if y > T::ZERO { T::ONE } else { T::ZERO }
}

/// `1 / (1 + e^-x)`; exact at both ends, because `e^-x` overflows to infinity.
#[inline(always)]
pub(crate) fn sigmoid<T: Scalar>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

/// `Φ(x)`, the normal distribution function.
#[inline(always)]
fn normal_cdf<T: Scalar>(x: T) -> T {
    T::from_f64(0.5) * (T::ONE + (x * T::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

#[inline(always)]
fn gelu<T: Scalar>(x: T) -> T {
    x * normal_cdf(x)
}

#[inline(always)]
fn gelu_derivative<T: Scalar>(x: T) -> T {
    let density = (T::from_f64(-0.5) * x * x).exp() * T::from_f64(1.0 / std::f64::consts::TAU.sqrt());
    normal_cdf(x) + x * density
}

/// The layer that applies an [`Activation`]. Uses nothing of the cache.
impl<T: Scalar> Layer<T> for Activation {
    fn forward(&self, y: &mut Rows<T>, _: &mut Cache<T>, x: Input<'_, T>, _: &Params<T>, _: Pass) {
        let x = x.rows();
        y.reset(&x.starts, x.width);
        Self::forward(*self, &mut y.data, &x.data);
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        _: &mut Grads<T>,
        _: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        x: Input<'_, T>,
        _: &Params<T>,
    ) {
        if let Some(dx) = dx {
            let x = x.rows();
            dx.reset(&x.starts, x.width);
            Self::backward(*self, &mut dx.data, &dy.data, &y.data, &x.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 5] =
        [Activation::Relu, Activation::Gelu, Activation::Tanh, Activation::Sigmoid, Activation::Linear];

    #[test]
    fn values_are_those_of_the_definitions() {
        assert_eq!([-2.0, 0.0, 3.0].map(|x: f64| Activation::Relu.apply(x)), [0.0, 0.0, 3.0]);
        assert!((Activation::Gelu.apply(1.0f64) - 0.841_344_746_068_543).abs() < 1e-15);
        assert!((Activation::Tanh.apply(0.5f64) - 0.462_117_157_260_009_8).abs() < 1e-15);
        assert!((Activation::Sigmoid.apply(2.0f64) - 0.880_797_077_977_882_4).abs() < 1e-15);
        assert_eq!(Activation::Linear.apply(7.0f32), 7.0);
    }

    #[test]
    fn extreme_inputs_stay_finite_and_nan_stays_visible() {
        for x in [-1e30f32, -800.0, 800.0, 1e30] {
            for activation in ALL {
                assert!(activation.apply(x).is_finite(), "{activation:?} of {x}");
                assert!(activation.derivative(x).is_finite(), "slope of {activation:?} at {x}");
            }
        }
        assert!(Activation::Relu.apply(f32::NAN).is_nan());
    }

    #[test]
    fn slopes_are_those_of_the_function() {
        for activation in ALL {
            for x in [-3.0f64, -0.7, 0.2, 1.9] {
                let numeric = (activation.apply(x + 1e-6) - activation.apply(x - 1e-6)) / 2e-6;
                assert!((activation.derivative(x) - numeric).abs() < 1e-9, "{activation:?} at {x}");
                if activation.is_monotone() {
                    assert_eq!(activation.derivative_from_output(activation.apply(x)), activation.derivative(x));
                }
                let (mut y, mut dx) = ([0.0], [0.0]);
                activation.forward(&mut y, &[x]);
                activation.backward(&mut dx, &[2.0], &y, &[x]);
                assert_eq!((y[0], dx[0]), (activation.apply(x), 2.0 * activation.derivative(x)));
            }
        }
    }

    #[test]
    fn names_are_lower_case() {
        assert_eq!(serde_json::to_string(&Activation::Gelu).unwrap(), "\"gelu\"");
        assert!(serde_json::from_str::<Activation>("\"ReLU\"").is_err());
    }
}
