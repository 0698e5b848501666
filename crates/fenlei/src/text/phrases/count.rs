//! Counting pairs of neighbours in bounded memory.
//!
//! Invariant: what is forgotten depends on the documents and their order only, never on threads. Blocks of documents are
//! counted one after the other; threads share the work within a block, and sums do not depend on who counted what.

use std::sync::{Mutex, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Counted, PhrasesSpec, spread};
use crate::text::vocabulary::{UNKNOWN_ID, Vocabulary};

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 16;

type Counts = HashMap<u64, u64, FixedState>;

/// How often pairs of words stand together.
#[derive(Default)]
pub(crate) struct PairCounts {
    parts: [Mutex<Counts>; PARTS],
    /// Pairs that stood together so often, or less, when the table was full, are forgotten.
    forgotten: u64,
}

/// Pairs of one thread, until they are handed in.
#[derive(Default)]
pub(crate) struct LocalPairs {
    parts: [Counts; PARTS],
}

impl LocalPairs {
    /// Counts the pair of the words `first` and `second`, by their numbers in the vocabulary.
    pub fn add(&mut self, first: u32, second: u32) {
        if first != UNKNOWN_ID && second != UNKNOWN_ID {
            let hash = spread((first, second));
            *self.parts[(hash >> 40) as usize % PARTS]
                .entry(u64::from(first) << 32 | u64::from(second))
                .or_default() += 1;
        }
    }
}

impl PairCounts {
    /// Takes over what a thread counted in a block and empties its counts.
    pub fn hand_in(&self, local: &mut LocalPairs) {
        for (part, counted) in self.parts.iter().zip(&mut local.parts) {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (pair, n) in counted.drain() {
                *part.entry(pair).or_default() += n;
            }
        }
    }

    /// Forgets rare pairs while there are more than `max_pairs`: those that stand once, then those that stand twice, and
    /// so on, as word2phrase does. Called after each block.
    pub fn limit(&mut self, max_pairs: usize) {
        let len = |parts: &mut [Mutex<Counts>]| -> usize {
            parts.iter_mut().map(|part| part.get_mut().unwrap_or_else(PoisonError::into_inner).len()).sum()
        };
        while len(&mut self.parts) > max_pairs {
            self.forgotten += 1;
            for part in &mut self.parts {
                part.get_mut().unwrap_or_else(PoisonError::into_inner).retain(|_, n| *n > self.forgotten);
            }
        }
    }

    /// The phrases among the pairs, in ascending order of their texts. `vocabulary` knows the words and how often each
    /// stands, `n_words` is how many there are.
    pub fn phrases(&mut self, spec: &PhrasesSpec, vocabulary: &Vocabulary, n_words: u64) -> Vec<[String; 2]> {
        let limit = spec.limit();
        let mut found = Vec::new();
        for part in &mut self.parts {
            for (&pair, &n) in part.get_mut().unwrap_or_else(PoisonError::into_inner).iter() {
                let ids = [(pair >> 32) as u32, pair as u32];
                let count = |id: u32| vocabulary.count(id).unwrap_or_default();
                let counted = Counted { pair: n, first: count(ids[0]), second: count(ids[1]), n_words };
                if n >= spec.min_count && spec.score_of(counted) > limit {
                    found.push(ids.map(|id| vocabulary.token(id).unwrap_or_default().to_owned()));
                }
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_pairs_are_forgotten_first() {
        let mut counts = PairCounts::default();
        let mut local = LocalPairs::default();
        for (first, n) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
            (0..n).for_each(|_| local.add(first, 9));
        }
        local.add(0, 9);
        counts.hand_in(&mut local);
        let kept = |counts: &mut PairCounts| {
            let mut kept: Vec<u64> = counts
                .parts
                .iter_mut()
                .flat_map(|p| p.get_mut().unwrap().keys().map(|k| k >> 32).collect::<Vec<_>>())
                .collect();
            kept.sort_unstable();
            kept
        };
        counts.limit(4);
        assert_eq!(kept(&mut counts), [1, 2, 3, 4]);
        counts.limit(3);
        assert_eq!(kept(&mut counts), [2, 3, 4]);
        counts.limit(1);
        assert_eq!(kept(&mut counts), [0; 0], "equals go together");
    }
}
