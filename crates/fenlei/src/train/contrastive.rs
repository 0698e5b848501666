//! Few-shot learning: an encoder is tuned on pairs of documents before its head learns (SetFit, Tunstall et al. 2022).
//!
//! The vectors of two documents with one label are drawn together, those of two with different labels apart: the cosine
//! of a pair should be 1 or 0, and its squared error is what is made small. A handful of documents makes many pairs.

use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::optim::{Optimizer, OptimizerSpec, Progress, Regularization, Schedule, ScheduleSpec, WarmupLength};
use fenlei_nn::params::Grads;
use fenlei_nn::spec::{HeadSpec, LayerSpec, NetSpec, PoolKind};
use fenlei_nn::{Batch, rng};
use serde::{Deserialize, Serialize};

use super::known_states::fixed_layers;
use super::{Preparation, TrainOptions};
use crate::data::Target;
use crate::model::{NetInputs, NetModelSpec};
use crate::{Error, Result};

/// How an encoder is tuned on pairs of documents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveSpec {
    /// For so many rounds each document is paired with one of its label and with one of another. Default: 20.
    pub rounds: usize,
    /// Pairs in a step. Default: 16.
    pub batch_size: usize,
    /// The learning rate of AdamW, which warms up over a tenth of the steps and then falls to zero. Default: 0.00002.
    pub lr: f64,
}

impl Default for ContrastiveSpec {
    fn default() -> Self {
        Self { rounds: 20, batch_size: 16, lr: 2e-5 }
    }
}

