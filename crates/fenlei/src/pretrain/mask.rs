//! Which tokens of a sequence are hidden (Devlin et al. 2019).

use fenlei_nn::masked::MaskedDocument;
use fenlei_nn::rng;

use super::sequences::NOT_A_WORD;

/// Of the tokens that are asked about, this share becomes the mask, half of the others another token; the rest stays.
const MASKED: f64 = 0.8;
const REPLACED: f64 = 0.1;

/// Parts of a sequence's seed.
const SEED_WORDS: u64 = 1;
const SEED_KINDS: u64 = 2;
const SEED_TOKENS: u64 = 3;

/// How tokens are hidden.
#[derive(Debug, Clone)]
pub(super) struct Masking {
    /// The share of tokens that are asked about.
    pub rate: f64,
    /// The token that stands for a hidden one.
    pub mask: u32,
    /// Tokens that may stand in the place of another.
    pub ordinary: Vec<u32>,
}

impl Masking {
    /// A sequence with hidden words. `words` numbers the words that its tokens belong to; neighbours of one number are
    /// hidden together, and [`NOT_A_WORD`] never. At least one word is hidden, where there is one; no more are taken
    /// than the rate allows.
    pub fn hide(&self, ids: &[u32], words: &[u32], seed: u64) -> MaskedDocument {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        for end in 1..=ids.len() {
            if end == ids.len() || words[end] != words[start] {
                if words[start] != NOT_A_WORD {
                    spans.push((start, end));
                }
                start = end;
            }
        }
        let n_tokens: usize = spans.iter().map(|(start, end)| end - start).sum();
        let budget = ((n_tokens as f64 * self.rate).round() as usize).max(1);
        rng::shuffle(&mut spans, rng::derive(seed, SEED_WORDS));
        let mut places: Vec<u32> = Vec::with_capacity(budget);
        for &(start, end) in &spans {
            if places.len() + (end - start) <= budget {
                places.extend(start as u32..end as u32);
            }
        }
        if let (true, Some(&(start, end))) = (places.is_empty(), spans.first()) {
            places.extend(start as u32..end as u32);
        }
        places.sort_unstable();
        let mut document = MaskedDocument { ids: ids.to_vec(), tokens: Vec::with_capacity(places.len()), places };
        let (kinds, tokens) = (rng::derive(seed, SEED_KINDS), rng::derive(seed, SEED_TOKENS));
        for &place in &document.places {
            let id = &mut document.ids[place as usize];
            document.tokens.push(*id);
            let kind = rng::uniform(kinds, u64::from(place));
            if kind < MASKED {
                *id = self.mask;
            } else if kind < MASKED + REPLACED && !self.ordinary.is_empty() {
                let drawn = rng::uniform(tokens, u64::from(place)) * self.ordinary.len() as f64;
                *id = self.ordinary[(drawn as usize).min(self.ordinary.len() - 1)];
            }
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masking(rate: f64) -> Masking {
        Masking { rate, mask: 4, ordinary: (10..1000).collect() }
    }

    #[test]
    fn shares_are_those_of_the_paper_and_words_are_hidden_whole() {
        // Words of one, two and three tokens between two that are none.
        let words: Vec<u32> = (0..600u32).map(|i| if i == 0 || i == 599 { NOT_A_WORD } else { i * 2 / 5 }).collect();
        let ids: Vec<u32> = (0..600).map(|i| 2000 + i).collect();
        let (mut hidden, mut masked, mut kept) = (0, 0, 0);
        for seed in 0..100 {
            let document = masking(0.15).hide(&ids, &words, seed);
            assert!(document.places.len() <= 90 && document.places.len() > 85, "{}", document.places.len());
            assert!(document.places.windows(2).all(|pair| pair[0] < pair[1]));
            for (&place, &token) in document.places.iter().zip(&document.tokens) {
                assert_eq!(token, ids[place as usize]);
                hidden += 1;
                match document.ids[place as usize] {
                    4 => masked += 1,
                    id if id == token => kept += 1,
                    id => assert!((10..1000).contains(&id)),
                }
                let whole = (0..600u32).filter(|&i| words[i as usize] == words[place as usize]);
                assert!(whole.into_iter().all(|i| document.places.contains(&i)), "the word of {place}");
                assert_ne!(words[place as usize], NOT_A_WORD);
            }
            let shown = (0..600u32).filter(|i| !document.places.contains(i));
            assert!(shown.into_iter().all(|i| document.ids[i as usize] == ids[i as usize]));
        }
        let share = |n: usize| n as f64 / hidden as f64;
        assert!(
            (share(masked) - 0.8).abs() < 0.02 && (share(kept) - 0.1).abs() < 0.02,
            "{} {}",
            share(masked),
            share(kept)
        );
    }

    #[test]
    fn short_sequences_hide_one_word_and_those_without_words_none() {
        let document = masking(0.15).hide(&[2, 50, 51, 52, 3], &[NOT_A_WORD, 0, 0, 0, NOT_A_WORD], 1);
        assert_eq!((document.places.as_slice(), document.tokens.as_slice()), (&[1, 2, 3][..], &[50, 51, 52][..]));
        assert!(masking(0.15).hide(&[2, 3], &[NOT_A_WORD; 2], 1).places.is_empty());
        let ids: Vec<u32> = (10..60).collect();
        let words: Vec<u32> = (0..50).collect();
        let [a, b] = [1, 2].map(|seed| masking(0.15).hide(&ids, &words, seed));
        assert_ne!(a.places, b.places, "another seed hides others");
    }
}
