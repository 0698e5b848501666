//! What a pretraining tells while it runs.

use serde::{Deserialize, Serialize};

use crate::train::StopReason;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PretrainEvent<'a> {
    /// A vocabulary is being learned from the documents.
    Vocabulary,
    /// Documents are being cut into tokens.
    Tokens,
    /// Everything is ready.
    Start {
        /// Documents to learn from.
        n_docs: usize,
        /// Documents held out.
        n_held_out: usize,
        /// Sequences that the documents to learn from were cut into.
        n_sequences: usize,
        /// Their tokens.
        n_tokens: usize,
        /// Tokens of the vocabulary.
        vocab_size: usize,
        /// Numbers that training changes.
        n_parameters: usize,
        /// Steps of the whole training.
        total_steps: u64,
        /// What the numbers start from.
        from: &'a str,
        /// Bytes of memory that it takes, about.
        memory: f64,
    },
    /// A step is done.
    Step {
        /// Steps done.
        step: u64,
        /// Of so many.
        total_steps: u64,
        /// Mean loss since the last evaluation.
        loss: f64,
        /// Tokens of all steps since this run began.
        n_tokens: u64,
    },
    /// The held-out documents were read.
    Record(&'a PretrainRecord),
    /// Training ended.
    Stop(StopReason),
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainRecord {
    /// Steps done.
    pub step: u64,
    /// Whole passes over the documents done.
    pub epochs: u32,
    /// Mean loss of the hidden tokens of the steps since the last record, dropout included; none before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Figures of the held-out documents, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutFigures>,
    /// Seconds of these steps.
    pub seconds: f64,
    /// Tokens of these steps in a second.
    pub tokens_per_second: f64,
    /// Factor of the learning rate at the last step.
    pub lr_factor: f64,
}

/// Figures of the held-out documents, whose masks are the same in every evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldOutFigures {
    /// Mean negative log probability of a hidden token.
    pub loss: f64,
    /// `e^loss`: among how many equally likely tokens the model chooses.
    pub perplexity: f64,
    /// How many tokens are hidden.
    pub n_hidden: usize,
}
