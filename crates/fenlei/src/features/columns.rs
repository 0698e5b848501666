//! Which counted n-grams become features, and which column each gets.
//!
//! Invariant: columns come by falling document frequency, then tokens before characters, shorter before longer, then in
//! the order of the tree. Frequent features stand together, which a processor's caches like.

use std::cmp::Reverse;

use super::count::CountedLevel;
use super::ngrams::{Level, NONE, compact};
use super::spec::FeaturesSpec;
use crate::{Error, Result};

/// The trees of all kinds of n-grams with their columns, and how many columns there are.
pub(super) fn number_columns(
    spec: &FeaturesSpec,
    counted: Vec<Vec<CountedLevel>>,
    n_docs: usize,
) -> Result<(Vec<Vec<Level>>, usize)> {
    let (min_df, max_df) = (spec.min_df.of(n_docs), spec.max_df.of(n_docs));
    let mut features: Vec<(Reverse<u32>, u16, u16, u32)> = Vec::new();
    let mut n_found = 0;
    for (block, levels) in (0..).zip(&counted) {
        for (depth, level) in (0..).zip(levels) {
            for (node, &df) in (0..).zip(&level.df).filter(|(_, df)| **df > 0) {
                n_found += 1;
                if (min_df..=max_df).contains(&f64::from(df)) {
                    features.push((Reverse(df), block, depth, node));
                }
            }
        }
    }
    if let Some(most) = spec.max_features.filter(|&most| most < features.len()) {
        let count = |&(_, block, depth, node): &(Reverse<u32>, u16, u16, u32)| {
            counted[block as usize][depth as usize].counts[node as usize]
        };
        features.sort_by_key(|feature| (Reverse(count(feature)), feature.1, feature.2, feature.3));
        features.truncate(most);
    }
    if features.is_empty() {
        let problem = format!(
            "no feature is left: of {n_found} n-grams that stand often enough to be looked at, none stands in at least \
             {} and at most {} of {n_docs} documents",
            min_df.max(1.0).ceil(),
            max_df.floor()
        );
        let help = "lower model.features.min_df, raise model.features.max_df, or give more documents";
        return Err(Error::train(problem, help));
    }
    features.sort_unstable();
    let level_of = |level: CountedLevel| Level { columns: vec![NONE; level.nodes.len()], nodes: level.nodes };
    let mut trees: Vec<Vec<Level>> =
        counted.into_iter().map(|levels| levels.into_iter().map(level_of).collect()).collect();
    for (column, &(_, block, depth, node)) in (0..).zip(&features) {
        trees[block as usize][depth as usize].columns[node as usize] = column;
    }
    trees.iter_mut().for_each(compact);
    Ok((trees, features.len()))
}

/// Leaves out all columns but `kept`, which gives the old column of each new one.
pub(super) fn renumber(trees: &mut [Vec<Level>], kept: &[u32], n_columns: usize) {
    let mut new_of_old = vec![NONE; n_columns];
    (0..).zip(kept).for_each(|(new, &old)| new_of_old[old as usize] = new);
    for levels in trees {
        for column in levels.iter_mut().flat_map(|level| &mut level.columns).filter(|column| **column != NONE) {
            *column = new_of_old[*column as usize];
        }
        compact(levels);
    }
}
