//! The confusion matrix.

use serde::{Deserialize, Serialize};

/// Above this number of labels the full matrix would take more memory (8 bytes a cell) than it can be worth.
const MAX_LABELS: usize = 4096;

/// How often which truth was predicted as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Confusion {
    /// One label a document: `[n_labels, n_labels]`, rows = truth, columns = predicted.
    Single(Vec<Vec<u64>>),
    /// Any number of labels a document: for each label `[[tn, fp], [fn, tp]]`.
    Multi(Vec<[[u64; 2]; 2]>),
}

impl Confusion {
    /// An empty matrix, or none when it would be too large.
    pub(super) fn for_labels(n_labels: usize) -> Option<Vec<Vec<u64>>> {
        (n_labels <= MAX_LABELS).then(|| vec![vec![0; n_labels]; n_labels])
    }

    /// The most frequent errors as (truth, predicted, documents), most frequent first, ties in the order of the
    /// labels. Empty for multi-label data, where no label is predicted instead of another one.
    pub fn most_frequent_errors(&self, n_most: usize) -> Vec<(usize, usize, u64)> {
        let Self::Single(matrix) = self else { return Vec::new() };
        let mut errors: Vec<_> = matrix
            .iter()
            .enumerate()
            .flat_map(|(truth, row)| row.iter().enumerate().map(move |(predicted, &n_docs)| (truth, predicted, n_docs)))
            .filter(|&(truth, predicted, n_docs)| truth != predicted && n_docs > 0)
            .collect();
        errors.sort_by_key(|&(truth, predicted, n_docs)| (std::cmp::Reverse(n_docs), truth, predicted));
        errors.truncate(n_most);
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_errors_come_first() {
        let confusion = Confusion::Single(vec![vec![9, 2, 0], vec![5, 1, 2], vec![0, 0, 4]]);
        assert_eq!(confusion.most_frequent_errors(2), [(1, 0, 5), (0, 1, 2)]);
        assert_eq!(confusion.most_frequent_errors(9).len(), 3);
    }

    #[test]
    fn both_forms_come_back_from_json() {
        let single = Confusion::Single(vec![vec![3, 1], vec![0, 2]]);
        let multi = Confusion::Multi(vec![[[3, 1], [0, 2]]]);
        for confusion in [single, multi] {
            let json = serde_json::to_string(&confusion).unwrap();
            assert_eq!(serde_json::from_str::<Confusion>(&json).unwrap(), confusion, "{json}");
        }
    }

    #[test]
    fn a_matrix_too_large_to_be_worth_its_memory_is_left_out() {
        assert!(Confusion::for_labels(MAX_LABELS + 1).is_none());
        assert_eq!(Confusion::for_labels(2).unwrap(), [[0, 0], [0, 0]]);
    }
}
