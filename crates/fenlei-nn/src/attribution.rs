//! Which tokens made a net answer as it did: a linear function of the outputs, divided among the tokens of a document.
//!
//! Behind the first layer the net is taken for what it is near this input, its gradient; within the first layer each
//! token has its own part in a sum, so that only what belongs to no token (biases) is left over. For a net of
//! convolution, relu, maximum and output layer this loses nothing: it is linear around every input. One forward and one
//! backward pass, whatever the length of the document.

use crate::layers::Activation;
use crate::scalar::Scalar;

/// What tokens and runs of tokens have in the outputs of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shares<T> {
    /// `[n_tokens]` of the batch: the part of each token.
    pub tokens: Vec<T>,
    /// What filters found, and tokens by themselves where they are read one by one. Their shares are another view of the same sum, biases included.
    pub wins: Vec<FilterWin<T>>,
}

impl<T: Scalar> Shares<T> {
    /// Adds what one token has by itself: `i` counts in the batch, `of_doc` in the document.
    pub(crate) fn push_token(&mut self, doc: usize, of_doc: usize, i: usize, share: T) {
        self.tokens[i] += share;
        self.wins.push(FilterWin { doc: doc as u32, start: of_doc as u32, end: of_doc as u32 + 1, share });
    }
}

/// The run of tokens that one filter answers with, or a single token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterWin<T> {
    /// The document, counted in the batch.
    pub doc: u32,
    /// The first token, counted in the document.
    pub start: u32,
    /// Behind the last one.
    pub end: u32,
    /// Activation times gradient.
    pub share: T,
}

/// `(y - activation(0)) / x` for `y = activation(x)`: what each unit of a sum has in the output on the way from nothing.
pub(crate) fn secant<T: Scalar>(activation: Activation, x: T, y: T) -> T {
    match activation {
        Activation::Linear => T::ONE,
        Activation::Relu => activation.derivative_from_output(y),
        // Near nothing the quotient has no digits left, and the slope is the same.
        _ if x.abs() < T::from_f64(1e-3) => activation.derivative(x),
        _ => (y - activation.apply(T::ZERO)) / x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secant_leads_from_nothing_to_the_output() {
        for activation in [Activation::Linear, Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
            for x in [-2.0f64, -0.3, 0.4, 1.7] {
                let y = activation.apply(x);
                let found = activation.apply(0.0) + secant(activation, x, y) * x;
                assert!((found - y).abs() < 1e-12, "{activation:?} at {x}: {found} for {y}");
            }
        }
        assert!((secant(Activation::Tanh, 1e-9f64, 1e-9) - 1.0).abs() < 1e-6);
    }
}
