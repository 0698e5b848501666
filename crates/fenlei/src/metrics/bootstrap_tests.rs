use serde_json::Value;

use super::*;
use crate::classifier::Decision;
use crate::data::Target;
use crate::metrics::{Report, Truth};

/// Documents of `n_labels` labels with probabilities that are right more often than not.
fn documents(n_docs: usize, n_labels: usize) -> (Vec<String>, Vec<u32>, Vec<f32>) {
    let labels = (0..n_labels).map(|label| format!("label {label}")).collect();
    let truth: Vec<u32> = (0..n_docs as u64).map(|i| (rng::bits(1, i) % n_labels as u64) as u32).collect();
    let mut probabilities = Vec::new();
    for (doc_idx, &label) in truth.iter().enumerate() {
        let mut row: Vec<f64> = (0..n_labels).map(|k| rng::uniform(2, (doc_idx * n_labels + k) as u64)).collect();
        row[label as usize] += 0.4;
        let sum: f64 = row.iter().sum();
        probabilities.extend(row.iter().map(|x| (x / sum) as f32));
    }
    (labels, truth, probabilities)
}

fn assert_agrees(outcomes: &Outcomes, report: &Report) {
    let json: Value = serde_json::to_value(report).unwrap();
    let figures = outcomes.figures(&vec![1; outcomes.n_docs()], &mut Vec::new());
    for (figure, found) in Figure::ALL.into_iter().zip(figures) {
        let Some(found) = found else { continue };
        let expected = json[figure.name()].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{figure:?}: {found}, expected {expected}");
    }
}

#[test]
fn over_all_documents_once_the_figures_are_those_of_the_report() {
    for n_labels in [2, 5] {
        let (labels, truth, probabilities) = documents(300, n_labels);
        let decision = Decision::plain(false, 0.5);
        let outcomes = Outcomes::new(&labels, Truth::Single(&truth), &probabilities, &decision).unwrap();
        assert_agrees(&outcomes, &Report::new(&labels, Truth::Single(&truth), &probabilities, 0.5).unwrap());
        let n_defined = outcomes.figures(&[1; 300], &mut Vec::new()).iter().flatten().count();
        assert_eq!(n_defined, if n_labels == 2 { 11 } else { 10 });
        let sets: Vec<Target> = truth.iter().map(|&l| Target::many(vec![l, (l + 1) % n_labels as u32])).collect();
        let outcomes =
            Outcomes::new(&labels, Truth::Multi(&sets), &probabilities, &Decision::plain(true, 0.3)).unwrap();
        assert_agrees(&outcomes, &Report::new(&labels, Truth::Multi(&sets), &probabilities, 0.3).unwrap());
    }
}

#[test]
fn a_document_drawn_twice_counts_twice() {
    let labels = ["a".to_owned(), "b".to_owned()];
    let decision = Decision::plain(false, 0.5);
    let of = |truth: &[u32], p: &[f32]| Outcomes::new(&labels, Truth::Single(truth), p, &decision).unwrap();
    let weighted = of(&[0, 1, 1], &[0.9, 0.1, 0.6, 0.4, 0.2, 0.8]);
    let repeated = of(&[0, 0, 1, 1, 1], &[0.9, 0.1, 0.9, 0.1, 0.6, 0.4, 0.6, 0.4, 0.6, 0.4]);
    let mut counts = Vec::new();
    let found = weighted.figures(&[2, 3, 0], &mut counts);
    for (found, expected) in found.iter().zip(repeated.figures(&[1; 5], &mut counts)) {
        match (found, expected) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
            (found, expected) => assert_eq!(*found, expected),
        }
    }
}

#[test]
fn the_interval_of_accuracy_is_that_of_the_binomial_distribution() {
    let (labels, truth, probabilities) = documents(2000, 2);
    let outcomes = Outcomes::new(&labels, Truth::Single(&truth), &probabilities, &Decision::plain(false, 0.5)).unwrap();
    let accuracy = outcomes.figures(&[1; 2000], &mut Vec::new())[0].unwrap();
    let found = intervals(&outcomes, Resampling { n: 4000, seed: 3 }).unwrap().figures["accuracy"];
    let half = 1.96 * (accuracy * (1.0 - accuracy) / 2000.0).sqrt();
    assert!((found.low - (accuracy - half)).abs() < 0.1 * half, "{found:?} {accuracy} {half}");
    assert!((found.high - (accuracy + half)).abs() < 0.1 * half, "{found:?} {accuracy} {half}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let (labels, truth, probabilities) = documents(500, 3);
    let outcomes = Outcomes::new(&labels, Truth::Single(&truth), &probabilities, &Decision::plain(false, 0.5)).unwrap();
    let with_threads = |n, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        let found = pool.install(|| intervals(&outcomes, Resampling { n: 300, seed })).unwrap();
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(with_threads(1, 5), with_threads(3, 5));
    assert_ne!(with_threads(1, 5), with_threads(1, 6));
}

#[test]
fn a_model_beside_itself_differs_in_nothing_and_a_better_one_is_told_apart() {
    let (labels, truth, probabilities) = documents(400, 2);
    let decision = Decision::plain(false, 0.5);
    let a = Outcomes::new(&labels, Truth::Single(&truth), &probabilities, &decision).unwrap();
    for difference in differences(&a, &a, Resampling::default()).unwrap() {
        assert_eq!((difference.difference, difference.p_value), (0.0, 1.0), "{difference:?}");
        assert_eq!(difference.interval, Interval { low: 0.0, high: 0.0 });
    }
    let certain: Vec<f32> = truth.iter().flat_map(|&l| [1.0 - l as f32, l as f32]).collect();
    let b = Outcomes::new(&labels, Truth::Single(&truth), &certain, &decision).unwrap();
    let found = differences(&a, &b, Resampling::default()).unwrap();
    assert_eq!((found[0].figure.as_str(), found[0].b), ("accuracy", 1.0));
    assert!(found[0].interval.low > 0.0 && found[0].p_value <= 2.0 / 1001.0 + 1e-12, "{:?}", found[0]);
}

#[test]
fn percentiles_lie_straight_between_values() {
    let values = [1.0, 2.0, 4.0, 8.0, 16.0];
    assert_eq!([0.0, 0.25, 0.375, 1.0].map(|share| percentile(&values, share)), [1.0, 2.0, 3.0, 16.0]);
    assert_eq!(interval(vec![1.0; 40], 100), None);
}

#[test]
fn too_few_resamples_are_refused() {
    let (labels, truth, probabilities) = documents(10, 2);
    let outcomes = Outcomes::new(&labels, Truth::Single(&truth), &probabilities, &Decision::plain(false, 0.5)).unwrap();
    let error = intervals(&outcomes, Resampling { n: 99, seed: 0 }).unwrap_err().to_string();
    assert!(error.contains("found 99 resamples, expected at least 100"), "{error}");
}
