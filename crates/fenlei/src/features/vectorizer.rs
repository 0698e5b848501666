//! From texts to sparse rows: fitted on the training part, saved with the model.

mod origin;
mod saved;
mod stream;

use std::collections::{HashMap, HashSet};

use fenlei_nn::rng;
use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::columns::{number_columns, renumber};
use super::count::count;
use super::matrix::SparseRows;
use super::ngrams::{Level, Ngrams, is_sequence};
use super::select::{Labels, best_columns};
use super::spec::{CharScope, FeaturesSpec};
use super::symbols::{END, Memory, Sequences, SymbolKind};
use super::weighting::{idf_of, weigh};
use crate::data::Target;
use crate::text::{EncodedTexts, TextPipeline};
use crate::{Error, Result};

pub(crate) use origin::FeatureOrigin;
pub use saved::Learned;

/// Documents that one thread makes into rows at a time.
const DOCS_PER_TASK: usize = 64;

/// With at least a token for so many columns, a table of all columns is the quickest way to tell new ones.
const TOKENS_PER_TABLE: usize = 16;

/// One more than the largest Unicode scalar value.
const N_CHARS: usize = 0x11_0000;

/// A kind of n-gram with what was learned about it.
#[derive(Debug)]
struct Block {
    kind: SymbolKind,
    lengths: [usize; 2],
    /// None where features are hashed.
    ngrams: Option<Ngrams>,
}

/// Fitted features. It gives a text the same row alone and in any batch.
#[derive(Debug)]
pub struct Vectorizer {
    spec: FeaturesSpec,
    blocks: Vec<Block>,
    n_columns: usize,
    /// The factor of each column; empty where features count alike.
    idf: Vec<f32>,
}

/// What fitting gives.
#[derive(Debug)]
pub struct FittedFeatures {
    /// What makes texts into rows.
    pub vectorizer: Vectorizer,
    /// The rows of the texts that it was fitted on.
    pub rows: SparseRows,
}

fn no_words() -> Error {
    Error::train(
        "no words are left after cleaning, in any document",
        "see what happens to a text with `fenlei inspect text`, and loosen [pipeline]",
    )
}

/// The kinds of n-grams that a specification asks for, with their lengths.
fn kinds(spec: &FeaturesSpec) -> Vec<(SymbolKind, [usize; 2])> {
    let words = if spec.hash_columns.is_some() { SymbolKind::Hashes } else { SymbolKind::Ids };
    let words = (spec.word_ngrams > 0).then_some((words, [1, spec.word_ngrams]));
    let chars = spec.char_ngrams.map(|lengths| (SymbolKind::Chars(spec.char_scope), lengths));
    words.into_iter().chain(chars).collect()
}

fn n_symbols(kind: SymbolKind, pipeline: &TextPipeline) -> usize {
    match kind {
        SymbolKind::Ids => pipeline.vocab().len(),
        SymbolKind::Hashes => 0,
        SymbolKind::Chars(_) => N_CHARS,
    }
}

impl Vectorizer {
    /// Learns the features of `texts`, the training part, with their `targets`.
    ///
    /// # Errors
    /// For values that make no sense, when no text has a word, and when no feature is left.
    pub fn fit<S: AsRef<str> + Sync>(
        spec: &FeaturesSpec,
        pipeline: &TextPipeline,
        texts: &[S],
        targets: &[Target],
        labels: Labels,
    ) -> Result<FittedFeatures> {
        spec.check()?;
        let sequences = kinds(spec).iter().map(|&(kind, _)| Sequences::new(pipeline, texts, kind)).collect();
        Self::fit_sequences(spec, pipeline, sequences, targets, labels)
    }

