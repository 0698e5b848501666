//! How accuracy grows with the number of labels, and when more of them will change little.

use serde::{Deserialize, Serialize};

/// A point of the learning curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Labelled documents.
    pub n_labelled: usize,
    /// Those whose predictions are counted.
    pub n_measured: usize,
    /// Whether these are the ones that chance drew; others make the figure pessimistic, as they are the hard ones.
    pub at_random: bool,
    /// The share predicted right by models that have not seen them.
    pub accuracy: f64,
    /// 95 % interval (Wilson).
    pub low: f64,
    pub high: f64,
}

/// Whether to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Advice {
    /// Too few labels to tell.
    Early,
    /// The last doubling has helped.
    Growing { from: usize, to: usize, gain: f64 },
    /// The last doubling has changed little.
    Level { from: usize, to: usize, gain: f64 },
}

/// Below this, a curve may be level by chance.
const LEAST: usize = 100;
/// A doubling of the labels that gives less is not worth its time.
const WORTH: f64 = 0.01;

/// Compares the last point with the one at half as many labels.
pub(crate) fn advice(points: &[Point]) -> Advice {
    let Some(last) = points.last() else { return Advice::Early };
    // A figure over chosen documents cannot be compared with one over documents drawn by chance.
    let like = |point: &&Point| point.at_random == last.at_random && 2 * point.n_labelled <= last.n_labelled;
    let Some(half) = points.iter().rev().find(like) else { return Advice::Early };
    let (from, to, gain) = (half.n_labelled, last.n_labelled, last.accuracy - half.accuracy);
    if to >= LEAST && gain < WORTH { Advice::Level { from, to, gain } } else { Advice::Growing { from, to, gain } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(usize, f64)]) -> Vec<Point> {
        let point = |&(n, accuracy): &(usize, f64)| Point {
            n_labelled: n,
            n_measured: n,
            at_random: true,
            accuracy,
            low: 0.0,
            high: 1.0,
        };
        of.iter().map(point).collect()
    }

    #[test]
    fn the_last_doubling_decides() {
        assert_eq!(advice(&[]), Advice::Early);
        assert_eq!(advice(&points(&[(60, 0.7), (100, 0.9)])), Advice::Early);
        let curve = points(&[(20, 0.6), (50, 0.8), (60, 0.85), (110, 0.9)]);
        let Advice::Growing { from, to, gain } = advice(&curve) else { panic!("{:?}", advice(&curve)) };
        assert_eq!((from, to), (50, 110));
        assert!((gain - 0.1).abs() < 1e-9);
        assert!(matches!(advice(&points(&[(100, 0.9), (220, 0.905)])), Advice::Level { from: 100, to: 220, .. }));
        // Few labels may be level by chance.
        assert!(matches!(advice(&points(&[(20, 0.9), (60, 0.9)])), Advice::Growing { .. }));
        let mut other = points(&[(100, 0.9), (220, 0.905)]);
        other[0].at_random = false;
        assert_eq!(advice(&other), Advice::Early);
    }
}
