//! How to pretrain.

use std::path::PathBuf;

use fenlei_nn::spec::Precision;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How to pretrain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainSpec {
    /// A folder of the transformers library to go on from. None for a new model.
    pub from: Option<PathBuf>,
    /// What a new model is like.
    pub new: NewEncoderSpec,
    /// Tokens of a sequence, at most, those around it included; longer documents are cut into several.
    pub max_tokens: usize,
    /// Passes over the documents.
    pub epochs: u32,
    /// So many steps, whatever passes that makes.
    pub steps: Option<u64>,
    /// Tokens of the sequences of a step, at most.
    pub tokens_per_step: usize,
    /// Tokens that pass through the net at once; a step of more is made in parts.
    pub max_tokens_at_once: usize,
    /// The learning rate at its highest.
    pub lr: f64,
    /// The share of the steps over which the rate rises; then it falls straight to zero.
    pub warmup: f64,
    /// Matrices shrink by the learning rate times this in each step.
    pub weight_decay: f64,
    /// The largest length of all gradients together.
    pub clip_norm: f64,
    /// The share of tokens that are hidden and asked about.
    pub mask_rate: f64,
    /// Whether words are hidden whole: Chinese ones as jieba cuts them, others as the tokenizer does.
    pub whole_words: bool,
    /// The share of documents that perplexity is measured on, at most 1000 of them. 0 for none.
    pub held_out: f64,
    /// Steps between two evaluations, beside those after every pass.
    pub evaluate_every: Option<u64>,
    /// Dropout within the model; `None` for that of the folder, or 0.1.
    pub dropout: Option<f64>,
    /// Whether blocks are computed a second time instead of kept.
    pub recompute: bool,
    /// How exactly training multiplies.
    pub precision: Precision,
    /// Where random numbers start.
    pub seed: u64,
}

/// Held-out documents, at most: more would tell little more and take long.
pub const MAX_HELD_OUT: usize = 1000;

/// What a new model is like: an encoder as BERT's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEncoderSpec {
    /// Blocks.
    pub layers: usize,
    /// Numbers in a state.
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Units of the feed-forward parts; `None` for four times the width.
    pub feed_forward: Option<usize>,
    /// Positions that it has, for longer documents later; at least `max_tokens`.
    pub max_positions: usize,
    /// How words are cut.
    pub vocabulary: VocabularyKind,
    /// Tokens, at most.
    pub vocabulary_size: usize,
    /// Pieces that are found less often are not put together.
    pub min_frequency: u64,
    /// Whether upper case and accents go.
    pub lowercase: bool,
}

/// How the words of a new model are cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VocabularyKind {
    /// Pieces of characters, as BERT's; what is not first in a word begins with `##`.
    Wordpiece,
    /// Pairs of bytes, as RoBERTa's: no text is unknown.
    Bpe,
}

impl Default for NewEncoderSpec {
    fn default() -> Self {
        Self {
            layers: 4,
            width: 256,
            heads: 4,
            feed_forward: None,
            max_positions: 512,
            vocabulary: VocabularyKind::Wordpiece,
            vocabulary_size: 16_000,
            min_frequency: 2,
            lowercase: true,
        }
    }
}

impl Default for PretrainSpec {
    fn default() -> Self {
        Self {
            from: None,
            new: NewEncoderSpec::default(),
            max_tokens: 128,
            epochs: 3,
            steps: None,
            tokens_per_step: 4096,
            max_tokens_at_once: 8192,
            lr: 5e-4,
            warmup: 0.1,
            weight_decay: 0.01,
            clip_norm: 1.0,
            mask_rate: 0.15,
            whole_words: true,
            held_out: 0.05,
            evaluate_every: None,
            dropout: None,
            recompute: false,
            precision: Precision::F32,
            seed: 1,
        }
    }
}

impl PretrainSpec {
    /// Checks every value that can be checked without documents.
    ///
    /// # Errors
    /// With the first value that makes no sense.
    pub fn check(&self) -> Result<()> {
        let wrong = |key: &str, found: String, expected: &str| {
            let problem = format!("found {found}, expected {expected}");
            Err(Error::config(format!("pretrain.{key}"), problem, "leave it out for the default"))
        };
        let share = |x: f64| (0.0..1.0).contains(&x);
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let numbers = [
            ("lr", self.lr, positive(self.lr), "a number above 0"),
            ("clip_norm", self.clip_norm, positive(self.clip_norm), "a number above 0"),
            ("warmup", self.warmup, share(self.warmup), "0 or more and below 1"),
            ("weight_decay", self.weight_decay, share(self.weight_decay), "0 or more and below 1"),
            ("mask_rate", self.mask_rate, share(self.mask_rate) && self.mask_rate > 0.0, "above 0 and below 1"),
            ("held_out", self.held_out, share(self.held_out), "0 or more and below 1"),
            ("dropout", self.dropout.unwrap_or(0.0), share(self.dropout.unwrap_or(0.0)), "0 or more and below 1"),
        ];
        if let Some((key, found, _, expected)) = numbers.into_iter().find(|(_, _, fits, _)| !fits) {
            return wrong(key, found.to_string(), expected);
        }
        let new = &self.new;
        let sizes = [
            ("max_tokens", self.max_tokens, 3..=1 << 20),
            ("tokens_per_step", self.tokens_per_step, 1..=1 << 30),
            ("max_tokens_at_once", self.max_tokens_at_once, 1..=1 << 30),
            ("layers", new.layers, 1..=1000),
            ("width", new.width, 1..=1 << 16),
            ("heads", new.heads, 1..=1 << 10),
            ("feed_forward", new.feed_forward.unwrap_or(1), 1..=1 << 20),
            ("max_positions", new.max_positions, 3..=1 << 20),
            ("vocabulary_size", new.vocabulary_size, 300..=1 << 20),
        ];
        if let Some((key, found, range)) = sizes.into_iter().find(|(_, found, range)| !range.contains(found)) {
            return wrong(key, found.to_string(), &format!("{} to {}", range.start(), range.end()));
        }
        if self.epochs == 0 || self.steps == Some(0) || self.evaluate_every == Some(0) {
            return wrong("steps", "0 epochs, steps or steps between evaluations".to_owned(), "1 or more");
        }
        if self.from.is_none() && !new.width.is_multiple_of(new.heads) {
            return wrong("heads", format!("{} heads for a width of {}", new.heads, new.width), "heads that divide it");
        }
        if self.from.is_none() && self.max_tokens > new.max_positions {
            let expected = format!("at most the {} positions of the model", new.max_positions);
            return wrong("max_tokens", self.max_tokens.to_string(), &expected);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let changed = |change: fn(&mut PretrainSpec)| {
            let mut spec = PretrainSpec::default();
            change(&mut spec);
            spec
        };
        for (key, spec) in [
            ("lr", changed(|s| s.lr = 0.0)),
            ("mask_rate", changed(|s| s.mask_rate = 1.0)),
            ("warmup", changed(|s| s.warmup = f64::NAN)),
            ("max_tokens", changed(|s| s.max_tokens = 2)),
            ("vocabulary_size", changed(|s| s.new.vocabulary_size = 10)),
            ("steps", changed(|s| s.steps = Some(0))),
            ("heads", changed(|s| s.new.heads = 3)),
            ("max_tokens", changed(|s| s.max_tokens = 600)),
        ] {
            let error = spec.check().unwrap_err();
            assert!(error.to_string().starts_with(&format!("pretrain.{key}: found ")), "{error}");
            assert!(error.is_wrong_use());
        }
        PretrainSpec::default().check().unwrap();
    }
}
