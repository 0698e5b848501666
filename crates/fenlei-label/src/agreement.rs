//! How well annotators agree, beyond chance: Cohen's kappa (Cohen 1960).

use std::collections::BTreeMap;

use fenlei::metrics::{Report, Truth};
use serde::Serialize;

use crate::ledger::Ledger;

/// Two annotators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The one.
    pub first: String,
    /// The other.
    pub second: String,
    /// Documents that both have labelled.
    pub n_docs: usize,
    /// The share of these with the same labels.
    pub share: f64,
    /// Cohen's kappa; of several labels a document, the mean over the labels. `None` where one label only occurs.
    pub kappa: Option<f64>,
}

/// The labels that two gave one document.
type BothSaid<'a> = (&'a [String], &'a [String]);

/// All pairs that have labelled the same documents, by name.
pub(crate) fn agreements(ledger: &Ledger, labels: &[String], multi_label: bool) -> Vec<Agreement> {
    let mut pairs: BTreeMap<(&str, &str), Vec<BothSaid<'_>>> = BTreeMap::new();
    for place in ledger.places() {
        let said: Vec<(&str, &[String])> =
            ledger.said(place).into_iter().map(|(who, own)| (who, &own.labels[..])).collect();
        for (i, &(first, of_first)) in said.iter().enumerate() {
            for &(second, of_second) in &said[i + 1..] {
                pairs.entry((first, second)).or_default().push((of_first, of_second));
            }
        }
    }
    pairs
        .into_iter()
        .map(|((first, second), both)| {
            let same = both.iter().filter(|(a, b)| a == b).count();
            Agreement {
                first: first.to_owned(),
                second: second.to_owned(),
                n_docs: both.len(),
                share: same as f64 / both.len() as f64,
                kappa: if multi_label { of_several(&both, labels) } else { of_one(&both) },
            }
        })
        .collect()
}

type Both<'a> = (&'a [String], &'a [String]);

fn of_one(both: &[Both<'_>]) -> Option<f64> {
    let mut names: Vec<&String> = both.iter().flat_map(|(a, b)| a.iter().chain(*b)).collect();
    names.sort_unstable();
    names.dedup();
    let place = |labels: &[String]| labels.first().and_then(|label| names.binary_search(&label).ok());
    let chosen: Option<Vec<(usize, usize)>> = both.iter().map(|(a, b)| place(a).zip(place(b))).collect();
    kappa(&chosen?, names.len())
}

/// Each label is a question of its own; those about which nobody said yes tell nothing.
fn of_several(both: &[Both<'_>], labels: &[String]) -> Option<f64> {
    let of_label = |label: &String| {
        let has = |labels: &[String]| usize::from(labels.contains(label));
        let chosen: Vec<(usize, usize)> = both.iter().map(|(a, b)| (has(a), has(b))).collect();
        kappa(&chosen, 2)
    };
    let kappas: Vec<f64> = labels.iter().filter_map(of_label).collect();
    (!kappas.is_empty()).then(|| kappas.iter().sum::<f64>() / kappas.len() as f64)
}

/// The one as truth, the other as a prediction that is sure of itself.
fn kappa(chosen: &[(usize, usize)], n_labels: usize) -> Option<f64> {
    let names: Vec<String> = (0..n_labels).map(|label| label.to_string()).collect();
    let truth: Vec<u32> = chosen.iter().map(|&(first, _)| first as u32).collect();
    let mut sure = vec![0.0; chosen.len() * n_labels];
    for (row, &(_, second)) in sure.chunks_exact_mut(n_labels.max(1)).zip(chosen) {
        row[second] = 1.0;
    }
    Report::new(&names, Truth::Single(&truth), &sure, 0.5).ok()?.cohen_kappa
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<f64> {
        let both: Vec<(Vec<String>, Vec<String>)> =
            pairs.iter().map(|(a, b)| (vec![(*a).to_owned()], vec![(*b).to_owned()])).collect();
        let both: Vec<Both<'_>> = both.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        of_one(&both)
    }

    #[test]
    fn kappa_is_that_of_scikit_learn() {
        // sklearn.metrics.cohen_kappa_score(["a", "a", "b", "c", "c", "b"], ["a", "b", "b", "c", "a", "b"]) of scikit-learn 1.9.1
        let found = of(&[("a", "a"), ("a", "b"), ("b", "b"), ("c", "c"), ("c", "a"), ("b", "b")]).unwrap();
        assert!((found - 0.5).abs() < 1e-12, "{found}");
        // cohen_kappa_score([0, 0, 1, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0, 1, 1])
        let pairs = [("0", "0"), ("0", "1"), ("1", "1"), ("1", "1"), ("1", "0"), ("0", "0"), ("1", "1"), ("0", "1")];
        assert!((of(&pairs).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(of(&[("a", "a"), ("b", "b")]), Some(1.0));
        assert_eq!(of(&[("a", "b"), ("b", "a")]), Some(-1.0));
        assert_eq!(of(&[("a", "a")]), None);
    }

    #[test]
    fn of_several_labels_it_is_the_mean_over_labels() {
        let set = |labels: &str| labels.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let said = [("x y", "x"), ("x", "x"), ("", ""), ("y", "y"), ("", "x"), ("y", "y")];
        let said: Vec<(Vec<String>, Vec<String>)> = said.iter().map(|(a, b)| (set(a), set(b))).collect();
        let both: Vec<Both<'_>> = said.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        // cohen_kappa_score of x: [1, 1, 0, 0, 0, 0] and [1, 1, 0, 0, 1, 0]; of y: [1, 0, 0, 1, 0, 1] and [0, 0, 0, 1, 0, 1]
        let found = of_several(&both, &set("x y z")).unwrap();
        assert!((found - (2.0 / 3.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12, "{found}");
    }
}
