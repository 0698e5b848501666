//! What a training learns, and which of its weights it keeps.

use std::collections::BTreeMap;

use fenlei::data::Target;
use fenlei::train::{ClassWeights, Event, Metric, StopReason, TrainOptions, train, train_with};

use super::corpus::{dataset, few_messages, messages, param, plan, plan_with_layers, topics};

#[test]
fn messages_are_told_apart() {
    let mut plan = plan_with_layers(
        "{type='embedding',dim=64},{type='dropout',rate=0.4},\
         {type='conv',widths=[1,2,3],filters=48,padding='full',activation='relu'},{type='global-pool'},\
         {type='dropout',rate=0.4}",
    );
    plan.train.epochs = 20;
    plan.train.early_stopping.patience = 6;
    plan.train.optimizer = fenlei_nn::optim::OptimizerSpec::adam(0.003);
    let trained = train(&plan, &messages(), None).unwrap();
    let report = trained.validation.as_ref().unwrap();
    // One in four by chance; the few words that tell these messages apart are rare in 586 of them.
    assert!(report.accuracy > 0.7, "accuracy {}", report.accuracy);
    assert!(trained.history[0].loss > trained.history.last().unwrap().loss * 1.5);
    assert_eq!(trained.n_train as u64 + report.n_docs, 732);
    let predictions = trained.classifier.predict_batch(&["Does it come in a size for children?"]);
    assert_eq!(trained.classifier.labels()[predictions.ranked(0)[0].0], "question");
}

#[test]
fn the_weights_of_the_best_epoch_are_kept() {
    let mut plan = plan();
    plan.train.epochs = 12;
    plan.train.early_stopping.patience = 2;
    plan.train.early_stopping.metric = Metric::LogLoss;
    // So large that the loss soon rises again.
    plan.train.optimizer = fenlei_nn::optim::OptimizerSpec::adam(0.05);
    let trained = train(&plan, &messages(), None).unwrap();
    assert_eq!(trained.reason, StopReason::EarlyStopping);
    let loss = |i: usize| trained.history[i].validation.unwrap().log_loss;
    let best = trained.history.iter().rposition(|record| record.best).unwrap();
    assert_eq!(best + 1 + 2, trained.history.len(), "two epochs that were no better ended it");
    assert!((0..trained.history.len()).all(|i| loss(best) <= loss(i)));
    let kept = trained.validation.as_ref().unwrap();
    let record = trained.history[best].validation.unwrap();
    assert!((kept.log_loss - record.log_loss).abs() < 2e-3, "{} and {}", kept.log_loss, record.log_loss);
    assert!((kept.accuracy - record.accuracy).abs() < 0.02);
    assert!(loss(trained.history.len() - 1) > record.log_loss + 4e-3, "the last epoch was clearly worse");

    plan.train.early_stopping.keep_best = false;
    let last = train(&plan, &messages(), None).unwrap().validation.unwrap().log_loss;
    assert!((last - loss(trained.history.len() - 1)).abs() < 2e-3);
}

#[test]
fn everything_is_trained_on_when_nothing_is_held_back() {
    let mut plan = plan();
    plan.train.validation = 0.0;
    let trained = train(&plan, &few_messages(), None).unwrap();
    assert_eq!(trained.n_train, few_messages().len());
    assert!(trained.validation.is_none() && trained.history.iter().all(|r| r.validation.is_none() && !r.best));
    assert_eq!(trained.reason, StopReason::LastEpoch);
}

#[test]
fn a_document_may_be_given_several_labels() {
    let mut plan = plan();
    plan.train.epochs = 30;
    plan.train.early_stopping.patience = 0;
    let trained = train(&plan, &topics(240), None).unwrap();
    let report = trained.validation.as_ref().unwrap();
    assert!(report.multi_label && report.accuracy > 0.9, "accuracy {}", report.accuracy);
    let texts = ["we heard of the team and the bank", "we heard of rain", "today that was all"];
    let predictions = trained.classifier.predict_batch(&texts);
    let given = |i: usize| predictions.row(i).iter().map(|&p| p >= 0.5).collect::<Vec<_>>();
    assert_eq!(trained.classifier.labels(), ["finance", "football", "weather"]);
    assert_eq!(given(0), [true, true, false], "{:?}", predictions.row(0));
    assert_eq!(given(1), [false, false, true], "{:?}", predictions.row(1));
    assert_eq!(given(2), [false, false, false], "{:?}", predictions.row(2));
}

