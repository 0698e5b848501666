//! Word2Vec (Mikolov et al. 2013): vectors from which the words around a word can be told.
//!
//! Skip-gram tells a word from each word near it, CBOW from the mean of those near it; near is within a window whose
//! size is drawn anew at each place. With sub-words, a word is the mean of its own row and those of its n-grams.

mod plan;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use fenlei_nn::kernels::shared_rows::SharedRows;
use fenlei_nn::kernels::word_pairs::PairStep;
use fenlei_nn::rng;

use super::corpus::Corpus;
use super::huffman::Ways;
use super::sampling::{Stream, WordDraw, thresholds};
use super::subwords::{Bags, SubwordSpec, Subwords};
use super::{Embedding, Hooks, Phase, Progress, check_setting};
use crate::Result;
use plan::{Planner, Step};

/// Documents that a thread takes at a time.
const DOCS_AT_ONCE: usize = 16;

/// The step size never falls below this share of the first one.
const LEAST_LR: f64 = 1e-4;

/// What predicts what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// A word from each word near it.
    SkipGram,
    /// A word from the mean of the words near it.
    Cbow,
}

/// How the softmax over all words is made cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The right word is told from so many others, drawn by their counts to the power of 3/4.
    NegativeSampling(usize),
    /// The right word is found on a way of left and right turns.
    HierarchicalSoftmax,
}

/// How Word2Vec is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Word2VecSpec {
    /// What predicts what.
    pub architecture: Architecture,
    /// How the softmax is made cheap.
    pub objective: Objective,
    /// Numbers in a vector.
    pub dim: usize,
    /// Words to each side, at most.
    pub window: usize,
    /// Passes over the documents.
    pub epochs: usize,
    /// The first step size; it falls in a line to (nearly) 0.
    pub lr: f64,
    /// Words with a larger share of the text are skipped now and then; 0 skips none.
    pub sample: f64,
    /// Vectors of character n-grams.
    pub subwords: Option<SubwordSpec>,
    /// Where random numbers start.
    pub seed: u64,
    /// One thread takes the steps, so that the same seed gives the same bytes; else all do, without locks, and two
    /// trainings differ a little.
    pub deterministic: bool,
}

impl Default for Word2VecSpec {
    fn default() -> Self {
        Self {
            architecture: Architecture::SkipGram,
            objective: Objective::NegativeSampling(5),
            dim: 100,
            window: 5,
            epochs: 5,
            lr: 0.025,
            sample: 1e-4,
            subwords: None,
            seed: 1,
            deterministic: false,
        }
    }
}

impl Word2VecSpec {
    /// Whether the values make sense.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the setting.
    pub fn check(&self) -> Result<()> {
        check_setting((1..=65_536).contains(&self.dim), "dim", self.dim, "1 to 65536")?;
        check_setting((1..=1000).contains(&self.window), "window", self.window, "1 to 1000")?;
        check_setting(self.epochs > 0, "epochs", self.epochs, "1 or more")?;
        check_setting(self.lr > 0.0 && self.lr <= 10.0, "lr", self.lr, "more than 0, as 0.025")?;
        check_setting((0.0..=1.0).contains(&self.sample), "sample", self.sample, "0 to 1, as 0.0001")?;
        if let Objective::NegativeSampling(n) = self.objective {
            check_setting((1..=1000).contains(&n), "negatives", n, "1 to 1000, as 5")?;
        }
        self.subwords.as_ref().map_or(Ok(()), SubwordSpec::check)
    }
}

/// Trains on a corpus.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a setting that makes no sense, [`Error::Train`](crate::Error::Train) when
/// the vectors grow without end, [`Error::Interrupted`](crate::Error::Interrupted).
pub fn train(corpus: &Corpus, spec: &Word2VecSpec, hooks: Hooks<'_>) -> Result<Embedding> {
    spec.check()?;
    let training = Training::new(corpus, spec, hooks);
    training.run()?;
    training.into_embedding()
}

/// How the words on the output side are told apart.
enum Targets {
    Drawn(usize, WordDraw),
    Ways(Ways),
}

struct Training<'a> {
    corpus: &'a Corpus,
    spec: &'a Word2VecSpec,
    hooks: Hooks<'a>,
    inputs: SharedRows,
    outputs: SharedRows,
    targets: Targets,
    bags: Option<Bags>,
    /// For each word, below which 32 random bits it stays.
    stays_below: Vec<u64>,
    /// Words done, of all epochs.
    done: AtomicU64,
}

