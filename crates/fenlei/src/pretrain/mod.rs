//! Masked-language modelling: an encoder from documents without labels, from nothing or from another encoder.
//!
//! ```text
//! documents ─held out┬→ vocabulary (of a new model) ─→ token ids in sequences ─mask, anew in every epoch→ steps ─→ folder
//!                    └→ sequences with fixed masks ─→ perplexity
//! ```
//!
//! The folder is one of the transformers library; [`pretrained`](crate::pretrained) reads it, and so does that library.
//!
//! Invariant: the held-out documents are not learned from, not by the vocabulary either. The same documents and
//! specification give the same bytes for any number of threads, and for a training that was interrupted and resumed.

mod checkpoint;
mod event;
mod mask;
mod memory;
mod run;
mod sequences;
mod spec;
mod start;
mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fenlei_nn::params::Params;

pub use event::{HeldOutFigures, PretrainEvent, PretrainRecord};
pub use spec::{NewEncoderSpec, PretrainSpec, VocabularyKind};

use crate::Result;
use crate::pretrained::{MaskedFolder, is_free};
use crate::train::StopReason;

/// What a pretraining may be given besides its specification and its documents.
#[derive(Default)]
pub struct PretrainOptions<'a> {
    /// Where to keep the state after each evaluation and on an interruption.
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, if there is one.
    pub resume: bool,
    /// Raised by whoever wants the training to end after the current step.
    pub stop: Option<&'a AtomicBool>,
    /// Called with everything that happens.
    pub on_event: Option<&'a mut dyn FnMut(PretrainEvent<'_>)>,
}

/// A masked language model.
#[derive(Debug)]
pub struct PretrainedEncoder {
    folder: MaskedFolder,
    params: Params<f32>,
    /// One record an evaluation, the first before the first step.
    pub history: Vec<PretrainRecord>,
    /// Why training ended.
    pub reason: StopReason,
    /// CRC-32 of the documents, in hexadecimal.
    pub fingerprint: String,
}

impl PretrainedEncoder {
    /// Writes it as a folder of the transformers library, which appears whole or not at all. Tells its bytes.
    ///
    /// # Errors
    /// When there is something there already, or it cannot be written.
    pub fn save(&self, dir: &Path) -> Result<u64> {
        self.folder.save(&self.params, dir)
    }
}

/// Whether a folder can be written there, asked before hours of training.
///
/// # Errors
/// When there is something there already, or no folder to make it in.
pub fn check_destination(dir: &Path) -> Result<()> {
    is_free(dir)
}

/// Trains a masked language model on documents.
///
/// # Errors
/// When the specification makes no sense, the documents are too few, a folder cannot be read, a checkpoint belongs to another
/// training, memory is short, or the loss is not finite any more; [`Error::Interrupted`](crate::Error::Interrupted) when the
/// user stopped it before the first step.
pub fn pretrain(spec: &PretrainSpec, texts: &[String], options: PretrainOptions<'_>) -> Result<PretrainedEncoder> {
    spec.check()?;
    run::Run::prepare(spec, texts, options)?.finish()
}

#[cfg(test)]
mod tests;
