//! What decides for each label, over all texts: the weights of a linear model, or the explanations of documents.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contrast::Outputs;
use super::linear::weight;
use super::{ExplainOptions, explain};
use crate::classifier::Classifier;
use crate::model::{Model, SparseModel};
use crate::{Error, Result};

/// Texts that are explained at a time: memory stays bounded.
const TEXTS_AT_A_TIME: usize = 1024;

/// N-grams of one explanation that are counted.
const NGRAMS_OF_A_TEXT: usize = 100;

/// Of each n-gram its weights in all documents together, and how many documents.
type Sums = BTreeMap<String, (f64, usize)>;

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The model itself: what each unit of a feature adds to the score.
    Weights,
    /// Documents: what n-grams had in the scores of the documents that were given the label, summed up.
    Documents,
}

/// The n-grams that decide for a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassNgrams {
    /// The label.
    pub label: String,
    /// Where the weights come from.
    pub evidence: Evidence,
    /// Documents that were given the label, where documents are the evidence.
    pub n_docs: usize,
    /// The strongest first.
    pub ngrams: Vec<DecidingNgram>,
}

/// An n-gram that speaks for a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecidingNgram {
    /// As the model reads it.
    pub text: String,
    /// Its weight in the model, or the sum over the documents.
    pub weight: f64,
    /// Documents in which it counted; 0 where the model itself is the evidence.
    pub n_docs: usize,
}

/// The `n` n-grams that speak most for each label: by the weights of a linear model, else by the explanations of
/// `texts`, of which each counts for the label that it is given.
///
/// # Errors
/// [`Error::Config`] when the model needs texts and there are none.
pub fn deciding_ngrams<S: AsRef<str> + Sync>(
    classifier: &Classifier,
    texts: Option<&[S]>,
    n: usize,
) -> Result<Vec<ClassNgrams>> {
    match (classifier.model(), texts) {
        (Model::Sparse(model), None) => Ok(of_weights(classifier, model, n)),
        (_, Some(texts)) if !texts.is_empty() => of_documents(classifier, texts, n),
        _ => {
            let problem = "what decides in this model shows on documents only, and there are none";
            Err(Error::config("--global", problem, "name some with --data, such as those of the test"))
        }
    }
}

fn of_weights(classifier: &Classifier, model: &SparseModel, n: usize) -> Vec<ClassNgrams> {
    let n_outputs = model.bias().len().max(1);
    let strongest = |label: usize| {
        let contrast = Outputs::of_link(model.link()).contrast(label, model.n_labels());
        let weights = model.weights().chunks_exact(n_outputs).map(|weights| weight(&contrast, weights));
        let mut strong: Vec<(u32, f64)> = (0..).zip(weights).filter(|(_, weight)| *weight > 0.0).collect();
        strong.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        strong.truncate(n);
        strong
    };
    let of_labels: Vec<Vec<(u32, f64)>> = (0..classifier.labels().len()).map(strongest).collect();
    // Names are looked up once for all labels, since that goes through all features.
    let columns: Vec<u32> = of_labels.iter().flatten().map(|(column, _)| *column).collect();
    let mut names = model.vectorizer().names(classifier.pipeline(), &columns).into_iter();
    let of_label = |(label, strong): (&String, Vec<(u32, f64)>)| ClassNgrams {
        label: label.clone(),
        evidence: Evidence::Weights,
        n_docs: 0,
        ngrams: strong
            .into_iter()
            .map(|(_, weight)| DecidingNgram { text: names.next().unwrap_or_default(), weight, n_docs: 0 })
            .collect(),
    };
    classifier.labels().iter().zip(of_labels).map(of_label).collect()
}

fn of_documents<S: AsRef<str> + Sync>(classifier: &Classifier, texts: &[S], n: usize) -> Result<Vec<ClassNgrams>> {
    let labels = classifier.labels();
    let mut sums: Vec<Sums> = vec![Sums::new(); labels.len()];
    let mut n_docs = vec![0; labels.len()];
    let options = ExplainOptions { n_ngrams: NGRAMS_OF_A_TEXT, ..ExplainOptions::default() };
    for some in texts.chunks(TEXTS_AT_A_TIME) {
        for explanation in explain(classifier, some, &options)? {
            let Some(label) = labels.iter().position(|label| *label == explanation.label) else { continue };
            n_docs[label] += 1;
            for ngram in explanation.ngrams {
                let (sum, n_docs) = sums[label].entry(ngram.text.to_lowercase()).or_insert((0.0, 0));
                *sum += ngram.weight;
                *n_docs += 1;
            }
        }
    }
    let of_label = |((label, sums), n_docs): ((&String, Sums), usize)| {
        let mut ngrams: Vec<DecidingNgram> = sums
            .into_iter()
            .filter(|(_, (weight, _))| *weight > 0.0)
            .map(|(text, (weight, n_docs))| DecidingNgram { text, weight, n_docs })
            .collect();
        ngrams.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
        ngrams.truncate(n);
        ClassNgrams { label: label.clone(), evidence: Evidence::Documents, n_docs, ngrams }
    };
    Ok(labels.iter().zip(sums).zip(n_docs).map(of_label).collect())
}
