//! Random choices of a training: which words are skipped, which stand for wrong answers.

use fenlei_nn::rng;

/// Random numbers from a seed, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    seed: u64,
    position: u64,
}

impl Stream {
    pub fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.position += 1;
        rng::bits(self.seed, self.position)
    }

    /// Below `n`, which is at most 2^32.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.bits() >> 32) * n) >> 32
    }
}

/// Draws words by their counts to a power, in constant time (Walker 1977, Vose 1991).
#[derive(Debug, Clone)]
pub(super) struct WordDraw {
    /// For each word: below this its own draw stands, else that of the other word.
    columns: Vec<(u32, u32)>,
}

/// Frequent words are drawn less often than they stand in the texts (Mikolov et al. 2013).
const POWER: f64 = 0.75;

impl WordDraw {
    pub fn new(counts: &[u64]) -> Self {
        let n = counts.len();
        let weights: Vec<f64> = counts.iter().map(|&count| (count as f64).powf(POWER)).collect();
        let total: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|weight| weight * n as f64 / total).collect();
        let mut columns: Vec<(u32, u32)> = (0..n as u32).map(|word| (u32::MAX, word)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|&word| share[word] < 1.0);
        while let (Some(less), Some(&more)) = (small.pop(), large.last()) {
            columns[less] = ((share[less] * f64::from(u32::MAX)) as u32, more as u32);
            share[more] -= 1.0 - share[less];
            if share[more] < 1.0 {
                small.extend(large.pop());
            }
        }
        Self { columns }
    }

    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        let bits = stream.bits();
        let word = ((bits >> 32) * self.columns.len() as u64) >> 32;
        let (own, other) = self.columns[word as usize];
        if (bits as u32) <= own { word as u32 } else { other }
    }
}

/// For each word, below which 32 random bits it stays: frequent ones are skipped more often. The rule is that of the
/// word2vec program: a word of share `f` stays with probability `√(t/f) + t/f`.
pub(super) fn thresholds(counts: &[u64], sample: f64) -> Vec<u64> {
    let total = counts.iter().sum::<u64>() as f64;
    let stays = |&count: &u64| {
        if sample <= 0.0 {
            return 1 << 32;
        }
        let ratio = sample * total / count as f64;
        ((ratio.sqrt() + ratio).min(1.0) * 2f64.powi(32)) as u64
    };
    counts.iter().map(stays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_drawn_by_their_share() {
        // To the power of 3/4 they are whole numbers.
        let (counts, weights) = ([1296, 256, 16, 1, 1], [216.0, 64.0, 8.0, 1.0, 1.0]);
        let draw = WordDraw::new(&counts);
        let mut stream = Stream::new(7);
        let mut drawn = [0u32; 5];
        let n = 400_000;
        (0..n).for_each(|_| drawn[draw.draw(&mut stream) as usize] += 1);
        let total: f64 = weights.iter().sum();
        for (drawn, weight) in drawn.iter().zip(weights) {
            let expected = weight / total;
            assert!((f64::from(*drawn) / f64::from(n) - expected).abs() < 0.003, "{drawn} {expected}");
        }
    }

    #[test]
    fn only_frequent_words_are_skipped() {
        // Shares 0.9 and 0.1 with t = 0.1: √(1/9) + 1/9, and more than 1.
        let found = thresholds(&[900, 100], 0.1);
        let share = found[0] as f64 / 2f64.powi(32);
        assert!((share - (1.0 / 3.0 + 1.0 / 9.0)).abs() < 1e-6, "{share}");
        assert_eq!(found[1], 1 << 32);
        assert_eq!(thresholds(&[900, 100], 0.0), [1 << 32; 2]);
    }
}
