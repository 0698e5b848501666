//! The state of a pretraining in a file.

use fenlei_nn::masked::MaskedTraining;
use serde::{Deserialize, Serialize};
use std::path::Path;

use super::run::Progress;
use super::spec::PretrainSpec;
use crate::artifact::TensorData;
use crate::artifact::container::{self, Container};
use crate::train::checkpoint::{push_params, read_params};
use crate::{Error, Result};

/// Before the names of the numbers.
const NOW: &str = "now.";

/// What a checkpoint says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// So that another file is not taken for one.
    pretraining: bool,
    spec: PretrainSpec,
    /// CRC-32 of the documents.
    fingerprint: String,
    /// The content of `tokenizer.json`.
    pub tokenizer: String,
    pub progress: Progress,
    optimizer_steps: u64,
}

/// A checkpoint that belongs to the training.
#[derive(Debug)]
pub(super) struct Checkpoint {
    container: Container,
    pub state: State,
}

/// Writes the state.
pub(super) fn save(
    path: &Path,
    spec: &PretrainSpec,
    fingerprint: &str,
    tokenizer: &str,
    progress: &Progress,
    training: &MaskedTraining<f32>,
) -> Result<()> {
    let state = State {
        pretraining: true,
        spec: spec.clone(),
        fingerprint: fingerprint.to_owned(),
        tokenizer: tokenizer.to_owned(),
        progress: progress.clone(),
        optimizer_steps: training.optimizer.state.n_steps,
    };
    let manifest = serde_json::to_vec(&state)
        .map_err(|e| Error::train(format!("the checkpoint cannot be written: {e}"), "please report this"))?;
    let mut tensors = Vec::new();
    push_params(&mut tensors, NOW, &training.net.params);
    for (i, moments) in training.optimizer.state.moments.iter().enumerate() {
        for (j, moment) in moments.iter().enumerate() {
            tensors.push(TensorData::from_f32(format!("moment.{i}.{j}"), &[moment.len()], moment));
        }
    }
    container::save(path, &manifest, &tensors)
}

fn refuse(path: &Path, problem: String) -> Error {
    Error::artifact(path, problem, "remove the checkpoint to start anew, or leave --resume out")
}

impl Checkpoint {
    /// Reads one and checks that it belongs to this training.
    ///
    /// # Errors
    /// When it is damaged, or of another training.
    pub fn open(path: &Path, spec: &PretrainSpec, fingerprint: &str) -> Result<Self> {
        let container = Container::open(path)?;
        let state: State = serde_json::from_slice(container.manifest())
            .map_err(|e| refuse(path, format!("this is not a checkpoint of a pretraining of this version: {e}")))?;
        if state.spec != *spec {
            return Err(refuse(path, "it belongs to a pretraining with other settings".to_owned()));
        }
        if state.fingerprint != fingerprint {
            return Err(refuse(path, "it belongs to a pretraining on other documents".to_owned()));
        }
        Ok(Self { container, state })
    }

    /// Puts its numbers into a training.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn restore(&self, path: &Path, training: &mut MaskedTraining<f32>) -> Result<()> {
        read_params(&self.container, NOW, &mut training.net.params)?;
        for (i, moments) in training.optimizer.state.moments.iter_mut().enumerate() {
            for (j, moment) in moments.iter_mut().enumerate() {
                let saved = self.container.tensor(&format!("moment.{i}.{j}"))?.to_f32()?;
                if saved.len() != moment.len() {
                    return Err(refuse(path, "its optimizer does not fit the net".to_owned()));
                }
                *moment = saved;
            }
        }
        training.optimizer.state.n_steps = self.state.optimizer_steps;
        Ok(())
    }
}
