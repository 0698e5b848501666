//! A data set with changed copies of its documents.

use fenlei_nn::rng;
use rayon::prelude::*;

use super::{Augmenter, Changes};
use crate::data::{Dataset, Target, listed};
use crate::{Error, Result};

/// How many copies each label gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// Each document has equally many.
    #[default]
    None,
    /// Documents of rare labels have more, until every label has as many documents as the most frequent one.
    Labels,
}

/// How to extend a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendOptions {
    /// Changed copies of each document.
    pub copies: usize,
    /// Where random numbers start.
    pub seed: u64,
    /// Leave the documents themselves out.
    pub only_new: bool,
    /// Whether rare labels get more copies.
    pub balance: Balance,
}

/// A data set with its changed copies, each behind its original.
#[derive(Debug, Clone, PartialEq)]
pub struct Extended {
    /// All documents.
    pub documents: Dataset,
    /// What was changed.
    pub changes: Changes,
    /// How many copies there are.
    pub n_copies: usize,
    /// Copies that came out as their originals: without words, or with none that could be changed.
    pub n_unchanged: usize,
}

/// Extends `documents` by changed copies; labels are kept. The same seed gives the same copies for any number of threads.
///
/// # Errors
/// [`Error::Config`] when labels are to be balanced in multi-label data.
pub fn extend(augmenter: &Augmenter, documents: &Dataset, options: &ExtendOptions) -> Result<Extended> {
    let n_copies = match options.balance {
        Balance::None => vec![options.copies; documents.len()],
        Balance::Labels => balanced(documents, options.copies)?,
    };
    let copies: Vec<Vec<(String, Changes)>> = documents
        .texts
        .par_iter()
        .zip(&n_copies)
        .enumerate()
        .map(|(doc, (text, &n))| {
            (0..n).map(|copy| augmenter.augment(text, document_seed(options.seed, copy as u64, doc))).collect()
        })
        .collect();
    let room = n_copies.iter().sum::<usize>() + documents.len();
    let (mut texts, mut targets): (Vec<String>, Vec<Target>) = (Vec::with_capacity(room), Vec::with_capacity(room));
    // The document that each comes from.
    let mut origins = Vec::with_capacity(room);
    let (mut changes, mut n_unchanged) = (Changes::default(), 0);
    for (doc, ((text, target), copies)) in documents.texts.iter().zip(&documents.targets).zip(copies).enumerate() {
        if !options.only_new {
            origins.push(doc);
            texts.push(text.clone());
            targets.push(target.clone());
        }
        for (copy, changed) in copies {
            n_unchanged += usize::from(copy == *text);
            changes += changed;
            origins.push(doc);
            texts.push(copy);
            targets.push(target.clone());
        }
    }
    let documents = Dataset {
        texts,
        targets,
        labels: documents.labels.clone(),
        multi_label: documents.multi_label,
        columns: documents.columns.iter().map(|column| column.subset(&origins)).collect(),
    };
    Ok(Extended { documents, changes, n_copies: n_copies.iter().sum(), n_unchanged })
}

/// The seed of one copy of one document: another draw for each round (a copy, an epoch) and each document.
pub(crate) fn document_seed(seed: u64, round: u64, doc: usize) -> u64 {
    rng::derive(rng::derive(seed, round), doc as u64)
}

/// Copies of each document, so that every label comes to have `1 + copies` times the documents of the most frequent one.
fn balanced(documents: &Dataset, copies: usize) -> Result<Vec<usize>> {
    if documents.multi_label {
        let problem = format!("documents have several labels each, of {}", listed(&documents.labels));
        return Err(Error::config("--balance", problem, "leave it out: it needs one label a document"));
    }
    let counts = documents.label_counts();
    let most = counts.iter().max().copied().unwrap_or(0);
    let mut seen = vec![0; counts.len()];
    let n_copies = documents.targets.iter().map(|target| {
        let Some(&label) = target.as_slice().first() else { return copies };
        let label = label as usize;
        let missing = (most * (1 + copies)).saturating_sub(counts[label]);
        seen[label] += 1;
        missing / counts[label] + usize::from(seen[label] <= missing % counts[label])
    });
    Ok(n_copies.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::{AugmentSpec, Kind};

    fn documents() -> Dataset {
        let texts = ["a good film", "a bad film", "好电影很好看", "?!"].map(str::to_owned).to_vec();
        let labels = vec!["bad".to_owned(), "good".to_owned()];
        let targets = [1, 0, 1, 1].map(Target::One).to_vec();
        Dataset::new(texts, targets, labels, false).unwrap()
    }

    fn augmenter() -> Augmenter {
        Augmenter::new(&AugmentSpec { swap: 0.7, ..AugmentSpec::default() }).unwrap()
    }

    const OPTIONS: ExtendOptions = ExtendOptions { copies: 2, seed: 1, only_new: false, balance: Balance::None };

    #[test]
    fn copies_stand_behind_their_originals_with_their_labels() {
        let extended = extend(&augmenter(), &documents(), &OPTIONS).unwrap();
        let data = &extended.documents;
        assert_eq!((data.len(), extended.n_copies, extended.n_unchanged), (12, 8, 2));
        assert_eq!(data.targets[..6], [1, 1, 1, 0, 0, 0].map(Target::One));
        assert_eq!(
            (data.texts[0].as_str(), data.texts[9].as_str(), data.texts[11].as_str()),
            ("a good film", "?!", "?!")
        );
        assert!(data.texts[1] != data.texts[0] && extended.changes.of(Kind::Swap) == extended.changes.total());
        let only_new = extend(&augmenter(), &documents(), &ExtendOptions { only_new: true, ..OPTIONS }).unwrap();
        assert_eq!(only_new.documents.texts[..2], data.texts[1..3]);
        assert_eq!(only_new.documents.len(), 8);
    }

    #[test]
    fn the_number_of_threads_never_shows() {
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let many = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
        let run = || extend(&augmenter(), &documents(), &OPTIONS).unwrap();
        assert_eq!(one.install(run), many.install(run));
        let other = extend(&augmenter(), &documents(), &ExtendOptions { seed: 2, ..OPTIONS }).unwrap();
        assert_ne!(one.install(run), other);
    }

    #[test]
    fn rare_labels_are_brought_up_to_the_most_frequent_one() {
        let options = ExtendOptions { balance: Balance::Labels, copies: 1, ..OPTIONS };
        let extended = extend(&augmenter(), &documents(), &options).unwrap();
        assert_eq!(extended.documents.label_counts(), [6, 6]);
        let mut several = documents();
        several.multi_label = true;
        several.targets = vec![Target::many(vec![0, 1]); 4];
        assert!(extend(&augmenter(), &several, &options).unwrap_err().is_wrong_use());
    }
}
