//! Labelled documents: reading, describing, splitting, converting, fetching.
//!
//! ```text
//! path ─tree, layout→ one part a split ─guess, encoding, columns→ reader ─collect→ Dataset + Findings
//! ```
//!
//! Invariant: a reader guesses, says what it guessed ([`Findings`]), and lets [`ReadOptions`] overrule each guess.
//! Invariant: no row is dropped, changed or invented without being counted in the findings.

mod collect;
mod columns;
mod compression;
mod convert;
mod crawl;
mod decode;
mod encoding;
mod findings;
mod fingerprint;
mod get;
mod guess;
mod join;
mod layout;
mod line_file;
mod lines;
mod options;
mod read;
mod select;
mod source;
mod split;
mod stats;
mod target;
mod tree;
mod write;

use std::cmp::Ordering;
use std::collections::HashMap;

pub use compression::Compression;
pub use convert::{Conversion, Converted, convert};
pub use crawl::{is_crawl, is_crawl_bytes};
pub use findings::{Findings, Ignored};
pub use get::{
    GetOptions, HUB_PREFIX, HubName, HubOptions, KNOWN_SETS, KnownSet, Progress, get, get_model, hub_folder,
};
pub use line_file::{LineFile, Lines};
pub use lines::TextLines;
pub use options::{Extract, Format, MissingLabel, ReadOptions, Split};
pub use read::{Part, read, read_all, read_bytes, splits};
pub(crate) use select::language_of;
pub use select::{Dedup, Dropped, Reason, Selection, near_duplicates, near_duplicates_of};
pub use split::{grouped_folds, split, stratified_folds, stratified_split};
pub use stats::{Duplicates, LabelCount, Lengths, Share, Stats, stats};
pub use target::Target;
pub use write::{WriteFormat, Written, write, write_to};

use crate::{Error, Result};

/// Labelled documents in memory.
///
/// Invariant: `texts.len() == targets.len()`, every target index is below `labels.len()`, `labels` are distinct
/// and sorted (numbers by value, else by text), so that the same documents give the same indices in any order.
/// [`Target::Many`] stands only in multi-label data and [`Target::One`] only in single-label data;
/// [`Target::Unlabelled`] may stand in both, but only where the caller asked for it ([`MissingLabel::Keep`],
/// [`Split::Unlabelled`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    /// The raw texts, decoded to UTF-8, otherwise untouched.
    pub texts: Vec<String>,
    /// The labels of each text.
    pub targets: Vec<Target>,
    /// The names of the labels.
    pub labels: Vec<String>,
    /// Whether a document may have any number of labels (sigmoid head) rather than exactly one (softmax head).
    pub multi_label: bool,
    /// What else is known about the documents, such as the address of a crawled page; written beside text and label.
    pub columns: Vec<Column>,
}

/// Something known about each document that no model sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// A value for each document; empty where nothing is known.
    pub values: Vec<String>,
}

impl Dataset {
    /// A data set whose invariants have been checked.
    ///
    /// # Errors
    /// [`Error::Config`] that says which invariant does not hold.
    pub fn new(texts: Vec<String>, targets: Vec<Target>, labels: Vec<String>, multi_label: bool) -> Result<Self> {
        let dataset = Self { texts, targets, labels, multi_label, columns: Vec::new() };
        match dataset.broken_invariant() {
            None => Ok(dataset),
            Some(problem) => Err(Error::config("data set", problem, "build it with `data::read`, or mend the caller")),
        }
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How many documents carry each label: `[labels.len()]`.
    pub fn label_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for target in &self.targets {
            for &label in target.as_slice() {
                counts[label as usize] += 1;
            }
        }
        counts
    }

