//! The state of a training in a file, so that an interrupted one goes on as if nothing had happened.
//!
//! The pipeline, the labels and the documents are not in it: they are made again from the same plan and documents, which
//! is checked.

use std::path::Path;

use fenlei_nn::optim::{DriftState, Optimizer, OptimizerState};
use fenlei_nn::params::{Param, Params};
use fenlei_nn::training::Average;
use serde::{Deserialize, Serialize};

use super::Plan;
use super::run::{Progress, Run};
use crate::artifact::container::{self, Container};
use crate::artifact::param_tensors;
use crate::artifact::{DType, TensorData, TensorView};
use crate::{Error, Result};

/// Prefixes of the tensors' names.
const NOW: &str = "now.";
const BEST: &str = "best.";
/// Names of lists of steps, before a full stop and the parameter's index.
const AVERAGE_STEPS: &str = "average-steps";
const ROW_STEPS: &str = "row-steps";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// So that a model file is not taken for a checkpoint.
    checkpoint: bool,
    plan: Plan,
    /// See [`Run::start`].
    start: String,
    progress: Progress,
    optimizer_steps: u64,
    /// See [`DriftState`].
    settled_at: u64,
    drift_sums: Vec<f64>,
    has_best: bool,
    /// Steps, or epochs, that the average has taken in.
    average_steps: u64,
}

impl Run<'_> {
    /// Writes the state, if the caller asked for checkpoints.
    pub(super) fn save_checkpoint(&self) -> Result<()> {
        let Some(path) = &self.options.checkpoint else { return Ok(()) };
        let optimizer = &self.training.optimizer.state;
        let state = State {
            checkpoint: true,
            plan: self.plan.clone(),
            start: self.start.clone(),
            progress: self.progress.clone(),
            optimizer_steps: optimizer.n_steps,
            settled_at: optimizer.drift.settled_at,
            drift_sums: optimizer.drift.sums.clone(),
            has_best: self.best.is_some(),
            average_steps: match &self.training.average {
                Average::None => 0,
                Average::Exponential(average) => average.state.n_steps,
                Average::Tail { mean, .. } => mean.n,
            },
        };
        let manifest = serde_json::to_vec(&state)
            .map_err(|e| Error::train(format!("the checkpoint cannot be written: {e}"), "please report this"))?;
        let mut tensors = Vec::new();
        push_params(&mut tensors, NOW, self.training.params());
        if let Some(best) = &self.best {
            push_params(&mut tensors, BEST, best);
        }
        match &self.training.average {
            Average::None => {}
            Average::Exponential(average) => {
                push_lists(&mut tensors, "average", &average.state.values);
                push_steps(&mut tensors, AVERAGE_STEPS, &average.state.row_steps);
            }
            Average::Tail { mean, .. } => push_lists(&mut tensors, "average", &mean.values),
        }
        push_steps(&mut tensors, ROW_STEPS, &optimizer.drift.row_steps);
        for (i, moments) in optimizer.moments.iter().enumerate() {
            for (j, moment) in moments.iter().enumerate() {
                tensors.push(TensorData::from_f32(format!("moment.{i}.{j}"), &[moment.len()], moment));
            }
        }
        container::save(path, &manifest, &tensors)
    }

    /// Takes up the state, if there is one.
    pub(super) fn load_checkpoint(&mut self) -> Result<()> {
        let Some(path) = self.options.checkpoint.clone() else { return Ok(()) };
        if !path.exists() {
            return Ok(());
        }
        let container = Container::open(&path)?;
        let refuse = |problem: String| {
            Error::artifact(&path, problem, "remove the checkpoint to start anew, or leave --resume out")
        };
        let state: State = serde_json::from_slice(container.manifest())
            .map_err(|e| refuse(format!("this is not a checkpoint of this version: {e}")))?;
        if state.plan != self.plan {
            return Err(refuse("it belongs to a training with another configuration".to_owned()));
        }
        if state.start != self.start {
            let problem = "it belongs to a training on other documents, or from other first weights";
            return Err(refuse(problem.to_owned()));
        }
        self.progress = state.progress;
        if let Some(fine_tuning) = &self.plan.train.fine_tuning {
            // The optimizer knows the parameters that were trained in the last epoch that has steps.
            let begun = u32::from(self.progress.steps_done > 0);
            let last = (self.progress.epochs_done + begun).saturating_sub(1);
            fine_tuning.apply(&mut self.training.net.params, last)?;
        }
        read_params(&container, NOW, &mut self.training.net.params)?;
        if state.has_best {
            let mut best = self.training.net.params.clone();
            read_params(&container, BEST, &mut best)?;
            self.best = Some(best);
        }
        match &mut self.training.average {
            Average::None => {}
            Average::Exponential(average) => {
                average.state.n_steps = state.average_steps;
                average.state.values = read_lists(&container, "average")?;
                average.state.row_steps = read_steps(&container, AVERAGE_STEPS)?;
            }
            Average::Tail { mean, .. } => {
                mean.n = state.average_steps;
                mean.values = read_lists(&container, "average")?;
            }
        }
        if !fits(&self.training.average, self.training.params()) {
            return Err(refuse("its average does not fit the net".to_owned()));
        }
        let n_params = self.training.net.params.len();
        let moment =
            |i: usize, j: usize| container.tensor(&format!("moment.{i}.{j}")).and_then(|t: TensorView<'_>| t.to_f32());
        let moments = (0..n_params).map(|i| Ok([moment(i, 0)?, moment(i, 1)?])).collect::<Result<Vec<_>>>()?;
        let drift = DriftState {
            row_steps: read_steps(&container, ROW_STEPS)?,
            settled_at: state.settled_at,
            sums: state.drift_sums,
        };
        let optimizer = OptimizerState { n_steps: state.optimizer_steps, moments, drift };
        self.training.optimizer = Optimizer::resume(self.plan.train.optimizer, self.training.params(), optimizer)
            .ok_or_else(|| refuse("its optimizer does not fit the net".to_owned()))?;
        Ok(())
    }

    /// Removes the state when the training is over.
    pub(super) fn remove_checkpoint(&self) {
        if let Some(path) = &self.options.checkpoint {
            remove_quietly(path);
        }
    }
}

