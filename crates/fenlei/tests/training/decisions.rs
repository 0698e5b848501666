//! Decisions chosen on held-out documents: they make probabilities honest, hold on every path, and travel in the file.

use fenlei::artifact::from_bytes;
use fenlei::classifier::{Calibration, Classifier};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::eval::{Abstain, CalibrationSpec, Method, Side, calibrate, compare, compare_models};
use fenlei::metrics::{Goal, Resampling};
use fenlei::train::{Plan, TrainOptions, Trained, train, train_with};
use fenlei_nn::rng;

use super::corpus::{bytes, few_messages, messages, plan};

const TEMPERATURE: CalibrationSpec = CalibrationSpec {
    method: Method::Temperature,
    threshold_for: None,
    per_label: false,
    positive: None,
    abstain: None,
};

/// Documents whose words speak for their label more often than not. Each word stands there three times, which naive
/// Bayes takes for three signs: it is far too sure.
fn noisy(n_docs: u64, seed: u64) -> Dataset {
    let mut texts = Vec::new();
    let mut targets = Vec::new();
    for doc in 0..n_docs {
        let draw = |position: u64| rng::uniform(rng::derive(seed, doc), position);
        let label = u32::from(draw(0) < 0.4);
        let words = (1..6).map(|i| {
            let side = if draw(i) < 0.7 { label } else { 1 - label };
            let word = format!("{}{}", ["bad", "good"][side as usize], (draw(10 + i) * 8.0) as u32);
            [word.as_str(); 3].join(" ")
        });
        texts.push(words.collect::<Vec<_>>().join(" "));
        targets.push(Target::One(label));
    }
    Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false).unwrap()
}

/// Each document has each of three labels or not, and words that speak for them more often than not.
fn noisy_topics(n_docs: u64, seed: u64) -> Dataset {
    let labels = ["finance", "football", "weather"].map(str::to_owned).to_vec();
    let (mut texts, mut targets) = (Vec::new(), Vec::new());
    for doc in 0..n_docs {
        let draw = |position: u64| rng::uniform(rng::derive(seed, doc), position);
        let chosen: Vec<u32> = (0..3).filter(|&label| draw(label.into()) < [0.5, 0.3, 0.15][label as usize]).collect();
        let words = (0..3u32).flat_map(|label| {
            let says = chosen.contains(&label) == (draw(10 + u64::from(label)) < 0.8);
            says.then(|| format!("{}{}", labels[label as usize], (draw(20 + u64::from(label)) * 4.0) as u32))
        });
        texts.push(format!("today {}", words.collect::<Vec<_>>().join(" ")));
        targets.push(Target::many(chosen));
    }
    Dataset::new(texts, targets, labels, true).unwrap()
}

fn recipe(name: &str) -> Plan {
    let set = vec!["pipeline.vocab.min_count=1".to_owned()];
    load_plan(&PlanSource { recipe: Some(name.into()), set, ..PlanSource::default() }).unwrap()
}

fn trained(name: &str, documents: &Dataset) -> (Plan, Trained) {
    let plan = recipe(name);
    let trained = train(&plan, documents, None).unwrap();
    (plan, trained)
}

fn report(classifier: &Classifier, documents: &Dataset) -> fenlei::metrics::Report {
    compare(classifier, documents, "documents".as_ref()).unwrap().report
}

