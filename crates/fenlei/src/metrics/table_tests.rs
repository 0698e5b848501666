use super::super::{Interval, Intervals, Truth};
use super::*;
use crate::classifier::Decision;
use crate::data::Target;

fn strings(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| label.to_string()).collect()
}

#[test]
fn columns_are_aligned_under_chinese_and_english_labels() {
    let report = Report::new(
        &strings(&["体育", "science", "财经"]),
        Truth::Single(&[0, 1, 2, 0]),
        &[0.8, 0.1, 0.1, 0.2, 0.6, 0.2, 0.1, 0.7, 0.2, 0.9, 0.05, 0.05],
        0.5,
    )
    .unwrap();
    let table = report.to_string();
    let expected = "\
4 documents, 3 labels

accuracy           0.7500
balanced accuracy  0.6667
macro F1           0.5556
Matthews corr.     0.6708
Cohen's kappa      0.6000
AUC                0.8333
average precision  0.6667
log loss           0.6122
Brier score        0.3637
calibration error  0.3500

label          precision  recall      F1     AUC  documents
体育              1.0000  1.0000  1.0000  1.0000          2
science           0.5000  1.0000  0.6667  0.6667          1
财经              0.0000  0.0000  0.0000  0.8333          1
macro mean        0.5000  0.6667  0.5556
weighted mean     0.6250  0.7500  0.6667

Confusion (rows: truth, columns: predicted):
         体育  science  财经
体育        2        0     0
science     0        1     0
财经        0        1     0
";
    assert_eq!(table, expected, "\n{table}");
}

#[test]
fn of_many_labels_the_worst_are_shown_and_the_frequent_errors() {
    let n_labels = 1000;
    let labels: Vec<String> = (0..n_labels).map(|label| format!("label{label}")).collect();
    // Label 7 is always taken for label 8; the last 10 labels have no documents.
    let truth: Vec<u32> = (0..n_labels as u32 - 10).flat_map(|label| [label, label]).collect();
    let mut probabilities = vec![0.0; truth.len() * n_labels];
    for (doc_idx, &label) in truth.iter().enumerate() {
        let predicted = if label == 7 { 8 } else { label as usize };
        probabilities[doc_idx * n_labels + predicted] = 1.0;
    }
    let table = Report::new(&labels, Truth::Single(&truth), &probabilities, 0.5).unwrap().to_string();
    assert!(table.contains("The worst 20 of 990 labels by F1 (10 more labels have no documents here):"), "{table}");
    assert!(table.contains("\nlabel7            0.0000"), "{table}");
    assert!(table.contains("Most frequent errors:\ntruth → predicted  documents\nlabel7 → label8            2\n"));
    assert!(table.lines().count() < 45 && table.lines().all(|line| line.width() < 80), "{table}");
}

#[test]
fn multi_label_reports_show_their_own_figures() {
    let targets = [Target::Many([0, 1].into()), Target::Many([].into())];
    let report = Report::new(&strings(&["a", "b"]), Truth::Multi(&targets), &[0.9, 0.2, 0.1, 0.3], 0.25).unwrap();
    let table = report.to_string();
    for line in [
        "2 documents, 2 labels, any number a document, predicted from 0.25 up",
        "exact match        0.0000",
        "samples F1         0.3333",
        "hamming loss       0.5000",
        "micro mean        0.5000  0.5000  0.5000",
        "b                 0.0000  0.0000  0.0000  0.0000          1",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n{table}");
    }
    assert!(!table.contains("Confusion") && !table.contains("errors"), "{table}");
}

#[test]
fn undefined_figures_say_why() {
    let report = Report::new(&strings(&["a", "b"]), Truth::Single(&[0, 0]), &[0.8, 0.2, 0.7, 0.3], 0.5).unwrap();
    let table = report.to_string();
    for line in [
        "Cohen's kappa      undefined: only one label occurs, and it alone is predicted",
        "AUC                undefined: only one label occurs",
        "average precision  undefined: no document has the label \"b\"",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n{table}");
    }
    assert!(!table.contains("NaN") && !serde_json::to_string(&report).unwrap().contains("NaN"));
    let everywhere = [Target::Many([0].into()), Target::Many([0, 1].into())];
    let report = Report::new(&strings(&["a", "b"]), Truth::Multi(&everywhere), &[0.8; 4], 0.5).unwrap();
    assert_eq!(report.undefined["auc"], "every document has the label \"a\"");
}

#[test]
fn what_abstaining_gives_and_how_sure_figures_are_stand_beside_them() {
    let decision = Decision { abstain_below: Some(0.75), ..Decision::plain(false, 0.5) };
    let (labels, rows) = (strings(&["a", "b"]), [0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.25, 0.75]);
    let truth = Truth::Single(&[0, 0, 1, 0]);
    let mut report = Report::decided(&labels, truth, &rows, &decision).unwrap();
    let figures = [("accuracy".to_owned(), Interval { low: 0.25, high: 0.75 })].into();
    report.intervals = Some(Intervals { level: 0.95, resamples: 1000, seed: 0, figures });
    let table = report.to_string();
    for line in [
        "accuracy           0.5000  (0.2500 to 0.7500)",
        "answered           0.7500 of the documents, from a confidence of 0.7500 on; 0.6667 of them right",
        "In brackets: where 95 % of 1000 bootstrap resamples lie.",
    ] {
        assert!(table.lines().any(|found| found == line), "{line}\n{table}");
    }
}

#[test]
fn labels_with_thresholds_of_their_own_show_them() {
    let decision = Decision { thresholds: Some(vec![0.25, 0.75]), ..Decision::plain(true, 0.5) };
    let targets = [Target::Many([0, 1].into()), Target::Many([].into())];
    let report = Report::decided(&strings(&["a", "b"]), Truth::Multi(&targets), &[0.3, 0.6, 0.1, 0.3], &decision);
    let table = report.unwrap().to_string();
    assert!(table.contains("predicted from thresholds of their own up"), "{table}");
    assert!(table.lines().any(|line| line.ends_with("        1     0.7500")), "{table}");
}

#[test]
fn long_and_hostile_labels_stay_in_their_column() {
    assert_eq!(shortened("一二三四五", 10), "一二三四五");
    assert_eq!(shortened("一二三四五六", 10), "一二三四…");
    assert_eq!(shortened("abcdefghijk", 10), "abcdefghi…");
    assert_eq!(shortened("a\nb\u{1b}[31m", 10), "a\u{FFFD}b\u{FFFD}[31m");
}