impl<'a> Training<'a> {
    fn new(corpus: &'a Corpus, spec: &'a Word2VecSpec, hooks: Hooks<'a>) -> Self {
        let n_words = corpus.words().len();
        let bags = spec.subwords.as_ref().map(|subwords| Bags::new(corpus.words(), subwords));
        let n_inputs = n_words + bags.as_ref().map_or(0, |bags| bags.buckets.len());
        let (targets, n_outputs) = match spec.objective {
            Objective::NegativeSampling(n) => (Targets::Drawn(n, WordDraw::new(corpus.counts())), n_words),
            Objective::HierarchicalSoftmax => (Targets::Ways(Ways::new(corpus.counts())), n_words - 1),
        };
        let (seed, dim) = (rng::derive(spec.seed, 0), spec.dim);
        // The first values of fastText and gensim. Those of the word2vec program are half as large, which makes the
        // first epoch slower: nothing moves until the outputs have left 0.
        let bound = 1.0 / dim as f64;
        let first = |row: usize, col: usize| bound * (2.0 * rng::uniform(seed, (row * dim + col) as u64) - 1.0);
        Self {
            corpus,
            spec,
            hooks,
            inputs: SharedRows::new(n_inputs, dim, |row, col| first(row, col) as f32),
            outputs: SharedRows::new(n_outputs, dim, |_, _| 0.0),
            targets,
            bags,
            stays_below: thresholds(corpus.counts(), spec.sample),
            done: AtomicU64::new(0),
        }
    }

    fn total(&self) -> u64 {
        self.corpus.n_tokens() * self.spec.epochs as u64
    }

    fn run(&self) -> Result<()> {
        let mut order: Vec<usize> = (0..self.corpus.n_docs()).collect();
        for epoch in 0..self.spec.epochs {
            let seed = rng::derive(self.spec.seed, 1 + epoch as u64);
            // Documents often come sorted by label, and the last ones are learned with the smallest steps.
            order.sort_unstable();
            rng::shuffle(&mut order, seed);
            let next = AtomicUsize::new(0);
            let n_threads = if self.spec.deterministic { 1 } else { rayon::current_num_threads() };
            rayon::scope(|scope| {
                for _ in 1..n_threads {
                    scope.spawn(|_| self.work(&order, seed, &next));
                }
                self.work(&order, seed, &next);
            });
            self.hooks.check()?;
        }
        Ok(())
    }

    /// Takes documents until there are none left.
    fn work(&self, order: &[usize], seed: u64, next: &AtomicUsize) {
        let mut planner = Planner::new(self);
        let (mut step, mut pairs) = (Step::default(), PairStep::new());
        while !self.hooks.is_stopped() {
            let first = next.fetch_add(DOCS_AT_ONCE, Ordering::Relaxed);
            let Some(docs) = order.get(first..order.len().min(first + DOCS_AT_ONCE)).filter(|docs| !docs.is_empty())
            else {
                return;
            };
            for &doc_idx in docs {
                let doc = self.corpus.doc(doc_idx);
                let done = self.done.fetch_add(doc.len() as u64, Ordering::Relaxed);
                let lr = self.spec.lr * (1.0 - done as f64 / self.total() as f64).max(LEAST_LR);
                planner.begin(doc, Stream::new(rng::derive(seed, doc_idx as u64)));
                while planner.next(&mut step) {
                    pairs.step(&self.inputs, step.inputs(), &self.outputs, step.outputs(), lr as f32);
                }
            }
            let done = self.done.load(Ordering::Relaxed);
            self.hooks.tell(Progress { phase: Phase::Training, done, total: self.total(), loss: None });
        }
    }

    fn into_embedding(self) -> Result<Embedding> {
        let (n_words, dim) = (self.corpus.words().len(), self.spec.dim);
        let mut values = Vec::with_capacity(n_words * dim);
        let mut row = Vec::with_capacity(dim);
        for word in 0..n_words as u32 {
            let own = [word];
            let rows = self.bags.as_ref().map_or(&own[..], |bags| bags.of(word));
            let start = values.len();
            values.resize(start + dim, 0.0);
            for &other in rows {
                row.clear();
                self.inputs.push_row(other as usize, &mut row);
                values[start..].iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
            }
            values[start..].iter_mut().for_each(|value| *value /= rows.len() as f32);
        }
        let subwords = self.spec.subwords.zip(self.bags.as_ref()).map(|(spec, bags)| {
            let mut values = Vec::with_capacity(bags.buckets.len() * dim);
            (n_words..n_words + bags.buckets.len()).for_each(|row| self.inputs.push_row(row, &mut values));
            Subwords::new(spec, &bags.buckets, values, dim)
        });
        Embedding::checked(self.corpus, dim, values, subwords)
    }
}

#[cfg(test)]
#[path = "word2vec_tests.rs"]
mod tests;
