//! How each optimizer moves one number. All constants are made once a step, in `f64`.

use crate::kernels::update::Rule;
use crate::scalar::Scalar;

/// `p -= lr · g`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd<T> {
    pub lr: T,
}

impl<T: Scalar> Rule<T> for Sgd<T> {
    const N_MOMENTS: usize = 0;

    #[inline(always)]
    fn update(self, p: &mut T, _: &mut T, _: &mut T, g: T) {
        *p -= self.lr * g;
    }
}

/// `m = momentum · m + g`, then `p -= lr · m`, or `p -= lr · (g + momentum · m)` (Nesterov), as PyTorch's SGD.
#[derive(Debug, Clone, Copy)]
pub(super) struct Momentum<T> {
    pub lr: T,
    pub momentum: T,
    pub nesterov: bool,
}

impl<T: Scalar> Rule<T> for Momentum<T> {
    const N_MOMENTS: usize = 1;

    #[inline(always)]
    fn update(self, p: &mut T, m: &mut T, _: &mut T, g: T) {
        *m = self.momentum * *m + g;
        *p -= self.lr * if self.nesterov { g + self.momentum * *m } else { *m };
    }
}

/// `m += (1 - β₁)(g - m)`, `v = β₂ v + (1 - β₂) g²`, `p = keep · p - step · m / (√v · root + ε)` (Kingma and Ba 2015).
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam<T> {
    /// `lr / (1 - β₁^t)`.
    pub step: T,
    /// `1 - β₁`.
    pub gain1: T,
    /// `β₂`.
    pub beta2: T,
    /// `1 - β₂`.
    pub gain2: T,
    /// `1 / √(1 - β₂^t)`.
    pub root: T,
    /// `ε`.
    pub epsilon: T,
    /// `1 - lr · weight_decay`; one without decay.
    pub keep: T,
}

impl<T: Scalar> Rule<T> for Adam<T> {
    const N_MOMENTS: usize = 2;

    #[inline(always)]
    fn update(self, p: &mut T, m: &mut T, v: &mut T, g: T) {
        *m += self.gain1 * (g - *m);
        *v = self.beta2 * *v + self.gain2 * (g * g);
        *p = self.keep * *p - self.step * *m / (v.sqrt() * self.root + self.epsilon);
    }
}

/// `v = ρ v + (1 - ρ) g²`, `p -= lr · g / (√v + ε)` (Tieleman and Hinton 2012).
#[derive(Debug, Clone, Copy)]
pub(super) struct RmsProp<T> {
    pub lr: T,
    pub rho: T,
    /// `1 - ρ`.
    pub gain: T,
    pub epsilon: T,
}

impl<T: Scalar> Rule<T> for RmsProp<T> {
    const N_MOMENTS: usize = 1;

    #[inline(always)]
    fn update(self, p: &mut T, v: &mut T, _: &mut T, g: T) {
        *v = self.rho * *v + self.gain * (g * g);
        *p -= self.lr * g / (v.sqrt() + self.epsilon);
    }
}

/// [`RmsProp`] whose quotient is gathered by a momentum: `m = momentum · m + g / (√v + ε)`, `p -= lr · m`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RmsPropMomentum<T> {
    pub rms: RmsProp<T>,
    pub momentum: T,
}

impl<T: Scalar> Rule<T> for RmsPropMomentum<T> {
    const N_MOMENTS: usize = 2;

    #[inline(always)]
    fn update(self, p: &mut T, v: &mut T, m: &mut T, g: T) {
        *v = self.rms.rho * *v + self.rms.gain * (g * g);
        *m = self.momentum * *m + g / (v.sqrt() + self.rms.epsilon);
        *p -= self.rms.lr * *m;
    }
}

/// `s += g²`, `p -= lr · g / (√s + ε)` (Duchi et al. 2011).
#[derive(Debug, Clone, Copy)]
pub(super) struct Adagrad<T> {
    pub lr: T,
    pub epsilon: T,
}

impl<T: Scalar> Rule<T> for Adagrad<T> {
    const N_MOMENTS: usize = 1;

    #[inline(always)]
    fn update(self, p: &mut T, sum: &mut T, _: &mut T, g: T) {
        *sum += g * g;
        *p -= self.lr * g / (sum.sqrt() + self.epsilon);
    }
}