    /// [`fit`](Self::fit) for texts that are ids of the pipeline already. `spec` must ask for runs of listed tokens only.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn fit_ids(
        spec: &FeaturesSpec,
        pipeline: &TextPipeline,
        texts: &EncodedTexts,
        targets: &[Target],
        labels: Labels,
    ) -> Result<FittedFeatures> {
        spec.check()?;
        Self::fit_sequences(spec, pipeline, vec![Sequences::of_ids(texts)], targets, labels)
    }

    fn fit_sequences(
        spec: &FeaturesSpec,
        pipeline: &TextPipeline,
        sequences: Vec<Sequences>,
        targets: &[Target],
        labels: Labels,
    ) -> Result<FittedFeatures> {
        let kinds = kinds(spec);
        let n_texts = targets.len();
        if sequences.iter().all(|of_kind| of_kind.symbols.is_empty()) {
            return Err(no_words());
        }
        let (mut trees, n_columns) = match spec.hash_columns {
            Some(n_columns) => (Vec::new(), n_columns),
            None => {
                let counted = kinds.iter().zip(&sequences).map(|(&(kind, lengths), of_kind)| {
                    let whole = kind == SymbolKind::Chars(CharScope::Words);
                    count(of_kind, n_symbols(kind, pipeline), lengths, whole, spec.min_df.of(n_texts))
                });
                number_columns(spec, counted.collect::<Result<_>>()?, n_texts)?
            }
        };
        let new = |trees: &[Vec<Level>], n_columns| {
            let learned = Learned { blocks: trees.to_vec(), idf: Vec::new() };
            Self::assemble(spec, pipeline, n_columns, learned)
                .map_err(|problem| Error::train(problem, "this is a bug, please report it"))
        };
        let mut vectorizer = new(&trees, n_columns)?;
        let mut rows = vectorizer.counts(&sequences);
        drop(sequences);
        if let Some(select) = spec.select.filter(|select| select.keep < n_columns) {
            let kept = best_columns(select, &rows, targets, labels);
            renumber(&mut trees, &kept, n_columns);
            vectorizer = new(&trees, kept.len())?;
            rows = rows.with_columns(&kept);
        }
        vectorizer.idf = idf_of(spec.idf, &rows);
        vectorizer.weigh_all(&mut rows);
        Ok(FittedFeatures { vectorizer, rows })
    }

    /// The specification it was fitted from.
    pub fn spec(&self) -> &FeaturesSpec {
        &self.spec
    }

    /// How many features there are.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The rows of `texts`, in parallel. Each gets exactly what it gets alone.
    pub fn rows<S: AsRef<str> + Sync>(&self, pipeline: &TextPipeline, texts: &[S]) -> SparseRows {
        let mut rows = self.counts_of(pipeline, texts);
        self.weigh_all(&mut rows);
        rows
    }

    /// How often each of `texts` has each column, in parallel.
    fn counts_of<S: AsRef<str> + Sync>(&self, pipeline: &TextPipeline, texts: &[S]) -> SparseRows {
        let parts: Vec<SparseRows> = texts
            .par_chunks(DOCS_PER_TASK)
            .map_init(Default::default, |memory: &mut RowMemory, chunk| {
                let mut part = SparseRows::new(self.n_columns);
                for text in chunk {
                    self.push_row(pipeline, text.as_ref(), &mut part, memory);
                }
                part
            })
            .collect();
        joined(parts, self.n_columns)
    }

    /// Calls `each` once with every column that a text has. The text is ids of the pipeline; runs of listed tokens must be
    /// all the features that there are. No run reaches over an unknown token, as none of the features holds one.
    pub(crate) fn for_each_column_of_ids(&self, ids: &[u32], seen: &mut SeenColumns, mut each: impl FnMut(u32)) {
        seen.begin();
        for ngrams in self.blocks.iter().filter_map(|block| block.ngrams.as_ref()) {
            ngrams.for_each_column(ids, |column| {
                if seen.is_new(column) {
                    each(column);
                }
            });
        }
    }

    /// Appends the counts of one text.
    fn push_row(&self, pipeline: &TextPipeline, text: &str, rows: &mut SparseRows, memory: &mut RowMemory) {
        memory.found.clear();
        for block in &self.blocks {
            memory.sequences.clear();
            memory.sequences.push(pipeline, text, block.kind, &mut memory.texts);
            self.find_columns(block, &memory.sequences.symbols, &mut memory.found);
        }
        push_counts(rows, &mut memory.found);
    }

    /// The counts of documents whose symbols are known, by kind.
    fn counts(&self, sequences: &[Sequences]) -> SparseRows {
        let n_docs = sequences.first().map_or(0, Sequences::n_docs);
        let parts: Vec<SparseRows> = (0..n_docs.div_ceil(DOCS_PER_TASK))
            .into_par_iter()
            .map_init(Vec::new, |found, task| {
                let mut part = SparseRows::new(self.n_columns);
                for doc in task * DOCS_PER_TASK..((task + 1) * DOCS_PER_TASK).min(n_docs) {
                    found.clear();
                    for (block, of_kind) in self.blocks.iter().zip(sequences) {
                        self.find_columns(block, of_kind.of_doc(doc), found);
                    }
                    push_counts(&mut part, found);
                }
                part
            })
            .collect();
        joined(parts, self.n_columns)
    }

    #[inline]
    fn find_columns(&self, block: &Block, doc: &[u32], found: &mut Vec<u32>) {
        match &block.ngrams {
            Some(ngrams) => ngrams.for_each_column(doc, |column| found.push(column)),
            None => hash_columns(block, doc, self.n_columns, |column, _, _| found.push(column)),
        }
    }

    fn weigh_all(&self, rows: &mut SparseRows) {
        let SparseRows { starts, columns, values, .. } = rows;
        let mut values = &mut values[..];
        let mut of_rows = Vec::with_capacity(starts.len());
        for bounds in starts.windows(2) {
            let (row, rest) = values.split_at_mut(bounds[1] - bounds[0]);
            values = rest;
            of_rows.push((&columns[bounds[0]..bounds[1]], row));
        }
        of_rows.into_par_iter().for_each(|(columns, values)| weigh(&self.spec, &self.idf, columns, values));
    }

    /// What the columns stand for: tokens with a space between them, or characters.
    pub fn names(&self, pipeline: &TextPipeline, columns: &[u32]) -> Vec<String> {
        let mut names: HashMap<u32, String> = columns.iter().map(|&c| (c, format!("column {c}"))).collect();
        for block in &self.blocks {
            let Some(ngrams) = &block.ngrams else { continue };
            ngrams.for_each_feature(|column, symbols| {
                let Some(name) = names.get_mut(&column) else { return };
                *name = match block.kind {
                    SymbolKind::Chars(_) => symbols.iter().copied().filter_map(char::from_u32).collect(),
                    SymbolKind::Ids | SymbolKind::Hashes => {
                        let tokens = symbols.iter().map(|&id| pipeline.vocab().token(id).unwrap_or_default());
                        tokens.collect::<Vec<_>>().join(" ")
                    }
                };
            });
        }
        columns.iter().map(|column| names.get(column).cloned().unwrap_or_default()).collect()
    }
}

