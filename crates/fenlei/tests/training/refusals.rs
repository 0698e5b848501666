//! What cannot be trained is refused with what was found, what was expected, and how to mend it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use fenlei::Error;
use fenlei::config::{PlanSource, load_further_plan};
use fenlei::data::{Dataset, Target};
use fenlei::train::{ClassWeights, Event, Plan, TrainOptions, Trained, train, train_with};
use fenlei_nn::optim::OptimizerSpec;

use super::corpus::{bytes, dataset, few_messages, plan, plan_with_layers};

/// The message of a refusal, which must say how to mend it.
fn refusal(result: fenlei::Result<Trained>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(message.contains("\n  help: "), "no help in: {message}");
    message
}

#[test]
fn documents_that_nothing_can_be_learned_from() {
    let one = dataset(&[("same", "some words"), ("same", "other words")]);
    let message = refusal(train(&plan(), &one, None));
    assert!(message.contains("every document has the same label, \"same\""), "{message}");

    let unlabelled = Dataset { targets: vec![Target::Unlabelled; 2], ..one };
    assert!(refusal(train(&plan(), &unlabelled, None)).contains("no document has a label"));
    assert!(refusal(train(&plan(), &Dataset::default(), None)).contains("no document has a label"));

    let wordless = dataset(&[("a", ""), ("b", "<br>"), ("b", "  ")]);
    assert!(refusal(train(&plan(), &wordless, None)).contains("no words are left after cleaning"));
}

#[test]
fn validation_documents_without_any_known_label() {
    let validation = dataset(&[("gossip", "have you heard")]);
    let message = refusal(train(&plan(), &few_messages(), Some(&validation)));
    assert!(message.contains("no validation document carries a label"), "{message}");
    let empty = Dataset::default();
    assert!(refusal(train(&plan(), &few_messages(), Some(&empty))).contains("no validation document"));
}

#[test]
fn plans_that_make_no_sense() {
    let mut unknown_weight = plan();
    unknown_weight.train.class_weights = ClassWeights::Named(BTreeMap::from([("gossip".to_owned(), 2.0)]));
    let message = refusal(train(&unknown_weight, &few_messages(), None));
    assert!(message.contains("no label is called \"gossip\"; there are advert, complaint"), "{message}");

    let per_position = plan_with_layers("{type='embedding',dim=4}");
    assert!(refusal(train(&per_position, &few_messages(), None)).contains("a document needs one row"));

    let mut binary = plan();
    let fenlei::model::ModelSpec::Net(net) = &mut binary.model else { panic!("this is no net") };
    net.head = fenlei_nn::spec::HeadSpec::Binary;
    assert!(refusal(train(&binary, &few_messages(), None)).contains("exactly two labels"));
}

#[test]
fn a_training_that_diverges_gives_an_error_and_no_model() {
    for optimizer in [
        OptimizerSpec::Sgd { lr: 1e6, momentum: 0.9, nesterov: false },
        OptimizerSpec::adam(1e30),
        OptimizerSpec::adam(1e6),
    ] {
        for validation in [0.0, 0.2] {
            let mut plan = plan();
            plan.train.optimizer = optimizer;
            plan.train.validation = validation;
            plan.train.epochs = 10;
            match train(&plan, &few_messages(), None) {
                // Steps of a million may end at numbers that are large, and numbers still.
                Ok(trained) if optimizer.lr() < 1e7 => {
                    let predictions = trained.classifier.predict_batch(&few_messages().texts);
                    assert!(predictions.probabilities().iter().all(|p| (0.0..=1.0 + 1e-5).contains(p)));
                    fenlei::artifact::from_bytes(bytes(&plan, &trained)).unwrap();
                }
                result => {
                    let message = refusal(result);
                    assert!(message.contains("not a finite number any more in epoch"), "{optimizer:?}: {message}");
                    assert!(message.contains("train.optimizer.lr"), "{message}");
                }
            }
        }
    }
}

#[test]
fn a_stop_before_the_first_step_has_nothing_to_keep() {
    let stop = AtomicBool::new(true);
    let options = TrainOptions { stop: Some(&stop), ..TrainOptions::default() };
    assert!(matches!(train_with(&plan(), &few_messages(), options), Err(Error::Interrupted)));
}

