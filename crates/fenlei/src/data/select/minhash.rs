//! MinHash signatures: short summaries of sets that estimate how similar the sets are.
//!
//! Sources: Broder 1997; Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3 (bands); Li and König:
//! b-Bit Minwise Hashing, 2010 (why 16 bits of each minimum are enough).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::shingles::mix;

/// The largest standard error that the estimate may have at the threshold.
const STANDARD_ERROR: f64 = 0.03;
/// How probable it must be that a pair exactly at the threshold shares a band.
const CAUGHT: f64 = 0.995;
const FEWEST_PERMUTATIONS: f64 = 64.0;

/// How long signatures are and how they are cut into bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) bands: usize,
    /// Values in a band.
    pub(super) rows: usize,
}

impl Shape {
    /// From the threshold alone. The estimate is a mean of `n` yes-or-no answers, so its standard error at similarity
    /// `t` is `√(t(1−t)/n)`: that gives `n`. Two documents of similarity `t` share a band with probability
    /// `1−(1−t^rows)^bands`: the longest bands that still catch them leave the fewest other pairs to compare.
    pub(super) fn of_threshold(t: f64) -> Self {
        let n = (t * (1.0 - t) / STANDARD_ERROR.powi(2)).max(FEWEST_PERMUTATIONS);
        let bands = |rows: usize| (n / rows as f64).ceil();
        let catches = |rows: &usize| 1.0 - (1.0 - t.powi(*rows as i32)).powf(bands(*rows)) >= CAUGHT;
        let rows = (1..=n as usize).rev().find(catches).unwrap_or(1);
        Self { bands: bands(rows) as usize, rows }
    }

    pub(super) fn len(self) -> usize {
        self.bands * self.rows
    }
}

/// A family of hash functions, one a value of a signature.
pub(super) struct MinHash {
    /// Multipliers (odd) and increments: `x ↦ a·x + b`, of which the upper half counts (Dietzfelbinger et al. 1997).
    functions: Vec<(u64, u64)>,
    minima: Vec<u32>,
}

impl MinHash {
    /// The same functions every time: signatures must be comparable.
    pub(super) fn new(n: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(0x6d69_6e68_6173_6821);
        let functions = (0..n).map(|_| (random.next_u64() | 1, random.next_u64())).collect();
        Self { functions, minima: vec![0; n] }
    }

    /// Appends the signature of a set that is not empty.
    pub(super) fn sign(&mut self, shingles: &[u64], signature: &mut Vec<u16>) {
        self.minima.fill(u32::MAX);
        for &shingle in shingles {
            for (minimum, (a, b)) in self.minima.iter_mut().zip(&self.functions) {
                *minimum = (*minimum).min((a.wrapping_mul(shingle).wrapping_add(*b) >> 32) as u32);
            }
        }
        // The minima of large sets are small numbers, so their bits are mixed before some are left out.
        signature.extend(self.minima.iter().map(|&minimum| mix(u64::from(minimum)) as u16));
    }
}

/// The share of equal values: the estimate of the Jaccard similarity. Two different minima have the same 16 bits once in
/// 65,536 times, which is not worth correcting.
pub(super) fn estimate(a: &[u16], b: &[u16]) -> f64 {
    let equal = a.iter().zip(b).filter(|(x, y)| x == y).count();
    equal as f64 / a.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::select::shingles::jaccard;

    #[test]
    fn the_shape_follows_from_the_threshold() {
        let shapes = [0.5, 0.7, 0.8, 0.9, 1.0].map(Shape::of_threshold);
        let expected = [(93, 3), (47, 5), (26, 7), (12, 9), (1, 64)];
        assert_eq!(shapes.map(|shape| (shape.bands, shape.rows)), expected);
        for t in (10..=100).map(|percent| f64::from(percent) / 100.0) {
            let Shape { bands, rows } = Shape::of_threshold(t);
            assert!(1.0 - (1.0 - t.powi(rows as i32)).powi(bands as i32) >= CAUGHT, "{t}");
            let error = (t * (1.0 - t) / (bands * rows) as f64).sqrt();
            assert!(error <= STANDARD_ERROR + 1e-12, "{t}: {error}");
        }
    }

    #[test]
    fn the_estimate_is_right_on_average_and_as_exact_as_promised() {
        let shape = Shape::of_threshold(0.8);
        let mut minhash = MinHash::new(shape.len());
        for n_shared in [40, 160, 240, 285] {
            let (mut error, mut squares, n) = (0.0, 0.0, 200);
            for pair in 0..n {
                let number = |i: u64| mix(pair * 1000 + i);
                let mut a: Vec<u64> = (0..300).map(number).collect();
                let mut b: Vec<u64> = (300 - n_shared..600 - n_shared).map(number).collect();
                a.sort_unstable();
                b.sort_unstable();
                let (mut first, mut second) = (Vec::new(), Vec::new());
                minhash.sign(&a, &mut first);
                minhash.sign(&b, &mut second);
                let off = estimate(&first, &second) - jaccard(&a, &b);
                error += off;
                squares += off * off;
            }
            let j = n_shared as f64 / (600 - n_shared) as f64;
            let expected = (j * (1.0 - j) / shape.len() as f64).sqrt();
            let (mean, deviation) = (error / n as f64, (squares / n as f64).sqrt());
            assert!(mean.abs() < 0.3 * expected, "bias {mean} at {j}");
            assert!((0.8..1.2).contains(&(deviation / expected)), "deviation {deviation}, not {expected}, at {j}");
        }
    }
}
