//! Counter-based random numbers: a pure function of a seed and a position.
//!
//! Dropout masks are drawn here so that they depend neither on the number of threads nor on what was drawn before:
//! a resumed run needs only its seed and its step. The mixing function is the finaliser of SplitMix64
//! (Steele, Lea and Flood 2014).

/// 64 well-mixed bits for a seed and a position.
#[inline(always)]
pub fn bits(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The seed of a part (a layer, an epoch, a step) of something that has a seed.
pub fn derive(seed: u64, part: u64) -> u64 {
    bits(seed ^ 0xA076_1D64_78BD_642F, part)
}

/// The bound below which [`bits`] falls with probability `rate`.
pub fn threshold(rate: f64) -> u64 {
    if rate >= 1.0 { u64::MAX } else { (rate.max(0.0) * 2f64.powi(64)) as u64 }
}

/// A number in `[0, 1)`.
pub fn uniform(seed: u64, position: u64) -> f64 {
    (bits(seed, position) >> 11) as f64 / (1u64 << 53) as f64
}

/// A number from the standard normal distribution (Box and Muller 1958).
pub fn normal(seed: u64, position: u64) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(seed, 2 * position)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(seed, 2 * position + 1)).cos()
}

/// Puts `items` into a random order (Fisher and Yates).
pub fn shuffle<I>(items: &mut [I], seed: u64) {
    for last in (1..items.len()).rev() {
        let other = ((bits(seed, last as u64) as u128 * (last as u128 + 1)) >> 64) as usize;
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let n = 100_000;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        assert!((mean(&|i| uniform(3, i)) - 0.5).abs() < 0.005);
        assert!(mean(&|i| normal(3, i)).abs() < 0.01);
        assert!((mean(&|i| normal(3, i).powi(2)) - 1.0).abs() < 0.02);
    }

    #[test]
    fn shuffling_keeps_every_item_and_depends_on_the_seed() {
        let mut a: Vec<u32> = (0..1000).collect();
        let mut b = a.clone();
        shuffle(&mut a, 1);
        shuffle(&mut b, 2);
        assert_ne!(a, b);
        a.sort_unstable();
        assert_eq!(a, (0..1000).collect::<Vec<_>>());
    }
}