#[test]
fn a_model_that_is_too_sure_becomes_honest_on_documents_it_has_never_seen() {
    let (_, mut trained) = trained("nb", &noisy(800, 1));
    let test = noisy(4000, 3);
    let before = report(&trained.classifier, &test);
    assert!(before.calibration_error > 0.1, "{before}");
    for method in [Method::Temperature, Method::Isotonic] {
        let spec = CalibrationSpec { method, ..TEMPERATURE };
        let found = calibrate(&mut trained.classifier, &noisy(1000, 2), "validation".as_ref(), &spec).unwrap();
        assert!(found.after.log_loss < found.before.log_loss);
        let after = report(&trained.classifier, &test);
        assert!(after.calibration_error < 0.04, "{method:?} {after}");
        assert!(after.log_loss < before.log_loss && after.brier_score < before.brier_score, "{method:?} {after}");
        match &trained.classifier.decision().calibration {
            Some(Calibration::Temperature { temperature }) => {
                assert!(*temperature > 1.5, "{temperature}");
                // One number for all leaves the order as it is.
                assert_eq!(after.accuracy, before.accuracy);
            }
            Some(Calibration::Isotonic { curves }) => assert_eq!(curves.len(), 2),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_decision_travels_in_the_model_file_and_holds_alone_and_in_a_batch() {
    let texts = noisy(300, 4).texts;
    for method in [Method::Temperature, Method::Isotonic] {
        let (plan, mut trained) = trained("nb", &noisy(400, 1));
        let spec = CalibrationSpec {
            method,
            threshold_for: Some(Goal::F1),
            abstain: Some(Abstain::Below(0.7)),
            ..TEMPERATURE
        };
        calibrate(&mut trained.classifier, &noisy(400, 2), "validation".as_ref(), &spec).unwrap();
        let saved = bytes(&plan, &trained);
        let (classifier, _) = from_bytes(saved.clone()).unwrap();
        assert_eq!(classifier.decision(), trained.classifier.decision());
        let together = classifier.predict_batch(&texts);
        assert_eq!(together, trained.classifier.predict_batch(&texts));
        for (i, text) in texts.iter().enumerate().step_by(7) {
            let alone = classifier.predict_batch(&[text]);
            assert_eq!(alone.row(0), together.row(i));
            let decided = classifier.decision().decide(alone.row(0));
            assert_eq!(decided.abstained, decided.confidence < 0.7);
        }
        assert!(bytes(&plan, &Trained { classifier, ..trained }) == saved);
    }
}

#[test]
fn what_is_chosen_depends_on_model_and_documents_not_on_what_was_chosen_before() {
    let (_, mut trained) = trained("nb", &noisy(400, 1));
    let validation = noisy(400, 2);
    let mut choose =
        |spec: &CalibrationSpec| calibrate(&mut trained.classifier, &validation, "validation".as_ref(), spec).unwrap();
    let first = choose(&TEMPERATURE);
    choose(&CalibrationSpec { method: Method::Isotonic, abstain: Some(Abstain::Below(0.9)), ..TEMPERATURE });
    let again = choose(&TEMPERATURE);
    assert_eq!(first.decision, again.decision);
    assert_eq!(first.after, again.after);
    let none = choose(&CalibrationSpec { method: Method::None, ..TEMPERATURE });
    assert_eq!(none.after, first.before);
}

#[test]
fn a_wished_precision_is_kept_by_the_threshold_of_the_positive_label() {
    let validation = noisy(1000, 2);
    for (positive, index) in [("good", 1), ("bad", 0)] {
        let (_, mut trained) = trained("linear", &noisy(800, 1));
        let spec = CalibrationSpec {
            threshold_for: Some(Goal::Precision(0.95)),
            positive: Some(positive.to_owned()),
            ..TEMPERATURE
        };
        let found = calibrate(&mut trained.classifier, &validation, "validation".as_ref(), &spec).unwrap();
        let class = &found.after.per_class[index];
        assert!(class.precision >= 0.95 && class.recall > 0.1, "{class:?}");
        assert!(found.before.per_class[index].precision < 0.95);
        // Evaluation takes the same decision.
        assert_eq!(report(&trained.classifier, &validation), found.after);
        let spec = CalibrationSpec { threshold_for: Some(Goal::Recall(0.99)), ..spec };
        let found = calibrate(&mut trained.classifier, &validation, "validation".as_ref(), &spec).unwrap();
        assert!(found.after.per_class[index].recall >= 0.99);
    }
}

#[test]
fn thresholds_of_their_own_help_rare_labels() {
    let (_, mut trained) = trained("linear", &noisy_topics(800, 1));
    let validation = noisy_topics(800, 2);
    let mut macro_f1 = |threshold_for, per_label| {
        let spec = CalibrationSpec { threshold_for, per_label, ..TEMPERATURE };
        let found = calibrate(&mut trained.classifier, &validation, "validation".as_ref(), &spec).unwrap();
        assert_eq!(report(&trained.classifier, &validation), found.after);
        (found.after.macro_f1, trained.classifier.decision().thresholds.as_ref().map(Vec::len))
    };
    let (plain, none) = macro_f1(None, false);
    let (one, no_list) = macro_f1(Some(Goal::F1), false);
    let (each, thresholds) = macro_f1(Some(Goal::F1), true);
    assert!(plain < one && one <= each, "{plain} {one} {each}");
    assert_eq!((none, no_list, thresholds), (None, None, Some(3)));
}

#[test]
fn abstaining_gives_as_many_answers_as_the_wished_accuracy_allows() {
    let (_, mut trained) = trained("nb", &noisy(800, 1));
    let validation = noisy(1000, 2);
    let spec = CalibrationSpec { abstain: Some(Abstain::ForAccuracy(0.95)), ..TEMPERATURE };
    let found = calibrate(&mut trained.classifier, &validation, "validation".as_ref(), &spec).unwrap();
    let coverage = found.after.coverage.clone().unwrap();
    assert!(coverage.accuracy.unwrap() >= 0.95 && coverage.coverage > 0.3 && coverage.coverage < 1.0, "{coverage:?}");
    assert_eq!(found.after.accuracy, found.before.accuracy, "all other figures are of all documents");
    assert_eq!(report(&trained.classifier, &validation), found.after);
    let last = found.coverage_after.last().unwrap();
    assert_eq!((last.coverage, last.accuracy), (1.0, found.after.accuracy));
    // Where all answers are right often enough there is nothing to abstain from.
    let spec = CalibrationSpec { abstain: Some(Abstain::ForAccuracy(0.5)), ..TEMPERATURE };
    let found = calibrate(&mut trained.classifier, &validation, "validation".as_ref(), &spec).unwrap();
    assert_eq!(found.decision.abstain_below, None);
}

#[test]
fn documents_that_tell_nothing_are_refused() {
    let (_, mut trained) = trained("nb", &noisy(400, 1));
    let mut refusal = |documents: &Dataset, spec: &CalibrationSpec| {
        let before = trained.classifier.decision().clone();
        let message = calibrate(&mut trained.classifier, documents, "v.csv".as_ref(), spec).unwrap_err().to_string();
        assert_eq!(*trained.classifier.decision(), before);
        assert!(message.contains("help: "), "{message}");
        message
    };
    let isotonic = CalibrationSpec { method: Method::Isotonic, ..TEMPERATURE };
    let all = noisy(400, 2);
    let good: Vec<usize> = (0..400).filter(|&i| all.targets[i] == Target::One(1)).collect();
    let mut nearly = good.clone();
    nearly.push((0..400).find(|i| !good.contains(i)).unwrap());
    let first: Vec<usize> = (0..29).collect();
    let fifty: Vec<usize> = (0..50).collect();
    for (documents, spec, expected) in [
        (
            all.subset(&first),
            &TEMPERATURE,
            "v.csv: found 29 documents with labels that the model knows, expected at least 30",
        ),
        (all.subset(&fifty), &isotonic, "use --method temperature"),
        (all.subset(&good), &TEMPERATURE, "every document has the same label, \"good\""),
        (all.subset(&nearly), &isotonic, "1 of"),
        (messages(), &TEMPERATURE, "no document has a label that the model knows"),
    ] {
        let message = refusal(&documents, spec);
        assert!(message.contains(expected), "{message}");
    }
    let wish = |goal| CalibrationSpec { threshold_for: Some(goal), ..TEMPERATURE };
    for (spec, expected) in [
        (CalibrationSpec { positive: Some("fine".into()), ..wish(Goal::F1) }, "found \"fine\", expected one of"),
        (CalibrationSpec { positive: Some("good".into()), ..TEMPERATURE }, "--positive"),
        (CalibrationSpec { per_label: true, ..wish(Goal::F1) }, "--per-class"),
        (CalibrationSpec { abstain: Some(Abstain::Below(1.5)), ..TEMPERATURE }, "--abstain-below: found 1.5"),
        (CalibrationSpec { abstain: Some(Abstain::ForAccuracy(1.5)), ..TEMPERATURE }, "--abstain-for"),
    ] {
        let message = refusal(&all, &spec);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_model_of_more_than_two_labels_has_no_threshold_and_further_training_forgets_the_calibration() {
    let plan = plan();
    let mut trained = train(&plan, &few_messages(), None).unwrap();
    let documents = messages();
    let spec = CalibrationSpec { threshold_for: Some(Goal::F1), ..TEMPERATURE };
    let error = calibrate(&mut trained.classifier, &documents, "v.csv".as_ref(), &spec).unwrap_err().to_string();
    assert!(error.contains("this model gives one of 4 labels"), "{error}");
    let spec = CalibrationSpec { abstain: Some(Abstain::Below(0.9)), ..TEMPERATURE };
    calibrate(&mut trained.classifier, &documents, "v.csv".as_ref(), &spec).unwrap();
    assert!(trained.classifier.decision().calibration.is_some());
    let options = TrainOptions { from: Some(trained.classifier), ..TrainOptions::default() };
    let further = train_with(&plan, &few_messages(), options).unwrap();
    let decision = further.classifier.decision();
    assert_eq!((&decision.calibration, decision.abstain_below), (&None, None));
}

#[test]
fn two_models_are_compared_document_by_document() {
    let (_, few) = trained("nb", &noisy(30, 1));
    let (_, many) = trained("nb", &noisy(2000, 1));
    let mut test = noisy(1000, 3);
    // A document that neither can be right about.
    test.labels.push("other".into());
    test.targets[10] = Target::One(2);
    let resampling = Resampling { n: 400, seed: 1 };
    let path = "test.csv".as_ref();
    let found = compare_models(&few.classifier, &many.classifier, &test, path, resampling).unwrap();
    assert_eq!((found.n_docs, found.n_left_out), (999, 1));
    let n_apart = found.mcnemar.only_a + found.mcnemar.only_b;
    assert_eq!(found.both_right + found.neither_right + n_apart, 999);
    assert_eq!((found.both_right + found.mcnemar.only_b) as f64 / 999.0, found.report_b.accuracy);
    let accuracy = &found.differences[0];
    assert_eq!((accuracy.a, accuracy.b), (found.report_a.accuracy, found.report_b.accuracy));
    assert!(accuracy.interval.low < accuracy.difference && accuracy.difference < accuracy.interval.high);
    let shown = found.disagreements(&few.classifier, &many.classifier, &test, 4);
    assert!(shown.iter().any(|document| document.right == Side::B));
    for document in shown {
        let (right, wrong) =
            if document.right == Side::A { (&document.a, &document.b) } else { (&document.b, &document.a) };
        assert_eq!(*right, document.truth);
        assert_ne!(*wrong, document.truth);
        assert_eq!(document.text, test.texts[document.document - 1]);
        assert_eq!(document.truth, [test.labels[test.targets[document.document - 1].as_slice()[0] as usize].as_str()]);
    }
    let (_, topics) = trained("linear", &noisy_topics(100, 1));
    let error = compare_models(&few.classifier, &topics.classifier, &test, path, resampling).unwrap_err().to_string();
    assert!(error.contains("models of the same kind"), "{error}");
}
