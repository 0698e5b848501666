//! `fenlei inspect MODEL`: what is in a model file.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use fenlei::Error;
use fenlei::artifact::{self, ModelInfo};
use fenlei::classifier::{Classifier, Decision};
use fenlei::cluster::ClusterReport;
use fenlei::features::Vectorizer;
use fenlei::metrics::Report;
use fenlei::model::{Combine, EnsembleModel, Model, SparseModel, StrongFeature};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decision;
use crate::output::{counted, grouped, print_json, size};

/// Labels that are listed.
const LABELS_SHOWN: usize = 20;

/// Features that are listed for each label.
const FEATURES_SHOWN: usize = 12;

#[derive(Serialize)]
struct Description<'a> {
    path: &'a Path,
    bytes: u64,
    library_version: &'a str,
    labels: &'a [String],
    multi_label: bool,
    threshold: Option<f32>,
    /// How probabilities become labels.
    decision: &'a Decision,
    vocab_size: usize,
    n_parameters: usize,
    parameters: Vec<Parameter<'a>>,
    /// Of a model over features, those that speak most for each label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strongest: Vec<LabelFeatures<'a>>,
    n_train: usize,
    data_fingerprint: &'a str,
    validation: &'a Value,
    history: &'a Value,
    /// Of a model without labels, its clusters and their figures.
    #[serde(skip_serializing_if = "Value::is_null")]
    clusters: &'a Value,
    plan: &'a Value,
}

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    shape: Vec<usize>,
    n: usize,
    trained: bool,
}

#[derive(Serialize)]
struct LabelFeatures<'a> {
    label: &'a str,
    features: Vec<StrongFeature>,
}

pub(super) fn run(path: &Path, json: bool) -> Result<()> {
    let bytes = fs::metadata(path).map_err(|error| Error::io("read", path, error))?.len();
    let (classifier, info) = artifact::load(path)?;
    let description = describe(path, bytes, &classifier, &info);
    if json {
        return print_json(&description);
    }
    let mut out = io::stdout().lock();
    write_description(&mut out, &description, &classifier)?;
    Ok(out.flush()?)
}

fn describe<'a>(path: &'a Path, bytes: u64, classifier: &'a Classifier, info: &'a ModelInfo) -> Description<'a> {
    let parameters = parameters(classifier.model());
    let decision = classifier.decision();
    Description {
        path,
        bytes,
        library_version: &info.library_version,
        labels: classifier.labels(),
        multi_label: decision.multi_label,
        threshold: (decision.multi_label && decision.thresholds.is_none()).then_some(decision.threshold),
        decision,
        vocab_size: classifier.pipeline().vocab().len(),
        n_parameters: parameters.iter().map(|parameter| parameter.n).sum(),
        parameters,
        strongest: strongest(classifier),
        n_train: info.n_train,
        data_fingerprint: &info.data_fingerprint,
        validation: &info.validation,
        history: &info.history,
        clusters: &info.clusters,
        plan: &info.plan,
    }
}

fn parameters(model: &Model) -> Vec<Parameter<'_>> {
    match model {
        Model::Net(net) => {
            let params = net.net().params.iter();
            let params = params.map(|param| parameter(&param.name, &param.shape, param.trainable));
            params
                .chain(net.wide().into_iter().flat_map(|wide| linear(wide.linear(), ["wide.weights", "wide.bias"])))
                .collect()
        }
        Model::Sparse(sparse) => linear(sparse, ["weights", "bias"]).into(),
        // Those of each member, without the weights between them.
        Model::Ensemble(ensemble) => ensemble.members().iter().flat_map(|member| parameters(member.model())).collect(),
        Model::Cluster(cluster) => {
            cluster.tables().into_iter().map(|(name, shape)| parameter(name, &shape, name != "vectors")).collect()
        }
    }
}

fn linear(linear: &SparseModel, [weights, bias]: [&'static str; 2]) -> [Parameter<'static>; 2] {
    let n_outputs = linear.bias().len();
    let shape = [linear.vectorizer().n_columns(), n_outputs];
    [parameter(weights, &shape, true), parameter(bias, &[n_outputs], true)]
}

fn parameter<'a>(name: &'a str, shape: &[usize], trained: bool) -> Parameter<'a> {
    Parameter { name, shape: shape.to_vec(), n: shape.iter().product(), trained }
}

fn strongest(classifier: &Classifier) -> Vec<LabelFeatures<'_>> {
    let pipeline = classifier.pipeline();
    let of_linear = |linear: &SparseModel, label| linear.strongest(pipeline, label, FEATURES_SHOWN);
    let labels = classifier.labels().iter().take(LABELS_SHOWN).enumerate();
    let features_of = |label| match classifier.model() {
        Model::Sparse(sparse) => of_linear(sparse, label),
        Model::Net(net) => net.wide().map(|wide| of_linear(wide.linear(), label)).unwrap_or_default(),
        Model::Cluster(cluster) => cluster.strongest(pipeline, label, FEATURES_SHOWN),
        Model::Ensemble(_) => Vec::new(),
    };
    let features: Vec<_> = labels.map(|(i, label)| LabelFeatures { label, features: features_of(i) }).collect();
    if features.iter().all(|of_label| of_label.features.is_empty()) { Vec::new() } else { features }
}

