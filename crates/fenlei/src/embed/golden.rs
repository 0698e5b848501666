//! Small cases against fastText, gensim, SciPy and plain double precision (`testdata/make_embed_golden.py`).

use fenlei_nn::kernels::shared_rows::SharedRows;
use fenlei_nn::kernels::word_pairs::{Inputs, Outputs, PairStep};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::huffman::Ways;
use super::{SubwordSpec, spearman};

#[derive(Deserialize)]
struct Golden {
    subwords: Vec<SubwordCase>,
    training: BTreeMap<String, TrainingCase>,
    tree: TreeCase,
    correlations: Vec<CorrelationCase>,
}

#[derive(Deserialize)]
struct SubwordCase {
    word: String,
    chars: [usize; 2],
    buckets: u32,
    rows: Vec<u32>,
}

#[derive(Deserialize)]
struct TrainingCase {
    lr: f32,
    start: [Vec<Vec<f64>>; 2],
    steps: Vec<StepCase>,
    end: [Vec<Vec<f64>>; 2],
}

#[derive(Deserialize)]
struct StepCase {
    bags: Vec<Vec<u32>>,
    targets: Vec<u32>,
    labels: Vec<f32>,
}

#[derive(Deserialize)]
struct TreeCase {
    counts: Vec<u64>,
    turns: u64,
}

#[derive(Deserialize)]
struct CorrelationCase {
    a: Vec<f64>,
    b: Vec<f64>,
    spearman: Option<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../testdata/embed_golden.json")).unwrap()
}

#[test]
fn n_grams_have_the_rows_that_fasttext_gives_them() {
    for SubwordCase { word, chars: [min_chars, max_chars], buckets, rows } in golden().subwords {
        let spec = SubwordSpec { min_chars, max_chars, buckets };
        assert_eq!(spec.buckets_of(&word), rows, "{word} {spec:?}");
    }
}

#[test]
fn steps_end_where_double_precision_and_gensim_end() {
    for (name, case) in golden().training {
        let table = |rows: &[Vec<f64>]| SharedRows::new(rows.len(), rows[0].len(), |row, col| rows[row][col] as f32);
        let (inputs, outputs) = (table(&case.start[0]), table(&case.start[1]));
        let mut pairs = PairStep::new();
        for step in &case.steps {
            let ends: Vec<u32> = step
                .bags
                .iter()
                .scan(0, |end, bag| {
                    *end += bag.len() as u32;
                    Some(*end)
                })
                .collect();
            let of_step = Inputs { rows: &step.bags.concat(), ends: &ends };
            pairs.step(&inputs, of_step, &outputs, Outputs { rows: &step.targets, labels: &step.labels }, case.lr);
        }
        for (found, expected) in [(&inputs, &case.end[0]), (&outputs, &case.end[1])] {
            for (row, expected) in expected.iter().enumerate() {
                let mut numbers = Vec::new();
                found.push_row(row, &mut numbers);
                for (number, expected) in numbers.iter().zip(expected) {
                    assert!((f64::from(*number) - expected).abs() < 1e-5, "{name}: {number} {expected}");
                }
            }
        }
    }
}

#[test]
fn the_tree_needs_as_few_turns_as_that_of_gensim() {
    let TreeCase { counts, turns } = golden().tree;
    let ways = Ways::new(&counts);
    let found: u64 = (0..).zip(&counts).map(|(word, count)| count * ways.of(word).0.len() as u64).sum();
    assert_eq!(found, turns);
}

#[test]
fn ranks_are_correlated_as_scipy_does() {
    for CorrelationCase { a, b, spearman: expected } in golden().correlations {
        match (spearman(&a, &b), expected) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{found} {expected}"),
            (found, expected) => assert_eq!(found, expected),
        }
    }
}
