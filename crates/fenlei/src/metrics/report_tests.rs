use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::classifier::Positive;
use crate::data::Target;
use crate::metrics::{area_under_roc, average_precision, precision_recall_curve, roc_curve};

const GOLDEN: &str = include_str!("../../testdata/metrics_golden.json");

/// Asserts that `found` has everything that `expected` has, numbers to 1e-9.
fn assert_close(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() < 1e-9, "{at}: {a}, expected {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| assert_close(a, b, &format!("{at}[{i}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            for (key, b) in b {
                let a = a.get(key).unwrap_or_else(|| panic!("{at}.{key} is missing"));
                assert_close(a, b, &format!("{at}.{key}"));
            }
        }
        _ => assert_eq!(found, expected, "{at}"),
    }
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn label_names(n_labels: usize) -> Vec<String> {
    (0..n_labels).map(|label| format!("label {label}")).collect()
}

#[test]
fn every_figure_equals_scikit_learns() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let probabilities: Vec<f32> = numbers(&case["probabilities"]);
        let labels = label_names(case["report"]["per_class"].as_array().unwrap().len());
        let report = if let Some(sets) = case.get("truth_sets") {
            let targets: Vec<_> = numbers::<Vec<u32>>(sets).into_iter().map(|set| Target::Many(set.into())).collect();
            let threshold = case["report"]["threshold"].as_f64().unwrap() as f32;
            Report::new(&labels, Truth::Multi(&targets), &probabilities, threshold).unwrap()
        } else {
            Report::new(&labels, Truth::Single(&numbers::<u32>(&case["truth"])), &probabilities, 0.5).unwrap()
        };
        // As text, for that is what `fenlei eval --json` prints.
        let mut json: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_close(&json, &case["report"], name);
        let object = json.as_object_mut().unwrap();
        // The reasons of what is missing are ours.
        object.remove("undefined");
        assert_eq!(object.remove("labels").unwrap(), serde_json::json!(labels));
        let expected_keys: std::collections::BTreeSet<_> = case["report"].as_object().unwrap().keys().collect();
        assert_eq!(object.keys().collect::<std::collections::BTreeSet<_>>(), expected_keys, "{name}");
    }
}

#[test]
fn curves_equal_scikit_learns() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for case in golden["curves"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (scores, truth): (Vec<f32>, Vec<bool>) = (numbers(&case["scores"]), numbers(&case["truth"]));
        let mut roc = roc_curve(&scores, &truth).unwrap();
        assert_eq!(roc.thresholds.remove(0), f64::INFINITY);
        assert_close(&serde_json::to_value(roc).unwrap(), &case["roc"], name);
        let curve = precision_recall_curve(&scores, &truth).unwrap();
        assert_close(&serde_json::to_value(curve).unwrap(), &case["precision_recall"], name);
        let area = area_under_roc(scores.iter().copied().zip(truth.iter().copied())).unwrap();
        assert!((area - case["auc"].as_f64().unwrap()).abs() < 1e-9, "{name}");
        let precision = average_precision(scores.iter().copied().zip(truth.iter().copied())).unwrap();
        assert!((precision - case["average_precision"].as_f64().unwrap()).abs() < 1e-9, "{name}");
    }
}

#[test]
fn a_report_of_an_older_version_is_read() {
    let report = Report::new(&label_names(2), Truth::Single(&[0, 1]), &[0.7, 0.3, 0.6, 0.4], 0.5).unwrap();
    let mut old = serde_json::to_value(&report).unwrap();
    for new in ["balanced_accuracy", "matthews_correlation", "cohen_kappa", "brier_score", "weighted_auc"] {
        assert!(old.as_object_mut().unwrap().remove(new).is_some(), "{new}");
    }
    let read: Report = serde_json::from_value(old).unwrap();
    assert_eq!((read.brier_score, read.accuracy), (None, 0.5));
    assert!(!read.to_string().contains("Brier"));
}

