//! A neural network over token ids or features.

use std::sync::{Mutex, OnceLock, PoisonError};

use fenlei_nn::Batch;
use fenlei_nn::compact::Compaction;
use fenlei_nn::compile::CompileError;
use fenlei_nn::kernels::int8::MAX_INPUTS;
use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::params::Role;
use fenlei_nn::spec::LayerSpec;
use rayon::prelude::*;

use super::net_inputs::NetInputs;
use super::net_spec::NetModelSpec;
use super::wide::Wide;
use crate::features::Vectorizer;
use crate::{Error, Result};

/// Documents that one thread scores at a time: enough to make matrix products worth while.
const DOCS_PER_TASK: usize = 64;

/// And so many tokens, where attention and wide rows take memory for each: a longer document alone.
const TOKENS_PER_TASK: usize = 4096;

/// Memory is kept for so many threads.
const MAX_SPARE: usize = 64;

/// Memory that served more tokens at a time is given back to the system.
const MAX_SPARE_TOKENS: usize = 2048;

/// A net with the description it was built from.
#[derive(Debug)]
pub struct NetModel {
    spec: NetModelSpec,
    net: Net<f32>,
    beside: Beside,
    scoring: Scoring,
}

/// What scoring needs beside the net.
#[derive(Debug, Default)]
pub(crate) struct Scoring {
    /// Tables for scoring many texts, made when they pay.
    tables: OnceLock<Workspace<f32>>,
    /// Memory of calls that are over, for the next ones.
    spare: Mutex<Vec<Memory>>,
}

/// What a thread works in.
#[derive(Debug, Default)]
struct Memory {
    batch: Batch,
    workspace: Workspace<f32>,
    logits: Vec<f32>,
    has_tables: bool,
}

/// Memory that goes back where it came from.
struct Lent<'a> {
    memory: Memory,
    scoring: Option<&'a Scoring>,
}

/// What stands before a net and beside it.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// What makes texts into the features that the net reads, where it does not read tokens.
    pub features: Option<Vectorizer>,
    /// The linear model beside it.
    pub wide: Option<Wide>,
}

impl NetModel {
    /// Builds a net with first values from `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn new(spec: &NetModelSpec, sizes: NetSizes, seed: u64) -> Result<Self> {
        Self::wrap(spec, Net::new(&spec.net(), sizes, seed))
    }

    /// Builds a net of zeros, for numbers that are about to be loaded.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub(crate) fn zeros(spec: &NetModelSpec, sizes: NetSizes) -> Result<Self> {
        Self::wrap(spec, Net::zeros(&spec.net(), sizes))
    }

    fn wrap(spec: &NetModelSpec, net: std::result::Result<Net<f32>, CompileError>) -> Result<Self> {
        let net = net.map_err(|e| Error::config(format!("model.{}", e.place), e.problem, e.help))?;
        Ok(Self { spec: spec.clone(), net, beside: Beside::default(), scoring: Scoring::default() })
    }

    /// Wraps a trained net.
    pub(crate) fn trained(spec: NetModelSpec, mut net: Net<f32>, beside: Beside) -> Self {
        net.finalise();
        Self { spec, net, beside, scoring: Scoring::default() }
    }

    /// What the net was built from.
    pub fn spec(&self) -> &NetModelSpec {
        &self.spec
    }

    /// The net itself, to look at.
    pub fn net(&self) -> &Net<f32> {
        &self.net
    }

    /// The linear model of n-grams beside the net, if there is one.
    pub fn wide(&self) -> Option<&Wide> {
        self.beside.wide.as_ref()
    }

    /// What makes texts into the features that the net reads; `None` where it reads tokens.
    pub fn features(&self) -> Option<&Vectorizer> {
        self.beside.features.as_ref()
    }

    /// Takes away what makes the features, to train the net further.
    pub(crate) fn take_features(&mut self) -> Option<Vectorizer> {
        self.beside.features.take()
    }

    /// Sets what stands before the net and beside it.
    pub(crate) fn set_beside(&mut self, beside: Beside) {
        self.beside = beside;
    }

    /// The net itself, to train or to load numbers into.
    pub(crate) fn net_mut(&mut self) -> &mut Net<f32> {
        self.scoring = Scoring::default();
        &mut self.net
    }

    /// Takes the net out, to train it further.
    pub(crate) fn into_net(mut self) -> (NetModelSpec, Net<f32>, Beside) {
        // The scales of fixed-point scores were those of the finished weights. At 0, scores come from the weights
        // themselves until training is over.
        for param in self.net.params.iter_mut().filter(|p| p.role == Role::Statistic && p.name.ends_with(".scale")) {
            param.data.fill(0.0);
        }
        (self.spec, self.net, self.beside)
    }

    /// Adds small matrices that were trained beside weights to these.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub(crate) fn merge(&mut self) -> Result<()> {
        let (mut spec, mut has_any) = (self.spec.net(), false);
        spec.for_each_layer(&mut |layer| {
            has_any |= matches!(layer, LayerSpec::Transformer(transformer) if transformer.lora.is_some());
        });
        if !has_any {
            return Ok(());
        }
        let wrong = |e: CompileError| Error::config(format!("model.{}", e.place), e.problem, e.help);
        let (merged, net) = self.net.merged(&spec).map_err(wrong)?;
        self.spec.layers = merged.layers;
        self.net = net;
        self.scoring = Scoring::default();
        Ok(())
    }

    /// Holds the weights that allow it as 8-bit integers; gives how many tensors those are.
    pub(crate) fn quantize(&mut self) -> usize {
        self.scoring = Scoring::default();
        self.net.compact(Compaction::Int8, |param| param.shape.len() == 2 && param.row_len() <= MAX_INPUTS)
    }

    /// Makes the tables that speed up scoring, unless they are there.
    pub(crate) fn prepare_scoring(&self) {
        self.scoring.tables.get_or_init(|| self.net.scoring_workspace());
    }

    /// The probability of each label for each text, `[n_texts, n_labels]`.
    pub fn probabilities(&self, texts: &NetInputs) -> Vec<f32> {
        // A table costs a product for each token of the vocabulary; it pays when more tokens than that are scored.
        if texts.ids.ids.len() > self.net.sizes().vocab_size {
            self.prepare_scoring();
        }
        let offsets = self.wide().map(|wide| wide.offsets(self.net.head(), &texts.ids)).unwrap_or_default();
        probabilities(&self.net, texts, &offsets, Some(&self.scoring))
    }
}

