//! How many clusters: each k is tried on a part of the documents, and the one whose clusters are clearest is taken.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Documents that each k is tried on, at most.
pub(super) const DOCS_TRIED: usize = 20_000;

/// What `auto` tries.
pub const AUTO_RANGE: RangeInclusive<usize> = 2..=20;

/// How many clusters to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KChoice {
    /// So many.
    Fixed(usize),
    /// As many of these as make the clearest clusters.
    Among(RangeInclusive<usize>),
    /// As many of 2 to 20 as make the clearest clusters; fewer for few documents.
    Auto,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Documents that each k was tried on.
    pub n_docs: usize,
    /// Each k with its figures.
    pub tried: Vec<Trial>,
    /// The k that was taken.
    pub chosen: usize,
    /// Why.
    pub reason: String,
}

/// A number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How many clusters.
    pub k: usize,
    /// How clear they are: exact, by cosine; -1 where all documents fell into one.
    pub silhouette: f64,
    /// How alike the clusters of two fits with other first guesses are (ARI): 1 for the same.
    pub stability: f64,
}

impl Sweep {
    /// Takes the k with the largest silhouette, the smallest of equal ones.
    pub(super) fn choose(n_docs: usize, tried: Vec<Trial>) -> Self {
        let mut best = Trial { k: 2, silhouette: f64::NEG_INFINITY, stability: 0.0 };
        for &trial in &tried {
            if trial.silhouette > best.silhouette {
                best = trial;
            }
        }
        let Trial { k, silhouette, stability } = best;
        let of = format!("the largest silhouette of k = {}", span(&tried));
        let reason = format!("{silhouette:.4} is {of}; two fits agree by {stability:.2}");
        Self { n_docs, tried, chosen: k, reason }
    }
}

fn span(tried: &[Trial]) -> String {
    match (tried.first(), tried.last()) {
        (Some(first), Some(last)) => format!("{} to {}", first.k, last.k),
        _ => "none".to_owned(),
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>4}  silhouette  stability   (on {} documents)", "k", self.n_docs)?;
        for Trial { k, silhouette, stability } in &self.tried {
            let mark = if *k == self.chosen { "  <" } else { "" };
            writeln!(f, "{k:>4}  {silhouette:>10.4}  {stability:>9.2}{mark}")?;
        }
        writeln!(f, "k = {}: {}", self.chosen, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clearest_is_taken_and_the_smallest_of_equals() {
        let trial = |k, silhouette| Trial { k, silhouette, stability: 0.5 };
        let sweep = Sweep::choose(100, vec![trial(2, 0.1), trial(3, 0.3), trial(4, 0.3)]);
        assert_eq!(sweep.chosen, 3);
        let text = sweep.to_string();
        assert!(text.contains("k = 3: 0.3000 is the largest silhouette of k = 2 to 4"), "{text}");
    }
}
