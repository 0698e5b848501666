//! How a pretrained model is trained further: the `[train.fine_tuning]` table.

use std::path::PathBuf;

use fenlei_nn::params::{Params, Role};
use fenlei_nn::spec::{LayerSpec, LoraSpec};
use serde::{Deserialize, Serialize};

use super::contrastive::ContrastiveSpec;
use crate::{Error, Result};

/// How the layers of a Transformer are trained that knows something already. The embeddings are its first layer, its
/// blocks are the others; what stands behind them is the head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineTuningSpec {
    /// Whether all of them stay as they are, without dropout: what they make of a document is computed once. Default: false.
    pub frozen: bool,
    /// A folder where that is kept for later trainings on the same documents. Default: none, it is kept until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Tunes the layers on pairs of documents first, for few documents (SetFit). Default: not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrastive: Option<ContrastiveSpec>,
    /// So many layers, from the embeddings up, stay as they are. Default: 0.
    pub frozen_layers: usize,
    /// Whether with every epoch one layer less is frozen (Howard and Ruder 2018). Default: false.
    pub gradual: bool,
    /// The learning rate of a layer is that of the layer above it times this, so that the lower ones change less. Default: 1.
    pub layer_decay: f64,
    /// The learning rate of the head is multiplied by this. Default: 1.
    pub head_lr: f64,
    /// Dropout of the pretrained layers, of the attention too. Default: what its `config.json` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Whether each step computes what happens within a block a second time instead of keeping it: less memory, a third
    /// more time. Default: false.
    pub recompute: bool,
    /// How the numbers of layers that stay as they are are held in training. Default: `f32`.
    #[serde(skip_serializing_if = "FrozenStorage::is_default")]
    pub frozen_storage: FrozenStorage,
    /// Trains small matrices beside the weights of the blocks; everything else but the head stays as it is (Hu et al. 2022).
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraSpec>,
}

impl Default for FineTuningSpec {
    fn default() -> Self {
        Self {
            frozen: false,
            cache: None,
            contrastive: None,
            frozen_layers: 0,
            gradual: false,
            layer_decay: 1.0,
            head_lr: 1.0,
            dropout: None,
            recompute: false,
            lora: None,
            frozen_storage: FrozenStorage::F32,
        }
    }
}

/// How numbers that training leaves alone are held while it goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrozenStorage {
    /// As all others.
    #[default]
    F32,
    /// Rounded to 16 bits, which takes half the memory.
    Bf16,
}

