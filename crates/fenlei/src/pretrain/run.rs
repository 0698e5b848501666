//! One pretraining from its first step to its last.

use std::sync::atomic::Ordering;
use std::time::Instant;

use fenlei_nn::masked::{MaskedDocument, MaskedTraining};
use fenlei_nn::optim::{
    OptimizerSpec, Progress as SchedulePlace, Regularization, Schedule, ScheduleSpec, WarmupLength,
};
use fenlei_nn::rng;
use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Checkpoint};
use super::event::{HeldOutFigures, PretrainEvent, PretrainRecord};
use super::mask::Masking;
use super::sequences::{Cutter, Sequences};
use super::spec::{MAX_HELD_OUT, PretrainSpec};
use super::{PretrainOptions, PretrainedEncoder, memory, start, vocabulary};
use crate::pretrained::MaskedFolder;
use crate::train::StopReason;
use crate::{Error, Result};

/// Parts of the seed that are used for different things.
const SEED_HELD_OUT: u64 = 1;
const SEED_WEIGHTS: u64 = 2;
const SEED_ORDER: u64 = 3;
const SEED_STEPS: u64 = 4;
const SEED_MASKS: u64 = 5;
const SEED_HELD_OUT_MASKS: u64 = 6;

/// How far a pretraining is. Saved in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Whole passes done.
    pub epochs: u32,
    /// Steps of the next pass done.
    pub steps_of_epoch: usize,
    /// Steps done.
    pub step: u64,
    /// Of the steps since the last record: the sum of their losses, how many they are, their tokens, their seconds.
    pub loss_sum: f64,
    pub n_steps: u64,
    pub n_tokens: u64,
    pub seconds: f64,
    pub history: Vec<PretrainRecord>,
}

/// Everything that a pretraining holds.
pub(super) struct Run<'a> {
    spec: PretrainSpec,
    options: PretrainOptions<'a>,
    fingerprint: String,
    folder: MaskedFolder,
    masking: Masking,
    sequences: Sequences,
    held_out: Vec<MaskedDocument>,
    training: MaskedTraining<f32>,
    schedule: Schedule,
    total_steps: u64,
    progress: Progress,
}

impl<'a> Run<'a> {
    /// Reads or makes all that it begins with.
    pub fn prepare(spec: &PretrainSpec, texts: &[String], mut options: PretrainOptions<'a>) -> Result<Self> {
        let fingerprint = fingerprint(texts);
        let (learned, held_out) = hold_out(texts, spec);
        if learned.iter().all(|text| text.trim().is_empty()) {
            return Err(Error::train("there are no documents to learn from", "give documents with text in them"));
        }
        let path = options.checkpoint.clone().filter(|path| options.resume && path.exists());
        let saved = path.as_deref().map(|path| Checkpoint::open(path, spec, &fingerprint)).transpose()?;
        let mut emit = |event: PretrainEvent<'_>| {
            if let Some(listener) = &mut options.on_event {
                listener(event);
            }
        };
        let stopped = || options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let (folder, source) = match &spec.from {
            Some(dir) => {
                let (folder, source) = MaskedFolder::open(dir)?;
                (folder, Some(source))
            }
            None => {
                emit(PretrainEvent::Vocabulary);
                let made = vocabulary::learn(&learned, &spec.new, spec.new.max_positions)?;
                let values = start::configuration(spec, &made);
                (MaskedFolder::made(values, made.json, made.files)?, None)
            }
        };
        if let (Some(saved), Some(path)) = (&saved, &path)
            && saved.state.tokenizer != folder.tokenizer
        {
            let help = "remove the checkpoint to start anew, or leave --resume out";
            return Err(Error::artifact(path, "it belongs to a pretraining with another tokenizer", help));
        }
        if spec.max_tokens > folder.max_tokens() {
            let problem = format!("found {}, but the model has {} positions", spec.max_tokens, folder.max_tokens());
            return Err(Error::config("pretrain.max_tokens", problem, "set it to that or less"));
        }
        if stopped() {
            return Err(Error::Interrupted);
        }
        emit(PretrainEvent::Tokens);
        let cutter = Cutter::new(&folder.tokenizer, spec.max_tokens, spec.whole_words)?;
        let masking = Masking { rate: spec.mask_rate, mask: cutter.mask()?, ordinary: cutter.ordinary() };
        let sequences = cutter.cut(&learned);
        if sequences.len() == 0 {
            return Err(Error::train("the documents have no tokens", "give documents with text in them"));
        }
        let masks = rng::derive(spec.seed, SEED_HELD_OUT_MASKS);
        let of_held_out = cutter.cut(&held_out);
        let hide = |i: usize| {
            let (ids, words) = of_held_out.get(i);
            masking.hide(ids, words, rng::derive(masks, i as u64))
        };
        let held_out_documents = (0..of_held_out.len()).map(hide).collect();
        if stopped() {
            return Err(Error::Interrupted);
        }

