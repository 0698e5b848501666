//! What texts and their predictions look like, as counts; and how far two such pictures are apart.
//!
//! * Jensen–Shannon divergence (Lin 1991), to base 2: 0 for the same shares, 1 for nothing in common.
//! * Population stability index: `Σ (p - q) · ln(p / q)`; by custom 0.1 is worth a look and 0.25 is a large change.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Classifier, Predictions};

/// Lengths fall into powers of two of their characters, up to 2^19.
const N_LENGTHS: usize = 20;

/// The most frequent words of the vocabulary that are counted by themselves; the others are counted together.
const N_WORDS: usize = 1000;

/// Shares below this are taken for it, so that an empty part does not make an index infinite.
const LEAST_SHARE: f64 = 1e-4;

/// Sums of fewer counts than this each cannot overflow.
const MAX_COUNT: u64 = 1 << 48;

/// Texts that are counted together.
const TOGETHER: usize = 64;

/// Counts over some texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How many texts.
    pub n_texts: u64,
    /// Predictions by label, the most probable one of each text.
    pub labels: Vec<u64>,
    /// Predictions by confidence, in parts of equal width from 0 to 1.
    pub confidences: Vec<u64>,
    /// Texts by length: part `i` holds those of less than `2^i` characters.
    pub lengths: Vec<u64>,
    /// Unknown words, the most frequent known ones, and all others.
    pub words: Vec<u64>,
}

/// How far a picture is from what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Distance {
    /// The population stability index.
    pub psi: f64,
    /// The Jensen–Shannon divergence, in bits.
    pub js: f64,
}

/// Distances in each respect.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Drift {
    /// Of the predicted labels.
    pub labels: Distance,
    /// Of the confidences.
    pub confidence: Distance,
    /// Of the texts' lengths.
    pub length: Distance,
    /// Of the words.
    pub words: Distance,
}

impl Drift {
    /// Each respect by its name.
    pub fn named(&self) -> [(&'static str, Distance); 4] {
        [("labels", self.labels), ("confidence", self.confidence), ("length", self.length), ("words", self.words)]
    }
}

impl Classifier {
    /// The label (index) and confidence of a text with these probabilities: of several labels the most probable one.
    pub fn judge(&self, row: &[f32]) -> (usize, f32) {
        let decided = self.decision.decide(row);
        let better = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
        let label = match decided.labels[..] {
            [label] => label as usize,
            _ => (1..row.len()).fold(0, better),
        };
        (label, decided.confidence)
    }
}

impl Profile {
    /// Parts that confidences are counted in.
    pub const N_CONFIDENCES: usize = 20;

    /// Of no texts, for this classifier.
    pub fn empty(classifier: &Classifier) -> Self {
        Self {
            n_texts: 0,
            labels: vec![0; classifier.labels().len()],
            confidences: vec![0; Self::N_CONFIDENCES],
            lengths: vec![0; N_LENGTHS],
            words: vec![0; N_WORDS + 2],
        }
    }

    /// Of some texts.
    pub fn of<S: AsRef<str> + Sync>(classifier: &Classifier, texts: &[S]) -> Self {
        Self::of_predicted(classifier, texts, &classifier.predict_batch(texts))
    }

    /// Of some texts with their predictions.
    pub fn of_predicted<S: AsRef<str> + Sync>(classifier: &Classifier, texts: &[S], predicted: &Predictions) -> Self {
        let part = |(i, texts): (usize, &[S])| {
            let mut profile = Self::empty(classifier);
            for (k, text) in texts.iter().enumerate() {
                let (label, confidence) = classifier.judge(predicted.row(i * TOGETHER + k));
                profile.add(classifier, text.as_ref(), label, confidence);
            }
            profile
        };
        let parts: Vec<Self> = texts.par_chunks(TOGETHER).enumerate().map(part).collect();
        let mut all = Self::empty(classifier);
        parts.iter().for_each(|part| all.merge(part));
        all
    }

    /// The part that a confidence belongs to.
    pub fn part_of(confidence: f32) -> usize {
        ((confidence.clamp(0.0, 1.0) * Self::N_CONFIDENCES as f32) as usize).min(Self::N_CONFIDENCES - 1)
    }

