//! Calibration, thresholds and abstaining, chosen on documents that the model has not learned from.
//!
//! Invariant: the choice starts from what the model itself says, whatever was chosen before, so that it depends on
//! model, documents and wishes alone.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::documents::{Labelled, with_truth};
use crate::classifier::{Calibration, Classifier, DEFAULT_THRESHOLD, Decision, Positive};
use crate::data::{Dataset, Target};
use crate::metrics::{
    CoveragePoint, Goal, Report, Scored, UnknownLabel, answers, coverage_curve, most_accurate, most_covered,
    tune_threshold,
};
use crate::{Error, Result};

/// One number needs so many documents at least.
const MIN_DOCS: usize = 30;

/// Curves need more, and of each label and of the others so many.
const MIN_DOCS_ISOTONIC: usize = 100;
const MIN_DOCS_OF_LABEL: usize = 5;

/// What to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSpec {
    /// What is done to probabilities.
    pub method: Method,
    /// What a threshold is chosen for, if one is.
    pub threshold_for: Option<Goal>,
    /// Models of any number of labels: a threshold for each label.
    pub per_label: bool,
    /// Models of two labels: the one that a threshold is chosen for; the second, if not given.
    pub positive: Option<String>,
    /// When no answer is given.
    pub abstain: Option<Abstain>,
}

/// Ways to make probabilities mean what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One number.
    Temperature,
    /// A curve for each label.
    Isotonic,
    /// They stay as the model gives them.
    None,
}

/// When no answer is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Abstain {
    /// Below this confidence.
    Below(f32),
    /// Where answers would make the accuracy fall below this.
    ForAccuracy(f64),
}

/// What was chosen, and what it changed.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Calibrated {
    /// What the classifier decides by now.
    pub decision: Decision,
    /// On these documents, as the classifier was.
    pub before: Report,
    /// On the same documents, as it is now: what was chosen on them looks better on them than on others.
    pub after: Report,
    /// What abstaining would give, as the classifier was.
    pub coverage_before: Vec<CoveragePoint>,
    /// What abstaining gives now.
    pub coverage_after: Vec<CoveragePoint>,
    /// Labels that the model does not know, with their documents, which were left out.
    #[serde(skip)]
    pub unknown: Vec<UnknownLabel>,
    /// Documents without a label, which were left out.
    #[serde(skip)]
    pub n_unlabelled: usize,
}

/// Chooses how `classifier` decides on `documents` (of the file `path`, for messages), which it must not have learned
/// from.
///
/// # Errors
/// [`Error::Data`] when the documents are too few or all alike; [`Error::Config`] for a wish that this kind of model
/// cannot have; [`Error::Train`] for one that no threshold fulfils, or when the model has diverged.
pub fn calibrate(
    classifier: &mut Classifier,
    documents: &Dataset,
    path: &Path,
    spec: &CalibrationSpec,
) -> Result<Calibrated> {
    let labelled = Labelled::of(classifier, documents, path)?;
    let (n_labels, multi_label) = (classifier.labels().len(), classifier.decision().multi_label);
    check_spec(spec, n_labels, multi_label)?;
    check_documents(&labelled.targets, classifier, path, spec.method)?;
    let raw = labelled.predict(documents, |texts, probabilities| {
        probabilities.extend_from_slice(classifier.uncalibrated_batch(texts).probabilities());
    });
    let of = Measured { targets: &labelled.targets, labels: classifier.labels(), raw: &raw };
    // This also refuses probabilities that are no numbers, before anything is fitted to them.
    let (before, coverage_before) = of.with(classifier.decision())?;

    let targets = &labelled.targets;
    let mut decision = Decision::plain(multi_label, DEFAULT_THRESHOLD);
    decision.calibration = match spec.method {
        Method::Temperature => Some(Calibration::fit_temperature(&raw, targets, multi_label)),
        Method::Isotonic => Some(Calibration::fit_isotonic(&raw, targets, n_labels)),
        Method::None => None,
    };
    let probabilities = of.calibrated(&decision);
    choose_thresholds(&mut decision, spec, classifier.labels(), targets, &probabilities)?;
    decision.abstain_below = match spec.abstain {
        None => None,
        Some(Abstain::Below(bound)) => Some(bound),
        Some(Abstain::ForAccuracy(accuracy)) => bound_for(accuracy, &of.answers(&probabilities, &decision))?,
    };
    let (after, coverage_after) = of.with(&decision)?;
    classifier.decision = decision.clone();
    let Labelled { unknown, n_unlabelled, .. } = labelled;
    Ok(Calibrated { decision, before, after, coverage_before, coverage_after, unknown, n_unlabelled })
}

