//! A classifier as one file: the manifest says what it is, the tensors are its numbers.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::apart::{Base, Complete};
use super::container::{self, Container};
use super::model_tensors::{self, Described};
use crate::classifier::{Classifier, Decision, Profile};
use crate::model::{Member, Model, ModelSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// How far the probabilities of a probe may be from those that were saved: other processors round otherwise.
const PROBE_TOLERANCE: f32 = 2e-3;

/// Probes that a file holds.
const N_PROBES: usize = 4;

/// Where a classifier comes from. Nothing in it depends on the time or the machine, so that the same training gives the
/// same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// The version of this library that trained it.
    pub library_version: String,
    /// The whole configuration.
    pub plan: serde_json::Value,
    /// One record an epoch.
    pub history: serde_json::Value,
    /// The report on the validation part.
    pub validation: serde_json::Value,
    /// CRC-32 of the training texts and labels, in hexadecimal.
    pub data_fingerprint: String,
    /// Documents trained on.
    pub n_train: usize,
    /// Of a model without labels, its clusters and their figures; no document of the user's.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub clusters: serde_json::Value,
    /// What documents that it was not trained on, where there were some, and their predictions look like: counts alone, to
    /// see later whether other texts come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Profile>,
}

/// A text with what the pipeline and the model, before any calibration, made of it when the file was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    text: String,
    ids: Vec<u32>,
    probabilities: Vec<f32>,
}

#[derive(Serialize)]
struct ManifestOut<'a> {
    labels: &'a [String],
    decision: &'a Decision,
    model: ModelSpec,
    pipeline: &'a TextPipeline,
    /// Those of the members of an ensemble but the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_pipelines: Vec<&'a TextPipeline>,
    info: &'a ModelInfo,
    probes: Vec<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Base>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestIn {
    labels: Vec<String>,
    decision: Decision,
    model: ModelSpec,
    pipeline: TextPipeline,
    #[serde(default)]
    other_pipelines: Vec<TextPipeline>,
    info: ModelInfo,
    probes: Vec<Probe>,
    #[serde(default)]
    base: Option<Base>,
}

/// Writes a classifier; the file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save(path: &Path, classifier: &Classifier, info: &ModelInfo) -> Result<()> {
    write(path, classifier, info, None)
}

/// Writes a classifier, without what comes from `base`.
pub(super) fn write(path: &Path, classifier: &Classifier, info: &ModelInfo, base: Option<&Base>) -> Result<()> {
    let manifest = ManifestOut {
        labels: &classifier.labels,
        decision: &classifier.decision,
        model: classifier.model.spec(),
        pipeline: &classifier.pipeline,
        other_pipelines: other_pipelines(&classifier.model),
        info,
        probes: probes(classifier),
        base,
    };
    let manifest = serde_json::to_vec(&manifest).map_err(|e| {
        Error::artifact(path, format!("the manifest cannot be written: {e}"), "this is a bug, please report it")
    })?;
    let mut tensors = model_tensors::tensors(&classifier.model, "");
    if let Some(base) = base {
        tensors.retain(|tensor| !base.parameters.contains(&tensor.name));
    }
    container::save(path, &manifest, &tensors)
}

