//! Training a net step by step.

use crate::awake::Awake;
use crate::kernels::memory::in_large_pages;
use crate::layers::Pass;
use crate::loss::{Loss, Targets};
use crate::net::{Net, Workspace};
use crate::optim::{AverageSpec, ExponentialAverage, Optimizer, OptimizerSpec, Regularization, TailAverage};
use crate::params::{Grads, Params};
use crate::ragged::{Batch, Document, Rows};
use crate::rng;
use crate::scalar::Scalar;

/// Id of the unknown token, which stands in for dropped words.
const UNKNOWN: u32 = 0;

/// Parts of a step's seed that are used for different things.
const SEED_WORDS: u64 = 1;
const SEED_LAYERS: u64 = 2;

/// The average of the weights that a model is made of.
#[derive(Debug, Clone)]
pub enum Average<T> {
    /// The weights themselves.
    None,
    /// An exponential moving average over the steps.
    Exponential(ExponentialAverage<T>),
    /// The mean of the weights after each of the last epochs, from the given one on (counted from 1).
    Tail {
        /// The mean so far.
        mean: TailAverage<T>,
        /// The first epoch that counts.
        first_epoch: u64,
    },
}

impl<T: Scalar> Average<T> {
    /// An average as described, for a training of `n_epochs`.
    pub fn new(spec: Option<&AverageSpec>, n_epochs: u64) -> Self {
        match spec {
            None => Self::None,
            Some(&AverageSpec::Exponential { decay, start_steps }) => {
                Self::Exponential(ExponentialAverage::new(decay, start_steps))
            }
            Some(&AverageSpec::Tail { epochs }) => {
                Self::Tail { mean: TailAverage::default(), first_epoch: n_epochs.saturating_sub(epochs) + 1 }
            }
        }
    }
}

/// What the first layers give for the documents of the next step, where they are the same in every step: nothing in them
/// learns, and none draws anything.
#[derive(Debug, Clone, Default)]
pub struct KnownStates<T> {
    /// How many layers.
    pub n_layers: usize,
    /// Their rows for the documents of the step, in its order.
    pub rows: Rows<T>,
}

/// A net with what changes it: optimizer, loss, and the memory of a step.
#[derive(Debug)]
pub struct Training<T> {
    /// The net as it is now.
    pub net: Net<T>,
    /// Moments and step count.
    pub optimizer: Optimizer<T>,
    /// The average of the weights.
    pub average: Average<T>,
    /// Set before each step, where a step is to begin behind the first layers. Such a step is made as a whole.
    pub known: Option<KnownStates<T>>,
    loss: Loss,
    regularization: Regularization,
    class_weights: Option<Vec<f64>>,
    grads: Grads<T>,
    workspace: Workspace<T>,
    batch: Batch,
    /// The documents of the batch that pass through the net together.
    part: Batch,
    /// The most tokens that do.
    max_tokens: usize,
    logits: Vec<T>,
    d_logits: Vec<T>,
    labels: Vec<u32>,
    label_starts: Vec<u32>,
    awake: Awake,
}

impl<T: Scalar> Training<T> {
    /// Gets ready to train `net`. `class_weights: [n_labels]` says how much each label counts.
    pub fn new(
        mut net: Net<T>,
        optimizer: OptimizerSpec,
        loss: Loss,
        regularization: Regularization,
        average: Average<T>,
        class_weights: Option<Vec<f64>>,
    ) -> Self {
        net.begin_training();
        for param in net.params.iter_mut().filter(|param| param.role.is_table()) {
            param.data = in_large_pages(std::mem::take(&mut param.data));
        }
        let optimizer = Optimizer::new(optimizer, &net.params);
        // Entries leave out what else would move: numbers that go on without a gradient, or that are held small.
        let by_entry = !optimizer.drifts() && !regularization.embeddings;
        Self {
            optimizer,
            net,
            average,
            known: None,
            loss,
            regularization,
            class_weights,
            grads: if by_entry { Grads::by_entry() } else { Grads::default() },
            workspace: Workspace::default(),
            batch: Batch::default(),
            part: Batch::default(),
            max_tokens: usize::MAX,
            logits: Vec::new(),
            d_logits: Vec::new(),
            labels: Vec::new(),
            label_starts: Vec::new(),
            awake: Awake::default(),
        }
    }

    /// Lets at most so many tokens pass through the net at once, or one document of more. A step of more is made in parts
    /// whose gradients are added up: the same step in less memory, but for the rounding of sums, the draws of dropout, and
    /// batch norms, which see a part at a time.
    pub fn limit_tokens(&mut self, max_tokens: usize) {
        self.max_tokens = max_tokens;
        // Lists of single numbers cannot be added up.
        self.grads = Grads::default();
    }

    /// One step on some documents (token ids) with their labels. `seed` must differ from step to step, `lr_factor`
    /// scales the learning rate. Returns the mean loss of the documents before the step.
    pub fn step<'d, D: Into<Document<'d>>>(
        &mut self,
        documents: impl IntoIterator<Item = D>,
        labels: impl IntoIterator<Item = &'d [u32]>,
        seed: u64,
        lr_factor: f64,
    ) -> f64 {
        self.step_from(&[], documents, labels, seed, lr_factor)
    }

    /// [`step`](Self::step) of a net that adds to what is known already: `offsets: [n_docs, n_outputs]` is added to its
    /// logits. Empty for none.
    pub fn step_from<'d, D: Into<Document<'d>>>(
        &mut self,
        offsets: &[T],
        documents: impl IntoIterator<Item = D>,
        labels: impl IntoIterator<Item = &'d [u32]>,
        seed: u64,
        lr_factor: f64,
    ) -> f64 {
        self.step_towards(offsets, &[], documents, labels, seed, lr_factor)
    }

