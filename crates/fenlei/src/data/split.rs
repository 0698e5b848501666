//! Dividing documents into parts that keep the shares of the labels.
//!
//! Invariant: the same documents, fractions and seed give the same parts on every platform. The shuffle is ours
//! (Fisher and Yates over ChaCha8 words), so that no other library's changes can alter it.

use std::collections::{BTreeMap, HashMap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Dataset, Target};
use crate::{Error, Result};

/// Divides into one part for each fraction; what the fractions leave of 1 goes to no part. Indices ascend.
///
/// Each label is divided by itself. The first part gets at least one document of every label. In multi-label data a
/// document counts for its rarest label; documents without a label are divided as one label of their own.
///
/// # Errors
/// [`Error::Config`] if a fraction is not between 0 and 1, the first is 0, or their sum is above 1.
pub fn split(dataset: &Dataset, fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    check(fractions)?;
    let mut part_of: Vec<Option<usize>> = vec![None; dataset.len()];
    // What rounding owes to each part so far, so that the parts have the right sizes as a whole as well.
    let mut owed = vec![0.0f64; fractions.len()];
    let rest = (1.0 - fractions.iter().sum::<f64>()).max(0.0);
    let mut owed_to_none = 0.0f64;
    for stratum in shuffled_strata(dataset, seed) {
        let n = stratum.documents.len();
        let mut counts = vec![0usize; fractions.len()];
        for (part, &fraction) in fractions.iter().enumerate() {
            owed[part] += fraction * n as f64;
        }
        owed_to_none += if rest > 1e-9 { rest * n as f64 } else { 0.0 };
        for taken in 0..n {
            let first_needs_one = taken == 0 && stratum.label.is_some();
            let richest = (0..fractions.len())
                .filter(|&part| fractions[part] > 0.0)
                .reduce(|best, part| if owed[part] > owed[best] { part } else { best })
                .unwrap_or(0);
            let part = if first_needs_one { 0 } else { richest };
            if !first_needs_one && rest > 1e-9 && owed_to_none > owed[part] {
                owed_to_none -= 1.0;
                continue;
            }
            owed[part] -= 1.0;
            counts[part] += 1;
        }
        let mut documents = stratum.documents.into_iter();
        for (part, &count) in counts.iter().enumerate() {
            for document in documents.by_ref().take(count) {
                part_of[document] = Some(part);
            }
        }
    }
    keep_every_label_in_first(dataset, &mut part_of);
    let members = |part| (0..dataset.len()).filter(|&i| part_of[i] == Some(part)).collect();
    Ok((0..fractions.len()).map(members).collect())
}

/// Divides into a training and a validation part, which gets `validation_fraction` of each label.
///
/// # Errors
/// [`Error::Config`] if the fraction is not at least 0 and below 1.
pub fn stratified_split(dataset: &Dataset, validation_fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut parts = split(dataset, &[1.0 - validation_fraction, validation_fraction], seed)?;
    let validation = parts.pop().unwrap_or_default();
    Ok((parts.pop().unwrap_or_default(), validation))
}

