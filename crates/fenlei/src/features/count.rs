//! Counting n-grams: in how many documents each stands, and how often.
//!
//! One length after the other, so that an n-gram is counted only where the two shorter ones inside of it are frequent
//! enough. Before exact counts are kept, a table of small counters tells which n-grams may be frequent enough at all;
//! the many that stand in one document only never take memory of their own. Both leave the result exact.
//!
//! Invariant: threads share the n-grams, not the documents, so that no count depends on who counted.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use super::ngrams::{NONE, is_sequence, spread};
use super::symbols::Sequences;

/// The most and the fewest small counters.
const SKETCH_SIZES: [usize; 2] = [1 << 16, 1 << 26];

/// The n-grams of one length that stand in enough documents, by prefix, then by symbol; those shorter than features are
/// all there.
#[derive(Debug, Default)]
pub(super) struct CountedLevel {
    /// Prefix and last symbol.
    pub nodes: Vec<[u32; 2]>,
    /// Documents that have it as a feature.
    pub df: Vec<u32>,
    /// How often it is one.
    pub counts: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    node: [u32; 2],
    df: u32,
    last_doc: u32,
    count: u64,
}

impl Tally {
    fn add(&mut self, doc: u32) {
        self.count += 1;
        if self.last_doc != doc {
            self.last_doc = doc;
            self.df += 1;
        }
    }
}

/// Counts all n-grams up to the length `longest`; features have at least `shortest` symbols or are whole sequences,
/// where `whole` says so, and stand in at least `min_df` documents.
pub(super) fn count(
    sequences: &Sequences,
    n_symbols: usize,
    [shortest, longest]: [usize; 2],
    whole: bool,
    min_df: f64,
) -> Vec<CountedLevel> {
    let counter = Counter { sequences, shortest, whole, min_df };
    let (singles, mut node_at) = counter.singles(n_symbols);
    let mut levels = vec![singles];
    for length in 2..=longest {
        let level = counter.longer(length, &node_at);
        if level.nodes.is_empty() {
            break;
        }
        if length < longest {
            node_at = counter.nodes_of(&level, length, &node_at);
        }
        levels.push(level);
    }
    levels
}

struct Counter<'a> {
    sequences: &'a Sequences,
    shortest: usize,
    whole: bool,
    min_df: f64,
}

impl Counter<'_> {
    /// Whether the n-gram at `at` counts as a feature.
    #[inline]
    fn is_feature(&self, at: usize, length: usize) -> bool {
        length >= self.shortest || (self.whole && is_sequence(&self.sequences.symbols, at, length))
    }

    fn is_kept(&self, tally: &Tally, length: usize) -> bool {
        length < self.shortest || f64::from(tally.df) >= self.min_df
    }

    fn docs(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
        let mut start = 0;
        (1..).zip(self.sequences.docs.iter().map(move |&end| std::mem::replace(&mut start, end)..end))
    }

    /// The single symbols, and which of them stands at each place; one place more than symbols.
    fn singles(&self, n_symbols: usize) -> (CountedLevel, Vec<u32>) {
        let symbols = &self.sequences.symbols;
        let mut seen = vec![false; n_symbols];
        let mut tallies: Vec<Tally> =
            (0..n_symbols as u32).map(|symbol| Tally { node: [0, symbol], df: 0, last_doc: 0, count: 0 }).collect();
        for (doc, places) in self.docs() {
            for at in places {
                let Some(tally) = tallies.get_mut(symbols[at] as usize) else { continue };
                seen[symbols[at] as usize] = true;
                if self.is_feature(at, 1) {
                    tally.add(doc);
                }
            }
        }
        let mut seen = seen.into_iter();
        tallies.retain(|tally| seen.next().unwrap_or(false) && self.is_kept(tally, 1));
        let mut node_of = vec![NONE; n_symbols];
        (0..).zip(&tallies).for_each(|(node, tally)| node_of[tally.node[1] as usize] = node);
        let node_at = symbols.iter().map(|&symbol| node_of.get(symbol as usize).copied().unwrap_or(NONE));
        (CountedLevel::from(tallies), node_at.chain([NONE]).collect())
    }

    /// The step to the n-gram of this length at `at`, if both shorter ones inside of it are there.
    #[inline]
    fn step(&self, at: usize, length: usize, node_at: &[u32]) -> Option<[u32; 2]> {
        if node_at[at] == NONE || node_at[at + 1] == NONE {
            return None;
        }
        Some([node_at[at], self.sequences.symbols[at + length - 1]])
    }

    fn longer(&self, length: usize, node_at: &[u32]) -> CountedLevel {
        let n_parts = rayon::current_num_threads().max(1);
        let parts = (0..n_parts).into_par_iter().map(|part| self.part(length, node_at, part, n_parts));
        let mut tallies: Vec<Tally> = parts.collect::<Vec<_>>().concat();
        tallies.par_sort_unstable_by_key(|tally| tally.node);
        CountedLevel::from(tallies)
    }

    /// The n-grams whose hash falls to one thread.
    fn part(&self, length: usize, node_at: &[u32], part: usize, n_parts: usize) -> Vec<Tally> {
        let enough = if length < self.shortest { 1 } else { self.min_df.ceil().clamp(1.0, 255.0) as u8 };
        let is_mine = |hash: u64| ((hash >> 48) * n_parts as u64) >> 16 == part as u64;
        let [fewest, most] = SKETCH_SIZES;
        let n_counters = (self.sequences.symbols.len() / n_parts).next_power_of_two().clamp(fewest, most);
        let mut sketch: Vec<u8> = if enough > 1 { vec![0; n_counters] } else { Vec::new() };
        if enough > 1 {
            for at in 0..self.sequences.symbols.len() {
                let Some([prefix, symbol]) = self.step(at, length, node_at) else { continue };
                let hash = spread(prefix, symbol);
                if is_mine(hash) {
                    let counter = &mut sketch[hash as usize & (n_counters - 1)];
                    *counter = counter.saturating_add(1);
                }
            }
        }
        let mut table: HashTable<Tally> = HashTable::new();
        for (doc, places) in self.docs() {
            for at in places {
                let Some(node) = self.step(at, length, node_at) else { continue };
                let hash = spread(node[0], node[1]);
                if !is_mine(hash) || (enough > 1 && sketch[hash as usize & (n_counters - 1)] < enough) {
                    continue;
                }
                let entry = table.entry(hash, |t| t.node == node, |t| spread(t.node[0], t.node[1]));
                let tally = match entry {
                    Entry::Occupied(occupied) => occupied.into_mut(),
                    Entry::Vacant(vacant) => vacant.insert(Tally { node, df: 0, last_doc: 0, count: 0 }).into_mut(),
                };
                if self.is_feature(at, length) {
                    tally.add(doc);
                }
            }
        }
        table.into_iter().filter(|tally| self.is_kept(tally, length)).collect()
    }

    /// Which n-gram of this length stands at each place.
    fn nodes_of(&self, level: &CountedLevel, length: usize, node_at: &[u32]) -> Vec<u32> {
        let mut table: HashTable<u32> = HashTable::with_capacity(level.nodes.len());
        let hash_of = |&node: &u32| spread(level.nodes[node as usize][0], level.nodes[node as usize][1]);
        (0..level.nodes.len() as u32).for_each(|node| {
            table.insert_unique(hash_of(&node), node, hash_of);
        });
        let find = |at: usize| {
            let Some(step) = self.step(at, length, node_at) else { return NONE };
            table.find(spread(step[0], step[1]), |&node| level.nodes[node as usize] == step).copied().unwrap_or(NONE)
        };
        let mut nodes: Vec<u32> = (0..self.sequences.symbols.len()).into_par_iter().map(find).collect();
        nodes.push(NONE);
        nodes
    }
}

