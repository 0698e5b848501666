//! Labels that are likely wrong, by confident learning (Northcutt, Jiang and Chuang 2021).
//!
//! Invariant: the probabilities must be out-of-fold ([`cross_validate`](crate::eval::cross_validate)): a model believes the
//! labels that it has learned.

use serde::Serialize;

use crate::data::Target;
use crate::{Error, Result};

/// A document whose label is likely wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// Which, from 0.
    pub document: usize,
    /// The label that it has, or, of several, that it has or lacks.
    pub given: Option<u32>,
    /// The label that it should have; of multi-label data `None` where it should lack the given one.
    pub suggested: Option<u32>,
    /// The probability of what is given: the smaller, the surer.
    pub score: f32,
}

/// What confident learning finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelErrors {
    /// The documents, surest first.
    pub suspects: Vec<Suspect>,
    /// The share of labels that are wrong, as the confident joint estimates it; of multi-label data the share of
    /// decisions.
    pub noise: f64,
    /// How many documents are estimated to have been given the label of the row and to be of that of the column:
    /// `[n_labels, n_labels]`; empty for multi-label data.
    pub joint: Vec<Vec<f64>>,
}

/// Finds labels that are likely wrong. `probabilities: [n_docs, n_labels]`, out-of-fold.
///
/// A document is counted as one of label `j` if its probability of `j` is at least the mean over the documents that were
/// given `j` (equation 1 of the paper; the largest such probability decides). The counts, scaled to the given labels
/// (equation 3), say how many of each pair are wrong; these are the ones with the largest margin (pruning by noise rate),
/// among the documents for which the other label is the more probable.
///
/// # Errors
/// When the lengths do not fit, when a probability is not a number, or when a document has no label.
pub fn label_errors(
    targets: &[Target],
    probabilities: &[f32],
    n_labels: usize,
    multi_label: bool,
) -> Result<LabelErrors> {
    if targets.len().checked_mul(n_labels) != Some(probabilities.len()) || targets.is_empty() {
        let problem =
            format!("{} probabilities for {} documents and {n_labels} labels", probabilities.len(), targets.len());
        return Err(Error::config("label errors", problem, "give one probability for each pair"));
    }
    if probabilities.iter().any(|p| p.is_nan()) {
        let problem = "a probability is not a number";
        return Err(Error::config("label errors", problem, "the model has diverged: lower its learning rate"));
    }
    if multi_label {
        return Ok(of_several(targets, probabilities, n_labels));
    }
    let mut given = Vec::with_capacity(targets.len());
    for (document, target) in targets.iter().enumerate() {
        let &[label] = target.as_slice() else {
            let problem = format!("document {} has no label", document + 1);
            return Err(Error::config("label errors", problem, "leave documents without a label out"));
        };
        given.push(label as usize);
    }
    Ok(of_one(&given, probabilities, n_labels))
}

fn of_one(given: &[usize], probabilities: &[f32], n_labels: usize) -> LabelErrors {
    let rows = || given.iter().zip(probabilities.chunks_exact(n_labels));
    let thresholds = thresholds(given, probabilities, n_labels);
    let mut joint = vec![vec![0.0f64; n_labels]; n_labels];
    for (&label, row) in rows() {
        let confident = (0..n_labels).filter(|&j| f64::from(row[j]) >= thresholds[j]);
        if let Some(j) = confident.max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))) {
            joint[label][j] += 1.0;
        }
    }
    let mut counts = vec![0.0; n_labels];
    given.iter().for_each(|&label| counts[label] += 1.0);
    for (row, count) in joint.iter_mut().zip(&counts) {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|n| *n *= if sum > 0.0 { count / sum } else { 0.0 });
    }
    let mut suspects = Vec::new();
    for i in 0..n_labels {
        for j in (0..n_labels).filter(|&j| j != i) {
            let wanted = joint[i][j].round() as usize;
            if wanted == 0 {
                continue;
            }
            let likelier = |&(_, (&label, row)): &(usize, (&usize, &[f32]))| label == i && row[j] > row[i];
            let mut of_pair: Vec<(usize, f32, f32)> =
                rows().enumerate().filter(likelier).map(|(d, (_, row))| (d, row[j] - row[i], row[i])).collect();
            of_pair.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            suspects.extend(of_pair.into_iter().take(wanted).map(|(document, _, score)| Suspect {
                document,
                given: Some(i as u32),
                suggested: Some(j as u32),
                score,
            }));
        }
    }
    let wrong: f64 = (0..n_labels).map(|i| counts[i] - joint[i][i]).sum();
    LabelErrors { suspects: each_once(suspects), noise: wrong / given.len() as f64, joint }
}

/// The mean probability of each label over the documents that were given it.
fn thresholds(given: &[usize], probabilities: &[f32], n_labels: usize) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0f64; n_labels], vec![0.0f64; n_labels]);
    for (&label, row) in given.iter().zip(probabilities.chunks_exact(n_labels)) {
        sums[label] += f64::from(row[label]);
        counts[label] += 1.0;
    }
    // No document can be confidently of a label that none was given.
    sums.iter().zip(&counts).map(|(sum, &n)| if n > 0.0 { sum / n } else { f64::INFINITY }).collect()
}

