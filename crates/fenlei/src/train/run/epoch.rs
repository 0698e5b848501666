//! The steps of an epoch, and what is learned from its validation.

use std::time::Instant;

use fenlei_nn::optim::{Progress as SchedulePlace, Schedule};
use fenlei_nn::params::Params;
use fenlei_nn::rng;

use super::{Run, SEED_ORDER, SEED_STEPS};
use crate::Result;
use crate::classifier::Decision;
use crate::metrics::Report;
use crate::model::{NetInputs, net_probabilities};
use crate::train::augmented::Augmentation;
use crate::train::{EpochRecord, Event, Metric, ValidationRecord, diverged};

impl Run<'_> {
    /// Runs the steps of an epoch and validates. False when the user asked to stop in between.
    pub(super) fn epoch(&mut self) -> Result<bool> {
        let epoch = self.progress.epochs_done + 1;
        let mut order: Vec<u32> = (0..self.train.len() as u32).collect();
        rng::shuffle(&mut order, rng::derive(rng::derive(self.plan.seed, SEED_ORDER), u64::from(epoch)));
        let batch_size = self.plan.train.batch_size;
        if self.plan.train.group_by_length {
            group_by_length(&mut order, batch_size, &self.train.inputs);
        }
        if let Some(fine_tuning) = self.plan.train.fine_tuning.as_ref().filter(|fine_tuning| fine_tuning.gradual) {
            fine_tuning.apply(&mut self.training.net.params, self.progress.epochs_done)?;
        }
        let steps_per_epoch = order.len().div_ceil(batch_size) as u64;
        let total_steps = steps_per_epoch * u64::from(self.plan.train.epochs);
        let mut schedule = Schedule::new(self.plan.train.schedule.clone());
        schedule.state = self.progress.plateau;
        let global_step = |step: u64| u64::from(epoch - 1) * steps_per_epoch + step;
        let place = |step| SchedulePlace { step: global_step(step), total_steps, epoch: u64::from(epoch - 1) };
        let clock = Instant::now();
        let Self { pipeline, beside, train, .. } = &*self;
        let draw = |augmentation: &Augmentation<'_>| {
            augmentation.epoch(epoch, pipeline, beside.features.as_ref(), &train.inputs)
        };
        let changed = self.augmentation.as_ref().map(draw);
        if changed.is_some() {
            self.progress.seconds += clock.elapsed().as_secs_f64();
        }
        for step in self.progress.steps_done..steps_per_epoch {
            if self.options.stop.is_some_and(|stop| stop.load(std::sync::atomic::Ordering::Relaxed)) {
                return Ok(false);
            }
            let clock = Instant::now();
            let first = step as usize * batch_size;
            let docs = &order[first..(first + batch_size).min(order.len())];
            let seed = rng::derive(rng::derive(self.plan.seed, SEED_STEPS), global_step(step));
            let Self { training, train, offsets, soft, known, .. } = self;
            if let ([Some(file), _], Some(known)) = (&*known, &mut training.known) {
                file.gather(&mut known.rows, docs.iter().map(|&doc| doc as usize))?;
            }
            let inputs = changed.as_ref().unwrap_or(&train.inputs);
            train.gather_offsets(offsets, docs);
            train.gather_soft(soft, docs);
            let loss = training.step_towards(
                offsets,
                soft,
                docs.iter().map(|&d| inputs.get(d as usize)),
                docs.iter().map(|&d| train.targets[d as usize].as_slice()),
                seed,
                schedule.factor(place(step)),
            );
            if !loss.is_finite() {
                return Err(diverged(epoch));
            }
            self.progress.steps_done = step + 1;
            self.progress.loss_sum += loss * docs.len() as f64;
            self.progress.seconds += clock.elapsed().as_secs_f64();
            let docs_done = first + docs.len();
            self.emit(|run| Event::Step {
                epoch,
                docs_done,
                n_docs: run.train.len(),
                loss: run.progress.loss_sum / docs_done as f64,
            });
        }
        let lr_factor = schedule.factor(place(steps_per_epoch - 1));
        self.end_epoch(epoch, lr_factor, schedule)?;
        Ok(true)
    }

    fn end_epoch(&mut self, epoch: u32, lr_factor: f64, mut schedule: Schedule) -> Result<()> {
        self.training.end_epoch(u64::from(epoch));
        // A loss is known before its step; the step after the last one shows here.
        if self.training.params().iter().any(|param| param.data.iter().any(|w| !w.is_finite())) {
            return Err(diverged(epoch));
        }
        let (report, averaged) = self.validate()?;
        let n_docs = self.train.len() as f64;
        let figure = report.as_ref().map(|r| match self.plan.train.early_stopping.metric {
            Metric::Accuracy => (r.accuracy, -r.log_loss),
            Metric::MacroF1 => (r.macro_f1, -r.log_loss),
            Metric::LogLoss => (-r.log_loss, 0.0),
        });
        let best = match (figure, self.progress.best) {
            (Some(figure), Some(best)) => figure > best,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if best {
            self.progress.best = figure;
            self.progress.epochs_since_best = 0;
            if self.plan.train.early_stopping.keep_best {
                self.best = averaged.or_else(|| Some(self.training.params().clone()));
            }
        } else if figure.is_some() {
            self.progress.epochs_since_best += 1;
        }
        if let Some(report) = &report {
            schedule.observe(report.log_loss);
            self.progress.plateau = schedule.state;
        }
        let record = EpochRecord {
            epoch,
            loss: self.progress.loss_sum / n_docs,
            validation: report.map(|r| ValidationRecord {
                accuracy: r.accuracy,
                macro_f1: r.macro_f1,
                log_loss: r.log_loss,
            }),
            seconds: self.progress.seconds,
            docs_per_second: n_docs / self.progress.seconds.max(1e-9),
            lr_factor,
            best,
        };
        self.progress.history.push(record);
        self.progress.epochs_done = epoch;
        self.progress.steps_done = 0;
        self.progress.loss_sum = 0.0;
        self.progress.seconds = 0.0;
        self.emit(|run| Event::Epoch(&run.progress.history[run.progress.history.len() - 1]));
        Ok(())
    }

    /// The report of the weights that a model would now be made of, and these weights where they are an average.
    fn validate(&mut self) -> Result<(Option<Report>, Option<Params<f32>>)> {
        let Some(validation) = &self.validation else { return Ok((None, None)) };
        let mut averaged = self.training.averaged();
        let net = &mut self.training.net;
        if let Some(averaged) = &mut averaged {
            std::mem::swap(averaged, &mut net.params);
        }
        let probabilities = match &self.known[1] {
            Some(file) => file.probabilities(net)?,
            None => net_probabilities(net, &validation.inputs, &validation.offsets, None),
        };
        if let Some(averaged) = &mut averaged {
            std::mem::swap(averaged, &mut net.params);
        }
        // Finite weights may still be too large for a finite score.
        if probabilities.iter().any(|p| !p.is_finite()) {
            return Err(diverged(self.progress.epochs_done + 1));
        }
        let Decision { multi_label, threshold, .. } = self.decision;
        let report = validation.report(&self.labels, &probabilities, multi_label, threshold)?;
        Ok((Some(report), averaged))
    }
}

