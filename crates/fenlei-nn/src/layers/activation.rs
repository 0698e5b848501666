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
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`, the approximation of GPT-2.
    GeluTanh,
    /// `x / (1 + e^-x)` (Elfwing et al. 2018).
    Silu,
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
        self.value_and_slope(x).0
    }

    /// The slope at the input `x`. That of relu at zero is zero.
    #[inline(always)]
    pub fn derivative<T: Scalar>(self, x: T) -> T {
        self.value_and_slope(x).1
    }

    /// The function's value and its slope at `x`.
    #[inline(always)]
    pub(crate) fn value_and_slope<T: Scalar>(self, x: T) -> (T, T) {
        let half = T::from_f64(0.5);
        match self {
            Self::Gelu => {
                let (distribution, density) = x.normal_lane();
                (x * distribution, distribution + x * density)
            }
            Self::GeluTanh => {
                let inner = T::from_f64(GELU_TANH) * (x + T::from_f64(GELU_CUBE) * x * x * x);
                let tanh = inner.tanh_lane();
                let inner_slope = T::from_f64(GELU_TANH) * (T::ONE + T::from_f64(3.0 * GELU_CUBE) * x * x);
                // Far out the slope of tanh is zero to all bits, and the inner one may be infinite.
                let bend = if tanh * tanh == T::ONE { T::ZERO } else { (T::ONE - tanh * tanh) * inner_slope };
                (half * x * (T::ONE + tanh), half * (T::ONE + tanh) + half * x * bend)
            }
            Self::Silu => {
                let sigmoid = x.sigmoid_lane();
                (x * sigmoid, sigmoid * (T::ONE + x * (T::ONE - sigmoid)))
            }
            Self::Relu | Self::Tanh | Self::Sigmoid | Self::Linear => {
                let y = match self {
                    Self::Relu => relu(x),
                    Self::Tanh => x.tanh_lane(),
                    Self::Sigmoid => x.sigmoid_lane(),
                    _ => x,
                };
                (y, self.derivative_from_output(y))
            }
        }
    }

    /// Whether a larger input never gives a smaller output: then the activation may be applied behind a maximum
    /// instead of in front of it, and the slope follows from the output alone.
    pub fn is_monotone(self) -> bool {
        !matches!(self, Self::Gelu | Self::GeluTanh | Self::Silu)
    }

    /// The slope where the output is `y`.
    ///
    /// # Panics
    /// For an activation that is not [monotone](Self::is_monotone).
    #[inline(always)]
    pub fn derivative_from_output<T: Scalar>(self, y: T) -> T {
        match self {
            Self::Relu => relu_derivative(y),
            Self::Tanh => T::ONE - y * y,
            Self::Sigmoid => y * (T::ONE - y),
            Self::Linear => T::ONE,
            Self::Gelu | Self::GeluTanh | Self::Silu => panic!("the slope of {self:?} does not follow from its output"),
        }
    }

    /// `y[i] = apply(x[i])`.
    pub fn forward<T: Scalar>(self, y: &mut [T], x: &[T]) {
        match self {
            Self::Relu => map(y, x, relu),
            Self::Gelu => map(y, x, |x| Self::Gelu.apply(x)),
            Self::GeluTanh => map(y, x, |x| Self::GeluTanh.apply(x)),
            Self::Silu => map(y, x, |x| Self::Silu.apply(x)),
            Self::Tanh => map(y, x, |x| Self::Tanh.apply(x)),
            Self::Sigmoid => map(y, x, |x| Self::Sigmoid.apply(x)),
            Self::Linear => y.copy_from_slice(x),
        }
    }

    /// `dx[i] = dy[i] · slope`, from the outputs `y` or, where they do not suffice, the inputs `x`.
    pub fn backward<T: Scalar>(self, dx: &mut [T], dy: &[T], y: &[T], x: &[T]) {
        match self {
            Self::Relu => map2(dx, dy, y, |dy, y| dy * relu_derivative(y)),
            Self::Gelu => map2(dx, dy, x, |dy, x| dy * Self::Gelu.derivative(x)),
            Self::GeluTanh => map2(dx, dy, x, |dy, x| dy * Self::GeluTanh.derivative(x)),
            Self::Silu => map2(dx, dy, x, |dy, x| dy * Self::Silu.derivative(x)),
            Self::Tanh => map2(dx, dy, y, |dy, y| dy * (T::ONE - y * y)),
            Self::Sigmoid => map2(dx, dy, y, |dy, y| dy * (y * (T::ONE - y))),
            Self::Linear => dx.copy_from_slice(dy),
        }
    }
}

/// `√(2/π)`, and what the cube counts in the approximation of gelu.
const GELU_TANH: f64 = 0.797_884_560_802_865_4;
const GELU_CUBE: f64 = 0.044_715;

#[inline(always)]
fn relu<T: Scalar>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

#[inline(always)]
fn relu_derivative<T: Scalar>(y: T) -> T {
    if y > T::ZERO { T::ONE } else { T::ZERO }
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

    fn trains(&self, _: &Params<T>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 7] = [
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Linear,
    ];

    #[test]
    fn values_are_those_of_the_definitions() {
        assert_eq!([-2.0, 0.0, 3.0].map(|x: f64| Activation::Relu.apply(x)), [0.0, 0.0, 3.0]);
        assert!((Activation::Gelu.apply(1.0f64) - 0.841_344_746_068_543).abs() < 1e-15);
        assert!((Activation::GeluTanh.apply(1.0f64) - 0.841_191_990_608_276_8).abs() < 1e-15);
        assert!((Activation::Silu.apply(2.0f64) - 1.761_594_155_955_764_9).abs() < 1e-15);
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
