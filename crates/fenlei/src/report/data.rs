//! What there is to say about an evaluation, in the order in which the page says it.

use serde::Serialize;
use serde_json::Value;

use super::distributions::{
    CalibrationBin, CountBin, CoveragePoint, LengthSlice, Outcomes, Thresholds, calibration, coverage,
    histogram_of_confidence, histogram_of_lengths, slices_by_length, thresholds,
};
use super::figures::{LabelCurve, precision_recall_curves, roc_curves};
use super::problems::DataProblems;
use crate::Result;
use crate::artifact::ModelInfo;
use crate::classifier::Classifier;
use crate::data::Dataset;
use crate::eval::Comparison;
use crate::explain::{ExplainOptions, Explanation, explain};
use crate::metrics::{Report, wilson_interval};
use crate::model::{Model, ModelSpec};
use crate::train::EpochRecord;

/// What to put into a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportOptions {
    /// The model's name, such as its file.
    pub model: String,
    /// The documents' name, such as their file.
    pub documents: String,
    /// How many of the worst errors are shown.
    pub n_errors: usize,
}

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct ReportData {
    /// What was measured on what.
    pub about: About,
    /// Every figure.
    pub report: Report,
    /// The 95 % interval of the accuracy (Wilson).
    pub accuracy_interval: (f64, f64),
    /// What answering without looking would reach; `None` for documents with several labels.
    pub baseline: Option<Baseline>,
    /// Documents left out since the model does not know their labels, with these.
    pub n_unknown: usize,
    /// These labels.
    pub unknown_labels: Vec<String>,
    /// Documents left out since they have no label.
    pub n_unlabelled: usize,
    /// An entry an epoch; none of a model without epochs.
    pub history: Vec<EpochRecord>,
    /// Of the second of two labels; of more the most frequent ones, each against the rest.
    pub roc: Vec<LabelCurve>,
    /// The same labels.
    pub precision_recall: Vec<LabelCurve>,
    /// Confidence beside the share that was right.
    pub calibration: Vec<CalibrationBin>,
    /// Documents by confidence.
    pub confidences: Vec<CountBin>,
    /// Documents by characters.
    pub lengths: Vec<CountBin>,
    /// Precision, recall and F1 by threshold; `None` where no threshold decides.
    pub thresholds: Option<Thresholds>,
    /// The accuracy of the surest answers.
    pub coverage: Vec<CoveragePoint>,
    /// Figures of documents of similar length.
    pub slices: Vec<LengthSlice>,
    /// The errors of which the model was surest.
    pub errors: Vec<ShownMistake>,
    /// What may be wrong with the documents.
    pub problems: DataProblems,
    /// Everything that the training was told.
    pub configuration: Value,
}

/// What was measured on what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// The documents' name.
    pub documents: String,
    /// The model's family, and for nets the kinds of their layers.
    pub family: String,
    /// Tokens that it knows.
    pub vocab_size: usize,
    /// Documents that it learned from.
    pub n_train: usize,
    /// Their fingerprint.
    pub data_fingerprint: String,
    /// The version of this library that trained it.
    pub library_version: String,
}

/// The most frequent label, as the answer to everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// The label.
    pub label: String,
    /// The share of documents that have it.
    pub share: f64,
}

/// An error with its explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownMistake {
    /// Which document, from 1, in the order of the data.
    pub document: usize,
    /// Its labels.
    pub truth: Vec<String>,
    /// The labels that it was given.
    pub predicted: Vec<String>,
    /// The probability of the truth.
    pub score_of_truth: f32,
    /// The document itself.
    pub text: String,
    /// Why it was given its most probable label.
    pub explanation: Explanation,
}

impl ReportData {
    /// Works out everything about a comparison of `classifier` with the labels of `documents`.
    ///
    /// # Errors
    /// As [`explain`].
    pub fn new(
        classifier: &Classifier,
        info: &ModelInfo,
        documents: &Dataset,
        comparison: &Comparison,
        options: &ReportOptions,
    ) -> Result<Self> {
        let report = comparison.report.clone();
        let outcomes = Outcomes::new(classifier, documents, comparison);
        let mistakes = comparison.worst_mistakes(classifier, documents, options.n_errors);
        let texts: Vec<&str> = mistakes.iter().map(|mistake| mistake.text).collect();
        let explanations = explain(classifier, &texts, &ExplainOptions { n_ngrams: 8, ..ExplainOptions::default() })?;
        let owned = |labels: &[&str]| labels.iter().map(ToString::to_string).collect();
        let errors = mistakes.iter().zip(explanations).map(|(mistake, explanation)| ShownMistake {
            document: mistake.document,
            truth: owned(&mistake.truth),
            predicted: owned(&mistake.predicted),
            score_of_truth: mistake.score_of_truth,
            text: mistake.text.to_owned(),
            explanation,
        });
        let most_frequent =
            report.per_class.iter().reduce(|best, other| if other.support > best.support { other } else { best });
        let baseline = most_frequent.filter(|_| !report.multi_label).map(|class| Baseline {
            label: class.label.clone(),
            share: class.support as f64 / report.n_docs.max(1) as f64,
        });
        Ok(Self {
            about: About {
                model: options.model.clone(),
                documents: options.documents.clone(),
                family: family(classifier.model()),
                vocab_size: classifier.pipeline().vocab().len(),
                n_train: info.n_train,
                data_fingerprint: info.data_fingerprint.clone(),
                library_version: info.library_version.clone(),
            },
            accuracy_interval: wilson_interval(outcomes.n_right() as u64, outcomes.len() as u64),
            baseline,
            n_unknown: comparison.unknown.iter().map(|unknown| unknown.n_docs as usize).sum(),
            unknown_labels: comparison.unknown.iter().map(|unknown| unknown.label.clone()).collect(),
            n_unlabelled: comparison.n_unlabelled,
            history: serde_json::from_value(info.history.clone()).unwrap_or_default(),
            roc: roc_curves(&report, comparison),
            precision_recall: precision_recall_curves(&report, comparison),
            calibration: calibration(&report, comparison, &outcomes),
            confidences: histogram_of_confidence(&outcomes),
            lengths: histogram_of_lengths(&outcomes),
            thresholds: thresholds(&report, comparison),
            coverage: coverage(&outcomes),
            slices: slices_by_length(&outcomes),
            errors: errors.collect(),
            problems: DataProblems::new(classifier, documents, comparison, &outcomes)?,
            configuration: info.plan.clone(),
            report,
        })
    }
}

/// The family of a model as a configuration names it, and the layers of a net.
fn family(model: &Model) -> String {
    let spec = model.spec();
    let name = serde_json::to_value(&spec).ok();
    let name = name.as_ref().and_then(|spec| spec.get("family")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ModelSpec::Net(net) = spec else { return name };
    let layers: Vec<String> = net
        .layers
        .iter()
        .filter_map(|layer| serde_json::to_value(layer).ok()?.get("type")?.as_str().map(str::to_owned))
        .collect();
    let wide = if net.wide.is_some() { " + wide" } else { "" };
    format!("{name}: {}{wide}", layers.join(" → "))
}