#[test]
fn weights_of_labels_move_predictions_towards_them() {
    let documents: Vec<(&str, &str)> =
        (0..60).map(|i| if i % 6 == 0 { ("rare", "same words here") } else { ("usual", "same words here") }).collect();
    let documents = dataset(&documents);
    let of_rare = |weights: ClassWeights| {
        // Without dropout and with all documents in each step, so that it settles where the loss is smallest.
        let mut plan = plan_with_layers("{type='embedding',dim=4},{type='global-pool',kind='average'}");
        plan.train.epochs = 300;
        plan.train.batch_size = 60;
        plan.train.validation = 0.0;
        plan.train.class_weights = weights;
        train(&plan, &documents, None).unwrap().classifier.predict_batch(&["same words here"]).row(0)[0]
    };
    let plain = of_rare(ClassWeights::None);
    assert!((plain - 1.0 / 6.0).abs() < 0.02, "{plain}");
    let balanced = of_rare(ClassWeights::Balanced);
    assert!((balanced - 0.5).abs() < 0.02, "{balanced}");
    let named = of_rare(ClassWeights::Named(BTreeMap::from([("rare".to_owned(), 15.0)])));
    assert!((named - 0.75).abs() < 0.02, "{named}");
}

#[test]
fn training_goes_on_from_a_classifier() {
    let (mut plan, documents) = (plan(), messages());
    plan.train.epochs = 2;
    let first = train(&plan, &documents, None).unwrap();
    let (vocab_size, loss) = (first.classifier.pipeline().vocab().len(), first.history[1].loss);
    let table = param(&first, "embedding.table").data.clone();
    plan.train.epochs = 1;
    let options = TrainOptions { from: Some(first.classifier), ..TrainOptions::default() };
    let second = train_with(&plan, &documents, options).unwrap();
    assert!(second.history[0].loss < loss, "it goes on where the first training ended");
    assert_eq!(second.classifier.pipeline().vocab().len(), vocab_size);
    assert_ne!(param(&second, "embedding.table").data, table);
    // Fixed-point scales of the old weights must not show in the figures of the new ones.
    let record = second.history[0].validation.unwrap();
    let kept = second.validation.unwrap();
    assert!((record.log_loss - kept.log_loss).abs() < 2e-3, "{} and {}", record.log_loss, kept.log_loss);
}

#[test]
fn events_tell_of_every_step_and_epoch() {
    let (plan, documents) = (plan(), few_messages());
    let mut told = Vec::new();
    let mut n_train = 0;
    let mut on_event = |event: Event<'_>| match event {
        Event::Start { n_train: n, n_validation, epochs, vectors, .. } => {
            n_train = n;
            assert_eq!((n + n_validation, epochs, vectors), (documents.len(), 3, None));
        }
        Event::Step { epoch, docs_done, n_docs, loss } => {
            assert!(loss.is_finite() && n_docs == n_train);
            told.push((epoch, docs_done));
        }
        Event::Epoch(record) => told.push((record.epoch, usize::MAX)),
        event => assert!(matches!(event, Event::Stop(StopReason::LastEpoch)), "{event:?}"),
    };
    train_with(&plan, &documents, TrainOptions { on_event: Some(&mut on_event), ..TrainOptions::default() }).unwrap();
    let steps = (1..=n_train.div_ceil(16)).map(|step| (step * 16).min(n_train)).chain([usize::MAX]);
    let expected: Vec<(u32, usize)> = (1..=3).flat_map(|epoch| steps.clone().map(move |done| (epoch, done))).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_label_list_may_hold_labels_of_no_document() {
    let mut documents = few_messages();
    documents.labels.push("zebra".to_owned());
    let trained = train(&plan(), &documents, None).unwrap();
    assert_eq!(trained.classifier.labels().len(), 5);
    assert!(documents.targets.iter().all(|target| *target != Target::One(4)));
    assert!(trained.classifier.predict_batch(&["what is it?"]).row(0).iter().all(|p| p.is_finite()));
}
