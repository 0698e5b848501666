//! A classifier as one file: the manifest says what it is, the tensors are its numbers.

use std::path::Path;

use fenlei_nn::net::NetSizes;
use serde::{Deserialize, Serialize};

use super::container::{self, Container};
use super::tensors::TensorData;
use super::{cluster_tensors, feature_tensors, sparse_tensors};
use crate::classifier::{Classifier, Decision};
use crate::model::{Beside, ClusterSpec, Model, ModelSpec, NetModel, NetModelSpec, SparseSpec, Wide};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// How far the probabilities of a probe may be from those that were saved: other processors round otherwise.
const PROBE_TOLERANCE: f32 = 2e-3;

/// Before the names of the tensors of the linear model beside a net.
const WIDE: &str = "wide.";

/// What the answers of that model are multiplied by.
const WIDE_SCALE: &str = "wide.scale";

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
    info: &'a ModelInfo,
    probes: Vec<Probe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestIn {
    labels: Vec<String>,
    decision: Decision,
    model: ModelSpec,
    pipeline: TextPipeline,
    info: ModelInfo,
    probes: Vec<Probe>,
}

/// Writes a classifier; the file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save(path: &Path, classifier: &Classifier, info: &ModelInfo) -> Result<()> {
    let manifest = ManifestOut {
        labels: &classifier.labels,
        decision: &classifier.decision,
        model: classifier.model.spec(),
        pipeline: &classifier.pipeline,
        info,
        probes: probes(classifier),
    };
    let manifest = serde_json::to_vec(&manifest).map_err(|e| {
        Error::artifact(path, format!("the manifest cannot be written: {e}"), "this is a bug, please report it")
    })?;
    let tensors: Vec<TensorData<'_>> = match &classifier.model {
        Model::Net(net) => {
            let params = net.net().params.iter();
            let params = params.map(|p| TensorData::from_f32(p.name.clone(), &p.shape, &p.data));
            let features = net.features().into_iter().flat_map(|features| feature_tensors::tensors(features, ""));
            params.chain(features).chain(net.wide().into_iter().flat_map(wide_tensors)).collect()
        }
        Model::Sparse(sparse) => sparse_tensors::tensors(sparse, ""),
        Model::Cluster(cluster) => cluster_tensors::tensors(cluster),
    };
    container::save(path, &manifest, &tensors)
}

/// Reads a classifier and checks that it still gives what it gave when it was saved.
///
/// # Errors
/// When the file is not a model, is damaged, is from a newer version, or does not reproduce its probes.
pub fn load(path: &Path) -> Result<(Classifier, ModelInfo)> {
    from_container(&Container::open(path)?)
}

/// Like [`load`], from bytes in memory.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: Vec<u8>) -> Result<(Classifier, ModelInfo)> {
    from_container(&Container::from_bytes(bytes)?)
}

