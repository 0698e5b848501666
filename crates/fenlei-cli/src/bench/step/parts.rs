//! The parts of a training step, each timed over the same batches.

use std::time::Instant;

use anyhow::Result;
use fenlei::train::Plan;
use fenlei_nn::loss::{Loss, LossSpec, Targets};
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::optim::Optimizer;
use fenlei_nn::params::{Grads, Role};
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use fenlei_nn::{Batch, layers::Pass};

use super::convolution::Convolution;
use super::documents::Documents;
use crate::bench::table::median;

/// Documents in a step.
const BATCH: usize = 32;

/// A part of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Putting the documents of the batch together and listing its distinct tokens.
    Batch,
    /// Reading the vectors of its distinct tokens.
    Gather,
    /// Multiplying them with the filters.
    Product,
    /// Summing at each position, and the maxima.
    Maxima,
    /// The forward pass of the convolution as a whole.
    ConvForward,
    /// The backward pass of the convolution.
    ConvBackward,
    /// The forward pass of the net.
    Forward,
    /// Its backward pass, with clearing the gradients.
    Backward,
    /// Moving the parameters.
    Optimizer,
    /// A whole step.
    Step,
}

const N_PARTS: usize = Part::Step as usize + 1;

/// Seconds a step of each part, and how much work a step is; all of them means over the batches.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    seconds: [f64; N_PARTS],
    pub n_tokens: f64,
    pub n_distinct: f64,
    pub n_positions: f64,
    pub n_wins: f64,
    /// Numbers that the optimizer moves.
    pub n_moved: f64,
}

impl Profile {
    /// Seconds a step.
    pub fn seconds(&self, part: Part) -> f64 {
        self.seconds[part as usize]
    }
}

/// Adds the seconds of an action.
struct Clock<'a>(&'a mut [f64; N_PARTS]);

impl Clock<'_> {
    fn time<R>(&mut self, part: Part, action: impl FnOnce() -> R) -> R {
        let clock = Instant::now();
        let result = action();
        self.0[part as usize] += clock.elapsed().as_secs_f64();
        result
    }
}

/// Times `n_batches` of batches, `n_rounds` times over; each part's seconds are the median of the rounds.
pub(super) fn measure(
    plan: &Plan,
    spec: &NetSpec,
    convolution: &mut Convolution,
    documents: &Documents,
    n_batches: usize,
    n_rounds: usize,
) -> Result<Profile> {
    let sizes = NetSizes { vocab_size: documents.vocab_size, n_labels: 2, multi_label: false };
    let net = || Net::<f32>::new(spec, sizes, 1);
    let mut parts = net()?;
    let loss = Loss::new(LossSpec::of(parts.head()), parts.head())?;
    let mut whole = Training::new(net()?, plan.train.optimizer, loss, plan.train.regularization, Average::None, None);
    let mut optimizer = Optimizer::new(plan.train.optimizer, &parts.params);
    let (mut batch, mut workspace, mut grads) = (Batch::default(), Workspace::default(), Grads::default());
    let (mut profile, mut rounds) = (Profile::default(), Vec::new());
    // The first round warms up.
    for round in 0..=n_rounds {
        let mut seconds = [0.0; N_PARTS];
        let mut clock = Clock(&mut seconds);
        profile = Profile::default();
        for step in 0..n_batches {
            let chosen: Vec<usize> = (0..BATCH).map(|i| (step * BATCH + i) % documents.len()).collect();
            let labels: Vec<u32> = chosen.iter().map(|&doc| documents.labels[doc]).collect();
            let label_starts: Vec<u32> = (0..=BATCH as u32).collect();
            let texts = || chosen.iter().map(|&doc| documents.doc(doc));
            let seed = (round * n_batches + step) as u64;

            clock.time(Part::Batch, || batch.fill(texts(), documents.vocab_size));
            clock.time(Part::Gather, || convolution.gather(&batch));
            clock.time(Part::Product, || convolution.multiply(&batch));
            clock.time(Part::Maxima, || convolution.maximise(&batch));
            clock.time(Part::ConvForward, || convolution.forward(&batch, seed));
            anyhow::ensure!(convolution.parts_agree(), "the parts of the convolution differ from the whole");
            convolution.prepare_backward(&batch);
            clock.time(Part::ConvBackward, || convolution.backward(&batch));

            let logits = clock.time(Part::Forward, || parts.forward(&mut workspace, &batch, Pass::Train { seed }));
            let mut d_logits = vec![0f32; logits.data.len()];
            loss.forward_backward(&mut d_logits, &logits.data, &Targets::new(&labels, &label_starts));
            clock.time(Part::Backward, || parts.backward(&mut grads, &mut workspace, &d_logits, &batch));
            clock.time(Part::Optimizer, || optimizer.step(&mut parts.params, &grads, 1.0));

            let loss = clock.time(Part::Step, || whole.step(texts(), labels.chunks(1), seed, 1.0));
            anyhow::ensure!(loss.is_finite(), "the loss is not a finite number any more");

            profile.n_tokens += batch.ids.len() as f64;
            profile.n_distinct += batch.distinct.len() as f64;
            profile.n_positions += convolution.n_positions(&batch) as f64;
            profile.n_wins += convolution.n_wins() as f64;
            let moved = parts.params.iter().zip(grads.iter()).filter(|(param, _)| param.trainable);
            profile.n_moved += moved
                .map(|(param, grad)| match param.role {
                    Role::Table | Role::SparseTable => grad.rows.len() * grad.row_len(param),
                    _ => param.data.len(),
                })
                .sum::<usize>() as f64;
        }
        if round > 0 {
            rounds.push(seconds);
        }
    }
    let n = n_batches as f64;
    for (part, seconds) in profile.seconds.iter_mut().enumerate() {
        let of_part: Vec<f64> = rounds.iter().map(|round| round[part] / n).collect();
        *seconds = median(&of_part).unwrap_or_default();
    }
    for work in [
        &mut profile.n_tokens,
        &mut profile.n_distinct,
        &mut profile.n_positions,
        &mut profile.n_wins,
        &mut profile.n_moved,
    ] {
        *work /= n;
    }
    Ok(profile)
}