impl FrozenStorage {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FineTuningSpec {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |key: &str, found: f64, expected: &str| {
            let problem = format!("{found} is out of range, expected {expected}");
            Err(Error::config(format!("train.fine_tuning.{key}"), problem, "leave it out for the default"))
        };
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return wrong("layer_decay", self.layer_decay, "above 0 and at most 1");
        }
        if !(self.head_lr > 0.0 && self.head_lr.is_finite()) {
            return wrong("head_lr", self.head_lr, "a number above 0");
        }
        if self.frozen && (self.lora.is_some() || self.gradual || self.dropout.is_some_and(|rate| rate > 0.0)) {
            let problem = "all layers stay as they are, so that lora, gradual and dropout have nothing to do";
            return Err(Error::config("train.fine_tuning.frozen", problem, "leave them out, or frozen"));
        }
        if let (false, Some(cache)) = (self.frozen, &self.cache) {
            let problem = format!("only what frozen layers give can be kept, found {}", cache.display());
            return Err(Error::config("train.fine_tuning.cache", problem, "set frozen = true (--frozen)"));
        }
        if self.frozen_storage == FrozenStorage::Bf16 && (self.gradual || !self.leaves_layers()) {
            let problem = "only layers that stay as they are until the end can be held in 16 bits";
            let help = "leave it out, or use it with lora, frozen_layers or frozen, without gradual and contrastive";
            return Err(Error::config("train.fine_tuning.frozen_storage", problem, help));
        }
        self.contrastive.as_ref().map_or(Ok(()), ContrastiveSpec::check)?;
        match self.dropout {
            Some(rate) if !(0.0..1.0).contains(&rate) => wrong("dropout", rate, "0 or more and below 1"),
            _ => Ok(()),
        }
    }

    /// Whether layers of the pretrained model are as they were when the training ends.
    pub fn leaves_layers(&self) -> bool {
        let stay = self.frozen || self.lora.is_some() || self.frozen_layers > 0 && !self.gradual;
        stay && self.contrastive.is_none()
    }

    /// Changes the layers of a pretrained model to what is asked for.
    pub(super) fn change(&self, layers: &mut Vec<LayerSpec>) {
        let dropout = if self.frozen { Some(0.0) } else { self.dropout };
        if dropout == Some(0.0) {
            layers.retain(|layer| !matches!(layer, LayerSpec::Dropout { .. }));
        }
        for layer in layers {
            match layer {
                LayerSpec::Transformer(spec) => {
                    spec.checkpoint |= self.recompute;
                    spec.lora = self.lora.or(spec.lora);
                    if let Some(rate) = dropout {
                        (spec.dropout, spec.attention_dropout) = (rate, rate);
                    }
                }
                LayerSpec::Dropout { rate, .. } => *rate = dropout.unwrap_or(*rate),
                _ => {}
            }
        }
    }

    /// Freezes layers and sets the factor of each parameter's learning rate, for an epoch (counted from 0).
    ///
    /// # Errors
    /// When the net has no Transformer, so that there are no such layers.
    pub(super) fn apply(&self, params: &mut Params<f32>, epoch: u32) -> Result<()> {
        let Some(depths) = Depths::of(params) else {
            let problem = "it is about the layers of a Transformer, and the net has none";
            return Err(Error::config("train.fine_tuning", problem, "leave it out, or give a pretrained model"));
        };
        let frozen = match (self.frozen, self.gradual) {
            (true, _) => depths.n_layers,
            (_, true) => self.frozen_layers.saturating_sub(epoch as usize),
            (_, false) => self.frozen_layers,
        };
        for param in params.iter_mut().filter(|param| param.role != Role::Statistic) {
            match depths.layer(&param.name) {
                Some(layer) => {
                    let below = (depths.n_layers - layer) as i32;
                    param.lr_scale = self.layer_decay.powi(below);
                    let beside = self.lora.is_some() && !param.name.contains(".lora-");
                    if layer < frozen || beside {
                        param.trainable = false;
                    } else if self.gradual && layer < self.frozen_layers {
                        // Its turn has come. What the engine froze for reasons of its own was never trained.
                        param.trainable = true;
                    }
                }
                None => param.lr_scale = self.head_lr,
            }
        }
        Ok(())
    }
}

/// Which layer each parameter of a net belongs to.
struct Depths {
    /// What the names of the Transformer's parameters begin with: its number among the layers.
    number: usize,
    /// Embeddings and blocks together.
    n_layers: usize,
}

impl Depths {
    fn of(params: &Params<f32>) -> Option<Self> {
        let mut found: Option<Self> = None;
        for (number, block) in params.iter().filter_map(|param| block(&param.name)) {
            let depths = found.get_or_insert(Self { number, n_layers: 1 });
            depths.n_layers = depths.n_layers.max(block + 2);
        }
        found
    }

    /// The layer, counted from 0 for the embeddings; `None` for the head.
    fn layer(&self, name: &str) -> Option<usize> {
        if let Some((_, block)) = block(name) {
            return Some(block + 1);
        }
        let number: usize = name.split('.').next()?.parse().ok()?;
        match number.cmp(&self.number) {
            std::cmp::Ordering::Less => Some(0),
            // The norm behind the last block.
            std::cmp::Ordering::Equal => Some(self.n_layers - 1),
            std::cmp::Ordering::Greater => None,
        }
    }
}

