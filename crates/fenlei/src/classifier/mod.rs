//! A trained classifier: pipeline, model, labels and decision in one value.
//!
//! Invariant: whoever predicts, in training, evaluation or service, calls [`Classifier::predict_batch`]. There is no
//! other way from a text to a score.

mod answer;
mod calibration;
mod decision;
mod isotonic;
mod profile;
mod temperature;

pub use answer::{AnswerOptions, Scored};
pub use calibration::Calibration;
pub use decision::{Decided, Decision, Positive};
pub use isotonic::IsotonicCurve;
pub use profile::{Distance, Drift, Profile};

pub(crate) use decision::{DEFAULT_THRESHOLD, most_probable};

use crate::model::Model;
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Everything that a prediction needs.
#[derive(Debug)]
pub struct Classifier {
    pub(crate) pipeline: TextPipeline,
    pub(crate) model: Model,
    pub(crate) labels: Vec<String>,
    pub(crate) decision: Decision,
}

/// The probabilities of a batch of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    probabilities: Vec<f32>,
    n_labels: usize,
}

impl Classifier {
    /// Puts the parts together.
    pub(crate) fn new(pipeline: TextPipeline, model: Model, labels: Vec<String>, decision: Decision) -> Self {
        Self { pipeline, model, labels, decision }
    }

    /// The probability of each label for each text. A text gets the same scores alone and in any batch, and with any
    /// number of threads.
    ///
    /// ```
    /// use fenlei::config::{PlanSource, load_plan};
    /// use fenlei::data::{Dataset, Target};
    ///
    /// let texts = ["a fine film", "dull and long", "fine acting", "so dull"].map(String::from).to_vec();
    /// let targets = [1, 0, 1, 0].map(Target::One).to_vec();
    /// let reviews = Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false)?;
    /// let plan = load_plan(&PlanSource { set: vec!["train.epochs=1".into()], ..PlanSource::default() })?;
    /// let classifier = fenlei::train::train(&plan, &reviews, None)?.classifier;
    /// let predictions = classifier.predict_batch(&["fine", "dull"]);
    /// assert_eq!(predictions.len(), 2);
    /// assert!((predictions.row(0).iter().sum::<f32>() - 1.0).abs() < 1e-5);
    /// # Ok::<(), fenlei::Error>(())
    /// ```
    pub fn predict_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Predictions {
        let mut predictions = self.uncalibrated_batch(texts);
        if let Some(calibration) = &self.decision.calibration {
            calibration.apply(&mut predictions.probabilities, self.labels.len(), self.decision.multi_label);
        }
        predictions
    }

    /// Makes the tables that speed up scoring now, rather than when more tokens come at once than the vocabulary has: for
    /// whoever answers many requests of few texts. It takes memory and a product for each token of the vocabulary; no score
    /// depends on it.
    pub fn prepare_scoring(&self) {
        self.model.prepare_scoring();
    }

    /// Adds the small matrices that were trained beside frozen weights (LoRA) to these. What it answers stays the same but
    /// for rounding, and takes less time.
    ///
    /// # Errors
    /// When the layers of a net do not fit together, which those of a trained classifier do.
    pub fn merge(&mut self) -> Result<()> {
        self.model.merge()
    }

    /// Holds the weights of a Transformer and its table of tokens as 8-bit integers, with a scale for each output: a quarter
    /// of the size, and faster where processors have instructions for it. Answers change a little; measure how much on
    /// held-out documents. Further training is not possible.
    ///
    /// # Errors
    /// When the model has no such weights.
    pub fn quantize(&mut self) -> Result<()> {
        self.merge()?;
        match self.model.quantize() {
            0 => {
                let problem = "this model has no weights that are worth 8-bit integers: those of a Transformer are";
                Err(Error::config("model", problem, "nets with a convolution score with 16-bit integers already"))
            }
            _ => Ok(()),
        }
    }

    /// What the model itself says, which a calibration is fitted on and checks of the model are made with. A steep
    /// calibration makes much of the rounding of a processor.
    pub(crate) fn uncalibrated_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Predictions {
        let probabilities = self.model.probabilities(&self.pipeline, texts);
        Predictions { probabilities, n_labels: self.labels.len() }
    }

    /// The names of the labels, in the order of the scores.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The fitted pipeline, to look at.
    pub fn pipeline(&self) -> &TextPipeline {
        &self.pipeline
    }

    /// The model, to look at.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How scores become labels.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Changes the probability from which on a label is given: any label of a multi-label classifier, or the positive
    /// one of two where the decision has one.
    pub fn set_threshold(&mut self, threshold: f32) {
        self.decision = self.decision.with_threshold(threshold);
    }
}

impl Predictions {
    /// Puts rows of probabilities together, `[n_texts, n_labels]`.
    pub(crate) fn of_rows(probabilities: Vec<f32>, n_labels: usize) -> Self {
        Self { probabilities, n_labels }
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.probabilities.len().checked_div(self.n_labels).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.probabilities.is_empty()
    }

    /// The probability of each label for text `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.probabilities[i * self.n_labels..(i + 1) * self.n_labels]
    }

    /// All probabilities, `[n_texts, n_labels]`.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Labels and probabilities of text `i`, best first; equal ones in the order of the labels.
    pub fn ranked(&self, i: usize) -> Vec<(usize, f32)> {
        let mut ranked: Vec<_> = self.row(i).iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked
    }
}
