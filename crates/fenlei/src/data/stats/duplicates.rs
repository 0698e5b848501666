//! Texts that stand more than once, alike up to white space.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use rayon::prelude::*;
use serde::Serialize;

use crate::data::{Dataset, Split, Target};

/// Repeated texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Duplicates {
    /// Documents whose text stood before in the same part.
    pub repeated: u64,
    /// Documents whose text also stands with other labels in the same part.
    pub conflicting: u64,
    /// Documents whose text also stands in another part, for each of these.
    pub shared: Vec<(Split, u64)>,
}

/// Finds them by hash, then compares the texts themselves. Empty texts do not count.
pub(super) fn find(dataset: &Dataset, others: &[(Split, &Dataset)]) -> Duplicates {
    let own = hashed(dataset);
    let mut found = Duplicates::default();
    for candidates in own.chunk_by(|a, b| a.0 == b.0).filter(|candidates| candidates.len() > 1) {
        for group in alike(candidates.iter().map(|&(_, i)| i), dataset) {
            found.repeated += group.len() as u64 - 1;
            let labels: Vec<&Target> = group.iter().map(|&i| &dataset.targets[i]).collect();
            if labels.iter().any(|label| *label != labels[0]) {
                found.conflicting += group.len() as u64;
            }
        }
    }
    for (split, other) in others {
        let theirs = hashed(other);
        let stands_there = |&(hash, i): &(u64, usize)| {
            let start = theirs.partition_point(|&(other, _)| other < hash);
            let candidates = theirs[start..].iter().take_while(|&&(other, _)| other == hash);
            candidates.into_iter().any(|&(_, j)| words(&dataset.texts[i]).eq(words(&other.texts[j])))
        };
        found.shared.push((*split, own.iter().filter(|entry| stands_there(entry)).count() as u64));
    }
    found
}

/// The hash and the index of each text that is not empty, sorted.
fn hashed(dataset: &Dataset) -> Vec<(u64, usize)> {
    let hash = |(i, text): (usize, &String)| {
        // The keys of a new `DefaultHasher` are fixed.
        let mut hasher = DefaultHasher::new();
        let mut any = false;
        for word in words(text) {
            word.hash(&mut hasher);
            any = true;
        }
        any.then(|| (hasher.finish(), i))
    };
    let mut hashes: Vec<(u64, usize)> = dataset.texts.par_iter().enumerate().filter_map(hash).collect();
    hashes.sort_unstable();
    hashes
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// Groups documents of one hash by their texts.
fn alike(candidates: impl Iterator<Item = usize>, dataset: &Dataset) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in candidates {
        let same = |group: &&mut Vec<usize>| words(&dataset.texts[group[0]]).eq(words(&dataset.texts[i]));
        match groups.iter_mut().find(same) {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}
