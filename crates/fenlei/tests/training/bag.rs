//! Nets over a bag of n-grams: fastText's classifier and the multi-layer perceptron.

use fenlei::artifact::from_bytes;
use fenlei::config::{PlanSource, load_plan};
use fenlei::model::{Model, ModelSpec};
use fenlei::train::{Plan, TrainOptions, train, train_with};

use super::classical::refused;
use super::corpus::{bytes, few_messages, messages, topics, trained_bytes};
use super::same_bytes::{check_resumption, with_threads};

fn plan(recipe: &str, set: &[&str]) -> Plan {
    let set = set.iter().map(|s| (*s).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(recipe.into()), set, ..PlanSource::default() }).unwrap()
}

/// Small enough for tests, with steps enough for few documents.
fn plans() -> Vec<Plan> {
    vec![
        plan("bag", &["model.features.hash_columns=5000", "train.optimizer.lr=0.3", "train.epochs=8"]),
        plan(
            "bag",
            &[
                "model.head=hierarchical",
                "model.features.hash_columns=5000",
                "train.optimizer.lr=0.3",
                "train.epochs=8",
            ],
        ),
        plan(
            "bag",
            &[
                "model.features.char_ngrams=[3,6]",
                "model.features.hash_columns=20000",
                "train.optimizer.lr=0.3",
                "train.epochs=8",
            ],
        ),
        plan("mlp", &["train.optimizer.lr=0.01", "train.epochs=6"]),
    ]
}

fn refusal(plan: &str) -> String {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), plan).unwrap();
    let source = PlanSource { config: Some(file.path().to_owned()), ..PlanSource::default() };
    load_plan(&source).unwrap_err().to_string()
}

#[test]
fn they_learn_the_messages_and_come_back_from_their_file() {
    for plan in plans() {
        let trained = train(&plan, &messages(), None).unwrap();
        let report = trained.validation.as_ref().unwrap();
        assert!(report.accuracy > 0.55 && report.log_loss < 1.3, "{:?}: {report}", plan.model);
        let saved = bytes(&plan, &trained);
        let (classifier, _) = from_bytes(saved.clone()).unwrap();
        let texts = messages().texts;
        let together = classifier.predict_batch(&texts);
        assert_eq!(together, trained.classifier.predict_batch(&texts));
        for (i, text) in texts.iter().enumerate().step_by(40) {
            let alone = classifier.predict_batch(&[text]);
            assert!(alone.row(0).iter().zip(together.row(i)).all(|(a, b)| (a - b).abs() < 1e-6), "{text:?}");
        }
        assert!((together.row(0).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // A text without a known word still gets an answer.
        assert!(classifier.predict_batch(&["", "词"]).probabilities().iter().all(|p| p.is_finite()));
    }
}

#[test]
fn threads_and_interruptions_change_nothing() {
    for plan in plans() {
        let documents = few_messages();
        assert!(with_threads(1, &plan, &documents) == with_threads(3, &plan, &documents), "{:?}", plan.model);
    }
    check_resumption(&plan("bag", &["model.features.hash_columns=500", "train.batch_size=16"]), "bag");
    check_resumption(&plan("mlp", &["train.batch_size=16", "train.early_stopping.patience=0"]), "mlp");
}

#[test]
fn several_labels_a_document_are_learned_independently() {
    let plan = plan("mlp", &["train.optimizer.lr=0.02", "train.epochs=10"]);
    let trained = train(&plan, &topics(96), None).unwrap();
    assert!(trained.validation.as_ref().unwrap().macro_f1 > 0.8, "{:?}", trained.validation);
}

#[test]
fn further_training_keeps_the_features() {
    for plan in plans() {
        let documents = messages();
        let trained = train(&plan, &documents, None).unwrap();
        let names = |model: &Model| {
            let Model::Net(net) = model else { panic!("this is no net") };
            net.features().unwrap().n_columns()
        };
        let before = names(trained.classifier.model());
        let options = TrainOptions { from: Some(trained.classifier), ..TrainOptions::default() };
        let further = train_with(&plan, &documents, options).unwrap();
        assert_eq!(names(further.classifier.model()), before);
        assert!(matches!(further.classifier.model().spec(), ModelSpec::Net(spec) if spec.features.is_some()));
        assert!(further.validation.unwrap().accuracy > 0.55);
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_its_place() {
    let ordered = "[model]\nfamily = 'net'\nfeatures = { word_ngrams = 2 }\nlayers = [{ type = 'embedding', dim = 4 }, { type = 'global-pool' }]";
    let wide = "[model]\nfamily = 'net'\nwide = {}\nfeatures = { word_ngrams = 2 }\nlayers = [{ type = 'embedding-bag', dim = 4 }]";
    let questions =
        "[model]\nfamily = 'net'\nhead = 'hierarchical'\nwide = {}\nlayers = [{ type = 'embedding-bag', dim = 4 }]";
    let no_runs =
        "[model]\nfamily = 'net'\nfeatures = { word_ngrams = 0 }\nlayers = [{ type = 'embedding-bag', dim = 4 }]";
    let twice =
        "[model]\nfamily = 'net'\nlayers = [{ type = 'embedding', dim = 4 }, { type = 'embedding-bag', dim = 4 }]";
    for (plan, place, word) in [
        (ordered, "model.layers[0]", "embedding-bag"),
        (wide, "model.wide", "leave out"),
        (questions, "model.head", "auto"),
        (no_runs, "model.features.word_ngrams", "help: "),
        (twice, "model.layers[1]", "embedding-bag reads token ids"),
    ] {
        let error = refusal(plan);
        assert!(error.starts_with(place) && error.contains(word), "{error}");
    }
    let vectors = PlanSource { recipe: Some("bag".into()), embeddings: Some("v.vec".into()), ..PlanSource::default() };
    assert!(load_plan(&vectors).unwrap_err().to_string().contains("no place for word vectors"));
    let smoothed =
        plan("bag", &["model.head=hierarchical", "train.loss={kind='softmax-cross-entropy',label_smoothing=0.1}"]);
    assert!(train(&smoothed, &few_messages(), None).unwrap_err().to_string().contains("label_smoothing"));
    let several = plan("bag", &["model.head=hierarchical"]);
    assert!(train(&several, &topics(24), None).unwrap_err().to_string().contains("a softmax gives one label"));
}

#[test]
fn damaged_files_are_refused() {
    let saved = trained_bytes(&plans()[3], &few_messages());
    assert!(refused(&saved, |tensors| tensors.retain(|t| t.name != "features.idf")).contains("factors of features"));
    let kinds = refused(&saved, |tensors| tensors.retain(|t| !t.name.starts_with("features.0")));
    assert!(kinds.contains("kinds of n-grams"), "{kinds}");
    let nan = refused(&saved, |tensors| {
        let table = tensors.iter_mut().find(|t| t.name.ends_with("embedding-bag.table")).unwrap();
        table.bytes.to_mut()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(nan.contains("is NaN"), "{nan}");
}