    /// [`step_from`](Self::step_from) of a net that learns from another model: `soft: [n_docs, n_labels]` are the
    /// probabilities to come near to, in the place of the labels. Empty for none.
    pub fn step_towards<'d, D: Into<Document<'d>>>(
        &mut self,
        offsets: &[T],
        soft: &[f32],
        documents: impl IntoIterator<Item = D>,
        labels: impl IntoIterator<Item = &'d [u32]>,
        seed: u64,
        lr_factor: f64,
    ) -> f64 {
        self.awake.begin_step();
        let vocab_size = self.net.sizes().vocab_size;
        self.batch.fill(documents, vocab_size);
        if self.net.word_dropout() > 0.0 {
            self.batch.drop_words(self.net.word_dropout(), UNKNOWN, rng::derive(seed, SEED_WORDS), vocab_size);
        }
        self.labels.clear();
        self.label_starts.clear();
        self.label_starts.push(0);
        for labels in labels {
            self.labels.extend_from_slice(labels);
            self.label_starts.push(self.labels.len() as u32);
        }
        self.optimizer.catch_up(&mut self.net.params, &self.batch.distinct);
        let loss = self.gradients(offsets, soft, rng::derive(seed, SEED_LAYERS));
        self.net.update_statistics(&self.workspace);
        self.regularization.add_to_gradients(&mut self.grads, &self.net.params);
        self.regularization.clip(&mut self.grads);
        if let Average::Exponential(average) = &mut self.average {
            average.before_step(&self.net.params, &self.grads);
        }
        self.optimizer.step(&mut self.net.params, &self.grads, lr_factor);
        self.regularization.bound_rows(&mut self.net.params);
        loss
    }

    /// Forward and backward pass over the batch, in parts where it has too many tokens.
    fn gradients(&mut self, offsets: &[T], soft: &[f32], seed: u64) -> f64 {
        let Self { net, grads, workspace, batch, part, logits, d_logits, .. } = self;
        let (n_docs, n_outputs) = (batch.n_docs(), net.n_outputs());
        assert!(offsets.is_empty() || offsets.len() == n_docs * n_outputs, "an offset for each logit");
        let targets = Targets {
            class_weights: self.class_weights.as_deref(),
            soft: (!soft.is_empty()).then_some(soft),
            ..Targets::new(&self.labels, &self.label_starts)
        };
        grads.reset(&net.params, &batch.distinct);
        let whole_weight = targets.weight(net.head());
        let (mut loss, mut first) = (0.0, 0);
        while first < n_docs {
            let last = match &self.known {
                Some(_) => n_docs,
                None => end_of_part(&batch.starts, first, self.max_tokens),
            };
            let docs = first..last;
            let is_whole = docs.len() == n_docs;
            let batch = if is_whole {
                &*batch
            } else {
                part.become_part(batch, docs.clone());
                &*part
            };
            let seed = if is_whole { seed } else { rng::derive(seed, docs.start as u64) };
            let pass = Pass::Train { seed };
            let outputs = match &self.known {
                Some(KnownStates { n_layers, rows }) => net.forward_from(workspace, rows, *n_layers, pass),
                None => net.forward(workspace, batch, pass),
            };
            logits.clone_from(&outputs.data);
            let offsets = offsets.get(docs.start * n_outputs..).unwrap_or_default();
            logits.iter_mut().zip(offsets).for_each(|(logit, offset)| *logit += *offset);
            d_logits.resize(logits.len(), T::ZERO);
            let of_part = targets.of(docs);
            let of_loss = self.loss.forward_backward(d_logits, logits, &of_part);
            if is_whole {
                loss = of_loss;
            } else if whole_weight > 0.0 {
                let share = of_part.weight(net.head()) / whole_weight;
                loss += share * of_loss;
                let share = T::from_f64(share);
                d_logits.iter_mut().for_each(|d| *d *= share);
            }
            net.add_gradients(grads, workspace, d_logits, batch);
            first = last;
        }
        loss
    }

    /// Makes good what steps have put off. To be called before the parameters are read, unless another step follows.
    pub fn settle(&mut self) {
        self.optimizer.settle(&mut self.net.params);
    }

    /// Settles, and takes the weights at the end of an epoch (counted from 1) into their average.
    pub fn end_epoch(&mut self, epoch: u64) {
        self.settle();
        if let Average::Tail { mean, first_epoch } = &mut self.average
            && epoch >= *first_epoch
        {
            mean.add(&self.net.params);
        }
    }

    /// The averaged weights, `None` where they are the weights themselves. Call [`settle`](Self::settle) first.
    pub fn averaged(&self) -> Option<Params<T>> {
        match &self.average {
            Average::None => None,
            Average::Exponential(average) => Some(average.averaged(&self.net.params)),
            Average::Tail { mean, .. } if mean.n == 0 => None,
            Average::Tail { mean, .. } => Some(mean.averaged(&self.net.params)),
        }
    }

    /// The parameters as they are now; rows of a table may be behind until [`settle`](Self::settle).
    pub fn params(&self) -> &Params<T> {
        &self.net.params
    }

    /// The gradients of the last step.
    pub fn grads(&self) -> &Grads<T> {
        &self.grads
    }
}

/// Where the documents from `first` on end that have at most `max_tokens` together; one at least.
fn end_of_part(starts: &[u32], first: usize, max_tokens: usize) -> usize {
    let fits = |end: &u32| (end - starts[first]) as usize <= max_tokens;
    let n = starts[first + 1..].iter().take_while(|end| fits(end)).count();
    first + n.max(1)
}
