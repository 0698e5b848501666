//! The same seed gives the same model file: again, with other threads, and after an interruption.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use fenlei::data::{Dataset, Target};
use fenlei::train::{Event, Plan, StopReason, TrainOptions, Trained, train, train_with};
use fenlei_nn::optim::{AverageSpec, OptimizerSpec, ScheduleSpec};

use super::corpus::{bytes, few_messages, messages, plan, plan_with_layers, trained_bytes};

pub fn with_threads(n: usize, plan: &Plan, documents: &Dataset) -> Vec<u8> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    pool.install(|| trained_bytes(plan, documents))
}

#[test]
fn any_number_of_threads_gives_the_same_file_and_another_seed_another() {
    let (plan, documents) = (plan(), messages());
    let one = with_threads(1, &plan, &documents);
    assert!(one == with_threads(2, &plan, &documents), "two threads");
    assert!(one == with_threads(5, &plan, &documents), "five threads");
    assert!(one == trained_bytes(&plan, &documents), "once more");
    let other = Plan { seed: 8, ..plan.clone() };
    let (a, b) = (train(&plan, &documents, None).unwrap(), train(&other, &documents, None).unwrap());
    // With the same description, so that only the numbers can differ.
    assert!(bytes(&plan, &a) != bytes(&plan, &b));
}

#[test]
fn layers_of_every_kind_give_the_same_file_for_any_number_of_threads() {
    let layers = [
        "{type='embedding',dim=8},{type='conv',widths=[3],filters=8,padding='same',activation='relu'},\
         {type='batch-norm'},{type='residual',layers=[{type='conv',widths=[3],filters=8,padding='same'}]},\
         {type='pool',size=2},{type='layer-norm'},{type='dropout',rate=0.2,spatial=true},{type='global-pool',kind='k-max',k=2},\
         {type='dense',units=6,activation='tanh'}",
        "{type='branches',branches=[[{type='one-hot-conv',width=2,filters=6,activation='relu'},{type='global-pool'}],\
         [{type='embedding',dim=6},{type='global-pool',kind='average'}]]}",
    ];
    for layers in layers {
        let (plan, documents) = (plan_with_layers(layers), few_messages());
        assert!(with_threads(1, &plan, &documents) == with_threads(3, &plan, &documents), "{layers}");
    }
}

/// Trains, and raises the stop flag after step `stop_after`, counted over all epochs.
fn interrupted(plan: &Plan, documents: &Dataset, checkpoint: &Path, stop_after: usize) -> Trained {
    let stop = AtomicBool::new(false);
    let mut n_steps = 0;
    let mut on_event = |event: Event<'_>| {
        if let Event::Step { .. } = event {
            n_steps += 1;
            stop.store(n_steps >= stop_after, Ordering::Relaxed);
        }
    };
    let options = TrainOptions {
        checkpoint: Some(checkpoint.to_owned()),
        resume: true,
        stop: Some(&stop),
        on_event: Some(&mut on_event),
        ..TrainOptions::default()
    };
    train_with(plan, documents, options).unwrap()
}

/// Interrupts twice, in the middle of two epochs, and compares with a training that was left alone.
pub fn check_resumption(plan: &Plan, what: &str) {
    check_resumption_on(plan, &few_messages(), what);
}

/// [`check_resumption`] on documents of five steps an epoch.
pub fn check_resumption_on(plan: &Plan, documents: &Dataset, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("training.checkpoint");
    // Five steps an epoch.
    let first = interrupted(plan, documents, &checkpoint, 3);
    assert_eq!((first.reason, first.history.len()), (StopReason::Interrupted, 0), "{what}");
    assert!(checkpoint.exists());
    let second = interrupted(plan, documents, &checkpoint, 9);
    assert_eq!((second.reason, second.history.len()), (StopReason::Interrupted, 2), "{what}");
    let last = interrupted(plan, documents, &checkpoint, usize::MAX);
    assert_ne!(last.reason, StopReason::Interrupted);
    assert!(!checkpoint.exists(), "the checkpoint goes when the training is over");
    assert!(bytes(plan, &last) == trained_bytes(plan, documents), "{what}: another file after two interruptions");
}