fn from_container(container: &Container) -> Result<(Classifier, ModelInfo)> {
    let path = container.path();
    let refuse = |problem: String| Error::artifact(path, problem, "train the model again, or take another copy of it");
    let manifest: ManifestIn = serde_json::from_slice(container.manifest())
        .map_err(|e| refuse(format!("the manifest does not describe a model of this version: {e}")))?;
    check_decision(&manifest.labels, &manifest.decision).map_err(refuse)?;
    let (n_labels, multi_label) = (manifest.labels.len(), manifest.decision.multi_label);
    let model = match (&manifest.model, SparseSpec::of(&manifest.model), ClusterSpec::of(&manifest.model)) {
        (ModelSpec::Net(spec), ..) => {
            let sizes = NetSizes { vocab_size: manifest.pipeline.vocab().len(), n_labels, multi_label };
            spec.check().map_err(|e| refuse(e.to_string()))?;
            Model::Net(Box::new(read_net(container, spec, &manifest.pipeline, sizes, &refuse)?))
        }
        (_, Some(spec), _) => {
            let pipeline = &manifest.pipeline;
            let (sparse, n_read) = sparse_tensors::read(container, "", spec, pipeline, n_labels, multi_label, &refuse)?;
            check_count(container, n_read).map_err(refuse)?;
            Model::Sparse(Box::new(sparse))
        }
        (_, _, Some(spec)) => {
            let (pipeline, labels) = (&manifest.pipeline, &manifest.labels);
            let (cluster, n_read) = cluster_tensors::read(container, spec, pipeline, labels, multi_label, &refuse)?;
            check_count(container, n_read).map_err(refuse)?;
            Model::Cluster(Box::new(cluster))
        }
        (_, None, None) => return Err(refuse("its family has no numbers".to_owned())),
    };
    let classifier = Classifier::new(manifest.pipeline, model, manifest.labels, manifest.decision);
    check_probes(&classifier, &manifest.probes).map_err(refuse)?;
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

fn read_net(
    container: &Container,
    spec: &NetModelSpec,
    pipeline: &TextPipeline,
    mut sizes: NetSizes,
    refuse: &impl Fn(String) -> Error,
) -> Result<NetModel> {
    let (mut beside, mut n_read) = (Beside::default(), 0);
    if let Some(features) = &spec.features {
        let (features, n_of_features) = feature_tensors::read(container, "", features, pipeline, refuse)?;
        sizes.vocab_size = features.n_columns() + 1;
        (beside.features, n_read) = (Some(features), n_of_features);
    }
    check_sizes(container, spec, sizes).map_err(refuse)?;
    let mut net = NetModel::zeros(spec, sizes).map_err(|e| refuse(e.to_string()))?;
    let params = &mut net.net_mut().params;
    n_read += params.len();
    for param in params.iter_mut() {
        param.data = container.read_f32(&param.name, &param.shape)?;
        if let Some(at) = param.data.iter().position(|w| !w.is_finite()) {
            return Err(refuse(format!("number {at} of its tensor {:?} is {}", param.name, param.data[at])));
        }
    }
    if let Some(wide) = &spec.wide {
        let NetSizes { n_labels, multi_label, .. } = sizes;
        let linear = wide.linear();
        linear.check().map_err(|e| refuse(e.to_string()))?;
        let (linear, n_of_wide) =
            sparse_tensors::read(container, WIDE, linear, pipeline, n_labels, multi_label, refuse)?;
        let scale = container.read_f32(WIDE_SCALE, &[1])?[0];
        if !scale.is_finite() {
            return Err(refuse(format!("its tensor {WIDE_SCALE:?} is {scale}")));
        }
        beside.wide = Some(Wide { linear, scale });
        n_read += n_of_wide + 1;
    }
    net.set_beside(beside);
    check_count(container, n_read).map_err(refuse)?;
    Ok(net)
}

/// The numbers of the linear model beside a net.
fn wide_tensors(wide: &Wide) -> Vec<TensorData<'static>> {
    let mut tensors = sparse_tensors::tensors(&wide.linear, WIDE);
    tensors.push(TensorData::from_f32(WIDE_SCALE, &[1], &[wide.scale]));
    tensors
}

/// A tensor that nothing reads is a sign that the file is not what its description says.
fn check_count(container: &Container, n_read: usize) -> std::result::Result<(), String> {
    let n_held = container.names().count();
    if n_held == n_read { Ok(()) } else { Err(format!("{n_held} tensors, expected {n_read}")) }
}

/// Before any memory is taken for a net: the numbers that its description asks for must be in the file.
fn check_sizes(container: &Container, spec: &NetModelSpec, sizes: NetSizes) -> std::result::Result<(), String> {
    let asked = fenlei_nn::count::count_parameters(&spec.net(), sizes);
    let held: u128 = container
        .names()
        .filter_map(|n| container.tensor(n).ok())
        .map(|t| t.shape.iter().map(|&d| d as u128).product::<u128>())
        .sum();
    if asked > held {
        return Err(format!("its net needs {asked} numbers, the file holds {held}"));
    }
    Ok(())
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
