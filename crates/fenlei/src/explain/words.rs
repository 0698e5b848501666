//! The words of a text, as the units that weights are given to.

use std::collections::BTreeMap;

use super::{NgramWeight, WordWeight};
use crate::features::FeatureOrigin;

/// Pieces of a text that do not overlap, ascending: tokens, those joined that come from the same characters.
#[derive(Debug)]
pub(super) struct Words<'a> {
    text: &'a str,
    places: Vec<(u32, u32)>,
    weights: Vec<f64>,
    /// By what they read: weight, and the bytes of each place, which may stand there twice where two parts of a model
    /// read the same n-gram.
    ngrams: BTreeMap<String, (f64, Vec<(u32, u32)>)>,
}

impl<'a> Words<'a> {
    /// From the byte ranges of all tokens.
    pub fn new(text: &'a str, places: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut places: Vec<(u32, u32)> = places.filter(|(start, end)| start < end).collect();
        places.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(places.len());
        for (start, end) in places {
            match joined.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        let weights = vec![0.0; joined.len()];
        Self { text, places: joined, weights, ngrams: BTreeMap::new() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The byte range of each.
    pub fn places(&self) -> &[(u32, u32)] {
        &self.places
    }

    /// Gives weight to the word at a token's byte range. A token of no characters counts for the word before it.
    pub fn add(&mut self, place: (u32, u32), weight: f64) {
        let after = self.places.partition_point(|&(start, _)| start <= place.0);
        if let Some(of_word) = self.weights.get_mut(after.saturating_sub(1)) {
            *of_word += weight;
        }
    }

    /// Gives an n-gram a weight for one of its places.
    pub fn add_ngram(&mut self, name: String, place: (u32, u32), weight: f64) {
        let (sum, places) = self.ngrams.entry(name).or_default();
        *sum += weight;
        places.push(place);
    }

    /// Divides the weights of features (`weight(column)`) evenly among their places, and the share of a place among its
    /// words.
    pub fn add_features(&mut self, origin: &FeatureOrigin, mut weight: impl FnMut(u32) -> f64) {
        let mut order: Vec<usize> = (0..origin.runs.len()).collect();
        order.sort_by_key(|&run| origin.runs[run].column);
        for same in order.chunk_by(|&a, &b| origin.runs[a].column == origin.runs[b].column) {
            let share = weight(origin.runs[same[0]].column) / same.len() as f64;
            if share == 0.0 {
                continue;
            }
            for &run in same {
                let run = &origin.runs[run];
                let places: Vec<(u32, u32)> = origin.places(run).collect();
                let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
                self.add_ngram(origin.name(run), (first.0, last.1), share);
                places.iter().for_each(|&place| self.add(place, share / places.len() as f64));
            }
        }
    }

    /// The sum of all weights so far, in the order of the words.
    pub fn sum(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The words with their weights, and the `n_ngrams` n-grams that weigh most.
    pub fn finish(self, n_ngrams: usize) -> (Vec<WordWeight>, Vec<NgramWeight>) {
        let of_ngram = |(text, (weight, mut places)): (String, (f64, Vec<(u32, u32)>))| {
            places.sort_unstable();
            places.dedup();
            (text, weight, places.len(), places[0])
        };
        let mut ngrams: Vec<_> =
            self.ngrams.into_iter().filter(|(_, (weight, _))| *weight != 0.0).map(of_ngram).collect();
        ngrams.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.3.cmp(&b.3)));
        ngrams.truncate(n_ngrams);
        let mut chars = CharCounter { text: self.text, byte: 0, n_chars: 0 };
        let words = self.places.iter().zip(&self.weights).map(|(&bytes, &weight)| WordWeight {
            text: self.text.get(bytes.0 as usize..bytes.1 as usize).unwrap_or_default().to_owned(),
            bytes,
            chars: (chars.at(bytes.0), chars.at(bytes.1)),
            weight,
        });
        let words: Vec<WordWeight> = words.collect();
        // Every place of an n-gram begins and ends with a word.
        let char_at = |byte: u32, of: fn(&WordWeight) -> (u32, u32)| {
            let word = words.partition_point(|word| of(word).0 < byte);
            words.get(word).filter(|word| of(word).0 == byte).map(|word| of(word).1)
        };
        let ngrams = ngrams.into_iter().map(|(text, weight, n_places, bytes)| {
            let start = char_at(bytes.0, |word| (word.bytes.0, word.chars.0));
            let end = char_at(bytes.1, |word| (word.bytes.1, word.chars.1));
            // Of tokens that were joined into one word only one end may be known.
            let count = |byte: u32| self.text.get(..byte as usize).map_or(0, |before| before.chars().count()) as u32;
            let chars = (start.unwrap_or_else(|| count(bytes.0)), end.unwrap_or_else(|| count(bytes.1)));
            NgramWeight { text, weight, n_places, bytes, chars }
        });
        let ngrams = ngrams.collect();
        (words, ngrams)
    }
}

/// Counts characters up to bytes that ascend.
struct CharCounter<'a> {
    text: &'a str,
    byte: usize,
    n_chars: u32,
}

impl CharCounter<'_> {
    fn at(&mut self, byte: u32) -> u32 {
        let between = self.text.get(self.byte..byte as usize).unwrap_or_default();
        self.n_chars += between.chars().count() as u32;
        self.byte = self.byte.max(byte as usize);
        self.n_chars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_in_bytes_and_in_characters() {
        let text = "很好 film!";
        let mut words = Words::new(text, [(0, 6), (7, 11)].into_iter());
        words.add((7, 11), 1.5);
        words.add((0, 6), -0.5);
        words.add_ngram("很好 film".to_owned(), (0, 11), 0.75);
        words.add_ngram("很好 film".to_owned(), (0, 11), 0.25);
        assert_eq!(words.sum(), 1.0);
        let (words, ngrams) = words.finish(5);
        assert_eq!((words[0].text.as_str(), words[0].bytes, words[0].chars), ("很好", (0, 6), (0, 2)));
        assert_eq!((words[1].text.as_str(), words[1].chars, words[1].weight), ("film", (3, 7), 1.5));
        assert_eq!((ngrams[0].chars, ngrams[0].n_places, ngrams[0].weight), ((0, 7), 1, 1.0));
    }

    #[test]
    fn tokens_of_the_same_characters_are_one_word() {
        let mut words = Words::new("abcdef", [(3, 6), (0, 2), (1, 3), (1, 3), (6, 6)].into_iter());
        assert_eq!(words.places(), [(0, 3), (3, 6)]);
        words.add((1, 3), 1.0);
        words.add((6, 6), 2.0);
        let (words, _) = words.finish(0);
        assert_eq!(words.iter().map(|word| word.weight).collect::<Vec<_>>(), [1.0, 2.0]);
    }
}