    /// Whether it counts what this classifier gives.
    pub fn fits(&self, classifier: &Classifier) -> bool {
        let of = Self::empty(classifier);
        let lists =
            |profile: &Self| [&profile.labels, &profile.confidences, &profile.lengths, &profile.words].map(Vec::len);
        let counts = [&self.labels, &self.confidences, &self.lengths, &self.words].into_iter().flatten();
        lists(self) == lists(&of) && counts.chain([&self.n_texts]).all(|&n| n < MAX_COUNT)
    }

    /// Takes in a text with its label and confidence.
    pub fn add(&mut self, classifier: &Classifier, text: &str, label: usize, confidence: f32) {
        self.n_texts += 1;
        if let Some(n) = self.labels.get_mut(label) {
            *n += 1;
        }
        self.confidences[Self::part_of(confidence)] += 1;
        let n_chars = text.chars().count() as u64;
        let length = u64::BITS - n_chars.leading_zeros();
        self.lengths[(length as usize).min(N_LENGTHS - 1)] += 1;
        // Number 0 is the unknown word, and the others come by falling frequency.
        for id in classifier.pipeline().encode(text).ids {
            self.words[(id as usize).min(N_WORDS + 1)] += 1;
        }
    }

    /// Takes in another one of the same model.
    pub fn merge(&mut self, other: &Self) {
        self.n_texts += other.n_texts;
        for (mine, theirs) in [
            (&mut self.labels, &other.labels),
            (&mut self.confidences, &other.confidences),
            (&mut self.lengths, &other.lengths),
            (&mut self.words, &other.words),
        ] {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// The share of words that the vocabulary lacks; `None` without words.
    pub fn unknown_rate(&self) -> Option<f64> {
        let n: u64 = self.words.iter().sum();
        (n > 0).then(|| self.words[0] as f64 / n as f64)
    }

    /// How far this is from what is usual.
    pub fn drift_from(&self, usual: &Self) -> Drift {
        Drift {
            labels: distance(&self.labels, &usual.labels),
            confidence: distance(&self.confidences, &usual.confidences),
            length: distance(&self.lengths, &usual.lengths),
            words: distance(&self.words, &usual.words),
        }
    }
}

/// How far counts are from what is usual.
fn distance(now: &[u64], usual: &[u64]) -> Distance {
    let (n_now, n_usual) = (now.iter().sum::<u64>(), usual.iter().sum::<u64>());
    if n_now == 0 || n_usual == 0 {
        return Distance::default();
    }
    let (mut psi, mut js) = (0.0, 0.0);
    for (&a, &b) in now.iter().zip(usual) {
        let (p, q) = (a as f64 / n_now as f64, b as f64 / n_usual as f64);
        let middle = (p + q) / 2.0;
        let part = |x: f64| if x > 0.0 { x * (x / middle).log2() } else { 0.0 };
        js += (part(p) + part(q)) / 2.0;
        if a + b > 0 {
            let (p, q) = (p.max(LEAST_SHARE), q.max(LEAST_SHARE));
            psi += (p - q) * (p / q).ln();
        }
    }
    Distance { psi, js: js.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_equal_their_formulas() {
        assert_eq!(distance(&[5, 5], &[50, 50]), Distance { psi: 0.0, js: 0.0 });
        let moved = distance(&[3, 1], &[1, 1]);
        // (0.75-0.5)·ln(1.5) + (0.25-0.5)·ln(0.5)
        assert!((moved.psi - (0.25 * 1.5f64.ln() + 0.25 * 2f64.ln())).abs() < 1e-12, "{moved:?}");
        // H(0.625) - (H(0.75) + H(0.5)) / 2, in bits.
        let h = |p: f64| -(p * p.log2() + (1.0 - p) * (1.0 - p).log2());
        assert!((moved.js - (h(0.625) - (h(0.75) + h(0.5)) / 2.0)).abs() < 1e-12, "{moved:?}");
        let apart = distance(&[1, 0], &[0, 1]);
        assert!((apart.js - 1.0).abs() < 1e-12 && apart.psi.is_finite() && apart.psi > 10.0);
        assert_eq!(distance(&[0, 0], &[1, 1]), Distance::default());
    }
    #[test]
    fn confidences_fall_into_parts_of_equal_width() {
        assert_eq!([0.0, 0.049, 0.05, 0.999, 1.0, f32::NAN].map(Profile::part_of), [0, 0, 1, 19, 19, 0]);
    }
}