        let (net, layers, told) = start::net(&folder, source.as_ref(), spec, rng::derive(spec.seed, SEED_WEIGHTS))?;
        let memory = memory::estimate(&layers, &net.params, spec, folder.vocab_size(), &sequences);
        memory::check(memory)?;
        let optimizer = OptimizerSpec::AdamW {
            lr: spec.lr,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: spec.weight_decay,
        };
        let regularization = Regularization { clip_norm: Some(spec.clip_norm), ..Regularization::default() };
        let mut training = MaskedTraining::new(net, optimizer, regularization, spec.max_tokens_at_once);
        let mut progress = Progress::default();
        if let (Some(saved), Some(path)) = (&saved, &path) {
            saved.restore(path, &mut training)?;
            progress = saved.state.progress.clone();
        }
        let total_steps = spec
            .steps
            .unwrap_or_else(|| (0..spec.epochs).map(|epoch| steps_of(&sequences, spec, epoch).1.len() as u64).sum());
        let schedule = Schedule::new(match spec.warmup > 0.0 {
            true => ScheduleSpec::Warmup {
                over: WarmupLength::Fraction(spec.warmup),
                then: Box::new(ScheduleSpec::Linear { min_factor: 0.0 }),
            },
            false => ScheduleSpec::Linear { min_factor: 0.0 },
        });
        emit(PretrainEvent::Start {
            n_docs: learned.len(),
            n_held_out: held_out.len(),
            n_sequences: sequences.len(),
            n_tokens: sequences.n_tokens(),
            vocab_size: folder.vocab_size(),
            n_parameters: training.net.n_trainable(),
            total_steps,
            from: &told,
            memory,
        });
        let spec = spec.clone();
        Ok(Self {
            spec,
            options,
            fingerprint,
            folder,
            masking,
            sequences,
            held_out: held_out_documents,
            training,
            schedule,
            total_steps,
            progress,
        })
    }

    /// Trains to the end.
    pub fn finish(mut self) -> Result<PretrainedEncoder> {
        if self.progress.history.is_empty() {
            self.record()?;
        }
        let mut n_tokens = 0;
        let reason = loop {
            if self.progress.step >= self.total_steps {
                break StopReason::LastEpoch;
            }
            if !self.epoch(&mut n_tokens)? {
                self.save_checkpoint()?;
                break StopReason::Interrupted;
            }
        };
        self.emit(|_| PretrainEvent::Stop(reason));
        if reason == StopReason::Interrupted && self.progress.step == 0 {
            return Err(Error::Interrupted);
        }
        let Self { folder, training, progress, fingerprint, .. } = self;
        Ok(PretrainedEncoder { folder, params: training.net.params, history: progress.history, reason, fingerprint })
    }

    /// The steps of a pass, or as many as are wanted. False when the user asked to stop in between.
    fn epoch(&mut self, n_tokens: &mut u64) -> Result<bool> {
        let (order, ends) = steps_of(&self.sequences, &self.spec, self.progress.epochs);
        let masks = rng::derive(rng::derive(self.spec.seed, SEED_MASKS), u64::from(self.progress.epochs));
        for i in self.progress.steps_of_epoch..ends.len() {
            if self.options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Ok(false);
            }
            let clock = Instant::now();
            let first = if i == 0 { 0 } else { ends[i - 1] };
            let hide = |&sequence: &u32| {
                let (ids, words) = self.sequences.get(sequence as usize);
                self.masking.hide(ids, words, rng::derive(masks, u64::from(sequence)))
            };
            let documents: Vec<MaskedDocument> = order[first..ends[i]].iter().map(hide).collect();
            let seed = rng::derive(rng::derive(self.spec.seed, SEED_STEPS), self.progress.step);
            let factor = self.lr_factor(self.progress.step);
            let loss = self.training.step(&documents, seed, factor);
            if !loss.is_finite() {
                return Err(self.diverged());
            }
            let read: u64 = documents.iter().map(|document| document.ids.len() as u64).sum();
            *n_tokens += read;
            let progress = &mut self.progress;
            progress.step += 1;
            progress.steps_of_epoch = i + 1;
            progress.loss_sum += loss;
            progress.n_steps += 1;
            progress.n_tokens += read;
            progress.seconds += clock.elapsed().as_secs_f64();
            let is_last = i + 1 == ends.len();
            if is_last {
                (progress.epochs, progress.steps_of_epoch) = (progress.epochs + 1, 0);
            }
            let n_tokens = *n_tokens;
            self.emit(|run| PretrainEvent::Step {
                step: run.progress.step,
                total_steps: run.total_steps,
                loss: run.progress.loss_sum / run.progress.n_steps as f64,
                n_tokens,
            });
            let is_due = self.spec.evaluate_every.is_some_and(|every| self.progress.step.is_multiple_of(every));
            let is_over = self.progress.step >= self.total_steps;
            if is_last || is_due || is_over {
                self.record()?;
                self.save_checkpoint()?;
            }
            if is_over {
                break;
            }
        }
        Ok(true)
    }

    fn lr_factor(&self, step: u64) -> f64 {
        let epoch = u64::from(self.progress.epochs);
        self.schedule.factor(SchedulePlace { step, total_steps: self.total_steps, epoch })
    }

    fn diverged(&self) -> Error {
        let problem = format!("the loss is not a finite number any more at step {}", self.progress.step + 1);
        let kept = if self.options.checkpoint.is_some() { "; the last good state is in the checkpoint" } else { "" };
        Error::train(problem, format!("lower the learning rate (--lr){kept}"))
    }

    /// Reads the held-out documents and adds a line to the history.
    fn record(&mut self) -> Result<()> {
        let held_out = if self.held_out.is_empty() {
            // A loss is known before its step; the step after the last one shows here.
            let params = self.training.net.params.iter();
            match params.flat_map(|param| &param.data).all(|x| x.is_finite()) {
                true => None,
                false => return Err(self.diverged()),
            }
        } else {
            let (loss, n_hidden) = self.training.evaluate(&self.held_out);
            if !loss.is_finite() {
                return Err(self.diverged());
            }
            Some(HeldOutFigures { loss, perplexity: loss.exp(), n_hidden })
        };
        let lr_factor = self.lr_factor(self.progress.step.saturating_sub(1));
        let progress = &mut self.progress;
        let record = PretrainRecord {
            step: progress.step,
            epochs: progress.epochs,
            loss: (progress.n_steps > 0).then(|| progress.loss_sum / progress.n_steps as f64),
            held_out,
            seconds: progress.seconds,
            tokens_per_second: progress.n_tokens as f64 / progress.seconds.max(1e-9),
            lr_factor,
        };
        progress.history.push(record);
        (progress.loss_sum, progress.n_steps, progress.n_tokens, progress.seconds) = (0.0, 0, 0, 0.0);
        self.emit(|run| PretrainEvent::Record(&run.progress.history[run.progress.history.len() - 1]));
        Ok(())
    }

    fn save_checkpoint(&self) -> Result<()> {
        let Some(path) = &self.options.checkpoint else { return Ok(()) };
        let Self { spec, fingerprint, folder, progress, training, .. } = self;
        checkpoint::save(path, spec, fingerprint, &folder.tokenizer, progress, training)
    }

    fn emit(&mut self, event: impl for<'e> FnOnce(&'e Self) -> PretrainEvent<'e>) {
        if let Some(listener) = self.options.on_event.take() {
            listener(event(self));
            self.options.on_event = Some(listener);
        }
    }
}