/// The number of the Transformer and of the block that a name like `4.transformer.0.attention.qkv.weight` tells.
fn block(name: &str) -> Option<(usize, usize)> {
    let mut parts = name.split('.');
    let number = parts.next()?.parse().ok()?;
    if parts.next()? != "transformer" {
        return None;
    }
    Some((number, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 7] = [
        "1.embedding.table",
        "3.layer-norm.scale",
        "5.transformer.0.attention.qkv.weight",
        "5.transformer.1.attention.qkv.weight",
        "5.transformer.final-norm.scale",
        "7.conv.weight",
        "output.weight",
    ];

    fn params() -> Params<f32> {
        let mut params = Params::default();
        for name in NAMES {
            params.add_zeros(name.to_owned(), &[2, 2], Role::Weight);
        }
        params
    }

    #[test]
    fn rates_fall_towards_the_embeddings_and_layers_freeze_from_below() {
        let mut params = params();
        let spec = FineTuningSpec { frozen_layers: 2, layer_decay: 0.5, head_lr: 10.0, ..Default::default() };
        spec.apply(&mut params, 5).unwrap();
        let scales: Vec<f64> = params.iter().map(|param| param.lr_scale).collect();
        assert_eq!(scales, [0.125, 0.125, 0.25, 0.5, 0.5, 10.0, 10.0]);
        let trained: Vec<bool> = params.iter().map(|param| param.trainable).collect();
        assert_eq!(trained, [false, false, false, true, true, true, true]);
    }

    #[test]
    fn with_every_epoch_one_layer_less_is_frozen() {
        let mut params = params();
        let spec = FineTuningSpec { frozen_layers: 3, gradual: true, ..Default::default() };
        let trained: Vec<usize> = (0..5)
            .map(|epoch| {
                spec.apply(&mut params, epoch).unwrap();
                params.iter().filter(|param| param.trainable).count()
            })
            .collect();
        assert_eq!(trained, [2, 4, 5, 7, 7]);
    }

    #[test]
    fn what_stays_is_told() {
        for (toml, stays) in [
            ("", false),
            ("frozen = true", true),
            ("lora = { rank = 1 }", true),
            ("frozen_layers = 1", true),
            ("frozen_layers = 1\ngradual = true", false),
            ("frozen = true\ncontrastive = {}", false),
        ] {
            assert_eq!(toml::from_str::<FineTuningSpec>(toml).unwrap().leaves_layers(), stays, "{toml}");
        }
    }

    #[test]
    fn beside_small_matrices_everything_but_the_head_stays_as_it_is() {
        let mut params = params();
        params.add_zeros("5.transformer.1.attention.qkv.lora-a".to_owned(), &[1, 2], Role::Weight);
        let spec = FineTuningSpec {
            lora: Some(LoraSpec { rank: 1, alpha: 16.0, beside: Default::default() }),
            ..Default::default()
        };
        spec.apply(&mut params, 0).unwrap();
        let trained = params.iter().filter(|param| param.trainable).map(|param| param.name.as_str());
        assert_eq!(
            trained.collect::<Vec<_>>(),
            ["7.conv.weight", "output.weight", "5.transformer.1.attention.qkv.lora-a"]
        );
    }

    #[test]
    fn numbers_out_of_range_and_nets_without_a_transformer_are_refused() {
        for (toml, key) in [
            ("frozen = true\ngradual = true", "frozen"),
            ("cache = 'x'", "cache"),
            ("frozen_storage = 'bf16'", "frozen_storage"),
            ("layer_decay = 0", "layer_decay"),
            ("head_lr = -1", "head_lr"),
            ("dropout = 1", "dropout"),
        ] {
            let error = toml::from_str::<FineTuningSpec>(toml).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("train.fine_tuning.{key}: ")), "{error}");
        }
        let mut params = Params::default();
        params.add_zeros("output.weight".to_owned(), &[2, 2], Role::Weight);
        let error = FineTuningSpec::default().apply(&mut params, 0).unwrap_err().to_string();
        assert!(error.contains("the net has none"), "{error}");
    }
}