#[test]
fn a_decision_that_moves_the_border_moves_the_figures_of_labels_only() {
    let (labels, rows) = (label_names(2), [0.7, 0.3, 0.6, 0.4, 0.2, 0.8]);
    let positive = Some(Positive { label: 1, threshold: 0.35 });
    let moved = Decision { positive, ..Decision::plain(false, 0.5) };
    let plain = Report::new(&labels, Truth::Single(&[0, 1, 1]), &rows, 0.5).unwrap();
    let report = Report::decided(&labels, Truth::Single(&[0, 1, 1]), &rows, &moved).unwrap();
    assert_eq!((plain.accuracy, report.accuracy), (2.0 / 3.0, 1.0));
    assert_eq!((report.per_class[0].threshold, report.per_class[1].threshold), (None, Some(0.35)));
    assert_eq!((report.calibration_error, report.log_loss), (plain.calibration_error, plain.log_loss));
    assert!(Report::decided(&labels, Truth::Single(&[0]), &[0.5, 0.5], &Decision::plain(true, 0.5)).is_err());
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_the_place() {
    let labels = label_names(2);
    let refused = |truth: Truth, probabilities: &[f32], threshold| {
        Report::new(&labels, truth, probabilities, threshold).unwrap_err().to_string()
    };
    for (error, expected) in [
        (refused(Truth::Single(&[]), &[], 0.5), "no documents"),
        (refused(Truth::Single(&[0, 1]), &[0.5; 3], 0.5), "3 probabilities for 2 documents and 2 labels"),
        (refused(Truth::Single(&[0, 2]), &[0.5; 4], 0.5), "document 2 has label number 2 of 2"),
        (refused(Truth::Single(&[0]), &[0.5; 2], f32::NAN), "threshold is NaN"),
        (refused(Truth::Single(&[0, 1]), &[0.5, 0.5, 0.5, f32::NAN], 0.5), "document 2 the probability NaN"),
        (refused(Truth::Single(&[0]), &[1.5, -0.5], 0.5), "probability 1.5 for the label \"label 0\""),
        (refused(Truth::Multi(&[Target::One(0), Target::Unlabelled]), &[0.5; 4], 0.5), "document 2 is not labelled"),
        (refused(Truth::Multi(&[Target::Many([5].into())]), &[0.5; 2], 0.5), "label number 5"),
        (Report::new(&[], Truth::Single(&[0]), &[], 0.5).unwrap_err().to_string(), "no labels"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_report_read_back_from_json_is_the_same() {
    let probabilities: Vec<f32> = (0..70).map(|i| (i * 37 % 70) as f32 / 70.0).collect();
    let single = Report::new(&label_names(7), Truth::Single(&[0, 1, 2, 3, 4, 5, 6, 0, 1, 2]), &probabilities, 0.5);
    let targets = vec![Target::Many([1, 3].into()); 10];
    let multi = Report::new(&label_names(7), Truth::Multi(&targets), &probabilities, 0.3);
    for report in [single.unwrap(), multi.unwrap()] {
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}

proptest! {
    #[test]
    fn figures_of_any_predictions_are_shares_and_agree_with_each_other(
        n_labels in 1usize..6,
        docs in prop::collection::vec((any::<u32>(), prop::array::uniform6(0.0f32..=1.0)), 1..30),
        threshold in 0.0f32..=1.0,
    ) {
        let labels = label_names(n_labels);
        let probabilities: Vec<f32> = docs.iter().flat_map(|(_, row)| row[..n_labels].iter().copied()).collect();
        let truth: Vec<u32> = docs.iter().map(|(label, _)| label % n_labels as u32).collect();
        let sets: Vec<_> = docs
            .iter()
            .map(|(bits, _)| Target::Many((0..n_labels as u32).filter(|label| bits >> label & 1 == 1).collect()))
            .collect();
        let single = Report::new(&labels, Truth::Single(&truth), &probabilities, threshold).unwrap();
        let multi = Report::new(&labels, Truth::Multi(&sets), &probabilities, threshold).unwrap();
        prop_assert_eq!((single.micro_f1, single.micro_recall), (single.accuracy, single.accuracy));
        // Summing each class with its own weight gives back the share of right documents.
        prop_assert!((single.weighted_recall - single.accuracy).abs() < 1e-12);
        let Some(Confusion::Single(matrix)) = &single.confusion else { panic!("one label a document") };
        prop_assert_eq!(matrix.iter().flatten().sum::<u64>(), docs.len() as u64);
        let Some(Confusion::Multi(matrices)) = &multi.confusion else { panic!("any number of labels") };
        for (matrix, class) in matrices.iter().zip(&multi.per_class) {
            prop_assert_eq!(matrix.iter().flatten().sum::<u64>(), docs.len() as u64);
            prop_assert_eq!(matrix[1].iter().sum::<u64>(), class.support);
        }
        for report in [single, multi] {
            let shares = [report.accuracy, report.macro_f1, report.weighted_f1, report.micro_f1, report.calibration_error];
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{:?}", shares);
            prop_assert!(report.log_loss >= 0.0 && report.log_loss < 37.0);
            prop_assert!(report.auc.is_none_or(|auc| (0.0..=1.0).contains(&auc)));
            prop_assert!(!report.to_string().is_empty());
        }
    }
}
