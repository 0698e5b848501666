//! A plan with a pretrained model: its layers before those of the plan, its tokenizer in the pipeline.

use std::path::Path;

use fenlei_nn::spec::{LayerSpec, PoolKind};

use super::Plan;
use crate::model::{ModelSpec, NetModelSpec};
use crate::pretrained::{Pretrained, PretrainedConfig};
use crate::{Error, Result};

impl Plan {
    /// Checks what a plan says about a pretrained model, and whether it needs one.
    pub(super) fn check_encoder(&self) -> Result<()> {
        let ModelSpec::Net(net) = &self.model else {
            return match self.pretrained {
                Some(_) => {
                    let problem = "this model counts n-grams and cannot read the states of an encoder";
                    Err(Error::config("pretrained", problem, "leave it out, or choose --model encoder"))
                }
                None => Ok(()),
            };
        };
        let Some(dir) = &self.pretrained else {
            if net.features.is_none() && net.layers.first().is_some_and(|layer| !reads_tokens(layer)) {
                let problem = "the layers read the states of an encoder, and none is named";
                let help = "name the folder of a model of the transformers library: --pretrained DIR";
                return Err(Error::config("pretrained", problem, help));
            }
            if let Some(window) = self.pipeline.truncate.window {
                let problem = format!("found {window}, but only a pretrained encoder reads windows");
                let help = "leave it out, or name the encoder: --model encoder --pretrained DIR";
                return Err(Error::config("pipeline.truncate.window", problem, help));
            }
            return check_positions(&net.layers, self.pipeline.truncate.max_tokens);
        };
        if self.embeddings.is_some() {
            let problem = "a pretrained model brings its vectors along";
            return Err(Error::config("embeddings", problem, "leave out the word vectors, or the pretrained model"));
        }
        if net.features.is_some() {
            let problem = "an encoder reads tokens, but this model reads n-grams";
            return Err(Error::config("model.features", problem, "leave them out, or choose --model encoder"));
        }
        if net.layers.first().is_some_and(reads_tokens) {
            let problem = "this layer reads tokens, but a pretrained encoder stands before it and gives states";
            return Err(Error::config("model.layers[0]", problem, "leave it out, or choose --model encoder"));
        }
        let pretrained = Pretrained::open(dir)?;
        if pretrained.config().is_causal()
            && let Some(LayerSpec::GlobalPool { kind: PoolKind::First, .. }) = net.layers.first()
        {
            let problem = "the first state of this model knows the first token only";
            return Err(Error::config("model.layers[0].kind", problem, "use kind = \"last\" or \"average\""));
        }
        pretrained.pipeline(&self.pipeline).map(drop)
    }

    /// The layers of the pretrained model before those of the plan.
    pub(crate) fn with_encoder(&self, net: &NetModelSpec, config: &PretrainedConfig) -> NetModelSpec {
        let mut layers = config.layers().to_vec();
        if let Some(fine_tuning) = &self.train.fine_tuning {
            fine_tuning.change(&mut layers);
        }
        layers.extend(net.layers.iter().cloned());
        NetModelSpec { layers, window: self.pipeline.truncate.window, ..net.clone() }
    }

    /// Whether the layers fit together, which does not depend on documents.
    ///
    /// # Errors
    /// With the place of the first that does not.
    pub(crate) fn check_layers(&self) -> Result<()> {
        let (ModelSpec::Net(net), Some(dir)) = (&self.model, &self.pretrained) else { return self.model.check() };
        let config = PretrainedConfig::read(dir)?;
        let n_before = config.layers().len();
        let whole = ModelSpec::Net(self.with_encoder(net, &config));
        whole.check().map_err(|error| from_the_head(error, n_before, dir))
    }
}

/// Counts the layers in the place of an error from those of the plan on.
fn from_the_head(error: Error, n_before: usize, dir: &Path) -> Error {
    const LAYERS: &str = "model.layers[";
    let Error::Config { place, problem, help } = error else { return error };
    let number = place.strip_prefix(LAYERS).and_then(|rest| {
        let (number, behind) = rest.split_once(']')?;
        Some((number.parse::<usize>().ok()?, behind))
    });
    let place = match number {
        Some((number, behind)) if number >= n_before => format!("{LAYERS}{}]{behind}", number - n_before),
        Some(_) => format!("{}: {place}", dir.display()),
        None => place,
    };
    Error::Config { place, problem, help }
}

/// Whether a layer begins with token ids.
fn reads_tokens(layer: &LayerSpec) -> bool {
    match layer {
        LayerSpec::Embedding { .. } | LayerSpec::EmbeddingBag { .. } | LayerSpec::OneHotConv { .. } => true,
        LayerSpec::Branches { branches } => branches.iter().any(|branch| branch.first().is_some_and(reads_tokens)),
        _ => false,
    }
}

/// Tokens behind the last position would all have the same vector.
fn check_positions(layers: &[LayerSpec], max_tokens: usize) -> Result<()> {
    let positions = layers.iter().find_map(|layer| match layer {
        LayerSpec::Positions { max, .. } => Some(*max),
        _ => None,
    });
    match positions {
        Some(max) if max < max_tokens => {
            let problem = format!("found {max_tokens}, but the net has positions for {max}");
            let help = format!("set it to {max} or less, or give the layer more positions");
            Err(Error::config("pipeline.truncate.max_tokens", problem, help))
        }
        _ => Ok(()),
    }
}
