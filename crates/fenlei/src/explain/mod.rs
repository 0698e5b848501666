//! Which words made a classifier answer as it did.
//!
//! An explanation is about one label of one text. It divides the label's *score* among the words of the text: a word
//! with a positive weight speaks for the label, one with a negative weight against it. The score is the label's logit
//! beside those of the others: the log-odds of two labels; of more labels that exclude each other the logit less the
//! mean of the others, since what raises all of them alike decides nothing; of labels that stand by themselves, or of
//! one label against the rest, the logit as it is.
//!
//! | Model | How | [`Method`] |
//! | --- | --- | --- |
//! | linear, naive Bayes, NB-SVM | weight × value of each n-gram, divided among its words | exact |
//! | bag of vectors without activation | the same | exact |
//! | convolutional and other nets | the run that won each filter's maximum, times the gradient of the score | linearised |
//! | everything else | each word left out once: how the log-odds change | leave-one-out |
//!
//! Invariant: for an exact or linearised explanation the weights of all words and [`Explanation::base`] sum to
//! [`Explanation::score`]. The same texts give the same bytes, for any number of threads.

mod contrast;
mod global;
mod linear;
mod nets;
mod occlusion;
mod words;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use global::{ClassNgrams, DecidingNgram, Evidence, deciding_ngrams};

use crate::classifier::Classifier;
use crate::model::Model;
use crate::{Error, Result};

/// What to explain, and how much of it to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplainOptions {
    /// Which label to speak of; `None` for the most probable one of each text.
    pub label: Option<usize>,
    /// How many n-grams an explanation lists, at most.
    pub n_ngrams: usize,
    /// How many words of a text are left out in turn, at most, where nothing better than that can be done.
    pub max_words_left_out: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self { label: None, n_ngrams: 20, max_words_left_out: 400 }
    }
}

/// How weights were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The score is a sum over n-grams, and this is that sum.
    Exact,
    /// The net is taken for its linear function near this text.
    Linearised,
    /// Each word was left out once.
    LeaveOneOut,
}

/// Why a text has a label, word by word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The label that the weights speak for and against.
    pub label: String,
    /// Its probability.
    pub probability: f32,
    /// How the weights were found.
    pub method: Method,
    /// The score that is explained, in natural logarithms of odds.
    pub score: f64,
    /// What the score would be without any word: biases. `None` where words were left out one at a time, since their
    /// weights then have no sum.
    pub base: Option<f64>,
    /// The words of the text in their order. What the pipeline takes away (stop words, tags, what is cut off) is not
    /// among them.
    pub words: Vec<WordWeight>,
    /// The n-grams that weigh most, the strongest first.
    pub ngrams: Vec<NgramWeight>,
    /// Words that were not looked at, because the text is too long to leave each of its words out.
    pub n_words_skipped: usize,
}

/// A word and what it has in the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordWeight {
    /// As it stands in the text.
    pub text: String,
    /// Where: bytes in the text.
    pub bytes: (u32, u32),
    /// Where: characters (Unicode scalar values) in the text.
    pub chars: (u32, u32),
    /// Positive for the label, negative against it.
    pub weight: f64,
}

/// An n-gram and what all of its places have in the score together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NgramWeight {
    /// As the model reads it: tokens with a space between them, or characters.
    pub text: String,
    /// Positive for the label, negative against it.
    pub weight: f64,
    /// How many places of it count.
    pub n_places: usize,
    /// The first of them: bytes in the text.
    pub bytes: (u32, u32),
    /// The same in characters.
    pub chars: (u32, u32),
}

/// Explains each text.
///
/// # Errors
/// [`Error::Config`] for a label that the classifier does not have.
pub fn explain<S: AsRef<str> + Sync>(
    classifier: &Classifier,
    texts: &[S],
    options: &ExplainOptions,
) -> Result<Vec<Explanation>> {
    let n_labels = classifier.labels().len();
    if let Some(label) = options.label.filter(|&label| label >= n_labels) {
        let problem = format!("label number {label} of {n_labels} (counted from 0)");
        return Err(Error::config("explanation", problem, "choose one of the classifier's labels"));
    }
    let predictions = classifier.predict_batch(texts);
    let best = |text| predictions.ranked(text).first().map_or(0, |&(label, _)| label);
    let labels: Vec<usize> = (0..texts.len()).map(|text| options.label.unwrap_or_else(|| best(text))).collect();
    let task = Task { classifier, texts, labels: &labels, options };
    let parts = match classifier.model() {
        Model::Sparse(sparse) => linear::explain(&task, sparse),
        Model::Net(net) => nets::explain(&task, net).unwrap_or_else(|| occlusion::explain(&task, &predictions)),
        _ => occlusion::explain(&task, &predictions),
    };
    let finished = parts.into_iter().zip(&labels).enumerate().map(|(text, (parts, &label))| Explanation {
        label: classifier.labels()[label].clone(),
        probability: predictions.row(text)[label],
        method: parts.method,
        score: parts.score,
        base: parts.base,
        words: parts.words,
        ngrams: parts.ngrams,
        n_words_skipped: parts.n_words_skipped,
    });
    Ok(finished.collect())
}

/// The number of a label by its name.
///
/// # Errors
/// [`Error::Config`] with the names that there are.
pub fn label_named(classifier: &Classifier, name: &str) -> Result<usize> {
    let labels = classifier.labels();
    labels.iter().position(|label| label == name).ok_or_else(|| {
        let shown: Vec<&str> = labels.iter().take(20).map(String::as_str).collect();
        let more = if labels.len() > 20 { ", …" } else { "" };
        let help = format!("its {} labels are {}{more}", labels.len(), shown.join(", "));
        Error::config("--label", format!("the model has no label {name:?}"), help)
    })
}

/// What every way of explaining gets.
struct Task<'a, S> {
    classifier: &'a Classifier,
    texts: &'a [S],
    /// For each text the label to speak of.
    labels: &'a [usize],
    options: &'a ExplainOptions,
}

/// What every way of explaining gives for a text.
struct Parts {
    method: Method,
    score: f64,
    base: Option<f64>,
    words: Vec<WordWeight>,
    ngrams: Vec<NgramWeight>,
    n_words_skipped: usize,
}
