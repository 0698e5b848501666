use super::*;
use crate::rng;

fn random(n: usize, seed: u64) -> Vec<f64> {
    (0..n).map(|i| 2.0 * rng::normal(seed, i as u64)).collect()
}

fn every_loss() -> Vec<Loss> {
    let specs = [
        LossSpec::SoftmaxCrossEntropy { label_smoothing: 0.1 },
        LossSpec::SoftmaxCrossEntropy { label_smoothing: 0.0 },
        LossSpec::BinaryCrossEntropy { label_smoothing: 0.2 },
        LossSpec::BinaryCrossEntropy { label_smoothing: 0.0 },
        LossSpec::MeanSquaredError {},
        LossSpec::Focal { gamma: 2.0, label_smoothing: 0.0 },
        LossSpec::Focal { gamma: 0.5, label_smoothing: 0.1 },
    ];
    let heads = [Head::Softmax, Head::Sigmoid, Head::Binary];
    specs.into_iter().flat_map(|spec| heads.map(|head| Loss::new(spec, head).ok())).flatten().collect()
}

/// Documents with one, two, all and no labels.
const LABELS: &[u32] = &[1, 0, 1, 0, 1, 0];
const STARTS: &[u32] = &[0, 1, 2, 4, 4, 5, 6];

fn targets(weighted: bool) -> Targets<'static> {
    let mut targets = Targets::new(LABELS, STARTS);
    if weighted {
        targets.class_weights = Some(&[0.5, 2.0]);
        targets.sample_weights = Some(&[1.0, 0.3, 2.0, 1.5, 0.0, 1.0]);
    }
    targets
}

#[test]
fn gradients_are_those_of_the_value() {
    for loss in every_loss() {
        for weighted in [false, true] {
            let mut logits = random(6 * loss.head.n_outputs(2), 3);
            let mut gradient = vec![0.0; logits.len()];
            let value = loss.forward_backward(&mut gradient, &logits, &targets(weighted));
            assert!(value > 0.0, "{loss:?}");
            let mut scratch = Vec::new();
            for i in 0..logits.len() {
                let mut at = |offset: f64| {
                    logits[i] += offset;
                    let value = loss.value(&mut scratch, &logits, &targets(weighted));
                    logits[i] -= offset;
                    value
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((gradient[i] - numeric).abs() < 1e-8, "{loss:?}: {} and {numeric}", gradient[i]);
            }
        }
    }
}

#[test]
fn soft_targets_that_are_labels_give_what_labels_give() {
    // One label a document, so that both say the same for every head.
    let hard = Targets::new(&[1, 0, 1, 0], &[0, 1, 2, 3, 4]);
    let soft = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
    let unlabelled = Targets { soft: Some(&soft), ..Targets::new(&[], &[0; 5]) };
    for loss in every_loss() {
        for class_weights in [None, Some(&[0.5, 2.0][..])] {
            let logits = random(4 * loss.head.n_outputs(2), 5);
            let mut gradients = [vec![0.0; logits.len()], vec![0.0; logits.len()]];
            let [by_label, by_soft] = [hard, unlabelled].map(|targets| Targets { class_weights, ..targets });
            let a = loss.forward_backward(&mut gradients[0], &logits, &by_label);
            let b = loss.forward_backward(&mut gradients[1], &logits, &by_soft);
            assert!((a - b).abs() < 1e-12, "{loss:?}: {a} and {b}");
            let [first, second] = &gradients;
            assert!(first.iter().zip(second).all(|(x, y)| (x - y).abs() < 1e-12), "{loss:?}");
        }
    }
}

#[test]
fn gradients_of_soft_targets_are_those_of_the_value() {
    let soft = [0.2, 0.8, 0.5, 0.5, 0.9, 0.1];
    let targets = Targets { soft: Some(&soft), class_weights: Some(&[0.5, 2.0]), ..Targets::new(&[], &[0; 4]) };
    for loss in every_loss() {
        let mut logits = random(3 * loss.head.n_outputs(2), 7);
        let mut gradient = vec![0.0; logits.len()];
        loss.forward_backward(&mut gradient, &logits, &targets);
        let mut scratch = Vec::new();
        for i in 0..logits.len() {
            let mut at = |offset: f64| {
                logits[i] += offset;
                let value = loss.value(&mut scratch, &logits, &targets);
                logits[i] -= offset;
                value
            };
            let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((gradient[i] - numeric).abs() < 1e-8, "{loss:?}: {} and {numeric}", gradient[i]);
        }
    }
}

#[test]
fn huge_logits_stay_finite() {
    for loss in every_loss() {
        let n_outputs = loss.head.n_outputs(2);
        let logits: Vec<f32> = (0..6 * n_outputs).map(|i| [1e4, -1e4, 3e30, -3e30][i % 4]).collect();
        let mut gradient = vec![0.0; logits.len()];
        let value = loss.forward_backward(&mut gradient, &logits, &targets(true));
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss:?}: {value} {gradient:?}");
    }
}

