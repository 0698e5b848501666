//! Classical models from documents to a model file: they learn, come back as they were, and refuse what cannot be.

use std::sync::atomic::AtomicBool;

use fenlei::artifact::container::{self, Container};
use fenlei::artifact::{DType, TensorData, from_bytes};
use fenlei::config::{PlanSource, load_plan};
use fenlei::model::Model;
use fenlei::train::{ClassWeights, Plan, StopReason, TrainOptions, Trained, train, train_with};
use fenlei::{Error, Result};

use super::corpus::{bytes, dataset, few_messages, messages, topics, trained_bytes};

/// A recipe with settings.
fn plan(recipe: &str, set: &[&str]) -> Plan {
    let set = set.iter().map(|s| (*s).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(recipe.into()), set, ..PlanSource::default() }).unwrap()
}

/// Every family, and every kind of features.
fn plans() -> Vec<Plan> {
    vec![
        plan("linear", &[]),
        plan(
            "linear",
            &["model.features.char_ngrams=[2,4]", "model.features.word_ngrams=0", "model.loss=hinge", "model.c=1"],
        ),
        plan(
            "linear",
            &["model.features.min_df=1", "model.features.hash_columns=5000", "model.loss=squared-hinge", "model.c=1"],
        ),
        plan("linear", &["model.penalty=l1", "model.c=3", "model.features.select={by='chi2',keep=500}"]),
        plan("nb", &[]),
        plan("nb", &["model.kind=complement", "model.features.max_features=400"]),
        plan("nb", &["model.kind=bernoulli", "model.features.word_ngrams=1"]),
        plan("nb-svm", &[]),
    ]
}

fn refusal(result: Result<Trained>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(message.contains("\n  help: "), "no help in: {message}");
    message
}

