//! One thread's share of the n-grams of a length.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::known::step;
use super::{Rule, Tally, docs};
use crate::features::ngrams::spread;
use crate::features::symbols::Sequences;

/// The n-grams of one length whose hash falls to one thread.
pub(super) struct Part {
    pub part: u64,
    pub n_parts: u64,
    pub length: usize,
    pub enough: u8,
    /// Small counters, several n-grams to each.
    pub sketch: Vec<u8>,
    pub table: HashTable<Tally>,
}

impl Part {
    #[inline]
    fn is_mine(&self, hash: u64) -> bool {
        ((hash >> 48) * self.n_parts) >> 16 == self.part
    }

    /// Counts roughly, never too few.
    pub fn estimate(&mut self, symbols: &[u32], nodes_at: &[u32]) {
        let last = self.sketch.len() - 1;
        for at in 0..symbols.len() {
            let Some([prefix, symbol]) = step(symbols, at, self.length, nodes_at) else { continue };
            let hash = spread(prefix, symbol);
            if self.is_mine(hash) {
                let counter = &mut self.sketch[hash as usize & last];
                *counter = counter.saturating_add(1);
            }
        }
    }

    /// Counts exactly what may be frequent enough.
    pub fn count(&mut self, rule: Rule, chunk: &Sequences, first_doc: u32, nodes_at: &[u32]) {
        let (symbols, length, enough) = (&chunk.symbols, self.length, self.enough);
        for (doc, places) in docs(chunk, first_doc) {
            for at in places {
                let Some(node) = step(symbols, at, length, nodes_at) else { continue };
                let hash = spread(node[0], node[1]);
                if !self.is_mine(hash) || (enough > 1 && self.sketch[hash as usize & (self.sketch.len() - 1)] < enough)
                {
                    continue;
                }
                let entry = self.table.entry(hash, |t| t.node == node, |t| spread(t.node[0], t.node[1]));
                let tally = match entry {
                    Entry::Occupied(occupied) => occupied.into_mut(),
                    Entry::Vacant(vacant) => vacant.insert(Tally { node, df: 0, last_doc: 0, count: 0 }).into_mut(),
                };
                if rule.is_feature(symbols, at, length) {
                    tally.add(doc);
                }
            }
        }
    }
}
