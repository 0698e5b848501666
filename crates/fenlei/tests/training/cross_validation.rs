//! Cross-validation: nothing is learned from what is predicted, and the numbers are the same however they are computed.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::eval::{CrossValidated, CvOptions, Inner, cross_validate};
use fenlei::train::{Metric, Plan};
use fenlei::{Error, Result};

fn plan(model: &str, set: &[&str]) -> Plan {
    let set = set.iter().map(|setting| (*setting).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(model.to_owned()), set, ..PlanSource::default() }).unwrap()
}

fn linear(set: &[&str]) -> Plan {
    plan("linear", &[set, &["model.features.min_df=1", "train.validation=0.0"]].concat())
}

/// `n` documents of two labels that go by a word, but for each seventh.
fn reviews(n: usize) -> Dataset {
    let words = |i: usize| if i.is_multiple_of(2) { "good" } else { "bad" };
    let texts = (0..n).map(|i| format!("{} film number{i}", words(if i % 7 == 0 { i + 1 } else { i }))).collect();
    let targets = (0..n).map(|i| Target::One((i % 2 == 0).into())).collect();
    Dataset::new(texts, targets, vec!["neg".into(), "pos".into()], false).unwrap()
}

fn measured(plans: &[Plan], documents: &Dataset, options: &CvOptions<'_>) -> Result<CrossValidated> {
    cross_validate(plans, documents, Path::new("x.csv"), options)
}

#[test]
fn figures_are_those_of_documents_that_were_not_learned_from() {
    let documents = reviews(140);
    let result =
        measured(&[linear(&[])], &documents, &CvOptions { folds: 5, repeats: 2, ..Default::default() }).unwrap();
    assert_eq!(result.folds.len(), 10);
    assert!(result.folds.iter().all(|fold| fold.n_train == 112 && fold.report.n_docs == 28));
    // Each document holds a word of its own by which it would be right, had it been seen.
    assert!((result.pooled.accuracy - 6.0 / 7.0).abs() < 1e-9, "{}", result.pooled.accuracy);
    let accuracy = &result.figures[0];
    let mean = result.folds.iter().map(|fold| fold.report.accuracy).sum::<f64>() / 10.0;
    let square = result.folds.iter().map(|fold| (fold.report.accuracy - mean).powi(2)).sum::<f64>() / 9.0;
    assert_eq!((accuracy.figure, accuracy.n), ("accuracy", 10));
    assert!((accuracy.mean.unwrap() - mean).abs() < 1e-12 && (accuracy.std.unwrap() - square.sqrt()).abs() < 1e-12);
    assert!(result.probabilities.chunks(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-5));
}

#[test]
fn numbers_do_not_depend_on_how_many_folds_are_trained_at_a_time() {
    let documents = reviews(60);
    let plans = [plan("cnn", &["train.epochs=2", "model.layers.0.dim=4", "train.batch_size=8"])];
    let run = |jobs| measured(&plans, &documents, &CvOptions { folds: 3, jobs, ..Default::default() }).unwrap();
    let (one, three) = (run(1), run(3));
    assert_eq!(one.probabilities, three.probabilities);
    assert_eq!(one.figures, three.figures);
}

#[test]
fn a_nested_choice_is_made_inside_each_fold() {
    // Only a model that sees pairs of words can tell "a b" from "b a".
    let texts = (0..80).map(|i| if i % 2 == 0 { "one two" } else { "two one" }.to_owned()).collect();
    let targets = (0..80).map(|i| Target::One(i % 2)).collect();
    let documents = Dataset::new(texts, targets, vec!["a".into(), "b".into()], false).unwrap();
    let plans = [linear(&["model.features.word_ngrams=1"]), linear(&["model.features.word_ngrams=2"])];
    let inner = Some(Inner { folds: 2, metric: Metric::Accuracy });
    let result = measured(&plans, &documents, &CvOptions { folds: 4, inner, ..Default::default() }).unwrap();
    assert!(result.folds.iter().all(|fold| fold.plan == 1));
    assert_eq!(result.pooled.accuracy, 1.0);
    let error = measured(&plans, &documents, &CvOptions { folds: 4, ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("no inner folds"), "{error}");
}

#[test]
fn a_group_is_never_on_both_sides() {
    // Films have one label each and a name by which it is known: without groups all would be right.
    let texts = (0..120).map(|i| format!("film{} seen", i / 4)).collect();
    let targets = (0..120).map(|i| Target::One((i / 4 * 7 % 13) % 2)).collect();
    let documents = Dataset::new(texts, targets, vec!["neg".into(), "pos".into()], false).unwrap();
    let groups: Vec<String> = (0..120).map(|i| (i / 4).to_string()).collect();
    let plans = [linear(&[])];
    let alone = measured(&plans, &documents, &CvOptions { folds: 5, ..Default::default() }).unwrap();
    let options = CvOptions { folds: 5, groups: Some(&groups), ..Default::default() };
    let grouped = measured(&plans, &documents, &options).unwrap();
    assert!(alone.pooled.accuracy > 0.95 && grouped.pooled.accuracy < 0.75, "{}", grouped.pooled.accuracy);
}

#[test]
fn what_cannot_be_measured_is_told() {
    let mut documents = reviews(20);
    let folds = |folds| CvOptions { folds, ..Default::default() };
    let error = measured(&[linear(&[])], &documents, &folds(1)).unwrap_err().to_string();
    assert!(error.contains("found 1, expected 2 to 20"), "{error}");
    documents.labels.push("rare".into());
    documents.targets[3] = Target::One(2);
    let error = measured(&[linear(&[])], &documents, &folds(4)).unwrap_err().to_string();
    assert!(error.contains("\"rare\"") && error.contains("its one document is in it"), "{error}");
    documents.targets[3] = Target::Unlabelled;
    let error = measured(&[linear(&[])], &documents, &folds(4)).unwrap_err().to_string();
    assert!(error.contains("document 4 has no label"), "{error}");
    let stop = AtomicBool::new(true);
    let options = CvOptions { folds: 2, stop: Some(&stop), ..Default::default() };
    assert!(matches!(measured(&[linear(&[])], &reviews(20), &options), Err(Error::Interrupted)));
}
