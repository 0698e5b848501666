//! The labelled documents at one moment.

use std::collections::{BTreeMap, BTreeSet};

use fenlei::data::{Dataset, Target};
use fenlei::{Error, Result};

/// A label with fewer documents cannot be learned and measured.
const LEAST: usize = 2;

/// The labelled documents, by their places in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lesson {
    labelled: BTreeMap<usize, Vec<String>>,
    at_random: BTreeSet<usize>,
    multi_label: bool,
}

impl Lesson {
    pub fn new(multi_label: bool) -> Self {
        Self { multi_label, ..Self::default() }
    }

    /// `at_random`: whether chance alone chose the document.
    pub fn add(&mut self, place: usize, labels: Vec<String>, at_random: bool) {
        self.labelled.insert(place, labels);
        if at_random {
            self.at_random.insert(place);
        }
    }

    pub fn len(&self) -> usize {
        self.labelled.len()
    }

    pub fn is_at_random(&self, place: usize) -> bool {
        self.at_random.contains(&place)
    }

    /// The documents that can be learned from, and their places.
    ///
    /// # Errors
    /// When fewer than two labels have enough documents.
    pub fn dataset(&self, texts: &[String]) -> Result<(Dataset, Vec<usize>)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.labelled.values().flatten().for_each(|label| *counts.entry(label).or_default() += 1);
        counts.retain(|_, count| *count >= LEAST);
        let enough = if self.multi_label { 1 } else { 2 };
        if counts.len() < enough || self.labelled.len() < 2 * LEAST {
            let problem = format!("found {} labels with {LEAST} documents or more", counts.len());
            return Err(Error::train(problem, "label more documents of at least two labels"));
        }
        let labels = in_order(counts.keys().map(|label| (*label).to_owned()).collect());
        let number = |name: &String| labels.iter().position(|label| label == name).map(|label| label as u32);
        let (mut documents, mut targets, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (&place, names) in &self.labelled {
            let mut known: Vec<u32> = names.iter().filter_map(number).collect();
            let target = match self.multi_label {
                true => Target::many(known),
                false => match known.pop() {
                    Some(label) => Target::One(label),
                    None => continue,
                },
            };
            documents.push(texts[place].clone());
            targets.push(target);
            places.push(place);
        }
        Ok((Dataset::new(documents, targets, labels, self.multi_label)?, places))
    }
}

/// As a data set wants them: numbers by value, else by text.
fn in_order(mut labels: Vec<String>) -> Vec<String> {
    let number = |label: &String| {
        let starts_like_one = label.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
        label.parse::<f64>().ok().filter(|value| value.is_finite() && starts_like_one)
    };
    if labels.iter().all(|label| number(label).is_some()) {
        let value = |label: &String| number(label).unwrap_or_default();
        labels.sort_by(|a, b| value(a).total_cmp(&value(b)).then_with(|| a.cmp(b)));
    }
    labels
}
