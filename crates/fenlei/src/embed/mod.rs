//! Word vectors from documents: Word2Vec and GloVe; neighbours, analogies and how well vectors agree with people.
//!
//! ```text
//! texts ─CorpusBuilder→ Corpus (word numbers) ─word2vec::train | glove::train→ Embedding ─write→ a file of vectors
//! ```
//!
//! The files are the usual ones of [`features::vectors`](crate::features::vectors), which training reads with
//! `--embeddings`. Invariant: memory grows with the number of words in the documents (four bytes each, GloVe eight) and
//! with the vocabulary, never with the texts themselves.

mod corpus;
mod evaluate;
mod glove;
#[cfg(test)]
mod golden;
mod huffman;
mod meetings;
mod neighbours;
mod sampling;
mod subwords;
mod word2vec;

use std::sync::atomic::{AtomicBool, Ordering};

pub use corpus::{Corpus, CorpusBuilder, CorpusSpec};
pub use evaluate::{Analogies, AnalogyReport, SectionReport, SimilarityList, SimilarityReport, spearman};
pub use glove::{GloveSpec, train as train_glove};
pub use neighbours::{Neighbour, Neighbours};
pub use subwords::{SubwordSpec, Subwords};
pub use word2vec::{Architecture, Objective, Word2VecSpec, train as train_word2vec};

use crate::features::VectorTable;
use crate::{Error, Result};

/// What a training tells, and how it is ended.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    /// Called now and then, from any thread.
    pub on_progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Ends the training when it becomes true; the vectors are lost.
    pub stop: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for Hooks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Hooks<'_> {
    fn tell(&self, progress: Progress) {
        if let Some(on_progress) = self.on_progress {
            on_progress(progress);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    fn check(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Of `total`, in words (GloVe: in meetings of words).
    pub done: u64,
    /// All epochs together.
    pub total: u64,
    /// GloVe: the mean loss of the last epoch.
    pub loss: Option<f64>,
}

/// The parts of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// GloVe: counting which words meet.
    Counting,
    /// Taking steps.
    Training,
}

/// Trained word vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// A vector for each word of the vocabulary, the most frequent first.
    pub vectors: VectorTable,
    /// What makes vectors of other words, if it was learned.
    pub subwords: Option<Subwords>,
}

impl Embedding {
    /// Complains when training ran away.
    fn checked(corpus: &Corpus, dim: usize, values: Vec<f32>, subwords: Option<Subwords>) -> Result<Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::train("the vectors grew without end", "take smaller steps with a lower --lr"));
        }
        Ok(Self { vectors: VectorTable::new(dim, corpus.words().to_vec(), values)?, subwords })
    }
}

/// Complains about a setting.
fn check_setting(is_right: bool, place: &str, found: impl std::fmt::Display, expected: &str) -> Result<()> {
    if is_right {
        return Ok(());
    }
    Err(Error::config(format!("embed.{place}"), format!("found {found}, expected {expected}"), "choose another value"))
}