#[test]
fn a_binary_head_equals_the_two_class_softmax() {
    let logits = random(6, 9);
    let pairs: Vec<f64> = logits.iter().flat_map(|&z| [0.0, z]).collect();
    let one = |kind: fn(f64) -> LossSpec, other: fn(f64) -> LossSpec, smoothing| {
        let mut scratch = Vec::new();
        let binary = Loss::new(kind(smoothing), Head::Binary).unwrap();
        let softmax = Loss::new(other(smoothing), Head::Softmax).unwrap();
        let a = binary.value(&mut scratch, &logits, &targets(true));
        let b = softmax.value(&mut scratch, &pairs, &targets(true));
        assert!((a - b).abs() < 1e-14, "{binary:?}: {a} and {b}");
    };
    let focal = |label_smoothing| LossSpec::Focal { gamma: 2.0, label_smoothing };
    for smoothing in [0.0, 0.1] {
        one(
            |label_smoothing| LossSpec::BinaryCrossEntropy { label_smoothing },
            |label_smoothing| LossSpec::SoftmaxCrossEntropy { label_smoothing },
            smoothing,
        );
        one(focal, focal, smoothing);
    }
}

#[test]
fn without_weight_loss_and_gradient_are_zero() {
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    let mut gradient = [1.0f32; 4];
    assert_eq!(loss.forward_backward(&mut gradient, &[1.0; 4], &Targets::new(&[], &[0, 0, 0])), 0.0);
    assert_eq!(gradient, [0.0; 4]);
    assert_eq!(loss.forward_backward::<f32>(&mut [], &[], &Targets::new(&[], &[0])), 0.0);
}

#[test]
fn a_document_without_labels_counts_nothing_in_a_softmax() {
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    let mut scratch = Vec::new();
    let with = loss.value(&mut scratch, &[1.0, 2.0, 5.0, -5.0], &Targets::new(&[0], &[0, 1, 1]));
    let without = loss.value(&mut scratch, &[1.0, 2.0], &Targets::new(&[0], &[0, 1]));
    assert_eq!(with, without);
}

#[test]
fn losses_that_do_not_fit_are_refused() {
    let smoothing = LossSpec::SoftmaxCrossEntropy { label_smoothing: 1.5 };
    let error = Loss::new(smoothing, Head::Softmax).unwrap_err().to_string();
    assert_eq!(error, "label_smoothing is 1.5; it must be from 0 to 1");
    let error = Loss::new(LossSpec::of(Head::Softmax), Head::Sigmoid).unwrap_err().to_string();
    assert_eq!(error, "the loss softmax-cross-entropy does not fit the head Sigmoid; use binary-cross-entropy");
    assert!(Loss::new(LossSpec::of(Head::Binary), Head::Softmax).is_err());
    assert!(Loss::new(LossSpec::Focal { gamma: -1.0, label_smoothing: 0.0 }, Head::Softmax).is_err());
}

#[test]
fn descriptions_round_trip_and_unknown_keys_are_refused() {
    let spec: LossSpec = serde_json::from_str(r#"{"kind": "focal", "gamma": 2.0}"#).unwrap();
    assert_eq!(spec, LossSpec::Focal { gamma: 2.0, label_smoothing: 0.0 });
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<LossSpec>(&text).unwrap(), spec);
    assert!(serde_json::from_str::<LossSpec>(r#"{"kind": "mean-squared-error", "gama": 2.0}"#).is_err());
}
