//! Counting n-grams: in how many documents each stands, and how often.
//!
//! One length after the other, so that an n-gram is counted only where the two shorter ones inside of it are frequent
//! enough. Before exact counts are kept, a table of small counters tells which n-grams may be frequent enough at all;
//! the many that stand in one document only never take memory of their own. Both leave the result exact.
//!
//! Invariant: threads share the n-grams, not the documents, so that no count depends on who counted.

mod known;
mod part;

use hashbrown::HashTable;
use rayon::prelude::*;

use known::Known;
use part::Part;

use super::ngrams::{NONE, is_sequence};
use super::symbols::Sequences;
use crate::Result;

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

/// Sequences that can be passed over again, some documents at a time, so that they need not be in memory.
pub(super) trait Passes {
    /// Whether all documents come at a time, the same ones in every pass.
    fn at_once(&self) -> bool;
    /// Calls `f` with all documents in order.
    fn each(&self, f: &mut dyn FnMut(&Sequences) -> Result<()>) -> Result<()>;
}

impl Passes for Sequences {
    fn at_once(&self) -> bool {
        true
    }

    fn each(&self, f: &mut dyn FnMut(&Sequences) -> Result<()>) -> Result<()> {
        f(self)
    }
}

/// Counts all n-grams up to the length `longest`; features have at least `shortest` symbols or are whole sequences,
/// where `whole` says so, and stand in at least `min_df` documents.
///
/// # Errors
/// Those of a pass.
pub(super) fn count(
    passes: &dyn Passes,
    n_symbols: usize,
    [shortest, longest]: [usize; 2],
    whole: bool,
    min_df: f64,
) -> Result<Vec<CountedLevel>> {
    let mut counter = Counter { passes, rule: Rule { shortest, whole, min_df }, known: Known::default(), n_read: 0 };
    let mut levels = vec![counter.singles(n_symbols)?];
    for length in 2..=longest {
        let level = counter.longer(length)?;
        if level.nodes.is_empty() {
            break;
        }
        if length < longest {
            counter.known.push(&level);
        }
        levels.push(level);
    }
    Ok(levels)
}

/// What counts as a feature.
#[derive(Debug, Clone, Copy)]
struct Rule {
    shortest: usize,
    whole: bool,
    min_df: f64,
}

impl Rule {
    /// Whether the n-gram at `at` counts as a feature.
    #[inline]
    fn is_feature(&self, symbols: &[u32], at: usize, length: usize) -> bool {
        length >= self.shortest || (self.whole && is_sequence(symbols, at, length))
    }

    fn is_kept(&self, tally: &Tally, length: usize) -> bool {
        length < self.shortest || f64::from(tally.df) >= self.min_df
    }

    /// Occurrences below which an n-gram of this length is not looked at twice.
    fn enough(&self, length: usize) -> u8 {
        if length < self.shortest { 1 } else { self.min_df.ceil().clamp(1.0, 255.0) as u8 }
    }
}

/// The documents of a chunk with their numbers, of which the first is `first`, and their places.
fn docs(chunk: &Sequences, first: u32) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
    let mut start = 0;
    (first..).zip(chunk.docs.iter().map(move |&end| std::mem::replace(&mut start, end)..end))
}

struct Counter<'a> {
    passes: &'a dyn Passes,
    rule: Rule,
    known: Known,
    /// Symbols in all documents.
    n_read: usize,
}

impl Counter<'_> {
    fn singles(&mut self, n_symbols: usize) -> Result<CountedLevel> {
        let (rule, n_read) = (self.rule, &mut self.n_read);
        let mut seen = vec![false; n_symbols];
        let mut tallies: Vec<Tally> =
            (0..n_symbols as u32).map(|symbol| Tally { node: [0, symbol], df: 0, last_doc: 0, count: 0 }).collect();
        let mut first_doc = 1;
        self.passes.each(&mut |chunk| {
            let symbols = &chunk.symbols;
            for (doc, places) in docs(chunk, first_doc) {
                for at in places {
                    let Some(tally) = tallies.get_mut(symbols[at] as usize) else { continue };
                    seen[symbols[at] as usize] = true;
                    if rule.is_feature(symbols, at, 1) {
                        tally.add(doc);
                    }
                }
            }
            first_doc += chunk.n_docs() as u32;
            *n_read += symbols.len();
            Ok(())
        })?;
        let mut seen = seen.into_iter();
        tallies.retain(|tally| seen.next().unwrap_or(false) && rule.is_kept(tally, 1));
        self.known.first = vec![NONE; n_symbols];
        (0..).zip(&tallies).for_each(|(node, tally)| self.known.first[tally.node[1] as usize] = node);
        Ok(CountedLevel::from(tallies))
    }

    fn longer(&mut self, length: usize) -> Result<CountedLevel> {
        let n_parts = rayon::current_num_threads().max(1);
        let enough = self.rule.enough(length);
        let [fewest, most] = SKETCH_SIZES;
        let n_counters = (self.n_read / n_parts).next_power_of_two().clamp(fewest, most);
        let part = |part| Part {
            part: part as u64,
            n_parts: n_parts as u64,
            length,
            enough,
            sketch: if enough > 1 { vec![0; n_counters] } else { Vec::new() },
            table: HashTable::new(),
        };
        let mut parts: Vec<Part> = (0..n_parts).map(part).collect();
        let (rule, known, at_once) = (self.rule, &mut self.known, self.passes.at_once());
        if enough > 1 {
            self.passes.each(&mut |chunk| {
                let nodes_at = known.nodes_at(&chunk.symbols, at_once);
                parts.par_iter_mut().for_each(|part| part.estimate(&chunk.symbols, &nodes_at));
                known.keep(nodes_at, at_once);
                Ok(())
            })?;
        }
        let mut first_doc = 1;
        self.passes.each(&mut |chunk| {
            let nodes_at = known.nodes_at(&chunk.symbols, at_once);
            parts.par_iter_mut().for_each(|part| part.count(rule, chunk, first_doc, &nodes_at));
            known.keep(nodes_at, at_once);
            first_doc += chunk.n_docs() as u32;
            Ok(())
        })?;
        let kept = |part: Part| part.table.into_iter().filter(|tally| rule.is_kept(tally, length)).collect();
        let mut tallies: Vec<Tally> = parts.into_par_iter().map(kept).collect::<Vec<Vec<Tally>>>().concat();
        tallies.par_sort_unstable_by_key(|tally| tally.node);
        Ok(CountedLevel::from(tallies))
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

    /// A document at a time.
    struct OneByOne<'a>(&'a Sequences);

    impl Passes for OneByOne<'_> {
        fn at_once(&self) -> bool {
            false
        }

        fn each(&self, f: &mut dyn FnMut(&Sequences) -> Result<()>) -> Result<()> {
            (0..self.0.n_docs()).try_for_each(|doc| {
                let symbols = self.0.of_doc(doc).to_vec();
                f(&Sequences { docs: vec![symbols.len()], symbols })
            })
        }
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
            let mut found = spelled_out(&count(&sequences, 4, lengths, whole, min_df).unwrap());
            let apart = spelled_out(&count(&OneByOne(&sequences), 4, lengths, whole, min_df).unwrap());
            prop_assert_eq!(&found, &apart);
            // Short ones are kept for what they lead to; the vectorizer leaves out the rare ones.
            found.retain(|_, (df, _)| f64::from(*df) >= min_df);
            prop_assert_eq!(found, count_plainly(&docs, lengths, whole, min_df));
        }
    }
}