impl ContrastiveSpec {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |key: &str, found: f64, expected: &str| {
            let problem = format!("{found} is out of range, expected {expected}");
            let place = format!("train.fine_tuning.contrastive.{key}");
            Err(Error::config(place, problem, "leave it out for the default"))
        };
        match self {
            Self { rounds: 0 | 10_001.., .. } => wrong("rounds", self.rounds as f64, "1 to 10000"),
            Self { batch_size: 0 | 65_537.., .. } => wrong("batch_size", self.batch_size as f64, "1 to 65536"),
            Self { lr, .. } if !(*lr > 0.0 && lr.is_finite()) => wrong("lr", *lr, "a number above 0"),
            _ => Ok(()),
        }
    }

    /// Tunes the encoder that `net` begins with.
    ///
    /// # Errors
    /// When documents have several labels or all the same, the loss is no finite number any more, or the user stopped it.
    pub(super) fn tune(
        &self,
        net: &mut Net<f32>,
        spec: &NetModelSpec,
        inputs: &NetInputs,
        targets: &[Target],
        seed: u64,
        options: &mut TrainOptions<'_>,
    ) -> Result<()> {
        let pairs = self.pairs(targets, seed)?;
        let mut vectors = of_vectors(net, spec)?;
        let mut optimizer = Optimizer::new(
            OptimizerSpec::AdamW { lr: self.lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
            &vectors.params,
        );
        let clip = Regularization { clip_norm: Some(1.0), ..Regularization::default() };
        let then = Box::new(ScheduleSpec::Linear { min_factor: 0.0 });
        let schedule = Schedule::new(ScheduleSpec::Warmup { over: WarmupLength::Fraction(0.1), then });
        let total_steps = pairs.len().div_ceil(self.batch_size) as u64;
        let (mut workspace, mut batch, mut grads) = (Workspace::default(), Batch::default(), Grads::default());
        let mut gradient = Vec::new();
        for (step, pairs) in (0..).zip(pairs.chunks(self.batch_size)) {
            options.prepared(Preparation::Pairs, step as usize, total_steps as usize)?;
            let docs = pairs.iter().flat_map(|pair| pair.docs).map(|doc| inputs.get(doc as usize));
            batch.fill(docs, vectors.sizes().vocab_size);
            optimizer.catch_up(&mut vectors.params, &batch.distinct);
            let pass = Pass::Train { seed: rng::derive(seed, 1 + step) };
            let out = vectors.forward(&mut workspace, &batch, pass);
            let loss = cosine_loss(&mut gradient, &out.data, out.width, pairs);
            if !loss.is_finite() {
                let problem = format!("the loss is not a finite number any more in step {} of the pairs", step + 1);
                return Err(Error::train(problem, "lower the learning rate (train.fine_tuning.contrastive.lr)"));
            }
            vectors.backward(&mut grads, &mut workspace, &gradient, &batch);
            clip.clip(&mut grads);
            let progress = Progress { step, total_steps, epoch: 0 };
            optimizer.step(&mut vectors.params, &grads, schedule.factor(progress));
        }
        options.prepared(Preparation::Pairs, total_steps as usize, total_steps as usize)?;
        optimizer.settle(&mut vectors.params);
        for param in net.params.iter_mut().filter(|param| !param.name.starts_with("output.")) {
            if let Some(tuned) = vectors.params.iter_mut().find(|tuned| tuned.name == param.name) {
                param.data = std::mem::take(&mut tuned.data);
            }
        }
        Ok(())
    }

    /// Pairs in random order.
    fn pairs(&self, targets: &[Target], seed: u64) -> Result<Vec<Pair>> {
        let mut by_label: Vec<Vec<u32>> = Vec::new();
        for (doc, target) in (0..).zip(targets) {
            let &[label] = target.as_slice() else {
                let problem = "pairs are made of documents with one label each";
                return Err(Error::config("train.fine_tuning.contrastive", problem, "leave it out for several labels"));
            };
            by_label.resize(by_label.len().max(label as usize + 1), Vec::new());
            by_label[label as usize].push(doc);
        }
        let mut pairs = Vec::with_capacity(2 * self.rounds * targets.len());
        for round in 0..self.rounds as u64 {
            let seed = rng::derive(rng::derive(seed, 0), round);
            for (doc, target) in (0u32..).zip(targets) {
                let label = target.as_slice()[0] as usize;
                let choose = |n: usize, which: u64| {
                    let draw = rng::uniform(seed, 2 * u64::from(doc) + which);
                    ((draw * n as f64) as usize).min(n.saturating_sub(1))
                };
                let own = &by_label[label];
                pairs.push(Pair { docs: [doc, own[choose(own.len(), 0)]], alike: true });
                let n_others = targets.len() - own.len();
                // The others are numbered label by label, those of the document's own left out.
                let mut at = choose(n_others, 1);
                let others = by_label.iter().enumerate().filter(|(other, _)| *other != label);
                let other = others.map(|(_, docs)| docs).find_map(|docs| match docs.get(at) {
                    Some(&doc) => Some(doc),
                    None => {
                        at -= docs.len();
                        None
                    }
                });
                pairs.extend(other.map(|other| Pair { docs: [doc, other], alike: false }));
            }
        }
        rng::shuffle(&mut pairs, rng::derive(seed, u64::MAX));
        Ok(pairs)
    }
}

/// Two documents, and whether they have one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    docs: [u32; 2],
    alike: bool,
}

/// A net of the same encoder whose outputs are the vectors of documents: an output layer that changes nothing.
fn of_vectors(net: &Net<f32>, spec: &NetModelSpec) -> Result<Net<f32>> {
    let mut layers = encoder(&spec.layers).to_vec();
    let pooled = match fixed_layers(&spec.layers) {
        Ok(Some(fixed)) => fixed[layers.len()].clone(),
        _ => LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None },
    };
    layers.push(pooled);
    let width = net.params.iter().find(|param| param.name.contains(".transformer.")).map_or(1, |param| param.row_len());
    let spec = NetSpec { head: HeadSpec::Sigmoid, precision: spec.precision, layers, ..NetSpec::default() };
    let sizes = NetSizes { n_labels: width, multi_label: true, ..net.sizes() };
    let mut vectors =
        Net::zeros(&spec, sizes).map_err(|e| Error::config(format!("model.{}", e.place), e.problem, e.help))?;
    for param in vectors.params.iter_mut() {
        match net.params.iter().find(|from| from.name == param.name && !param.name.starts_with("output.")) {
            Some(from) => param.data.clone_from(&from.data),
            None => {
                let is_weight = param.shape.len() == 2;
                param
                    .data
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, x)| *x = f32::from(is_weight && i / width == i % width));
                param.trainable = false;
            }
        }
    }
    Ok(vectors)
}

