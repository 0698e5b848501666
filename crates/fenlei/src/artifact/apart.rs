//! What was learned beside a pretrained model, apart from it: small matrices, head, pipeline and labels. With the pretrained
//! model at hand it becomes a classifier again.

use std::collections::BTreeSet;
use std::path::Path;

use fenlei_nn::compact::Compaction;
use fenlei_nn::params::{Param, ParamId, Params, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::classifier_file::{ModelInfo, from_container, write};
use super::container::Container;
use crate::classifier::Classifier;
use crate::model::Model;
use crate::{Error, Result};

/// Puts the numbers of a pretrained model into a net that begins with it.
pub(super) type Complete<'a> = dyn Fn(&mut Params<f32>) -> Result<()> + 'a;

/// The pretrained model that a file needs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// What it is called, to say it.
    name: String,
    /// The parameters that come from it, by name.
    pub parameters: BTreeSet<String>,
    /// SHA-256 of their numbers.
    sha256: String,
    /// Whether they were rounded to 16 bits before anything was learned beside them.
    #[serde(default)]
    rounded: bool,
}

/// Writes what a classifier learned beside the pretrained model called `name`, whose layers were frozen. `rounded` says that
/// their numbers were rounded to 16 bits ([`FineTuningSpec::frozen_storage`](crate::train::FineTuningSpec)).
///
/// # Errors
/// When nothing of the classifier was frozen, or when the file cannot be written.
pub fn save_apart(path: &Path, classifier: &Classifier, info: &ModelInfo, name: &str, rounded: bool) -> Result<()> {
    let frozen = match &classifier.model {
        Model::Net(net) => net.net().params.iter().filter(|param| is_frozen(param)).collect(),
        _ => Vec::new(),
    };
    if frozen.is_empty() {
        let problem = "nothing of this model was left as it was, so that there is nothing to leave out of the file";
        let help = "train small matrices beside frozen weights (--set train.fine_tuning.lora.rank=8) or --frozen";
        return Err(Error::artifact(path, problem, help));
    }
    let parameters = frozen.iter().map(|param| param.name.clone()).collect();
    let base = Base { name: name.to_owned(), parameters, sha256: sum(frozen), rounded };
    write(path, classifier, info, Some(&base))
}

/// Reads what [`save_apart`] wrote; `complete` puts the numbers of the pretrained model into the net.
///
/// # Errors
/// As [`load`](super::load); when the file is a whole model; when the pretrained model is another one.
pub fn load_apart(path: &Path, complete: impl Fn(&mut Params<f32>) -> Result<()>) -> Result<(Classifier, ModelInfo)> {
    from_container(&Container::open(path)?, Some(&complete))
}

impl Base {
    /// The error of someone who wants to use the file alone.
    pub fn is_missing(&self, path: &Path) -> Error {
        let problem = format!("it holds only what was learned beside the pretrained model {:?}", self.name);
        let help = format!("put both together: fenlei merge {} --pretrained DIR -o MODEL", path.display());
        Error::artifact(path, problem, help)
    }

    /// Gives a model the numbers that the file does not hold.
    pub fn put_into(&self, model: &mut Model, path: &Path, complete: &Complete<'_>) -> Result<()> {
        let Model::Net(net) = model else {
            let problem = "only nets are trained beside a pretrained model, but it holds another family";
            return Err(Error::artifact(path, problem, "take another copy of the file"));
        };
        let compactable = net.net().compactable();
        let params = &mut net.net_mut().params;
        let learned: Vec<(String, Vec<f32>)> = params
            .iter()
            .filter(|param| !self.parameters.contains(&param.name))
            .map(|param| (param.name.clone(), param.data.clone()))
            .collect();
        complete(params)?;
        for (id, param) in params.iter_mut().enumerate() {
            match learned.iter().find(|(name, _)| *name == param.name) {
                Some((_, numbers)) => param.data.clone_from(numbers),
                None if self.rounded && compactable.contains(&ParamId(id)) => {
                    param.compact(Compaction::Bf16);
                    param.expand();
                }
                None => {}
            }
        }
        let found = sum(params.iter().filter(|param| self.parameters.contains(&param.name)));
        if found == self.sha256 {
            return Ok(());
        }
        let problem = format!("it was learned beside {:?}, whose numbers are others than those given", self.name);
        Err(Error::artifact(path, problem, "give the folder of the model that it was trained with"))
    }
}

fn is_frozen(param: &Param<f32>) -> bool {
    !param.trainable && param.role != Role::Statistic
}

fn sum<'a>(params: impl IntoIterator<Item = &'a Param<f32>>) -> String {
    let mut hash = Sha256::new();
    for param in params {
        hash.update(param.name.as_bytes());
        let bytes: Vec<u8> = param.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        hash.update(&bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