#[test]
fn every_family_learns_the_messages_and_comes_back_from_its_file() {
    for plan in plans() {
        let trained = train(&plan, &messages(), None).unwrap();
        assert_eq!(trained.reason, StopReason::Solved, "{:?}", plan.model);
        let report = trained.validation.as_ref().unwrap();
        // One of four would be right by chance; the default net gets three of five.
        assert!(report.accuracy > 0.55 && report.log_loss < 1.2, "{:?}: {report}", plan.model);
        let saved = bytes(&plan, &trained);
        let (classifier, _) = from_bytes(saved.clone()).unwrap();
        let texts = messages().texts;
        let together = classifier.predict_batch(&texts);
        assert_eq!(together, trained.classifier.predict_batch(&texts), "{:?}", plan.model);
        for (i, text) in texts.iter().enumerate().step_by(40) {
            assert_eq!(classifier.predict_batch(&[text]).row(0), together.row(i));
        }
        assert!((together.row(0).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(bytes(&plan, &Trained { classifier, ..trained }) == saved);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_file() {
    for plan in plans() {
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| trained_bytes(&plan, &few_messages()))
        };
        assert!(with_threads(1) == with_threads(3), "{:?}", plan.model);
    }
}

#[test]
fn several_labels_a_document_are_learned_independently() {
    for recipe in ["linear", "nb", "nb-svm"] {
        let trained = train(&plan(recipe, &["train.class_weights=balanced"]), &topics(120), None).unwrap();
        let predictions = trained.classifier.predict_batch(&["today we heard of shares then storm and that was all"]);
        let given: Vec<bool> = predictions.row(0).iter().map(|p| *p > 0.5).collect();
        assert_eq!(given, [true, false, true], "{recipe}: {:?}", predictions.row(0));
    }
}

#[test]
fn weights_of_labels_move_the_probabilities() {
    let documents = few_messages();
    for recipe in ["linear", "nb", "nb-svm"] {
        let mut plan = plan(recipe, &[]);
        let mean = |plan: &Plan| {
            let classifier = train(plan, &documents, None).unwrap().classifier;
            let predictions = classifier.predict_batch(&documents.texts);
            (0..predictions.len()).map(|i| predictions.row(i)[0]).sum::<f32>()
        };
        let plain = mean(&plan);
        plan.train.class_weights = ClassWeights::Named([(documents.labels[0].clone(), 20.0)].into());
        assert!(mean(&plan) > plain * 1.01, "{recipe}");
    }
}

#[test]
fn the_strongest_features_speak_for_their_label() {
    let documents = dataset(&[
        ("good", "a fine film"),
        ("good", "a fine and clever film"),
        ("bad", "a dull film"),
        ("bad", "a dull and boring film"),
    ]);
    for recipe in ["linear", "nb", "nb-svm"] {
        let trained = train(&plan(recipe, &["train.validation=0"]), &documents, None).unwrap();
        let Model::Sparse(model) = trained.classifier.model() else { panic!("{recipe} is a net") };
        let strongest = |label| model.strongest(trained.classifier.pipeline(), label, 3);
        assert!(strongest(0).iter().any(|feature| feature.name == "dull"), "{recipe}: {:?}", strongest(0));
        assert!(strongest(1).iter().any(|feature| feature.name == "a fine"), "{recipe}: {:?}", strongest(1));
        assert!(strongest(1).iter().all(|feature| feature.weight > 0.0 && !feature.name.contains("dull")));
    }
}

#[test]
fn documents_that_nothing_can_be_learned_from_are_told() {
    for recipe in ["linear", "nb", "nb-svm"] {
        let plan = plan(recipe, &["model.features.min_df=1"]);
        let one = dataset(&[("same", "some words"), ("same", "other words")]);
        assert!(refusal(train(&plan, &one, None)).contains("every document has the same label"));
        let wordless = dataset(&[("a", ""), ("b", "<br>"), ("b", "  ")]);
        assert!(refusal(train(&plan, &wordless, None)).contains("no words are left after cleaning"));
        let mut rare = plan.clone();
        match &mut rare.model {
            fenlei::model::ModelSpec::Linear(spec) => spec.features.min_df = fenlei::features::DfLimit::Documents(9),
            fenlei::model::ModelSpec::Nb(spec) => spec.features.min_df = fenlei::features::DfLimit::Share(1.0),
            fenlei::model::ModelSpec::NbSvm(spec) => spec.features.max_df = fenlei::features::DfLimit::Documents(0),
            other => panic!("{recipe} is no linear model: {other:?}"),
        }
        let message = refusal(train(&rare, &dataset(&[("a", "one word"), ("b", "another")]), None));
        assert!(message.contains("no feature is left") && message.contains("min_df"), "{message}");
        let mut without = dataset(&[("a", "one word"), ("b", "another"), ("c", "more")]);
        without.texts.pop();
        without.targets.pop();
        assert!(refusal(train(&plan, &without, None)).contains("no training document has the label c"));
        let unknown = Plan { train: toml::from_str("class_weights = { named = { gossip = 2.0 } }").unwrap(), ..plan };
        assert!(refusal(train(&unknown, &few_messages(), None)).contains("no label is called \"gossip\""));
    }
}

#[test]
fn what_only_nets_have_is_refused() {
    let source = PlanSource { recipe: Some("nb".into()), ..PlanSource::default() };
    let epochs = load_plan(&PlanSource { epochs: Some(3), ..source.clone() }).unwrap_err();
    assert!(epochs.is_wrong_use() && epochs.to_string().contains("not trained in epochs"), "{epochs}");
    let vectors = load_plan(&PlanSource { embeddings: Some("glove.txt".into()), ..source }).unwrap_err();
    assert!(vectors.to_string().contains("no place for word vectors"), "{vectors}");

    let plan = plan("linear", &[]);
    let from = train(&plan, &few_messages(), None).unwrap().classifier;
    let further = train_with(&plan, &few_messages(), TrainOptions { from: Some(from), ..TrainOptions::default() });
    assert!(refusal(further).contains("which it does not keep"));
}

#[test]
fn a_solver_that_may_not_finish_says_so_and_one_that_is_stopped_gives_nothing() {
    let trained = train(&plan("linear", &["model.max_iterations=1"]), &messages(), None).unwrap();
    assert_eq!(trained.reason, StopReason::IterationLimit);
    let stop = AtomicBool::new(true);
    for recipe in ["linear", "nb-svm"] {
        let options = TrainOptions { stop: Some(&stop), ..TrainOptions::default() };
        let stopped = train_with(&plan(recipe, &[]), &few_messages(), options);
        assert!(matches!(stopped, Err(Error::Interrupted)), "{recipe}");
    }
}

/// The refusal of a file with other tensors.
pub fn refused(saved: &[u8], change: impl FnOnce(&mut Vec<TensorData<'static>>)) -> String {
    let container = Container::from_bytes(saved.to_vec()).unwrap();
    let tensor = |name: &str| {
        let tensor = container.tensor(name).unwrap();
        let bytes = tensor.data.to_vec().into();
        TensorData { name: name.to_owned(), dtype: tensor.dtype, shape: tensor.shape.to_vec(), bytes }
    };
    let mut tensors: Vec<_> = container.names().map(tensor).collect();
    change(&mut tensors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    container::save(&path, container.manifest(), &tensors).unwrap();
    let message = from_bytes(std::fs::read(path).unwrap()).unwrap_err().to_string();
    assert!(message.contains("help: "), "no help in: {message}");
    message
}

#[test]
fn files_whose_numbers_do_not_fit_are_refused() {
    let saved = trained_bytes(&plan("linear", &[]), &few_messages());
    let set = |name: &'static str, numbers: fn(&mut Vec<u8>)| {
        refused(&saved, move |tensors| {
            let tensor = tensors.iter_mut().find(|tensor| tensor.name == name).unwrap();
            numbers(tensor.bytes.to_mut());
        })
    };
    let huge = |bytes: &mut Vec<u8>| bytes[..4].copy_from_slice(&1_000_000u32.to_le_bytes());
    assert!(set("features.0.1.columns", huge).contains("do not have the columns"));
    assert!(set("features.0.2.nodes", huge).contains("has the prefix 1000000"));
    assert!(set("weights", |bytes| bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes())).contains("is NaN"));
    assert!(set("bias", |bytes| bytes[..4].copy_from_slice(&f32::INFINITY.to_le_bytes())).contains("is inf"));
    assert!(
        set("weights", |bytes| bytes.chunks_mut(4).for_each(|w| w.copy_from_slice(&9f32.to_le_bytes())))
            .contains("when it was saved")
    );

    assert!(refused(&saved, |tensors| tensors.retain(|t| t.name != "weights")).contains("no tensor \"weights\""));
    assert!(refused(&saved, |tensors| tensors.retain(|t| t.name != "features.idf")).contains("factors of features"));
    assert!(
        refused(&saved, |tensors| tensors.retain(|t| !t.name.starts_with("features.0"))).contains("kinds of n-grams")
    );
    let other = refused(&saved, |tensors| {
        tensors.iter_mut().find(|t| t.name == "features.0.1.nodes").unwrap().dtype = DType::I32;
    });
    assert!(other.contains("expected U32"), "{other}");
}

/// Made by `cargo run -p fenlei --example make_classical_golden`, and `make_ensemble_golden`.
#[test]
fn files_of_version_1_load_and_predict_for_ever() {
    #[derive(serde::Deserialize)]
    struct Stored {
        labels: Vec<String>,
        predictions: Vec<(String, Vec<f32>)>,
    }
    for (file, stored) in [
        (&include_bytes!("../../testdata/classical-v1.fenlei")[..], include_str!("../../testdata/classical-v1.json")),
        (&include_bytes!("../../testdata/hashed-v1.fenlei")[..], include_str!("../../testdata/hashed-v1.json")),
        (&include_bytes!("../../testdata/wide-v1.fenlei")[..], include_str!("../../testdata/wide-v1.json")),
        (&include_bytes!("../../testdata/bag-v1.fenlei")[..], include_str!("../../testdata/bag-v1.json")),
        (&include_bytes!("../../testdata/ensemble-v1.fenlei")[..], include_str!("../../testdata/ensemble-v1.json")),
    ] {
        let stored: Stored = serde_json::from_str(stored).unwrap();
        let (classifier, _) = from_bytes(file.to_vec()).unwrap();
        assert_eq!(classifier.labels(), stored.labels);
        assert_eq!(stored.predictions.len(), 8);
        for (text, expected) in &stored.predictions {
            let predictions = classifier.predict_batch(&[text]);
            let near = predictions.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(near && expected.len() == 4, "{text:?}: {:?}, expected {expected:?}", predictions.row(0));
        }
    }
}
