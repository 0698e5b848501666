//! The number type of a net: `f32` to work with, `f64` to check gradients with.
//!
//! Every kernel and layer is generic over [`Scalar`]. Plain arithmetic is written once for both; the few operations
//! that need a machine-specific body are methods here, so that a layer never asks which type it has.

use crate::kernels::functions::FunctionKernels;
use crate::kernels::gemm::GemmKernels;
use crate::kernels::sparse_grad::SparseGradKernels;
use crate::kernels::windows::WindowKernels;
use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// A floating-point number that nets can be made of. Implemented for `f32` and `f64` only.
pub trait Scalar:
    GemmKernels
    + FunctionKernels
    + WindowKernels
    + SparseGradKernels
    + Copy
    + Send
    + Sync
    + 'static
    + Default
    + Debug
    + Display
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Negative infinity: smaller than every candidate of a maximum.
    const NEG_INFINITY: Self;
    /// Rounds a constant to this type.
    fn from_f64(value: f64) -> Self;
    /// Widens for sums and reports.
    fn to_f64(self) -> f64;
    /// `e^self`.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function, `2/√π ∫₀ˣ e^-t² dt`.
    fn erf(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// `self^power`.
    fn powf(self, power: Self) -> Self;
    /// The larger of two numbers.
    fn max(self, other: Self) -> Self;
    /// The smaller of two numbers.
    fn min(self, other: Self) -> Self;
    /// Whether this is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Without what follows the point; the nearest integer there is where it is beyond all of them, 0 of NaN.
    fn truncate(self) -> i32;
}

macro_rules! impl_scalar {
    ($t:ty, $erf:path) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$t>::NEG_INFINITY;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> Self {
                self.exp()
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                self.tanh()
            }
            #[inline(always)]
            fn erf(self) -> Self {
                $erf(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn powf(self, power: Self) -> Self {
                self.powf(power)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn truncate(self) -> i32 {
                self as i32
            }
        }
    };
}

impl_scalar!(f32, libm::erff);
impl_scalar!(f64, libm::erf);