impl<'a> Lent<'a> {
    fn of(scoring: Option<&'a Scoring>) -> Self {
        let tables = scoring.and_then(|scoring| scoring.tables.get());
        let spare = scoring.and_then(|scoring| {
            let mut spare = scoring.spare.lock().unwrap_or_else(PoisonError::into_inner);
            // What was lent out before there were tables has none.
            spare.retain(|memory| memory.has_tables == tables.is_some());
            spare.pop()
        });
        let memory = spare.unwrap_or_else(|| Memory {
            workspace: tables.cloned().unwrap_or_default(),
            has_tables: tables.is_some(),
            ..Memory::default()
        });
        Self { memory, scoring }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(scoring) = self.scoring.filter(|_| self.memory.batch.ids.len() <= MAX_SPARE_TOKENS) else { return };
        let mut spare = scoring.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

/// The probabilities that a net gives, with the tables and the memory of `scoring` where there are any. `offsets: [n_texts, n_outputs]`
/// is added to its logits; empty for none.
pub(crate) fn probabilities(net: &Net<f32>, texts: &NetInputs, offsets: &[f32], scoring: Option<&Scoring>) -> Vec<f32> {
    let (n_labels, n_outputs) = (net.sizes().n_labels, net.n_outputs());
    let mut out = vec![0.0; texts.len() * n_labels];
    let mut tasks = Vec::new();
    let mut rest = out.as_mut_slice();
    let mut first = 0;
    while !rest.is_empty() {
        let n_docs = n_docs_of_task(net, texts, first);
        let (out, behind) = std::mem::take(&mut rest).split_at_mut(n_docs * n_labels);
        tasks.push((first, out));
        rest = behind;
        first += n_docs;
    }
    tasks.into_par_iter().for_each_init(
        || Lent::of(scoring),
        |lent, (first, out)| {
            let Memory { batch, workspace, logits, .. } = &mut lent.memory;
            let docs = (first..first + out.len() / n_labels).map(|doc| texts.get(doc));
            batch.fill(docs, net.sizes().vocab_size);
            logits.clone_from(&net.forward(workspace, batch, Pass::Predict).data);
            let offsets = offsets.get(first * n_outputs..).unwrap_or_default();
            logits.iter_mut().zip(offsets).for_each(|(logit, offset)| *logit += offset);
            net.head().probabilities(out, logits, n_labels);
        },
    );
    out
}

/// How many documents from `first` on are scored together.
fn n_docs_of_task(net: &Net<f32>, texts: &NetInputs, first: usize) -> usize {
    let most = DOCS_PER_TASK.min(texts.len() - first);
    if !net.params.iter().any(|param| param.name.contains(".transformer.")) {
        return most;
    }
    let mut n_tokens = 0;
    let fits = (first..first + most).take_while(|&doc| {
        n_tokens += texts.get(doc).ids.len();
        n_tokens <= TOKENS_PER_TASK
    });
    fits.count().max(1)
}