fn write_description(out: &mut impl Write, model: &Description<'_>, classifier: &Classifier) -> Result<()> {
    writeln!(out, "{}: {}, written by fenlei {}", model.path.display(), size(model.bytes), model.library_version)?;
    let trained_on = counted(model.n_train, "document");
    writeln!(out, "trained on {trained_on} (fingerprint {})", model.data_fingerprint)?;

    let mut labels = model.labels.iter().take(LABELS_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if model.labels.len() > LABELS_SHOWN {
        labels += &format!(", and {} more", grouped(model.labels.len() - LABELS_SHOWN));
    }
    let rule = decision::rule(model.decision, model.labels);
    writeln!(out, "\n{} ({rule}): {labels}", counted(model.labels.len(), "label"))?;
    for line in decision::lines(model.decision, model.labels) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\npipeline: {}", classifier.pipeline().spec())?;
    writeln!(out, "vocabulary: {}", counted(model.vocab_size, "token"))?;

    let family = model.plan.pointer("/model/family").and_then(Value::as_str).unwrap_or("model");
    match classifier.model() {
        Model::Net(net) => {
            if let Some(features) = net.features() {
                writeln!(out, "features: {}, {}", grouped(features.n_columns()), features.spec())?;
            }
            if let Some(wide) = net.wide() {
                write_features(out, "wide part", wide.linear().vectorizer(), &model.strongest)?;
            }
            writeln!(out, "\nlayers")?;
            for layer in model.plan.pointer("/model/layers").and_then(Value::as_array).into_iter().flatten() {
                writeln!(out, "  {}", layer_line(layer))?;
            }
        }
        Model::Sparse(sparse) => write_features(out, family, sparse.vectorizer(), &model.strongest)?,
        Model::Cluster(cluster) => {
            write_features(out, family, cluster.vectorizer(), &model.strongest)?;
            write_clusters(out, model.clusters)?;
        }
        Model::Ensemble(ensemble) => write_members(out, ensemble)?,
    }
    writeln!(out, "\n{}", counted(model.n_parameters, "parameter"))?;
    let width = model.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
    for parameter in &model.parameters {
        let shape: Vec<String> = parameter.shape.iter().map(ToString::to_string).collect();
        let fixed = if parameter.trained { "" } else { "  not trained" };
        let shape = format!("[{}]", shape.join(", "));
        writeln!(out, "  {:width$}  {shape:<16}  {:>12}{fixed}", parameter.name, grouped(parameter.n))?;
    }

    if let Some(epochs) = model.history.as_array().filter(|epochs| !epochs.is_empty()) {
        let best = epochs.iter().rev().find(|epoch| epoch["best"] == true).and_then(|epoch| epoch["epoch"].as_u64());
        let best = best.map(|epoch| format!(", the best was epoch {epoch}")).unwrap_or_default();
        writeln!(out, "\ntraining: {}{best}", counted(epochs.len(), "epoch"))?;
    }
    if let Ok(report) = serde_json::from_value::<Report>(model.validation.clone()) {
        writeln!(out, "\nvalidation: {report}")?;
    }
    writeln!(out, "the whole configuration: fenlei inspect {} --json", model.path.display())?;
    Ok(())
}

/// The members of an ensemble, with their weights.
fn write_members(out: &mut impl Write, ensemble: &EnsembleModel) -> Result<()> {
    let spec = ensemble.spec();
    let way = match spec.combine {
        Combine::Soft => "mean of the probabilities",
        Combine::Hard => "share of votes",
        Combine::Stacking => "logistic regression over the probabilities",
    };
    writeln!(out, "\n{}, put together by: {way}", counted(spec.members.len(), "member"))?;
    for (i, model) in spec.members.iter().enumerate() {
        let family = serde_json::to_value(model)?;
        let family = family["family"].as_str().unwrap_or("model").to_owned();
        let weight = spec.weights.get(i).map(|weight| format!(", weight {weight:.3}")).unwrap_or_default();
        let vocab_size = ensemble.members()[i].pipeline().vocab().len();
        writeln!(out, "  {}: {family}, {}{weight}", i + 1, counted(vocab_size, "token"))?;
    }
    Ok(())
}

/// What a model of features reads, and what it found.
fn write_features(
    out: &mut impl Write,
    name: &str,
    features: &Vectorizer,
    strongest: &[LabelFeatures<'_>],
) -> Result<()> {
    writeln!(out, "features: {}, {}", grouped(features.n_columns()), features.spec())?;
    if !strongest.is_empty() {
        writeln!(out, "\n{name}; what speaks most for each label")?;
    }
    for LabelFeatures { label, features } in strongest {
        let features: Vec<String> = features.iter().map(|f| format!("{:?} {:.2}", f.name, f.weight)).collect();
        writeln!(out, "  {label}: {}", if features.is_empty() { "nothing".into() } else { features.join(", ") })?;
    }
    Ok(())
}

/// The sizes of clusters when they were found, and how clear they were.
fn write_clusters(out: &mut impl Write, clusters: &Value) -> Result<()> {
    let Ok(found) = ClusterReport::deserialize(clusters) else { return Ok(()) };
    Ok(writeln!(out, "\nclusters of the documents they were found in\n{}", found.to_string().trim_end())?)
}

/// A layer as one line: its type, then its settings.
fn layer_line(layer: &Value) -> String {
    let Some(layer) = layer.as_object() else { return layer.to_string() };
    let kind = layer.get("type").and_then(Value::as_str).unwrap_or("layer");
    let settings = layer.iter().filter(|(key, value)| *key != "type" && !value.is_null());
    let settings: Vec<String> = settings
        .map(|(key, value)| match value {
            Value::String(word) => format!("{key} {word}"),
            Value::Array(items) if items.iter().all(Value::is_object) => {
                let inner: Vec<String> = items.iter().map(layer_line).collect();
                format!("{key} ({})", inner.join("; "))
            }
            value => format!("{key} {value}"),
        })
        .collect();
    if settings.is_empty() { kind.to_owned() } else { format!("{kind}: {}", settings.join(", ")) }
}
