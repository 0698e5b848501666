//! The n-grams that are features, as a tree: an n-gram is a shorter one, its prefix, and one symbol more.
//!
//! A step down the tree is one lookup of `(prefix, symbol)`, which is exact whatever the length, and an n-gram whose
//! prefix is unknown is not looked up at all.

use hashbrown::HashTable;
use rayon::prelude::*;

use super::symbols::END;

/// Says that there is no node, or that a node is no feature.
pub(super) const NONE: u32 = u32::MAX;

/// Tables of a level, which are filled in parallel.
const PARTS: usize = 8;

/// The n-grams of one length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Level {
    /// Of each the number of its prefix in the level before (0 for single symbols), and its last symbol.
    pub nodes: Vec<[u32; 2]>,
    /// Of each the column that it is the feature of, or the largest number for none.
    pub columns: Vec<u32>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Ngrams {
    pub shortest: usize,
    pub levels: Vec<Level>,
    /// Node and column of each single symbol.
    first: Vec<[u32; 2]>,
    tables: Vec<Steps>,
}

/// All steps from one level to the next: `[prefix, symbol, node, column]`.
#[derive(Debug)]
struct Steps([HashTable<[u32; 4]>; PARTS]);

/// Spreads a step over a table; never visible in a result.
#[inline]
pub(super) fn spread(prefix: u32, symbol: u32) -> u64 {
    let mut z = (u64::from(prefix) << 32 | u64::from(symbol)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z ^ (z >> 32)
}

impl Steps {
    /// `None` when a step stands twice.
    fn new(level: &Level) -> Option<Self> {
        let part_of = |hash: u64| (hash >> 40) as usize % PARTS;
        let mut tables: [HashTable<[u32; 4]>; PARTS] = Default::default();
        let distinct = tables.par_iter_mut().enumerate().all(|(part, table)| {
            table.reserve(level.nodes.len() / PARTS, |s| spread(s[0], s[1]));
            (0..).zip(level.nodes.iter().zip(&level.columns)).all(|(node, (&[prefix, symbol], &column))| {
                let hash = spread(prefix, symbol);
                if part_of(hash) != part {
                    return true;
                }
                let same = |s: &[u32; 4]| s[0] == prefix && s[1] == symbol;
                let is_new = table.find(hash, same).is_none();
                table.insert_unique(hash, [prefix, symbol, node, column], |s| spread(s[0], s[1]));
                is_new
            })
        });
        distinct.then_some(Self(tables))
    }

    /// Node and column.
    #[inline]
    fn find(&self, prefix: u32, symbol: u32) -> Option<[u32; 2]> {
        let hash = spread(prefix, symbol);
        let table = &self.0[(hash >> 40) as usize % PARTS];
        table.find(hash, |s| s[0] == prefix && s[1] == symbol).map(|s| [s[2], s[3]])
    }
}

impl Ngrams {
    /// A tree of `levels`, the single symbols first, of which all are below `n_symbols`. N-grams shorter than
    /// `shortest` are features only as whole sequences.
    ///
    /// # Errors
    /// What is wrong with it: a prefix that there is not, a symbol out of range, a node that stands twice.
    pub fn new(shortest: usize, n_symbols: usize, levels: Vec<Level>) -> Result<Self, String> {
        let mut first = vec![[NONE; 2]; n_symbols];
        let mut n_before = 1;
        for (length, level) in (1..).zip(&levels) {
            if level.nodes.len() != level.columns.len() || level.nodes.len() >= NONE as usize {
                return Err(format!("its n-grams of {length} have other numbers of nodes and columns"));
            }
            if let Some(node) = level.nodes.iter().find(|node| node[0] as usize >= n_before || node[1] == END) {
                return Err(format!("an n-gram of {length} has the prefix {}, of {n_before}", node[0]));
            }
            n_before = level.nodes.len();
        }
        let Some((singles, longer)) = levels.split_first() else { return Err("it has no n-grams".to_owned()) };
        for (node, (&[_, symbol], &column)) in (0..).zip(singles.nodes.iter().zip(&singles.columns)) {
            match first.get_mut(symbol as usize) {
                Some(slot) if slot[0] == NONE => *slot = [node, column],
                Some(_) => return Err(format!("the symbol {symbol} stands twice")),
                None => return Err(format!("the symbol {symbol} is out of range, expected below {n_symbols}")),
            }
        }
        let tables: Option<Vec<Steps>> = longer.iter().map(Steps::new).collect();
        let tables = tables.ok_or("one of its n-grams stands twice")?;
        Ok(Self { shortest, levels, first, tables })
    }

    /// Calls `push` with the column of every feature of a document, as often as it stands there.
    #[inline]
    pub fn for_each_column(&self, doc: &[u32], mut push: impl FnMut(u32)) {
        self.for_each_run(doc, |column, _, _| push(column));
    }

    /// Calls `push` with the column of every feature, where it begins, and how many symbols it has.
    #[inline]
    pub fn for_each_run(&self, doc: &[u32], mut push: impl FnMut(u32, usize, usize)) {
        for start in 0..doc.len() {
            let Some(&[mut node, column]) = self.first.get(doc[start] as usize) else { continue };
            if node == NONE {
                continue;
            }
            if column != NONE && self.counts(doc, start, 1) {
                push(column, start, 1);
            }
            for (table, length) in self.tables.iter().zip(2..) {
                let Some(&symbol) = doc.get(start + length - 1) else { break };
                let Some([next, column]) = table.find(node, symbol) else { break };
                if column != NONE && self.counts(doc, start, length) {
                    push(column, start, length);
                }
                node = next;
            }
        }
    }

    /// Whether a feature of this length counts here: it is long enough, or a whole sequence.
    #[inline]
    fn counts(&self, doc: &[u32], start: usize, length: usize) -> bool {
        length >= self.shortest || is_sequence(doc, start, length)
    }

    /// Calls `each` with every feature's column and its symbols.
    pub fn for_each_feature(&self, mut each: impl FnMut(u32, &[u32])) {
        let mut symbols = Vec::new();
        for (depth, level) in self.levels.iter().enumerate() {
            for (node, &column) in level.columns.iter().enumerate().filter(|(_, column)| **column != NONE) {
                symbols.clear();
                let mut node = node;
                for level in self.levels[..=depth].iter().rev() {
                    let [prefix, symbol] = level.nodes[node];
                    symbols.push(symbol);
                    node = prefix as usize;
                }
                symbols.reverse();
                each(column, &symbols);
            }
        }
    }
}

/// Whether the run is a whole sequence of the document.
#[inline]
pub(super) fn is_sequence(doc: &[u32], start: usize, length: usize) -> bool {
    (start == 0 || doc[start - 1] == END) && doc.get(start + length).is_none_or(|&symbol| symbol == END)
}

/// Leaves out the nodes that are no feature and lead to none.
pub(super) fn compact(levels: &mut Vec<Level>) {
    let mut is_prefix: Vec<bool> = Vec::new();
    let mut new_of_old: Vec<Vec<u32>> = Vec::new();
    for level in levels.iter_mut().rev() {
        is_prefix.resize(level.nodes.len(), false);
        let mut next = 0;
        let kept = |(&column, &is_prefix): (&u32, &bool)| column != NONE || is_prefix;
        let numbers = level.columns.iter().zip(&is_prefix).map(|pair| {
            let number = if kept(pair) { next } else { NONE };
            next += u32::from(kept(pair));
            number
        });
        let numbers: Vec<u32> = numbers.collect();
        let mut keep = numbers.iter().map(|&number| number != NONE);
        level.nodes.retain(|_| keep.next().unwrap_or(false));
        let mut keep = numbers.iter().map(|&number| number != NONE);
        level.columns.retain(|_| keep.next().unwrap_or(false));
        let n_before = level.nodes.iter().map(|node| node[0] as usize + 1).max().unwrap_or(0);
        is_prefix = vec![false; n_before];
        level.nodes.iter().for_each(|node| is_prefix[node[0] as usize] = true);
        new_of_old.push(numbers);
    }
    new_of_old.reverse();
    for (level, numbers) in levels.iter_mut().skip(1).zip(&new_of_old) {
        level.nodes.iter_mut().for_each(|node| node[0] = numbers[node[0] as usize]);
    }
    let n_used = levels.iter().rposition(|level| !level.nodes.is_empty()).map_or(1, |last| last + 1);
    levels.truncate(n_used);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(nodes: &[[u32; 2]], columns: &[u32]) -> Level {
        Level { nodes: nodes.to_vec(), columns: columns.to_vec() }
    }

    fn columns(ngrams: &Ngrams, doc: &[u32]) -> Vec<u32> {
        let mut found = Vec::new();
        ngrams.for_each_column(doc, |column| found.push(column));
        found
    }

    #[test]
    fn features_are_found_along_the_tree_and_never_over_an_end() {
        // 5 is a feature, 5 7 is only the way to 5 7 5.
        let levels =
            vec![level(&[[0, 5], [0, 7]], &[0, NONE]), level(&[[0, 7], [1, 5]], &[NONE, 2]), level(&[[0, 5]], &[1])];
        let ngrams = Ngrams::new(1, 9, levels).unwrap();
        assert_eq!(columns(&ngrams, &[5, 7, 5, END]), [0, 1, 2, 0]);
        assert_eq!(columns(&ngrams, &[5, 7, END, 5, 8, 99, END]), [0, 0]);
        let mut features = Vec::new();
        ngrams.for_each_feature(|column, symbols| features.push((column, symbols.to_vec())));
        assert_eq!(features, [(0, vec![5]), (2, vec![7, 5]), (1, vec![5, 7, 5])]);
    }

    #[test]
    fn what_is_shorter_counts_only_as_a_whole_sequence() {
        let ngrams = Ngrams::new(2, 9, vec![level(&[[0, 5]], &[0]), level(&[[0, 5]], &[1])]).unwrap();
        assert_eq!(columns(&ngrams, &[5, END, 5, 5, END]), [0, 1]);
    }

    #[test]
    fn ways_that_lead_nowhere_are_left_out() {
        let mut levels = vec![
            level(&[[0, 5], [0, 7], [0, 8]], &[NONE, NONE, 0]),
            level(&[[0, 7], [1, 5], [2, 2]], &[NONE, NONE, NONE]),
            level(&[[1, 3]], &[1]),
            level(&[[0, 3]], &[NONE]),
        ];
        compact(&mut levels);
        let expected = [level(&[[0, 7], [0, 8]], &[NONE, 0]), level(&[[0, 5]], &[NONE]), level(&[[0, 3]], &[1])];
        assert_eq!(levels, expected);
    }

    #[test]
    fn a_tree_that_does_not_hang_together_is_refused() {
        for levels in [
            vec![],
            vec![level(&[[0, 9]], &[0])],
            vec![level(&[[1, 1]], &[0])],
            vec![level(&[[0, 1], [0, 1]], &[0, 1])],
            vec![level(&[[0, 1]], &[0]), level(&[[1, 1]], &[1])],
            vec![level(&[[0, 1]], &[0]), level(&[[0, 1], [0, 1]], &[1, 2])],
            vec![level(&[[0, 1]], &[])],
        ] {
            Ngrams::new(1, 9, levels).unwrap_err();
        }
    }
}
