//! Exponential, hyperbolic tangent and normal distribution, written so that a loop over them is vectorised.
//!
//! Those of `f32` are polynomials (our own least-squares fits) that are exact to a few of its 24 bits; those of `f64` are
//! the standard library's.

/// Functions of a number that a loop can compute for many at once.
pub trait FunctionKernels: Sized {
    /// `e^self`; 0 where it is too small for an ordinary number, and at most `e^88` in `f32`.
    fn exp_lane(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh_lane(self) -> Self;
    /// `1 / (1 + e^-self)`.
    fn sigmoid_lane(self) -> Self;
    /// Distribution function and density of the standard normal distribution.
    fn normal_lane(self) -> (Self, Self);
}

/// Adding it leaves the nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// `(r, 2^n)` with `x = n · ln 2 + r`; ln 2 in two parts, of which the first has few bits. `|x|` is at most 88.
#[inline(always)]
fn reduce(x: f32) -> (f32, f32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    (r, f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23)))
}

/// `e^r - 1` for `|r| ≤ ln 2 / 2`.
#[inline(always)]
fn exp_minus_one(r: f32) -> f32 {
    let mut p = 1.983_297_5e-4;
    for c in [1.394_098_3e-3, 8.333_418e-3, 4.166_635_5e-2, 0.166_666_66, 0.5, 1.0] {
        p = p * r + c;
    }
    p * r
}

/// `x` between the two bounds; NaN stays NaN.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

impl FunctionKernels for f32 {
    #[inline(always)]
    fn exp_lane(self) -> Self {
        const SMALLEST: f32 = -87.3;
        let (r, power) = reduce(clamp(self, SMALLEST, 88.0));
        let e = power * exp_minus_one(r) + power;
        if self < SMALLEST { 0.0 } else { e }
    }

    #[inline(always)]
    fn tanh_lane(self) -> Self {
        // (e^2x - 1) / (e^2x + 1): behind ±9 the quotient is ±1 to all bits.
        let (r, power) = reduce(2.0 * clamp(self, -9.2, 9.2));
        let e = power * exp_minus_one(r) + (power - 1.0);
        e / (e + 2.0)
    }

    #[inline(always)]
    fn sigmoid_lane(self) -> Self {
        1.0 / (1.0 + (-self).exp_lane())
    }

    #[inline(always)]
    fn normal_lane(self) -> (Self, Self) {
        // The tail is the density times a smooth function of its distance (Mills' ratio), here a polynomial of
        // 1 / (1 + 0.33 |x|).
        let distance = self.abs();
        let t = 1.0 / (1.0 + 0.33 * distance);
        let mut p = -2.654_95e-2;
        for c in [
            0.151_958_38,
            -0.329_574_58,
            0.300_402_46,
            -0.113_377_89,
            0.149_071_74,
            0.102_739_15,
            0.133_863_66,
            0.131_459_43,
            7.190_302_3e-6,
        ] {
            p = p * t + c;
        }
        let e = (-0.5 * self * self).exp_lane();
        let tail = e * p;
        (if self > 0.0 { 1.0 - tail } else { tail }, e * 0.398_942_3)
    }
}

impl FunctionKernels for f64 {
    #[inline(always)]
    fn exp_lane(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn tanh_lane(self) -> Self {
        self.tanh()
    }

    #[inline(always)]
    fn sigmoid_lane(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }

    #[inline(always)]
    fn normal_lane(self) -> (Self, Self) {
        let distribution = 0.5 * (1.0 + libm::erf(self * std::f64::consts::FRAC_1_SQRT_2));
        (distribution, (-0.5 * self * self).exp() / std::f64::consts::TAU.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest difference from the wide function, as a share of it or of `floor`.
    fn worst(floor: f64, narrow: impl Fn(f32) -> f32, wide: impl Fn(f64) -> f64) -> f64 {
        let differences = (-400_000..=400_000).map(|i| {
            let x = i as f32 * 1e-4;
            let expected = wide(f64::from(x));
            (f64::from(narrow(x)) - expected).abs() / expected.abs().max(floor)
        });
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn short_numbers_have_nearly_all_their_bits() {
        let near = |found: f64, what: &str| assert!(found < 6e-7, "{what}: {found}");
        near(worst(1e-37, f32::exp_lane, f64::exp), "exp");
        near(worst(1e-37, f32::tanh_lane, f64::tanh), "tanh");
        near(worst(1e-37, f32::sigmoid_lane, |x| 1.0 / (1.0 + (-x).exp())), "sigmoid");
        near(worst(1e-2, |x| x.normal_lane().0, |x| x.normal_lane().0), "distribution");
        near(worst(1e-2, |x| x.normal_lane().1, |x| x.normal_lane().1), "density");
    }

    #[test]
    fn the_ends_and_no_number() {
        assert_eq!((-1000f32).exp_lane(), 0.0);
        assert_eq!(f32::NEG_INFINITY.exp_lane(), 0.0);
        assert_eq!(0f32.exp_lane(), 1.0);
        assert_eq!((0f32.tanh_lane(), 100f32.tanh_lane(), (-100f32).tanh_lane()), (0.0, 1.0, -1.0));
        assert_eq!((50f32.normal_lane().0, (-50f32).normal_lane().0), (1.0, 0.0));
        assert!(f32::MAX.exp_lane().is_finite() && f32::MAX.sigmoid_lane() == 1.0);
        assert!(f32::NAN.exp_lane().is_nan() && f32::NAN.tanh_lane().is_nan() && f32::NAN.normal_lane().0.is_nan());
        assert!((1e-20f32.tanh_lane() - 1e-20).abs() < 1e-26);
    }
}
