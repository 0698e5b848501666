//! Training a masked language model step by step.

use super::{MaskedDocument, MaskedNet, MaskedWorkspace};
use crate::awake::Awake;
use crate::kernels::memory::in_large_pages;
use crate::optim::{Optimizer, OptimizerSpec, Regularization};
use crate::params::Grads;
use crate::rng;
use crate::scalar::Scalar;

/// A net with what changes it.
#[derive(Debug)]
pub struct MaskedTraining<T> {
    /// The net as it is now.
    pub net: MaskedNet<T>,
    /// Moments and step count.
    pub optimizer: Optimizer<T>,
    regularization: Regularization,
    grads: Grads<T>,
    workspace: MaskedWorkspace<T>,
    max_tokens: usize,
    awake: Awake,
}

impl<T: Scalar> MaskedTraining<T> {
    /// Gets ready to train `net`. At most `max_tokens` tokens, or one document of more, pass through the net at once; a step
    /// of more is made in parts whose gradients are added up.
    pub fn new(
        mut net: MaskedNet<T>,
        optimizer: OptimizerSpec,
        regularization: Regularization,
        max_tokens: usize,
    ) -> Self {
        let table = net.table;
        let data = std::mem::take(&mut net.params.get_mut(table).data);
        net.params.get_mut(table).data = in_large_pages(data);
        Self {
            optimizer: Optimizer::new(optimizer, &net.params),
            net,
            regularization,
            grads: Grads::default(),
            workspace: MaskedWorkspace::default(),
            max_tokens,
            awake: Awake::default(),
        }
    }

    /// One step on some documents. `seed` must differ from step to step, `lr_factor` scales the learning rate. Returns the
    /// mean loss of the hidden tokens before the step; 0, and nothing moves, where none is hidden.
    pub fn step(&mut self, documents: &[MaskedDocument], seed: u64, lr_factor: f64) -> f64 {
        let n_hidden: usize = documents.iter().map(|document| document.places.len()).sum();
        if n_hidden == 0 {
            return 0.0;
        }
        self.awake.begin_step();
        self.grads.reset(&self.net.params, &[]);
        let scale = 1.0 / n_hidden as f64;
        let (mut sum, mut first) = (0.0, 0);
        while first < documents.len() {
            let part = &documents[first..end_of_part(documents, first, self.max_tokens)];
            let seed = rng::derive(seed, first as u64);
            sum += self.net.add_gradients(&mut self.grads, &mut self.workspace, part, scale, seed);
            first += part.len();
        }
        self.regularization.clip(&mut self.grads);
        self.optimizer.step(&mut self.net.params, &self.grads, lr_factor);
        sum * scale
    }

    /// The mean loss of the hidden tokens of some documents, without dropout, and how many they are.
    pub fn evaluate(&mut self, documents: &[MaskedDocument]) -> (f64, usize) {
        let n_hidden: usize = documents.iter().map(|document| document.places.len()).sum();
        let (mut sum, mut first) = (0.0, 0);
        while first < documents.len() {
            let part = &documents[first..end_of_part(documents, first, self.max_tokens)];
            sum += self.net.losses(&mut self.workspace, part);
            first += part.len();
        }
        (sum / n_hidden.max(1) as f64, n_hidden)
    }

    /// The gradients of the last step.
    pub fn grads(&self) -> &Grads<T> {
        &self.grads
    }
}

/// Where the documents from `first` on end that have at most `max_tokens` together; one at least.
fn end_of_part(documents: &[MaskedDocument], first: usize, max_tokens: usize) -> usize {
    let mut n_tokens = 0usize;
    let fits = |document: &&MaskedDocument| {
        n_tokens = n_tokens.saturating_add(document.ids.len());
        n_tokens <= max_tokens
    };
    first + documents[first..].iter().take_while(fits).count().max(1)
}