    /// The documents at `indices`, in that order, with the same labels (also those that no chosen document has).
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self {
            texts: indices.iter().map(|&i| self.texts[i].clone()).collect(),
            targets: indices.iter().map(|&i| self.targets[i].clone()).collect(),
            labels: self.labels.clone(),
            multi_label: self.multi_label,
            columns: self.columns.iter().map(|column| column.subset(indices)).collect(),
        }
    }

    /// The same documents with their targets expressed as indices into `labels`: a test part in the terms of the
    /// training part. Every label that a document carries must be in `labels`.
    ///
    /// A single-label set can join multi-label ones (`multi_label` true); the other way round is an error.
    ///
    /// # Errors
    /// [`Error::Config`] with the labels that are not in `labels`.
    pub fn relabel(self, labels: &[String], multi_label: bool) -> Result<Self> {
        let place = || "labels";
        if self.multi_label && !multi_label {
            let help = "train on multi-label data, or give each document one label";
            return Err(Error::config(place(), "found several labels a document, expected exactly one", help));
        }
        let known: HashMap<&str, u32> = labels.iter().zip(0..).map(|(label, i)| (label.as_str(), i)).collect();
        let used = self.label_counts();
        let map: Vec<Option<u32>> = self.labels.iter().map(|label| known.get(label.as_str()).copied()).collect();
        let unknown: Vec<&str> = (0..self.labels.len())
            .filter(|&i| used[i] > 0 && map[i].is_none())
            .map(|i| self.labels[i].as_str())
            .collect();
        if !unknown.is_empty() {
            let problem = format!("found labels that are not known: {}; expected {}", listed(&unknown), listed(labels));
            return Err(Error::config(place(), problem, "use the labels of the training data, or train with these"));
        }
        // Every used label is mapped; an unused one never reaches this closure.
        let to_known = |label: &u32| map[*label as usize].unwrap_or_default();
        let targets = self.targets.iter().map(|target| match (target, multi_label) {
            (Target::Unlabelled, _) => Target::Unlabelled,
            (Target::One(label), false) => Target::One(to_known(label)),
            (target, _) => Target::many(target.as_slice().iter().map(to_known).collect()),
        });
        let targets = targets.collect();
        Ok(Self { columns: self.columns, ..Self::new(self.texts, targets, labels.to_vec(), multi_label)? })
    }

    fn broken_invariant(&self) -> Option<String> {
        let n = self.labels.len();
        if self.texts.len() != self.targets.len() {
            return Some(format!("found {} texts and {} targets", self.texts.len(), self.targets.len()));
        }
        if let Some(column) = self.columns.iter().find(|column| column.values.len() != self.texts.len()) {
            return Some(format!("found {} values in column {:?}", column.values.len(), column.name));
        }
        let order = label_order(&self.labels);
        if let Some(pair) = self.labels.windows(2).find(|pair| order(&pair[0], &pair[1]) != Ordering::Less) {
            return Some(format!("labels are not distinct and sorted: {:?} stands before {:?}", pair[0], pair[1]));
        }
        let fits = |target: &Target| match target {
            Target::Unlabelled => true,
            Target::One(label) => !self.multi_label && (*label as usize) < n,
            Target::Many(labels) => {
                self.multi_label
                    && labels.windows(2).all(|pair| pair[0] < pair[1])
                    && labels.iter().all(|&label| (label as usize) < n)
            }
        };
        let bad = self.targets.iter().position(|target| !fits(target))?;
        Some(format!("document {bad} has target {:?} with {n} labels", self.targets[bad]))
    }
}

impl Column {
    pub(crate) fn subset(&self, indices: &[usize]) -> Self {
        Self { name: self.name.clone(), values: indices.iter().map(|&i| self.values[i].clone()).collect() }
    }
}

/// The order of label names: by value if all of them are numbers, else by text.
pub(crate) fn label_order(labels: &[String]) -> impl Fn(&String, &String) -> Ordering + use<> {
    let numeric = labels.iter().all(|label| number(label).is_some());
    move |a, b| match (numeric, number(a), number(b)) {
        (true, Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        _ => a.cmp(b),
    }
}

fn number(label: &str) -> Option<f64> {
    // `parse` also takes "nan" and "inf", which are words here.
    let starts_like_one = label.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    label.parse::<f64>().ok().filter(|value| value.is_finite() && starts_like_one)
}

/// Names for a message: at most twelve, then how many more.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| shortened(name.as_ref(), 60)).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// At most `n_chars` characters of a text, for a message, on one line.
pub(crate) fn shortened(text: &str, n_chars: usize) -> String {
    let mut short: String = text.chars().take(n_chars).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(n_chars).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn small() -> Dataset {
        let targets = vec![Target::One(1), Target::One(0), Target::One(1)];
        Dataset::new(strings(&["a", "b", "c"]), targets, strings(&["neg", "pos"]), false).unwrap()
    }

    #[test]
    fn counts_labels_and_takes_subsets_in_the_order_asked() {
        let data = small();
        assert_eq!(data.label_counts(), [1, 2]);
        let part = data.subset(&[2, 0]);
        assert_eq!(part.texts, ["c", "a"]);
        assert_eq!(part.labels, data.labels);
        assert_eq!(part.label_counts(), [0, 2]);
    }

    #[test]
    fn refuses_what_breaks_an_invariant() {
        let one = || vec!["a".to_owned()];
        assert!(Dataset::new(one(), vec![], strings(&["x"]), false).is_err());
        assert!(Dataset::new(one(), vec![Target::One(1)], strings(&["x"]), false).is_err());
        assert!(Dataset::new(one(), vec![Target::One(0)], strings(&["x", "x"]), false).is_err());
        assert!(Dataset::new(one(), vec![Target::One(0)], strings(&["y", "x"]), false).is_err());
        assert!(Dataset::new(one(), vec![Target::Many(Box::new([1, 0]))], strings(&["x", "y"]), true).is_err());
        assert!(Dataset::new(one(), vec![Target::One(0)], strings(&["x"]), true).is_err());
    }

    #[test]
    fn numbers_are_ordered_by_value_and_words_by_text() {
        let mut labels = strings(&["10", "9", "-1", "2.5"]);
        let order = label_order(&labels);
        labels.sort_by(order);
        assert_eq!(labels, ["-1", "2.5", "9", "10"]);
        let mut labels = strings(&["10", "9", "nan"]);
        let order = label_order(&labels);
        labels.sort_by(order);
        assert_eq!(labels, ["10", "9", "nan"]);
    }

    #[test]
    fn relabel_maps_by_name_and_names_what_is_unknown() {
        let labels = strings(&["neg", "neutral", "pos"]);
        let data = small().relabel(&labels, false).unwrap();
        assert_eq!(data.targets, [Target::One(2), Target::One(0), Target::One(2)]);
        let many = small().relabel(&labels, true).unwrap();
        assert_eq!(many.targets[0], Target::Many(Box::new([2])));
        let error = small().relabel(&strings(&["neg"]), false).unwrap_err().to_string();
        assert!(error.contains("pos"), "{error}");
        assert!(many.relabel(&labels, false).is_err());
    }
}
