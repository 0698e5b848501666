//! What was decided about each document, kept so that figures over any sample of the documents cost one pass.
//!
//! Invariant: over all documents once, every figure is that of the [`Report`](super::Report).

use super::agreement::{balanced_accuracy, cohen_kappa, matthews};
use super::check::check;
use super::counts::{Average, Counts};
use super::probability::{log_loss_of, squared_distance};
use super::{Figure, Truth};
use crate::Result;
use crate::classifier::Decision;

/// Predictions beside the truth, document by document.
#[derive(Debug, Clone)]
pub struct Outcomes {
    n_labels: usize,
    multi_label: bool,
    /// The events of document `i` are those from `starts[i]` to `starts[i + 1]`.
    starts: Vec<usize>,
    events: Vec<Event>,
    documents: Vec<Document>,
    /// Of two labels, one a document: documents by the probability of the second label, highest first.
    ranking: Vec<Ranked>,
}

/// A label that a document has, or was given, or both.
#[derive(Debug, Clone, Copy)]
struct Event {
    label: u32,
    given: bool,
    truth: bool,
}

#[derive(Debug, Clone, Copy)]
struct Document {
    right: bool,
    n_wrong_pairs: u32,
    f1: f64,
    log_loss: f64,
    squared_distance: f64,
}

#[derive(Debug, Clone, Copy)]
struct Ranked {
    doc_idx: u32,
    truth: bool,
    /// Whether the next one has another probability.
    ends_tie: bool,
}

impl Outcomes {
    /// Decides about each document.
    ///
    /// # Errors
    /// As [`Report::decided`](super::Report::decided).
    pub fn new(labels: &[String], truth: Truth, probabilities: &[f32], decision: &Decision) -> Result<Self> {
        check(labels, truth, probabilities, decision)?;
        let n_labels = labels.len();
        let multi_label = decision.multi_label;
        let mut outcomes = Self {
            n_labels,
            multi_label,
            starts: vec![0],
            events: Vec::new(),
            documents: Vec::with_capacity(truth.n_docs()),
            ranking: Vec::new(),
        };
        for (doc_idx, row) in probabilities.chunks_exact(n_labels).enumerate() {
            let (given, truth) = (decision.decide(row).labels, truth.labels_of(doc_idx));
            let mut counts = Counts::default();
            for &label in &given {
                let event = Event { label, given: true, truth: truth.contains(&label) };
                counts.add(true, event.truth);
                outcomes.events.push(event);
            }
            for &label in truth.iter().filter(|label| !given.contains(label)) {
                counts.add(false, true);
                outcomes.events.push(Event { label, given: false, truth: true });
            }
            outcomes.starts.push(outcomes.events.len());
            let n_wrong_pairs = (counts.predicted + counts.support - 2 * counts.true_positives) as u32;
            outcomes.documents.push(Document {
                right: n_wrong_pairs == 0,
                n_wrong_pairs,
                f1: counts.f1(),
                log_loss: log_loss_of(truth, row, multi_label),
                squared_distance: squared_distance(truth, row),
            });
        }
        if let (Truth::Single(truth), 2) = (truth, n_labels) {
            outcomes.ranking = ranked(truth, probabilities);
        }
        Ok(outcomes)
    }

    /// How many documents.
    pub fn n_docs(&self) -> usize {
        self.documents.len()
    }

    /// Whether a document got exactly its labels.
    pub fn is_right(&self, doc_idx: usize) -> bool {
        self.documents[doc_idx].right
    }

