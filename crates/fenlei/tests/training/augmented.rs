//! Training on changed documents: still the same bytes, and only where something is learned from.

use std::path::PathBuf;

use fenlei::augment::AugmentSpec;
use fenlei::train::{Plan, TrainOptions, train, train_with};

use super::corpus::{few_messages, messages, plan, trained_bytes};
use super::same_bytes::{check_resumption, long_plan, with_threads};

/// A file of synonyms that goes with the test.
fn synonyms(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("synonyms.txt");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn augmented(plan: Plan, augment: AugmentSpec) -> Plan {
    let mut plan = plan;
    plan.train.augment = Some(augment);
    plan
}

fn every_kind() -> AugmentSpec {
    toml::from_str(
        "swap = 0.1\ndelete = 0.1\nlook_alike = 0.1\nkeyboard = 0.1\ndrop = 0.1\ndouble = 0.1\ntranspose = 0.1\n\
         punctuation = 0.1\nfill = 0.1\ndocuments = 0.8\nprotect = ['price']",
    )
    .unwrap()
}

#[test]
fn any_number_of_threads_and_a_resumed_training_give_the_same_file() {
    let plan = augmented(long_plan(), every_kind());
    let documents = few_messages();
    assert!(with_threads(1, &plan, &documents) == with_threads(3, &plan, &documents));
    assert!(trained_bytes(&plan, &documents) != trained_bytes(&long_plan(), &documents));
    check_resumption(&plan, "augmented");
    let mut of_features = plan;
    let model = "family = 'net'\nfeatures = { word_ngrams = 2, hash_columns = 500, min_df = 1 }\nlayers = [{ type = 'embedding-bag', dim = 4 }]";
    of_features.model = toml::from_str(model).unwrap();
    check_resumption(&of_features, "augmented features");
}

#[test]
fn each_epoch_is_another_draw() {
    // Without dropout, shuffling or updates that matter, only the documents can make losses differ.
    let mut plan = augmented(plan(), AugmentSpec { fill: 0.5, ..AugmentSpec::default() });
    plan.model =
        toml::from_str("family='net'\nlayers=[{type='embedding',dim=4},{type='global-pool',kind='average'}]").unwrap();
    plan.train.optimizer = toml::from_str("kind = 'sgd'\nlr = 1e-12").unwrap();
    let losses = |plan: &Plan| -> Vec<f64> {
        train(plan, &few_messages(), None).unwrap().history.iter().map(|record| record.loss).collect()
    };
    let changed = losses(&plan);
    assert!(changed[0] != changed[1] && changed[1] != changed[2], "{changed:?}");
    plan.train.augment = None;
    let same = losses(&plan);
    assert!((same[0] - same[1]).abs() < 1e-6 && (same[1] - same[2]).abs() < 1e-6, "{same:?}");
}

#[test]
fn copies_give_n_gram_models_more_to_learn_from_and_stay_out_of_validation() {
    let (_folder, path) = synonyms("price, toll\nphone, handset\n");
    for family in ["linear", "nb", "nb-svm", "linear'\nloss = 'hinge"] {
        let mut plain = plan();
        plain.model = toml::from_str(&format!("family = '{family}'")).unwrap();
        let augment = AugmentSpec { synonym: 0.5, delete: 0.1, synonyms: Some(path.clone()), ..AugmentSpec::default() };
        let changed = augmented(plain.clone(), augment);
        let documents = messages();
        let (a, b) = (train(&plain, &documents, None).unwrap(), train(&changed, &documents, None).unwrap());
        let (a_report, b_report) = (a.validation.unwrap(), b.validation.unwrap());
        assert_eq!((a.n_train, a_report.n_docs), (b.n_train, b_report.n_docs), "{family}");
        let vocab = |t: &fenlei::classifier::Classifier| t.pipeline().vocab().iter().any(|(token, _)| token == "toll");
        assert!(vocab(&b.classifier) && !vocab(&a.classifier), "{family}");
        assert!(
            b_report.accuracy > a_report.accuracy - 0.1,
            "{family}: {} after {}",
            b_report.accuracy,
            a_report.accuracy
        );
        assert!(with_threads(1, &changed, &documents) == with_threads(4, &changed, &documents), "{family}");
    }
}

#[test]
fn validation_documents_are_never_changed() {
    let documents = few_messages();
    // A changed document would have no word that is known.
    let plan = augmented(long_plan(), AugmentSpec { fill: 1.0, ..AugmentSpec::default() });
    let options = TrainOptions { validation: Some(&documents), ..TrainOptions::default() };
    let trained = train_with(&plan, &documents, options).unwrap();
    let losses: Vec<f64> = trained.history.iter().map(|record| record.validation.unwrap().log_loss).collect();
    let texts: Vec<&str> = documents.texts.iter().map(String::as_str).collect();
    let probabilities = trained.classifier.predict_batch(&texts);
    let different =
        probabilities.probabilities().chunks(4).any(|p| (p[0] - probabilities.probabilities()[0]).abs() > 1e-6);
    assert!(different, "all documents look the same: {losses:?}");
}

#[test]
fn a_training_does_not_go_on_with_other_synonyms() {
    let (_folder, path) = synonyms("price, toll\n");
    let plan =
        augmented(long_plan(), AugmentSpec { synonym: 0.5, synonyms: Some(path.clone()), ..AugmentSpec::default() });
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let documents = few_messages();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut on_event = |event: fenlei::train::Event<'_>| {
        if let fenlei::train::Event::Step { .. } = event {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let options = TrainOptions {
        checkpoint: Some(checkpoint.clone()),
        stop: Some(&stop),
        on_event: Some(&mut on_event),
        ..TrainOptions::default()
    };
    train_with(&plan, &documents, options).unwrap();
    std::fs::write(&path, "price, fee\n").unwrap();
    let options = TrainOptions { checkpoint: Some(checkpoint), resume: true, ..TrainOptions::default() };
    let error = train_with(&plan, &documents, options).unwrap_err().to_string();
    assert!(error.contains("belongs to a training on other documents"), "{error}");
}

#[test]
fn files_that_are_missing_or_empty_are_refused_before_anything_is_learned() {
    let (_folder, path) = synonyms("\n");
    for (toml, expected) in [
        ("synonym = 0.1\nwordnet = 'no/such/folder'".to_owned(), "there is no such folder"),
        (format!("insert = 0.1\nsynonyms = {path:?}"), "no group of two words"),
        ("delete = 0.1\nprotect_file = 'no/such/file'".to_owned(), "cannot read no/such/file"),
    ] {
        let plan = augmented(plan(), toml::from_str(&toml).unwrap());
        for plan in [plan.clone(), Plan { model: toml::from_str("family = 'nb'").unwrap(), ..plan }] {
            let error = train(&plan, &few_messages(), None).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("help: "), "{error}");
        }
    }
}
