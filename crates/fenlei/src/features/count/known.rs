//! Which of the n-grams that are known so far stands at each place.

use hashbrown::HashTable;
use rayon::prelude::*;

use super::CountedLevel;
use crate::features::ngrams::{NONE, spread};

/// The steps that are known so far, and where they lead at each place.
#[derive(Default)]
pub(super) struct Known {
    /// The node of each single symbol.
    pub first: Vec<u32>,
    /// The nodes of each longer length.
    longer: Vec<(Vec<[u32; 2]>, HashTable<u32>)>,
    /// The nodes at each place of documents that come all at a time, with the length that they are of.
    places: Option<(usize, Vec<u32>)>,
}

impl Known {
    pub fn push(&mut self, level: &CountedLevel) {
        let nodes = level.nodes.clone();
        let mut table: HashTable<u32> = HashTable::with_capacity(nodes.len());
        let hash_of = |&node: &u32| spread(nodes[node as usize][0], nodes[node as usize][1]);
        (0..nodes.len() as u32).for_each(|node| {
            table.insert_unique(hash_of(&node), node, hash_of);
        });
        self.longer.push((nodes, table));
    }

    /// Which n-gram of the longest known length stands at each place; one place more than symbols.
    pub fn nodes_at(&mut self, symbols: &[u32], at_once: bool) -> Vec<u32> {
        let known = self.longer.len() + 1;
        let (mut length, mut nodes) = match self.places.take() {
            Some(places) if at_once => places,
            _ => {
                let first = |&symbol: &u32| self.first.get(symbol as usize).copied().unwrap_or(NONE);
                (1, symbols.iter().map(first).chain([NONE]).collect())
            }
        };
        while length < known {
            length += 1;
            let (of_level, table) = &self.longer[length - 2];
            let find = |at: usize| {
                let Some(step) = step(symbols, at, length, &nodes) else { return NONE };
                table.find(spread(step[0], step[1]), |&node| of_level[node as usize] == step).copied().unwrap_or(NONE)
            };
            nodes = (0..symbols.len()).into_par_iter().map(find).chain([NONE]).collect();
        }
        nodes
    }

    /// Keeps what [`nodes_at`](Self::nodes_at) gave, where the same documents come again.
    pub fn keep(&mut self, nodes: Vec<u32>, at_once: bool) {
        self.places = at_once.then(|| (self.longer.len() + 1, nodes));
    }
}

/// The step to the n-gram of this length at `at`, if both shorter ones inside of it are there.
#[inline]
pub(super) fn step(symbols: &[u32], at: usize, length: usize, nodes_at: &[u32]) -> Option<[u32; 2]> {
    if nodes_at[at] == NONE || nodes_at[at + 1] == NONE {
        return None;
    }
    Some([nodes_at[at], symbols[at + length - 1]])
}