/// Which columns a text has so far. Keeps its memory from text to text.
#[derive(Debug)]
pub(crate) enum SeenColumns {
    /// For each column the last text that had it, and that text's number.
    Table(Vec<u32>, u32),
    /// Of few tokens: a table of hundreds of thousands of columns takes longer to make than they take.
    Few(HashSet<u32, FixedState>),
}

impl SeenColumns {
    /// For texts of so many tokens in all.
    pub fn of(n_tokens: usize, n_columns: usize) -> Self {
        if n_tokens < n_columns / TOKENS_PER_TABLE {
            Self::Few(HashSet::default())
        } else {
            Self::Table(vec![0; n_columns], 0)
        }
    }

    fn begin(&mut self) {
        match self {
            Self::Table(last, text) => {
                if *text == u32::MAX {
                    last.fill(0);
                    *text = 0;
                }
                *text += 1;
            }
            Self::Few(seen) => seen.clear(),
        }
    }

    #[inline]
    fn is_new(&mut self, column: u32) -> bool {
        match self {
            Self::Table(last, text) => std::mem::replace(&mut last[column as usize], *text) != *text,
            Self::Few(seen) => seen.insert(column),
        }
    }
}

/// Memory that is used again from text to text.
#[derive(Default)]
struct RowMemory {
    texts: Memory,
    sequences: Sequences,
    found: Vec<u32>,
}

/// Appends a row of how often each column was found.
fn push_counts(rows: &mut SparseRows, found: &mut [u32]) {
    found.sort_unstable();
    rows.push(found.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f32)));
}

fn joined(parts: Vec<SparseRows>, n_columns: usize) -> SparseRows {
    let mut rows = SparseRows::new(n_columns);
    let n_entries = parts.iter().map(SparseRows::n_entries).sum();
    rows.columns.reserve_exact(n_entries);
    rows.values.reserve_exact(n_entries);
    parts.iter().for_each(|part| rows.append(part));
    rows
}

/// The columns of hashed n-grams. What a hash is stands in saved models, so it may never change.
fn hash_columns(block: &Block, doc: &[u32], n_columns: usize, mut push: impl FnMut(u32, usize, usize)) {
    let [shortest, longest] = block.lengths;
    let whole = block.kind == SymbolKind::Chars(CharScope::Words);
    let seed = u64::from(block.kind != SymbolKind::Hashes);
    for start in 0..doc.len() {
        let mut hash = seed;
        for (&symbol, length) in doc[start..].iter().take(longest).zip(1..) {
            if symbol == END {
                break;
            }
            hash = rng::bits(hash, u64::from(symbol));
            if length >= shortest || (whole && is_sequence(doc, start, length)) {
                push(((u128::from(hash) * n_columns as u128) >> 64) as u32, start, length);
            }
        }
    }
}

#[cfg(test)]
#[path = "vectorizer_tests.rs"]
mod tests;
