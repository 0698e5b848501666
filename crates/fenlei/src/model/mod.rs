//! Model families: a closed enum, from its description to its numbers.

use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::spec::NetSpec;
use fenlei_nn::{Batch, Rows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::text::EncodedTexts;
use crate::{Error, Result};

/// Which model, with all of its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum ModelSpec {
    /// A neural network over token ids: a list of layers.
    Net(NetSpec),
}

/// A model with its numbers.
#[derive(Debug)]
pub enum Model {
    /// A neural network over token ids.
    Net(Box<Net<f32>>),
}

/// Documents that one thread scores at a time: enough to make matrix products worth while.
const DOCS_PER_TASK: usize = 64;

impl ModelSpec {
    /// Builds the model with its first values from `seed`.
    ///
    /// # Errors
    /// When its parts do not fit together.
    pub fn build(&self, sizes: NetSizes, seed: u64) -> Result<Model> {
        match self {
            Self::Net(spec) => Net::new(spec, sizes, seed)
                .map(|net| Model::Net(Box::new(net)))
                .map_err(|e| Error::config(format!("model.{}", e.place), e.problem, e.help)),
        }
    }
}

impl Model {
    /// The probability of each label for each text: `[n_texts, n_labels]`, row-major. Each row is the same alone and in
    /// any company.
    pub fn probabilities(&self, texts: &EncodedTexts) -> Vec<f32> {
        let Self::Net(net) = self;
        let n_labels = net.sizes().n_labels;
        let mut out = vec![0.0; texts.len() * n_labels];
        let tasks = out.par_chunks_mut(DOCS_PER_TASK * n_labels).enumerate();
        tasks.for_each_init(Memory::default, |memory, (task, out)| {
            let first = task * DOCS_PER_TASK;
            let docs = (first..first + out.len() / n_labels).map(|doc| texts.ids_of(doc));
            memory.batch.fill(docs, net.sizes().vocab_size);
            let logits: &Rows<f32> = net.forward(&mut memory.workspace, &memory.batch, Pass::Predict);
            net.head().probabilities(out, &logits.data, net.n_outputs());
        });
        out
    }
}

/// What a thread works in.
#[derive(Default)]
struct Memory {
    batch: Batch,
    workspace: Workspace<f32>,
}
