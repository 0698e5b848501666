//! What a training tells while it runs. The library prints nothing; whoever listens shows it.

use serde::{Deserialize, Serialize};

/// What may have to be made of the documents before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// A teacher's answers, counted in documents.
    TeacherAnswers,
    /// What frozen layers give, counted in documents.
    FrozenStates,
    /// An encoder that is tuned on pairs, counted in steps.
    Pairs,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something that may take long before everything is ready.
    Prepare {
        /// What.
        what: Preparation,
        /// How much is done; 0 once, at the beginning.
        done: usize,
        /// Of how much.
        total: usize,
    },
    /// Everything is ready; the first step follows.
    Start {
        /// Documents to train on.
        n_train: usize,
        /// Documents to validate with.
        n_validation: usize,
        /// Validation documents left out because the model does not know their labels.
        n_left_out: usize,
        /// These labels.
        unknown_labels: &'a [String],
        /// Tokens of the vocabulary, the unknown token included.
        vocab_size: usize,
        /// Numbers that training changes.
        n_parameters: usize,
        /// Epochs, at most; 0 where weights are solved for.
        epochs: u32,
        /// What was known beforehand: the share of the vocabulary that pretrained vectors cover, or the pretrained model.
        vectors: Option<&'a str>,
    },
    /// A step is done.
    Step {
        /// Counted from 1.
        epoch: u32,
        /// Documents of this epoch seen so far.
        docs_done: usize,
        /// Documents of an epoch.
        n_docs: usize,
        /// Mean loss of this epoch so far.
        loss: f64,
    },
    /// An epoch is done and validated.
    Epoch(&'a EpochRecord),
    /// Training ended.
    Stop(StopReason),
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean loss over the training documents, dropout included.
    pub loss: f64,
    /// Figures of the validation part, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ValidationRecord>,
    /// Seconds of the training steps, validation not included.
    pub seconds: f64,
    /// Documents trained on in a second.
    pub docs_per_second: f64,
    /// Factor of the learning rate at the end of the epoch.
    pub lr_factor: f64,
    /// Whether this was the best epoch so far.
    pub best: bool,
}

/// Figures of the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidationRecord {
    /// Share of documents predicted right.
    pub accuracy: f64,
    /// Mean F1 of the labels.
    pub macro_f1: f64,
    /// Mean negative log likelihood.
    pub log_loss: f64,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// All epochs were done.
    LastEpoch,
    /// The validation figure did not get better for long enough.
    EarlyStopping,
    /// The user asked.
    Interrupted,
    /// The weights are those of the optimum; there are no epochs.
    Solved,
    /// The solver was allowed no more steps, and the weights are not those of the optimum.
    IterationLimit,
}