/// The layers up to the Transformer.
fn encoder(layers: &[LayerSpec]) -> &[LayerSpec] {
    let n = layers.iter().rposition(|layer| matches!(layer, LayerSpec::Transformer(_))).map_or(0, |at| at + 1);
    &layers[..n]
}

/// The mean squared error of the cosines of pairs, and its gradient for `vectors: [2 · n_pairs, width]`.
fn cosine_loss(gradient: &mut Vec<f32>, vectors: &[f32], width: usize, pairs: &[Pair]) -> f64 {
    gradient.clear();
    gradient.resize(vectors.len(), 0.0);
    let mut loss = 0.0;
    let both = vectors.chunks_exact(2 * width).zip(gradient.chunks_exact_mut(2 * width));
    for ((vectors, gradient), pair) in both.zip(pairs) {
        let (u, v) = vectors.split_at(width);
        let (du, dv) = gradient.split_at_mut(width);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let (uu, vv) = (dot(u, u).max(1e-12), dot(v, v).max(1e-12));
        let norms = (uu * vv).sqrt();
        let cosine = dot(u, v) / norms;
        let error = cosine - f64::from(u8::from(pair.alike));
        loss += error * error / pairs.len() as f64;
        let d = 2.0 * error / pairs.len() as f64;
        for (((du, dv), &u), &v) in du.iter_mut().zip(dv).zip(u).zip(v) {
            let (u, v) = (f64::from(u), f64::from(v));
            *du = (d * (v / norms - cosine * u / uu)) as f32;
            *dv = (d * (u / norms - cosine * v / vv)) as f32;
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(labels: &[u32]) -> Vec<Target> {
        labels.iter().map(|&label| Target::One(label)).collect()
    }

    #[test]
    fn each_document_meets_one_of_its_label_and_one_of_another_in_every_round() {
        let labels = [0, 1, 2, 0, 1, 2, 2, 0];
        let spec = ContrastiveSpec { rounds: 3, ..Default::default() };
        let pairs = spec.pairs(&targets(&labels), 5).unwrap();
        assert_eq!(pairs.len(), 2 * 3 * labels.len());
        for pair in &pairs {
            let [a, b] = pair.docs.map(|doc| labels[doc as usize]);
            assert_eq!(pair.alike, a == b);
        }
        let of_first = |alike| pairs.iter().filter(|pair| pair.docs[0] == 0 && pair.alike == alike).count();
        assert_eq!((of_first(true), of_first(false)), (3, 3));
        assert_ne!(pairs, spec.pairs(&targets(&labels), 6).unwrap());
        assert_eq!(pairs, spec.pairs(&targets(&labels), 5).unwrap());
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let vectors: Vec<f32> = (0..12).map(|i| ((i * 7 + 3) % 11) as f32 / 5.0 - 1.0).collect();
        let pairs = [Pair { docs: [0, 1], alike: true }, Pair { docs: [2, 3], alike: false }];
        let mut gradient = Vec::new();
        cosine_loss(&mut gradient, &vectors, 3, &pairs);
        for i in 0..vectors.len() {
            let at = |step: f32| {
                let mut moved = vectors.clone();
                moved[i] += step;
                cosine_loss(&mut Vec::new(), &moved, 3, &pairs)
            };
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(gradient[i])).abs() < 1e-3, "{i}: {numeric} {}", gradient[i]);
        }
    }

    #[test]
    fn numbers_out_of_range_and_several_labels_are_refused() {
        for (toml, key) in [("rounds = 0", "rounds"), ("batch_size = 0", "batch_size"), ("lr = 0", "lr")] {
            let error = toml::from_str::<ContrastiveSpec>(toml).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("train.fine_tuning.contrastive.{key}: ")), "{error}");
        }
        let several = [Target::many(vec![0, 1])];
        assert!(ContrastiveSpec::default().pairs(&several, 1).unwrap_err().to_string().contains("one label each"));
    }
}