/// Divides into `k` folds of nearly equal size, each label spread over them evenly. Every document is in one fold.
///
/// # Errors
/// [`Error::Config`] if `k` is below 2 or above the number of documents.
pub fn stratified_folds(dataset: &Dataset, k: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    if k < 2 || k > dataset.len() {
        let problem = format!("found {k}, expected 2 to {} (the number of documents)", dataset.len());
        return Err(Error::config("folds", problem, "5 and 10 are usual"));
    }
    let mut folds = vec![Vec::new(); k];
    // Going on where the last label stopped keeps the folds equal in size.
    let dealt = shuffled_strata(dataset, seed).into_iter().flat_map(|stratum| stratum.documents);
    for (i, document) in dealt.enumerate() {
        folds[i % k].push(document);
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

/// Divides into `k` folds so that documents of one group (an author, a thread, a film) are in one fold, labels spread as
/// evenly as that allows. `groups`: a name for each document; documents with an empty name are groups of their own.
///
/// Groups go, the largest first, where they raise the sum over folds and labels of squared shares of the label least:
/// the criterion of scikit-learn's `StratifiedGroupKFold`, up to its square root.
///
/// # Errors
/// [`Error::Config`] if `k` is below 2 or above the number of groups, or if `groups` has another length.
pub fn grouped_folds(dataset: &Dataset, groups: &[String], k: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    if groups.len() != dataset.len() {
        let problem = format!("found {} groups for {} documents", groups.len(), dataset.len());
        return Err(Error::config("groups", problem, "give one name for each document"));
    }
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (document, name) in groups.iter().enumerate() {
        let next = members.len();
        let group = if name.is_empty() { next } else { *numbers.entry(name).or_insert(next) };
        if group == next {
            members.push(Vec::new());
        }
        members[group].push(document);
    }
    if k < 2 || k > members.len() {
        let problem = format!("found {k}, expected 2 to {} (the number of groups)", members.len());
        return Err(Error::config("folds", problem, "choose fewer folds, or a column with more values"));
    }
    let mut order: Vec<usize> = (0..members.len()).collect();
    shuffle(&mut order, &mut ChaCha8Rng::seed_from_u64(seed));
    // A stable sort: among equal sizes the shuffled order stays.
    order.sort_by_key(|&group| std::cmp::Reverse(members[group].len()));
    let totals = dataset.label_counts();
    let mut counts = vec![vec![0usize; totals.len()]; k];
    let mut folds = vec![Vec::new(); k];
    for group in order {
        let mut of_group: BTreeMap<usize, usize> = BTreeMap::new();
        for &document in &members[group] {
            dataset.targets[document].as_slice().iter().for_each(|&l| *of_group.entry(l as usize).or_default() += 1);
        }
        let rise = |fold: usize| -> f64 {
            let of_label = |(&label, &n): (&usize, &usize)| {
                let total = totals[label] as f64;
                counts[fold][label] as f64 * n as f64 / (total * total)
            };
            of_group.iter().map(of_label).sum()
        };
        let key = |&a: &usize, &b: &usize| rise(a).total_cmp(&rise(b)).then(folds[a].len().cmp(&folds[b].len()));
        let best = (0..k).min_by(key).unwrap_or_default();
        of_group.iter().for_each(|(&label, n)| counts[best][label] += n);
        folds[best].extend(&members[group]);
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

fn check(fractions: &[f64]) -> Result<()> {
    let sum: f64 = fractions.iter().sum();
    let in_range = fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction));
    if in_range && sum <= 1.0 + 1e-9 && fractions.first().is_some_and(|&first| first > 0.0) {
        return Ok(());
    }
    let problem = format!("found {fractions:?}, expected fractions from 0 to 1, the first above 0, with a sum up to 1");
    Err(Error::config("fractions", problem, "0.8,0.1,0.1 is usual"))
}

struct Stratum {
    /// `None`: documents without a label.
    label: Option<u32>,
    documents: Vec<usize>,
}

/// The documents of each label, shuffled; labels ascend, documents without one come last.
fn shuffled_strata(dataset: &Dataset, seed: u64) -> Vec<Stratum> {
    let counts = dataset.label_counts();
    let mut strata: Vec<Stratum> =
        (0..counts.len() as u32).map(|label| Stratum { label: Some(label), documents: Vec::new() }).collect();
    let mut without = Stratum { label: None, documents: Vec::new() };
    for (document, target) in dataset.targets.iter().enumerate() {
        let rarest = target.as_slice().iter().min_by_key(|&&label| (counts[label as usize], label));
        match rarest {
            Some(&label) => strata[label as usize].documents.push(document),
            None => without.documents.push(document),
        }
    }
    strata.push(without);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    strata.iter_mut().for_each(|stratum| shuffle(&mut stratum.documents, &mut rng));
    strata
}

/// In multi-label data all documents of a label may count for rarer ones and miss the first part.
fn keep_every_label_in_first(dataset: &Dataset, part_of: &mut [Option<usize>]) {
    let mut seen = vec![false; dataset.labels.len()];
    let mark = |target: &Target, seen: &mut Vec<bool>| {
        target.as_slice().iter().for_each(|&label| seen[label as usize] = true);
    };
    for (target, part) in dataset.targets.iter().zip(part_of.iter()) {
        if *part == Some(0) {
            mark(target, &mut seen);
        }
    }
    for (target, part) in dataset.targets.iter().zip(part_of) {
        if target.as_slice().iter().any(|&label| !seen[label as usize]) {
            *part = Some(0);
            mark(target, &mut seen);
        }
    }
}

/// Fisher–Yates. The index is the high half of a 64 × 64 bit product (Lemire 2019, without the rejection: the bias
/// is below n / 2⁶⁴).
fn shuffle(items: &mut [usize], rng: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        let j = ((u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64) as usize;
        items.swap(i, j);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(labels: &[u32]) -> Dataset {
        let n_labels = labels.iter().max().map_or(0, |&l| l + 1);
        Dataset::new(
            labels.iter().enumerate().map(|(i, _)| i.to_string()).collect(),
            labels.iter().map(|&label| Target::One(label)).collect(),
            (0..n_labels).map(|label| label.to_string()).collect(),
            false,
        )
        .unwrap()
    }

    #[test]
    fn keeps_the_shares_of_labels_and_the_sizes_of_parts() {
        let labels: Vec<u32> = (0..1000).map(|i| u32::from(i % 10 == 0)).collect();
        let data = data(&labels);
        let parts = split(&data, &[0.8, 0.1, 0.1], 7).unwrap();
        let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
        assert_eq!(sizes, [800, 100, 100]);
        assert_eq!(data.subset(&parts[1]).label_counts(), [90, 10]);
        assert_eq!(parts, split(&data, &[0.8, 0.1, 0.1], 7).unwrap());
        assert_ne!(parts, split(&data, &[0.8, 0.1, 0.1], 8).unwrap());
        let (train, validation) = stratified_split(&data, 0.25, 1).unwrap();
        assert_eq!((train.len(), validation.len()), (750, 250));
        assert_eq!(split(&data, &[0.5], 1).unwrap()[0].len(), 500);
    }

    #[test]
    fn the_same_seed_gives_the_same_parts_on_every_platform() {
        let (_, validation) = stratified_split(&data(&[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]), 0.4, 42).unwrap();
        assert_eq!(validation, [3, 4, 5, 6]);
    }

    #[test]
    fn rare_labels_stay_in_the_first_part() {
        let parts = split(&data(&[0, 1, 1, 2, 2, 2]), &[0.1, 0.9], 3).unwrap();
        assert!(parts[0].contains(&0));
        let many = Dataset::new(
            vec![String::new(); 4],
            vec![Target::many(vec![0, 1]), Target::many(vec![1]), Target::many(vec![]), Target::many(vec![2, 1])],
            ["a", "b", "c"].map(str::to_owned).to_vec(),
            true,
        )
        .unwrap();
        for seed in 0..20 {
            let parts = split(&many, &[0.3, 0.7], seed).unwrap();
            assert!(many.subset(&parts[0]).label_counts().iter().all(|&n| n > 0));
        }
    }

    #[test]
    fn refuses_fractions_and_folds_that_make_no_sense() {
        let data = data(&[0, 1]);
        for fractions in [&[][..], &[0.0, 1.0], &[0.9, 0.2], &[f64::NAN], &[1.2, -0.2]] {
            assert!(split(&data, fractions, 0).unwrap_err().is_wrong_use());
        }
        assert!(stratified_folds(&data, 1, 0).is_err() && stratified_folds(&data, 3, 0).is_err());
    }

    #[test]
    fn groups_stay_together_and_labels_stay_even() {
        // 60 groups of 1 to 4 documents, of which the label follows the group in one half and the document in the other.
        let sizes: Vec<usize> = (0..60).map(|i| 1 + i % 4).collect();
        let groups: Vec<String> = (0..60).flat_map(|g| vec![format!("g{g}"); sizes[g]]).collect();
        let labels: Vec<u32> = groups.iter().enumerate().map(|(i, g)| (g.len() as u32 + i as u32) % 3).collect();
        let data = data(&labels);
        for seed in 0..5 {
            let folds = grouped_folds(&data, &groups, 5, seed).unwrap();
            let mut fold_of = HashMap::new();
            for (fold, documents) in folds.iter().enumerate() {
                for &document in documents {
                    assert_eq!(*fold_of.entry(&groups[document]).or_insert(fold), fold, "{}", groups[document]);
                }
                let counts = data.subset(documents).label_counts();
                assert!(counts.iter().all(|&n| (7..=13).contains(&n)), "seed {seed}: {counts:?}");
            }
            assert_eq!(folds.concat().len(), data.len());
            assert_eq!(folds, grouped_folds(&data, &groups, 5, seed).unwrap());
        }
        let no_names = vec![String::new(); data.len()];
        assert!(grouped_folds(&data, &no_names, 5, 1).unwrap().iter().all(|fold| fold.len() == data.len() / 5));
        let two = groups.iter().map(|g| if g == "g0" { "a" } else { "b" }.to_owned()).collect::<Vec<_>>();
        let error = grouped_folds(&data, &two, 3, 1).unwrap_err().to_string();
        assert!(error.contains("found 3, expected 2 to 2 (the number of groups)"), "{error}");
    }

    proptest! {
        #[test]
        fn every_document_is_in_one_part_and_one_fold(
            labels in proptest::collection::vec(0u32..5, 2..80),
            seed: u64,
            validation in 0.0f64..0.9,
        ) {
            let labels: Vec<u32> = labels;
            let data = data(&labels);
            let (train, valid) = stratified_split(&data, validation, seed).unwrap();
            let mut all = [train.clone(), valid].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            let in_train = data.subset(&train).label_counts();
            prop_assert!(data.label_counts().iter().zip(in_train).all(|(&all, train)| all == 0 || train > 0));
            let k = 2 + seed as usize % (labels.len() - 1);
            let folds = stratified_folds(&data, k, seed).unwrap();
            let mut all = folds.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            prop_assert!(folds.iter().all(|fold| fold.len() == labels.len() / k || fold.len() == labels.len() / k + 1));
        }
    }
}