/// Batches that are sorted by length together: enough that those of a step are nearly as long as each other, few enough that
/// it is chance that brings documents together.
const BATCHES_SORTED_TOGETHER: usize = 50;

/// Puts documents of like length beside each other, the longest first within each stretch. Their order stays otherwise.
fn group_by_length(order: &mut [u32], batch_size: usize, inputs: &NetInputs) {
    let len = |doc: &u32| inputs.get(*doc as usize).ids.len();
    for stretch in order.chunks_mut(batch_size.saturating_mul(BATCHES_SORTED_TOGETHER)) {
        stretch.sort_by_key(|doc| std::cmp::Reverse(len(doc)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::EncodedTexts;

    #[test]
    fn documents_of_like_length_come_together() {
        let lengths = (0..300u32).map(|doc| (doc * 7919 % 97) as usize).collect::<Vec<_>>();
        let starts: Vec<usize> = std::iter::once(0)
            .chain(lengths.iter().scan(0, |end, len| {
                *end += len;
                Some(*end)
            }))
            .collect();
        let ids = vec![1; starts[300]];
        let inputs = NetInputs::from(EncodedTexts { ids, starts });
        let mut order: Vec<u32> = (0..300).collect();
        group_by_length(&mut order, 4, &inputs);
        for stretch in order.chunks(200) {
            assert!(stretch.windows(2).all(|pair| lengths[pair[0] as usize] >= lengths[pair[1] as usize]));
        }
        let mut first: Vec<u32> = order[..200].to_vec();
        first.sort_unstable();
        assert_eq!(first, (0..200).collect::<Vec<_>>(), "no document leaves its stretch");
    }
}
