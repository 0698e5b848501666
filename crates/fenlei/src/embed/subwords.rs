//! Words as bags of their character n-grams (Bojanowski et al. 2017, "Enriching Word Vectors with Subword
//! Information"), cut and hashed as fastText does, so that rare, misspelt and unseen words get vectors too.

use std::collections::BTreeMap;

use super::check_setting;
use crate::Result;

/// Which n-grams stand for a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubwordSpec {
    /// Fewest characters.
    pub min_chars: usize,
    /// Most characters.
    pub max_chars: usize,
    /// N-grams share so many rows by their hash.
    pub buckets: u32,
}

impl Default for SubwordSpec {
    fn default() -> Self {
        Self { min_chars: 3, max_chars: 6, buckets: 2_000_000 }
    }
}

impl SubwordSpec {
    pub(super) fn check(&self) -> Result<()> {
        let Self { min_chars, max_chars, buckets } = *self;
        let lengths = format!("{min_chars} to {max_chars} characters");
        check_setting(min_chars > 0 && min_chars <= max_chars && max_chars <= 100, "subwords", lengths, "3 to 6")?;
        check_setting(buckets > 0, "buckets", buckets, "1 or more")
    }

    /// The rows of the n-grams of a word, between the marks `<` and `>`, in the order of fastText; an n-gram that
    /// stands twice is there twice.
    pub fn buckets_of(&self, word: &str) -> Vec<u32> {
        let marked = format!("<{word}>");
        let starts: Vec<usize> = marked.char_indices().map(|(at, _)| at).chain([marked.len()]).collect();
        let n_chars = starts.len() - 1;
        let mut buckets = Vec::new();
        for first in 0..n_chars {
            for n in self.min_chars..=self.max_chars.min(n_chars - first) {
                // A mark alone says nothing.
                if n == 1 && (first == 0 || first + 1 == n_chars) {
                    continue;
                }
                let gram = &marked.as_bytes()[starts[first]..starts[first + n]];
                buckets.push(hash(gram) % self.buckets);
            }
        }
        buckets
    }
}

/// FNV-1a with bytes taken for signed numbers, as in fastText.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash, &byte| (hash ^ (byte as i8) as u32).wrapping_mul(16_777_619))
}

/// Trained vectors of n-grams.
#[derive(Debug, Clone, PartialEq)]
pub struct Subwords {
    /// How words are cut.
    pub spec: SubwordSpec,
    /// For each bucket that a word of the vocabulary has, its row.
    rows: BTreeMap<u32, u32>,
    /// `[n_rows, dim]`
    values: Vec<f32>,
    dim: usize,
}

impl Subwords {
    /// From the buckets in ascending order and `[n_buckets, dim]` numbers.
    pub(super) fn new(spec: SubwordSpec, buckets: &[u32], values: Vec<f32>, dim: usize) -> Self {
        Self { spec, rows: buckets.iter().copied().zip(0..).collect(), values, dim }
    }

    /// The mean of the n-grams of a word, as far as training has seen them; `None` without any.
    pub fn vector_of(&self, word: &str) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.dim];
        let mut n = 0;
        for bucket in self.spec.buckets_of(word) {
            let Some(&row) = self.rows.get(&bucket) else { continue };
            let row = &self.values[row as usize * self.dim..][..self.dim];
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            n += 1;
        }
        sum.iter_mut().for_each(|value| *value /= n as f32);
        (n > 0).then_some(sum)
    }
}

/// For each word the rows of its bag: its own, then those of its n-grams.
#[derive(Debug)]
pub(super) struct Bags {
    rows: Vec<u32>,
    ends: Vec<usize>,
    /// The buckets that occur, ascending; the row of bucket `i` is the number of words plus `i`.
    pub buckets: Vec<u32>,
}

impl Bags {
    pub fn new(words: &[String], spec: &SubwordSpec) -> Self {
        let of_words: Vec<Vec<u32>> = words.iter().map(|word| spec.buckets_of(word)).collect();
        let mut buckets = of_words.concat();
        buckets.sort_unstable();
        buckets.dedup();
        let (mut rows, mut ends) = (Vec::new(), Vec::new());
        for (word, grams) in of_words.iter().enumerate() {
            rows.push(word as u32);
            // Every bucket is among them.
            let row = |bucket| (words.len() + buckets.binary_search(bucket).unwrap_or_default()) as u32;
            rows.extend(grams.iter().map(row));
            ends.push(rows.len());
        }
        Self { rows, ends, buckets }
    }

    #[inline]
    pub fn of(&self, word: u32) -> &[u32] {
        let word = word as usize;
        &self.rows[if word == 0 { 0 } else { self.ends[word - 1] }..self.ends[word]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_grams_stand_between_marks_and_count_characters() {
        let spec = SubwordSpec { min_chars: 3, max_chars: 4, buckets: u32::MAX };
        let expected: Vec<u32> = ["<电影", "<电影>", "电影>"].map(|gram| hash(gram.as_bytes()) % u32::MAX).to_vec();
        assert_eq!(spec.buckets_of("电影"), expected);
        assert!(spec.buckets_of("").is_empty());
        let single = SubwordSpec { min_chars: 1, max_chars: 2, buckets: u32::MAX };
        let expected: Vec<u32> = ["<a", "a", "a>"].map(|gram| hash(gram.as_bytes()) % u32::MAX).to_vec();
        assert_eq!(single.buckets_of("a"), expected);
    }

    #[test]
    fn bags_hold_the_word_and_its_n_grams_and_share_rows() {
        let words = ["films".to_owned(), "film".to_owned()];
        let spec = SubwordSpec { buckets: 1000, ..SubwordSpec::default() };
        let bags = Bags::new(&words, &spec);
        assert_eq!((bags.of(0)[0], bags.of(1)[0]), (0, 1));
        assert_eq!(bags.of(0).len(), 1 + spec.buckets_of("films").len());
        assert!(bags.of(1)[1..].iter().any(|row| bags.of(0).contains(row)), "both begin with <fil");
        assert!(bags.of(0)[1..].iter().all(|&row| (row as usize) < 2 + bags.buckets.len() && row >= 2));
    }

    #[test]
    fn an_unseen_word_is_the_mean_of_the_n_grams_that_are_known() {
        let spec = SubwordSpec { min_chars: 3, max_chars: 3, buckets: 1 << 30 };
        let mut known = spec.buckets_of("abc");
        known.sort_unstable();
        let values: Vec<f32> = (0..known.len()).flat_map(|i| [i as f32, 1.0]).collect();
        let subwords = Subwords::new(spec, &known, values, 2);
        let mean = (0..known.len()).map(|i| i as f32).sum::<f32>() / known.len() as f32;
        assert_eq!(subwords.vector_of("abc"), Some(vec![mean, 1.0]));
        assert_eq!(subwords.vector_of("xyz"), None);
        let part = subwords.vector_of("abx").unwrap();
        assert_eq!(part[1], 1.0, "of <ab, abx, bx> only the first is known");
    }
}