impl From<Vec<Tally>> for CountedLevel {
    fn from(tallies: Vec<Tally>) -> Self {
        Self {
            nodes: tallies.iter().map(|tally| tally.node).collect(),
            df: tallies.iter().map(|tally| tally.df).collect(),
            counts: tallies.iter().map(|tally| tally.count).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::features::symbols::END;
    use proptest::prelude::*;

    type Counts = BTreeMap<Vec<u32>, (u32, u64)>;

    /// The plain way: every n-gram of every document into one map.
    fn count_plainly(docs: &[Vec<Vec<u32>>], [shortest, longest]: [usize; 2], whole: bool, min_df: f64) -> Counts {
        let mut counts = Counts::new();
        for doc in docs {
            let mut of_doc: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
            for sequence in doc {
                for length in shortest..=longest {
                    sequence.windows(length).for_each(|run| *of_doc.entry(run.to_vec()).or_default() += 1);
                }
                if whole && sequence.len() < shortest && !sequence.is_empty() {
                    *of_doc.entry(sequence.clone()).or_default() += 1;
                }
            }
            for (run, n) in of_doc {
                let (df, count) = counts.entry(run).or_default();
                (*df, *count) = (*df + 1, *count + n);
            }
        }
        counts.retain(|_, (df, _)| f64::from(*df) >= min_df);
        counts
    }

    fn spelled_out(levels: &[CountedLevel]) -> Counts {
        let mut counts = Counts::new();
        let mut runs: Vec<Vec<u32>> = vec![Vec::new()];
        for level in levels {
            runs =
                level.nodes.iter().map(|&[prefix, symbol]| [&runs[prefix as usize][..], &[symbol]].concat()).collect();
            for ((run, &df), &count) in runs.iter().zip(&level.df).zip(&level.counts) {
                if df > 0 {
                    counts.insert(run.clone(), (df, count));
                }
            }
        }
        counts
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_plain_way(
            docs in prop::collection::vec(prop::collection::vec(prop::collection::vec(0u32..4, 0..7), 0..4), 0..12),
            shortest in 1usize..4,
            more in 0usize..3,
            whole: bool,
            min_df in 1u8..4,
        ) {
            let mut sequences = Sequences::default();
            for doc in &docs {
                for sequence in doc.iter().filter(|sequence| !sequence.is_empty()) {
                    sequences.symbols.extend_from_slice(sequence);
                    sequences.symbols.push(END);
                }
                sequences.docs.push(sequences.symbols.len());
            }
            let (lengths, min_df) = ([shortest, shortest + more], f64::from(min_df));
            let mut found = spelled_out(&count(&sequences, 4, lengths, whole, min_df));
            // Short ones are kept for what they lead to; the vectorizer leaves out the rare ones.
            found.retain(|_, (df, _)| f64::from(*df) >= min_df);
            prop_assert_eq!(found, count_plainly(&docs, lengths, whole, min_df));
        }
    }
}
