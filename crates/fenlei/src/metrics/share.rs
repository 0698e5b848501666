//! How far a share of documents may be off.

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share (Wilson 1927): it stays between 0 and 1 and holds for few documents too. Of no documents it
/// is everything.
pub fn wilson_interval(n_right: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (n as f64, n_right as f64 / n as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 / (1.0 + Z * Z / n);
    (((centre - spread) * scale).max(0.0), ((centre + spread) * scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_that_of_wilson() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        let (low, high) = wilson_interval(8, 10);
        assert!((low - 0.490_162_471_536_641).abs() < 1e-9 && (high - 0.943_317_848_545_625).abs() < 1e-9);
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
        assert!(wilson_interval(5, 5).1 == 1.0 && wilson_interval(0, 5).0 == 0.0);
        assert!(wilson_interval(0, 10).1 > 0.2);
    }
}