pub fn long_plan() -> Plan {
    let mut plan = plan();
    plan.train.epochs = 5;
    plan.train.early_stopping.patience = 0;
    plan
}

#[test]
fn an_interrupted_training_ends_as_if_nothing_had_happened() {
    check_resumption(&long_plan(), "adam");
    for optimizer in [
        OptimizerSpec::Sgd { lr: 0.1, momentum: 0.0, nesterov: false },
        OptimizerSpec::Sgd { lr: 0.1, momentum: 0.9, nesterov: true },
        OptimizerSpec::AdamW { lr: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 },
        OptimizerSpec::RmsProp { lr: 0.01, rho: 0.9, epsilon: 1e-8, momentum: 0.5 },
        OptimizerSpec::Adagrad { lr: 0.05, epsilon: 1e-10, initial: 0.1 },
    ] {
        let mut plan = long_plan();
        plan.train.optimizer = optimizer;
        check_resumption(&plan, &format!("{optimizer:?}"));
    }
}

#[test]
fn averages_survive_an_interruption() {
    for average in [
        AverageSpec::Exponential { decay: 0.9, start_steps: 0 },
        AverageSpec::Exponential { decay: 0.9, start_steps: 7 },
        AverageSpec::Exponential { decay: 0.9, start_steps: 1000 },
        AverageSpec::Tail { epochs: 4 },
        AverageSpec::Tail { epochs: 1 },
    ] {
        for keep_best in [true, false] {
            let mut plan = long_plan();
            plan.train.average = Some(average);
            plan.train.early_stopping.keep_best = keep_best;
            check_resumption(&plan, &format!("{average:?}, keep best: {keep_best}"));
        }
    }
}

#[test]
fn schedules_survive_an_interruption() {
    for schedule in [
        ScheduleSpec::Plateau { patience: 0, factor: 0.5, min_factor: 0.01 },
        ScheduleSpec::Linear { min_factor: 0.1 },
        ScheduleSpec::Step { every_epochs: 1, gamma: 0.5 },
    ] {
        let mut plan = long_plan();
        plan.train.optimizer = OptimizerSpec::adam(0.1);
        plan.train.schedule = schedule.clone();
        check_resumption(&plan, &format!("{schedule:?}"));
    }
}

#[test]
fn running_statistics_and_frozen_tables_survive_an_interruption() {
    let layers = "{type='embedding',dim=8,mode='multichannel'},{type='dropout',rate=0.3},\
                  {type='conv',widths=[2],filters=8,padding='same'},{type='batch-norm'},{type='global-pool'}";
    let mut plan = plan_with_layers(layers);
    plan.train.epochs = 5;
    plan.train.early_stopping.patience = 0;
    plan.train.average = Some(AverageSpec::Exponential { decay: 0.8, start_steps: 2 });
    check_resumption(&plan, "batch norm, multichannel, average");
}

#[test]
fn unlabelled_documents_change_nothing() {
    let (plan, documents) = (plan(), few_messages());
    let mut with_others = documents.clone();
    for i in (0..documents.len()).step_by(7) {
        with_others.texts.insert(i, format!("unheard{i} words that would change the vocabulary unheard{i}"));
        with_others.targets.insert(i, Target::Unlabelled);
    }
    let (alone, together) = (train(&plan, &documents, None).unwrap(), train(&plan, &with_others, None).unwrap());
    assert_ne!(alone.fingerprint, together.fingerprint);
    let together = Trained { fingerprint: alone.fingerprint.clone(), ..together };
    assert!(bytes(&plan, &alone) == bytes(&plan, &together));
}