/// A name for everything that decides what a classifier answers, the same wherever it comes from: 32 hexadecimal digits.
///
/// # Errors
/// When it cannot be described, which is a bug.
pub fn fingerprint(classifier: &Classifier) -> Result<String> {
    let Classifier { labels, decision, model, pipeline, .. } = classifier;
    let mut hash = Sha256::new();
    let parts = (labels, decision, model.spec(), pipeline, other_pipelines(model));
    let described = serde_json::to_vec(&parts).map_err(|e| {
        Error::config("model", format!("it cannot be described: {e}"), "this is a bug, please report it")
    })?;
    hash.update(described);
    for tensor in model_tensors::tensors(model, "") {
        hash.update(tensor.name.as_bytes());
        hash.update(&tensor.bytes);
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn other_pipelines(model: &Model) -> Vec<&TextPipeline> {
    match model {
        Model::Ensemble(ensemble) => ensemble.members().iter().skip(1).map(Member::pipeline).collect(),
        _ => Vec::new(),
    }
}

/// Reads a classifier and checks that it still gives what it gave when it was saved.
///
/// # Errors
/// When the file is not a model, is damaged, is from a newer version, or does not reproduce its probes.
pub fn load(path: &Path) -> Result<(Classifier, ModelInfo)> {
    from_container(&Container::open(path)?, None)
}

/// Like [`load`], from bytes in memory.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: Vec<u8>) -> Result<(Classifier, ModelInfo)> {
    from_container(&Container::from_bytes(bytes)?, None)
}

/// Reads a classifier; `complete` puts in what comes from the model that it was trained beside.
pub(super) fn from_container(
    container: &Container,
    complete: Option<&Complete<'_>>,
) -> Result<(Classifier, ModelInfo)> {
    let path = container.path();
    let refuse = |problem: String| Error::artifact(path, problem, "train the model again, or take another copy of it");
    let manifest: ManifestIn = serde_json::from_slice(container.manifest())
        .map_err(|e| refuse(format!("the manifest does not describe a model of this version: {e}")))?;
    check_decision(&manifest.labels, &manifest.decision).map_err(refuse)?;
    let from_elsewhere = match (&manifest.base, complete) {
        (Some(base), None) => return Err(base.is_missing(path)),
        (None, Some(_)) => {
            let problem = "it is a whole model, which needs nothing beside it";
            return Err(Error::artifact(path, problem, "use it as it is"));
        }
        (Some(base), Some(_)) => base.parameters.clone(),
        (None, None) => BTreeSet::new(),
    };
    let described = Described {
        model: &manifest.model,
        pipeline: &manifest.pipeline,
        other_pipelines: &manifest.other_pipelines,
        labels: &manifest.labels,
        multi_label: manifest.decision.multi_label,
        from_elsewhere: &from_elsewhere,
    };
    let mut model = model_tensors::read(container, &described, &refuse)?;
    if let (Some(base), Some(complete)) = (&manifest.base, complete) {
        base.put_into(&mut model, path, complete)?;
    }
    let classifier = Classifier::new(manifest.pipeline, model, manifest.labels, manifest.decision);
    check_probes(&classifier, &manifest.probes).map_err(refuse)?;
    if manifest.info.usual.as_ref().is_some_and(|usual| !usual.fits(&classifier)) {
        return Err(refuse("its picture of usual texts does not count what it predicts".to_owned()));
    }
    Ok((classifier, manifest.info))
}

fn check_decision(labels: &[String], decision: &Decision) -> std::result::Result<(), String> {
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort_unstable();
    if labels.is_empty() {
        return Err("it has no labels".to_owned());
    }
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two of its labels are {:?}", pair[0]));
    }
    decision.check(labels.len())
}

/// Texts that are made of the vocabulary itself, so that no document of the user's is in the file.
fn probes(classifier: &Classifier) -> Vec<Probe> {
    let vocab = classifier.pipeline.vocab();
    let texts: Vec<String> = (0..N_PROBES)
        .map(|i| {
            let step = (vocab.len() / (8 * N_PROBES)).max(1);
            let tokens = (0..8).filter_map(|j| vocab.token((1 + (i * 8 + j) * step) as u32));
            tokens.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let predictions = classifier.uncalibrated_batch(&texts);
    texts
        .into_iter()
        .enumerate()
        .map(|(i, text)| Probe {
            ids: classifier.pipeline.encode(&text).ids,
            probabilities: predictions.row(i).to_vec(),
            text,
        })
        .collect()
}

fn check_probes(classifier: &Classifier, probes: &[Probe]) -> std::result::Result<(), String> {
    let texts: Vec<&str> = probes.iter().map(|p| p.text.as_str()).collect();
    let predictions = classifier.uncalibrated_batch(&texts);
    for (i, probe) in probes.iter().enumerate() {
        if classifier.pipeline.encode(&probe.text).ids != probe.ids {
            return Err(format!("its pipeline gives other tokens for {:?} than when it was saved", probe.text));
        }
        let row = predictions.row(i);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= PROBE_TOLERANCE;
        if row.len() != probe.probabilities.len() || !row.iter().zip(&probe.probabilities).all(near) {
            let saved = &probe.probabilities;
            return Err(format!("it gives {row:?} for {:?}, but gave {saved:?} when it was saved", probe.text));
        }
    }
    Ok(())
}