/// The order of a pass and the ends of its steps.
fn steps_of(sequences: &Sequences, spec: &PretrainSpec, epoch: u32) -> (Vec<u32>, Vec<usize>) {
    let seed = rng::derive(rng::derive(spec.seed, SEED_ORDER), u64::from(epoch));
    sequences.steps(spec.tokens_per_step, seed)
}

/// The documents to learn from, and those to measure with, each in their order.
fn hold_out<'t>(texts: &'t [String], spec: &PretrainSpec) -> (Vec<&'t str>, Vec<&'t str>) {
    let wanted = (texts.len() as f64 * spec.held_out).ceil() as usize;
    let n = wanted.min(MAX_HELD_OUT).min(texts.len().saturating_sub(1));
    let mut order: Vec<usize> = (0..texts.len()).collect();
    rng::shuffle(&mut order, rng::derive(spec.seed, SEED_HELD_OUT));
    let mut is_held_out = vec![false; texts.len()];
    order[..n].iter().for_each(|&i| is_held_out[i] = true);
    let of = |held_out: bool| {
        let texts = texts.iter().zip(&is_held_out).filter(move |(_, is)| **is == held_out);
        texts.map(|(text, _)| text.as_str()).collect()
    };
    (of(false), of(true))
}

/// CRC-32 of the documents, in hexadecimal.
fn fingerprint(texts: &[String]) -> String {
    let mut crc = crc32fast::Hasher::new();
    for text in texts {
        crc.update(&(text.len() as u64).to_le_bytes());
        crc.update(text.as_bytes());
    }
    format!("{:08x}", crc.finalize())
}