/// A checkpoint that stays behind harms nothing: resuming from it gives the same model.
fn remove_quietly(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Whether the lists of an average are those of `params`, so that no index of it can lie outside.
fn fits(average: &Average<f32>, params: &Params<f32>) -> bool {
    let value = |(list, param): (&Vec<f32>, &Param<f32>)| list.is_empty() || list.len() == param.data.len();
    match average {
        Average::None => true,
        Average::Tail { mean, .. } => mean.values.iter().zip(params.iter()).all(value),
        Average::Exponential(average) => {
            let state = &average.state;
            let rows = |((steps, values), param): ((&Vec<u64>, &Vec<f32>), &Param<f32>)| {
                let n_rows = if values.is_empty() || !param.role.is_table() { 0 } else { param.shape[0] };
                steps.len() == n_rows && steps.iter().all(|&step| step <= state.n_steps)
            };
            state.row_steps.len() == state.values.len()
                && state.values.iter().zip(params.iter()).all(value)
                && state.row_steps.iter().zip(&state.values).zip(params.iter()).all(rows)
        }
    }
}

/// Adds all parameters to the tensors of a checkpoint, their names behind `prefix`.
pub(crate) fn push_params<'a>(tensors: &mut Vec<TensorData<'a>>, prefix: &str, params: &'a Params<f32>) {
    tensors.extend(params.iter().flat_map(|param| param_tensors::tensors(param, prefix)));
}

/// Reads back what [`push_params`] added.
pub(crate) fn read_params(container: &Container, prefix: &str, params: &mut Params<f32>) -> Result<()> {
    params.iter_mut().try_for_each(|param| param_tensors::read_again(container, prefix, param))
}

fn push_lists<'a>(tensors: &mut Vec<TensorData<'a>>, name: &str, lists: &'a [Vec<f32>]) {
    let tensor = |(i, list): (usize, &'a Vec<f32>)| TensorData::from_f32(format!("{name}.{i}"), &[list.len()], list);
    tensors.extend(lists.iter().enumerate().map(tensor));
}

/// The lists that are there, in order; none where an average has not begun.
fn read_lists(container: &Container, name: &str) -> Result<Vec<Vec<f32>>> {
    let names = (0..).map(|i| format!("{name}.{i}")).take_while(|name| container.names().any(|n| n == name));
    names.map(|name| container.tensor(&name)?.to_f32()).collect()
}

fn push_steps(tensors: &mut Vec<TensorData<'_>>, name: &str, lists: &[Vec<u64>]) {
    tensors.extend(lists.iter().enumerate().map(|(i, steps)| {
        let bytes: Vec<u8> = steps.iter().flat_map(|&step| (step as i64).to_le_bytes()).collect();
        TensorData { name: format!("{name}.{i}"), dtype: DType::I64, shape: vec![steps.len()], bytes: bytes.into() }
    }));
}

fn read_steps(container: &Container, name: &str) -> Result<Vec<Vec<u64>>> {
    let names = (0..).map(|i| format!("{name}.{i}")).take_while(|name| container.names().any(|n| n == name));
    names
        .map(|name| {
            let numbers = container.tensor(&name)?.data.chunks_exact(8);
            Ok(numbers.map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as u64).collect())
        })
        .collect()
}