/// What the model itself says about documents with their truth.
struct Measured<'a> {
    targets: &'a [Target],
    labels: &'a [String],
    raw: &'a [f32],
}

impl Measured<'_> {
    fn calibrated(&self, decision: &Decision) -> Vec<f32> {
        let mut probabilities = self.raw.to_vec();
        if let Some(calibration) = &decision.calibration {
            calibration.apply(&mut probabilities, self.labels.len(), decision.multi_label);
        }
        probabilities
    }

    fn answers(&self, probabilities: &[f32], decision: &Decision) -> Vec<(f32, bool)> {
        with_truth(self.targets, decision.multi_label, |truth| {
            answers(truth, probabilities, self.labels.len(), decision)
        })
    }

    fn with(&self, decision: &Decision) -> Result<(Report, Vec<CoveragePoint>)> {
        let probabilities = self.calibrated(decision);
        let report = with_truth(self.targets, decision.multi_label, |truth| {
            Report::decided(self.labels, truth, &probabilities, decision)
        })?;
        Ok((report, coverage_curve(&self.answers(&probabilities, decision))))
    }
}

fn check_spec(spec: &CalibrationSpec, n_labels: usize, multi_label: bool) -> Result<()> {
    let refuse = |place: &str, problem: &str, help: &str| Err(Error::config(place, problem, help));
    if spec.threshold_for.is_some() && !multi_label && n_labels != 2 {
        let problem = format!("this model gives one of {n_labels} labels, the most probable one");
        let help = "thresholds are for models of two labels, or of any number a document; leave it out";
        return refuse("--threshold-for", &problem, help);
    }
    if spec.per_label && (!multi_label || spec.threshold_for.is_none()) {
        let problem = "there is no threshold for each label to choose";
        return refuse("--per-class", problem, "give --threshold-for, with a model of any number of labels a document");
    }
    if spec.positive.is_some() && (multi_label || spec.threshold_for.is_none()) {
        let problem = "there is no threshold of a positive label to choose";
        return refuse("--positive", problem, "give --threshold-for, with a model that gives one of two labels");
    }
    match spec.abstain {
        Some(Abstain::Below(p)) if !(0.0..=1.0).contains(&p) => {
            refuse("--abstain-below", &format!("found {p}, expected a confidence from 0 to 1"), "0.8 is usual")
        }
        Some(Abstain::ForAccuracy(share)) if !(share > 0.0 && share <= 1.0) => {
            let problem = format!("found an accuracy of {share}, expected above 0 and up to 1");
            refuse("--abstain-for", &problem, "give a share, as accuracy=0.98")
        }
        _ => Ok(()),
    }
}

