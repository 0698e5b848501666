//! GloVe (Pennington, Socher and Manning 2014): vectors whose products are the logarithms of how often words meet.
//!
//! Words and contexts are divided into parts. In a round each part of the words meets one part of the contexts, no two
//! the same, so that all can take steps at once without touching each other's rows (Gemulla et al. 2011, "Large-Scale
//! Matrix Factorization with Distributed Stochastic Gradient Descent").
//! Invariant: the same seed gives the same bytes for any number of threads and any amount of memory.

use fenlei_nn::kernels::glove::{GloveRule, Side, step};
use fenlei_nn::rng;
use rayon::prelude::*;

use super::corpus::Corpus;
use super::meetings::{Meetings, PARTS};
use super::{Embedding, Hooks, Phase, Progress, check_setting};
use crate::Result;

/// How GloVe is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct GloveSpec {
    /// Numbers in a vector.
    pub dim: usize,
    /// Words to each side.
    pub window: usize,
    /// Passes over the pairs of words.
    pub epochs: usize,
    /// The first step size of AdaGrad.
    pub lr: f64,
    /// Pairs that met as often as this weigh 1, rarer ones less.
    pub x_max: f64,
    /// The power by which the weight of rarer pairs falls.
    pub alpha: f64,
    /// Megabytes that counted pairs may take; more of them go to disk.
    pub memory_mb: u64,
    /// Where random numbers start.
    pub seed: u64,
}

impl Default for GloveSpec {
    fn default() -> Self {
        Self { dim: 100, window: 10, epochs: 25, lr: 0.05, x_max: 100.0, alpha: 0.75, memory_mb: 1024, seed: 1 }
    }
}

impl GloveSpec {
    /// Whether the values make sense.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the setting.
    pub fn check(&self) -> Result<()> {
        check_setting((1..=65_536).contains(&self.dim), "dim", self.dim, "1 to 65536")?;
        check_setting((1..=1000).contains(&self.window), "window", self.window, "1 to 1000")?;
        check_setting(self.epochs > 0, "epochs", self.epochs, "1 or more")?;
        check_setting(self.lr > 0.0 && self.lr <= 10.0, "lr", self.lr, "more than 0, as 0.05")?;
        check_setting(self.x_max > 0.0 && self.x_max.is_finite(), "x_max", self.x_max, "more than 0, as 100")?;
        check_setting((0.0..=10.0).contains(&self.alpha), "alpha", self.alpha, "0 to 10, as 0.75")
    }
}

/// Counts pairs and trains on them.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a setting that makes no sense, [`Error::Io`](crate::Error::Io) when
/// pairs do not fit on the disk, [`Error::Train`](crate::Error::Train) when the vectors grow without end,
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn train(corpus: &Corpus, spec: &GloveSpec, hooks: Hooks<'_>) -> Result<Embedding> {
    spec.check()?;
    let meetings = Meetings::count(corpus, spec.window, spec.memory_mb.saturating_mul(1_000_000), hooks)?;
    let n_words = corpus.words().len();
    let mut words = first_values(n_words, spec.dim, rng::derive(spec.seed, 0));
    let mut contexts = first_values(n_words, spec.dim, rng::derive(spec.seed, 1));
    let rule = GloveRule { lr: spec.lr as f32, x_max: spec.x_max as f32, alpha: spec.alpha as f32 };
    let total = meetings.len() * spec.epochs as u64;
    let mut mean_loss = None;
    for epoch in 0..spec.epochs {
        let seed = rng::derive(spec.seed, 2 + epoch as u64);
        let mut rounds: Vec<usize> = (0..PARTS).collect();
        rng::shuffle(&mut rounds, seed);
        let mut loss = 0.0;
        for (n_rounds, &shift) in rounds.iter().enumerate() {
            hooks.check()?;
            let mut partners: Vec<Option<&mut Vec<f32>>> = contexts.iter_mut().map(Some).collect();
            let pairs: Vec<_> = (words.iter_mut().enumerate())
                .filter_map(|(row, words)| {
                    let col = (row + shift) % PARTS;
                    Some((row, col, words, partners[col].take()?))
                })
                .collect();
            let losses: Vec<f64> = pairs
                .into_par_iter()
                .map_init(Vec::new, |block, (row, col, words, contexts)| {
                    meetings.block_into(row, col, block)?;
                    rng::shuffle(block, rng::derive(seed, (row * PARTS + col) as u64));
                    Ok(step(&mut Side { rows: words }, &mut Side { rows: contexts }, block, spec.dim, rule))
                })
                .collect::<Result<_>>()?;
            // In the order of the parts, whoever was first.
            loss += losses.iter().sum::<f64>();
            let done = meetings.len() * (epoch * PARTS + n_rounds + 1) as u64 / PARTS as u64;
            hooks.tell(Progress { phase: Phase::Training, done, total, loss: mean_loss });
        }
        mean_loss = Some(loss / meetings.len().max(1) as f64);
    }
    hooks.tell(Progress { phase: Phase::Training, done: total, total, loss: mean_loss });
    Embedding::checked(corpus, spec.dim, sums(&words, &contexts, n_words, spec.dim), None)
}

/// Numbers in a row: the vector with its bias, and a sum of squares for each.
fn stride(dim: usize) -> usize {
    2 * (dim + 1)
}

/// For each part its rows: small random numbers, sums of squares of 1.
fn first_values(n_words: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
    let stride = stride(dim);
    let part = |part: usize| {
        let n_rows = n_words.saturating_sub(part).div_ceil(PARTS);
        let value = |i: usize| {
            let (word, at) = (i / stride * PARTS + part, i % stride);
            let position = (word * (dim + 1) + at) as u64;
            if at <= dim { ((rng::uniform(seed, position) - 0.5) / (dim + 1) as f64) as f32 } else { 1.0 }
        };
        (0..n_rows * stride).map(value).collect()
    };
    (0..PARTS).map(part).collect()
}

/// `[n_words, dim]`: the vector of each word as a word and as a context, added.
fn sums(words: &[Vec<f32>], contexts: &[Vec<f32>], n_words: usize, dim: usize) -> Vec<f32> {
    let row = |parts: &[Vec<f32>], word: usize, at: usize| parts[word % PARTS][word / PARTS * stride(dim) + at];
    let word = |word: usize| (0..dim).map(move |at| row(words, word, at) + row(contexts, word, at));
    (0..n_words).flat_map(word).collect()
}

#[cfg(test)]
#[path = "glove_tests.rs"]
mod tests;