    /// Every figure over a sample in which document `i` stands `weights[i]` times; `None` where it is undefined there.
    pub(super) fn figures(&self, weights: &[u32], counts: &mut Vec<Counts>) -> [Option<f64>; Figure::ALL.len()] {
        counts.clear();
        counts.resize(self.n_labels, Counts::default());
        let (mut n_docs, mut n_right, mut n_wrong_pairs) = (0u64, 0u64, 0u64);
        let (mut f1, mut log_loss, mut squares) = (0.0, 0.0, 0.0);
        for ((document, bounds), &weight) in self.documents.iter().zip(self.starts.windows(2)).zip(weights) {
            if weight == 0 {
                continue;
            }
            let weight_of = |is_so: bool| if is_so { u64::from(weight) } else { 0 };
            for event in &self.events[bounds[0]..bounds[1]] {
                let label = &mut counts[event.label as usize];
                label.predicted += weight_of(event.given);
                label.support += weight_of(event.truth);
                label.true_positives += weight_of(event.given && event.truth);
            }
            n_docs += u64::from(weight);
            n_right += weight_of(document.right);
            n_wrong_pairs += u64::from(weight) * u64::from(document.n_wrong_pairs);
            f1 += f64::from(weight) * document.f1;
            log_loss += f64::from(weight) * document.log_loss;
            squares += f64::from(weight) * document.squared_distance;
        }
        let n_docs = n_docs as f64;
        let n_pairs = n_docs * self.n_labels as f64;
        let n_decisions = if self.multi_label { n_pairs } else { n_docs };
        let brier_unit = if !self.multi_label && self.n_labels == 2 { 2.0 * n_docs } else { n_decisions };
        let single = |figure: Option<f64>| if self.multi_label { None } else { figure };
        let many = |figure: f64| self.multi_label.then_some(figure);
        Figure::ALL.map(|figure| match figure {
            Figure::Accuracy => Some(n_right as f64 / n_docs),
            Figure::BalancedAccuracy => single(balanced_accuracy(counts)),
            Figure::MacroPrecision => Some(Average::macro_mean(counts).precision),
            Figure::MacroRecall => Some(Average::macro_mean(counts).recall),
            Figure::MacroF1 => Some(Average::macro_mean(counts).f1),
            Figure::WeightedF1 => Some(Average::weighted_mean(counts).f1),
            // With one label a document it is the accuracy.
            Figure::MicroF1 => many(Average::micro(counts).f1),
            Figure::SamplesF1 => many(f1 / n_docs),
            Figure::HammingLoss => many(n_wrong_pairs as f64 / n_pairs),
            Figure::MatthewsCorrelation => single(Some(matthews(counts))),
            Figure::CohenKappa => single(cohen_kappa(counts)),
            Figure::Auc => self.area(weights),
            Figure::LogLoss => Some(log_loss / n_decisions),
            Figure::BrierScore => Some(squares / brier_unit),
        })
    }

    fn area(&self, weights: &[u32]) -> Option<f64> {
        let (mut positives, mut negatives, mut twice_won) = (0u64, 0u64, 0u64);
        let (mut tied_positives, mut tied_negatives) = (0u64, 0u64);
        for ranked in &self.ranking {
            let weight = u64::from(weights[ranked.doc_idx as usize]);
            let tied = if ranked.truth { &mut tied_positives } else { &mut tied_negatives };
            *tied += weight;
            if ranked.ends_tie {
                twice_won += tied_negatives * (2 * positives + tied_positives);
                positives += tied_positives;
                negatives += tied_negatives;
                (tied_positives, tied_negatives) = (0, 0);
            }
        }
        let n_pairs = positives * negatives;
        (n_pairs > 0).then(|| twice_won as f64 / (2 * n_pairs) as f64)
    }
}

fn ranked(truth: &[u32], probabilities: &[f32]) -> Vec<Ranked> {
    let second = |doc_idx: u32| probabilities[2 * doc_idx as usize + 1];
    let mut order: Vec<u32> = (0..truth.len() as u32).collect();
    order.sort_by(|&a, &b| second(b).total_cmp(&second(a)));
    let ends_tie = |i: usize| order.get(i + 1).is_none_or(|&next| second(next) != second(order[i]));
    let of =
        |(i, &doc_idx): (usize, &u32)| Ranked { doc_idx, truth: truth[doc_idx as usize] == 1, ends_tie: ends_tie(i) };
    order.iter().enumerate().map(of).collect()
}