/// What is too few, or all alike, tells nothing about how often the model is right.
fn check_documents(targets: &[Target], classifier: &Classifier, path: &Path, method: Method) -> Result<()> {
    let refuse = |problem: String, help: &str| Err(Error::data(path, None, problem, help));
    let n_docs = targets.len();
    let least = if method == Method::Isotonic { MIN_DOCS_ISOTONIC } else { MIN_DOCS };
    if n_docs < least {
        let problem = format!("found {n_docs} documents with labels that the model knows, expected at least {least}");
        return match method {
            Method::Isotonic if n_docs >= MIN_DOCS => refuse(problem, "give more, or use --method temperature"),
            _ => refuse(problem, "give more documents that the model has not learned from"),
        };
    }
    let mut counts = vec![0usize; classifier.labels().len()];
    targets.iter().flat_map(Target::as_slice).for_each(|&label| counts[label as usize] += 1);
    let differing = counts.iter().filter(|&&n| n > 0 && n < n_docs).count();
    if differing == 0 {
        let help = "give documents of every label, in the shares in which they occur";
        return match counts.iter().position(|&n| n > 0) {
            Some(only) => {
                let problem = format!("every document has the same label, {:?}", classifier.labels()[only]);
                refuse(problem + ", so nothing tells how often the model is right", help)
            }
            None => refuse("no document has any label".to_owned(), help),
        };
    }
    if method == Method::Isotonic {
        let is_rare = |&n: &usize| n < MIN_DOCS_OF_LABEL || n_docs - n < MIN_DOCS_OF_LABEL;
        if let Some(rare) = counts.iter().position(is_rare) {
            let (label, n) = (&classifier.labels()[rare], counts[rare]);
            let problem = format!(
                "{n} of {n_docs} documents have the label {label:?}; a curve needs {MIN_DOCS_OF_LABEL} with it and as many without"
            );
            return refuse(problem, "give more documents of this label, or use --method temperature");
        }
    }
    Ok(())
}

fn choose_thresholds(
    decision: &mut Decision,
    spec: &CalibrationSpec,
    labels: &[String],
    targets: &[Target],
    probabilities: &[f32],
) -> Result<()> {
    let Some(goal) = spec.threshold_for else { return Ok(()) };
    let n_labels = labels.len();
    let of_label = |label: usize| -> Vec<Scored> {
        let of = probabilities.iter().skip(label).step_by(n_labels).zip(targets);
        let truth = |target: &Target| target.as_slice().contains(&(label as u32));
        of.map(|(&probability, target)| Scored { label: 0, probability, truth: truth(target) }).collect()
    };
    let place = |label: usize| format!("the label {:?}", labels[label]);
    if !decision.multi_label {
        let label = positive_label(spec, labels)?;
        let threshold = tune_threshold(&of_label(label), 1, goal, &place(label))?;
        decision.positive = Some(Positive { label: label as u32, threshold });
        return Ok(());
    }
    let all: Vec<Scored> = (0..n_labels)
        .flat_map(|label| of_label(label).into_iter().map(move |pair| Scored { label: label as u32, ..pair }))
        .collect();
    if !spec.per_label {
        decision.threshold = tune_threshold(&all, n_labels, goal, "all labels")?;
        return Ok(());
    }
    // A label that no document has takes the threshold of all; where the wish is one that all labels together cannot
    // have, the usual one.
    let of_all = tune_threshold(&all, n_labels, goal, "all labels").unwrap_or(DEFAULT_THRESHOLD);
    let mut thresholds = Vec::with_capacity(n_labels);
    for label in 0..n_labels {
        let pairs = of_label(label);
        let occurs = pairs.iter().any(|pair| pair.truth);
        thresholds.push(if occurs { tune_threshold(&pairs, 1, goal, &place(label))? } else { of_all });
    }
    decision.thresholds = Some(thresholds);
    Ok(())
}

fn positive_label(spec: &CalibrationSpec, labels: &[String]) -> Result<usize> {
    let Some(name) = &spec.positive else { return Ok(1) };
    labels.iter().position(|label| label == name).ok_or_else(|| {
        let problem = format!("found {name:?}, expected one of the model's labels: {}", labels.join(", "));
        Error::config("--positive", problem, "write the label as the model does")
    })
}

/// The confidence from which on answers are as often right as wished; `None` when all of them are.
fn bound_for(accuracy: f64, answers: &[(f32, bool)]) -> Result<Option<f32>> {
    match most_covered(answers, accuracy) {
        Some(point) if point.coverage >= 1.0 => Ok(None),
        Some(point) => Ok(Some(point.abstain_below)),
        None => {
            let most = most_accurate(answers).map_or(0.0, |point| point.accuracy);
            let problem =
                format!("no confidence gives an accuracy of {accuracy}: the most that any gives is {most:.4}");
            Err(Error::train(problem, "ask for less"))
        }
    }
}
