//! How long texts are, in characters and in words.

use rayon::prelude::*;
use serde::Serialize;

/// The distribution of lengths. Quantiles are the nearest rank (no interpolation).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// A quarter are at most this long.
    pub quartile1: u64,
    /// Half are at most this long.
    pub median: u64,
    /// The mean.
    pub mean: f64,
    /// Three quarters are at most this long.
    pub quartile3: u64,
    /// 95 % are at most this long.
    pub p95: u64,
    /// The longest.
    pub max: u64,
    /// All together.
    pub total: u64,
}

impl Lengths {
    fn of(mut lengths: Vec<u64>) -> Self {
        let n = lengths.len();
        if n == 0 {
            return Self::default();
        }
        lengths.sort_unstable();
        let quantile = |percent: usize| lengths[(n * percent).div_ceil(100).max(1) - 1];
        let total = lengths.iter().sum();
        Self {
            min: lengths[0],
            quartile1: quantile(25),
            median: quantile(50),
            mean: total as f64 / n as f64,
            quartile3: quantile(75),
            p95: quantile(95),
            max: lengths[n - 1],
            total,
        }
    }
}

/// The lengths in characters and in words.
pub(super) fn measure(texts: &[String]) -> (Lengths, Lengths) {
    let count = |text: &String| (text.chars().count() as u64, n_words(text));
    let (characters, words): (Vec<u64>, Vec<u64>) = texts.par_iter().map(count).unzip();
    (Lengths::of(characters), Lengths::of(words))
}

/// Runs of letters and digits, with apostrophes inside; each Han character and each kana is a word.
fn n_words(text: &str) -> u64 {
    let mut n = 0;
    let mut in_word = false;
    for c in text.chars() {
        if is_han_or_kana(c) {
            n += 1;
            in_word = false;
        } else if c.is_alphanumeric() {
            n += u64::from(!in_word);
            in_word = true;
        } else {
            in_word = in_word && matches!(c, '\'' | '’');
        }
    }
    n
}

fn is_han_or_kana(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_in_both_languages() {
        for (text, n) in [("", 0), ("Don't stop, it's 2 good", 5), ("好电影", 3), ("看iPhone手机 2台", 6), ("' a '", 1)]
        {
            assert_eq!(n_words(text), n, "{text}");
        }
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let lengths = Lengths::of((1..=100).rev().collect());
        assert_eq!((lengths.min, lengths.quartile1, lengths.median), (1, 25, 50));
        assert_eq!((lengths.quartile3, lengths.p95, lengths.max), (75, 95, 100));
        assert_eq!((lengths.mean, lengths.total), (50.5, 5050));
        assert_eq!(Lengths::of(vec![7]).median, 7);
    }
}