/// Each label is a question of its own, with two answers.
fn of_several(targets: &[Target], probabilities: &[f32], n_labels: usize) -> LabelErrors {
    let (mut suspects, mut noise) = (Vec::new(), 0.0);
    for label in 0..n_labels {
        let given: Vec<usize> =
            targets.iter().map(|target| usize::from(target.as_slice().contains(&(label as u32)))).collect();
        let both: Vec<f32> =
            probabilities.chunks_exact(n_labels).flat_map(|row| [1.0 - row[label], row[label]]).collect();
        let found = of_one(&given, &both, 2);
        noise += found.noise / n_labels as f64;
        suspects.extend(found.suspects.into_iter().map(|suspect| {
            let lacks = suspect.given == Some(0);
            let label = Some(label as u32);
            Suspect { given: if lacks { None } else { label }, suggested: if lacks { label } else { None }, ..suspect }
        }));
    }
    suspects.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.document.cmp(&b.document)));
    LabelErrors { suspects, noise, joint: Vec::new() }
}

/// Surest first; a document that is wrong by two pairs is told with the likelier label.
fn each_once(mut suspects: Vec<Suspect>) -> Vec<Suspect> {
    suspects.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.document.cmp(&b.document)));
    let mut seen = std::collections::HashSet::new();
    suspects.retain(|suspect| seen.insert(suspect.document));
    suspects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_paper_is_counted_as_in_the_paper() {
        // Two labels; the means of the given are 0.7 and 0.6.
        let given = [0, 0, 0, 1, 1, 1];
        let p = [0.95, 0.9, 0.25, 0.2, 0.4, 0.6];
        let probabilities: Vec<f32> = p.iter().flat_map(|&p| [p, 1.0 - p]).collect();
        let thresholds = thresholds(&given, &probabilities, 2);
        assert!((thresholds[0] - 0.7).abs() < 1e-6 && (thresholds[1] - 0.6).abs() < 1e-6, "{thresholds:?}");
        let targets: Vec<Target> = given.iter().map(|&label| Target::One(label as u32)).collect();
        let found = label_errors(&targets, &probabilities, 2, false).unwrap();
        // Of the first label two are confidently of it and one of the other; of the second two are of it, one of none.
        assert_eq!(found.joint, [vec![2.0, 1.0], vec![0.0, 3.0]]);
        let suspect = Suspect { document: 2, given: Some(0), suggested: Some(1), score: 0.25 };
        assert_eq!(found.suspects, [suspect]);
        assert!((found.noise - 1.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn planted_errors_are_found_and_ordered_by_how_sure_they_are() {
        // 200 documents of three labels; each 20th is given the next label, and the model knows better.
        let truth = |i: usize| i % 3;
        let given = |i: usize| if i % 20 == 7 { (truth(i) + 1) % 3 } else { truth(i) };
        let sure = |i: usize| 0.7 + 0.2 * (i % 7) as f32 / 7.0;
        let targets: Vec<Target> = (0..200).map(|i| Target::One(given(i) as u32)).collect();
        let probabilities: Vec<f32> = (0..200)
            .flat_map(|i| (0..3).map(move |l| if l == truth(i) { sure(i) } else { (1.0 - sure(i)) / 2.0 }))
            .collect();
        let found = label_errors(&targets, &probabilities, 3, false).unwrap();
        let mut documents: Vec<usize> = found.suspects.iter().map(|s| s.document).collect();
        assert!(found.suspects.windows(2).all(|pair| pair[0].score <= pair[1].score));
        assert!(found.suspects.iter().all(|s| s.suggested == Some(truth(s.document) as u32)));
        documents.sort_unstable();
        // Counts are rounded for each pair of labels, so that one may be missed.
        assert!(documents.len() >= 9 && documents.iter().all(|i| i % 20 == 7), "{documents:?}");
        assert!((found.noise - 0.05).abs() < 0.02, "{}", found.noise);
    }

    #[test]
    fn of_several_labels_each_may_be_missing_or_too_many() {
        let has = |i: usize| i.is_multiple_of(2);
        let targets: Vec<Target> = (0..40)
            .map(|i| match i {
                4 => Target::many(vec![]),
                7 => Target::many(vec![0, 1]),
                _ => Target::many(if has(i) { vec![0] } else { vec![1] }),
            })
            .collect();
        let probabilities: Vec<f32> = (0..40).flat_map(|i| if has(i) { [0.9, 0.1] } else { [0.1, 0.9] }).collect();
        let found = label_errors(&targets, &probabilities, 2, true).unwrap();
        let missing = Suspect { document: 4, given: None, suggested: Some(0), score: 0.100_000_024 };
        let many = Suspect { document: 7, given: Some(0), suggested: None, score: 0.1 };
        assert_eq!(found.suspects.len(), 2, "{found:?}");
        assert!(found.suspects.contains(&many), "{found:?}");
        let near = found.suspects.iter().find(|s| s.document == 4).unwrap();
        assert_eq!((near.given, near.suggested), (missing.given, missing.suggested));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let targets = [Target::One(0), Target::Unlabelled];
        assert!(
            label_errors(&targets[..1], &[0.5, f32::NAN], 2, false).unwrap_err().to_string().contains("not a number")
        );
        assert!(label_errors(&targets, &[0.5; 4], 2, false).unwrap_err().to_string().contains("document 2"));
        assert!(label_errors(&targets, &[0.5; 3], 2, false).is_err());
        assert!(label_errors(&[], &[], 2, false).is_err());
    }
}