#[test]
fn further_training_on_labels_that_the_classifier_lacks() {
    let from = || Some(train(&plan(), &few_messages(), None).unwrap().classifier);
    let documents = dataset(&[("praise", "wonderful"), ("gossip", "have you heard"), ("praise", "lovely")]);
    let message = refusal(train_with(&plan(), &documents, TrainOptions { from: from(), ..TrainOptions::default() }));
    assert!(message.contains("has no label gossip; it has advert, complaint, praise, question"), "{message}");

    let texts = vec!["wonderful".to_owned(), "lovely".to_owned()];
    let targets = vec![Target::many(vec![0, 1]), Target::many(vec![])];
    let several = Dataset::new(texts, targets, vec!["advert".into(), "praise".into()], true).unwrap();
    let mut everything = plan();
    everything.train.validation = 0.0;
    let options = TrainOptions { from: from(), ..TrainOptions::default() };
    let message = refusal(train_with(&everything, &several, options));
    assert!(message.contains("has 2 labels, expected one"), "{message}");
}

#[test]
fn further_training_of_what_the_classifier_keeps() {
    let classifier = || train(&plan(), &few_messages(), None).unwrap().classifier;
    let further = |plan: &Plan| {
        refusal(train_with(plan, &few_messages(), TrainOptions { from: Some(classifier()), ..TrainOptions::default() }))
    };
    let vectors = further(&Plan { embeddings: Some("vectors.txt".into()), ..plan() });
    assert!(vectors.starts_with("embeddings: ") && vectors.contains("keeps its vectors"), "{vectors}");
    let layers = further(&plan_with_layers("{type='embedding',dim=12},{type='global-pool'}"));
    assert!(layers.starts_with("model: ") && layers.contains("keeps its model"), "{layers}");
    let mut lower = plan();
    lower.pipeline.clean.lowercase = false;
    assert!(further(&lower).starts_with("pipeline: "));

    let source = |set: &[&str]| PlanSource { set: set.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() };
    let found = load_further_plan(&source(&["train.epochs=2", "model.layers.0.dim=12"]), &classifier()).unwrap();
    assert_eq!((found.model, found.pipeline, found.train.epochs), (plan().model, plan().pipeline, 2));
    for asked in [
        source(&["model.layers.0.dim=13"]),
        source(&["pipeline.vocab.min_count=2"]),
        PlanSource { recipe: Some("kim-2014".into()), ..PlanSource::default() },
        PlanSource { embeddings: Some("vectors.txt".into()), ..PlanSource::default() },
    ] {
        let error = load_further_plan(&asked, &classifier()).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("without --from"), "{error}");
    }
}

/// A checkpoint of a training that was interrupted after its first step.
fn checkpoint(path: &Path, plan: &Plan, documents: &Dataset, validation: Option<&Dataset>) {
    let stop = AtomicBool::new(false);
    let mut on_event = |event: Event<'_>| {
        let is_step = matches!(event, Event::Step { .. });
        stop.fetch_or(is_step, std::sync::atomic::Ordering::Relaxed);
    };
    let options = TrainOptions {
        validation,
        checkpoint: Some(path.to_owned()),
        stop: Some(&stop),
        on_event: Some(&mut on_event),
        ..TrainOptions::default()
    };
    train_with(plan, documents, options).unwrap();
}

#[test]
fn checkpoints_of_another_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let resume = |plan: &Plan, documents: &Dataset, validation: Option<&Dataset>| {
        let options =
            TrainOptions { validation, checkpoint: Some(path.clone()), resume: true, ..TrainOptions::default() };
        train_with(plan, documents, options)
    };
    let (plan, documents) = (plan(), few_messages());
    let validation = dataset(&[("praise", "wonderful"), ("advert", "buy now")]);
    checkpoint(&path, &plan, &documents, Some(&validation));

    let other_plan = Plan { seed: 8, ..plan.clone() };
    assert!(refusal(resume(&other_plan, &documents, Some(&validation))).contains("another configuration"));
    let mut fewer = documents.clone();
    fewer.texts[3].push('!');
    assert!(refusal(resume(&plan, &fewer, Some(&validation))).contains("other documents"));
    let other_validation = dataset(&[("praise", "wonderful"), ("advert", "buy it now")]);
    assert!(refusal(resume(&plan, &documents, Some(&other_validation))).contains("other documents"));
    assert!(refusal(resume(&plan, &documents, None)).contains("other documents"));

    let trained = train(&plan, &documents, None).unwrap();
    let model = bytes(&plan, &trained);
    std::fs::write(&path, &model).unwrap();
    assert!(refusal(resume(&plan, &documents, None)).contains("not a checkpoint of this version"));
    std::fs::write(&path, b"PK\x03\x04 something else altogether").unwrap();
    refusal(resume(&plan, &documents, None));
    std::fs::write(&path, &model[..model.len() / 2]).unwrap();
    refusal(resume(&plan, &documents, None));
    assert!(path.exists(), "a file that was refused is left alone");
}

#[test]
fn a_checkpoint_is_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    checkpoint(&path, &plan(), &few_messages(), None);
    let message = fenlei::artifact::load(&path).unwrap_err().to_string();
    assert!(message.contains("does not describe a model") && message.contains("help: "), "{message}");
}
