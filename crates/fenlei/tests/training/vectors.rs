//! Training from pretrained word vectors.

use std::path::Path;

use fenlei::train::{Event, Plan, TrainOptions, Trained, train, train_with};

use super::corpus::{few_messages, param, plan, plan_with_layers};

/// Words that stand in many messages; none of the vectors is what training would make.
const VECTORS: &str = "the 1 2 3 4 5\nand 0.5 -0.5 0.25 -0.25 2\nnowhere-else 9 9 9 9 9\n";

fn train_from(plan: Plan, folder: &Path) -> (Trained, String) {
    let path = folder.join("vectors.txt");
    std::fs::write(&path, VECTORS).unwrap();
    let plan = Plan { embeddings: Some(path), ..plan };
    let mut said = String::new();
    let mut on_event = |event: Event<'_>| {
        if let Event::Start { vectors, .. } = event {
            said = vectors.unwrap().to_owned();
        }
    };
    let options = TrainOptions { on_event: Some(&mut on_event), ..TrainOptions::default() };
    (train_with(&plan, &few_messages(), options).unwrap(), said)
}

fn vector<'a>(trained: &'a Trained, table: &str, word: &str) -> &'a [f32] {
    let table = param(trained, table);
    assert_eq!(table.shape[1], 5, "the vectors bring their size");
    let id = trained.classifier.pipeline().vocab().id(word).unwrap() as usize;
    &table.data[id * 5..(id + 1) * 5]
}

fn layers(mode: &str) -> String {
    format!("{{type='embedding',dim=64,mode='{mode}'}},{{type='conv',widths=[1],filters=8}},{{type='global-pool'}}")
}

const THE: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

#[test]
fn static_vectors_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (trained, said) = train_from(plan_with_layers(&layers("static")), folder.path());
    assert_eq!(vector(&trained, "embedding.table", "the"), THE);
    assert_eq!(vector(&trained, "embedding.table", "and"), [0.5, -0.5, 0.25, -0.25, 2.0]);
    assert!(said.contains("% of the vocabulary"), "{said}");
}

#[test]
fn tuned_vectors_start_there_and_move() {
    let folder = tempfile::tempdir().unwrap();
    let (trained, _) = train_from(plan_with_layers(&layers("tuned")), folder.path());
    let the = vector(&trained, "embedding.table", "the");
    assert_ne!(the, THE);
    assert!(the.iter().zip(THE).all(|(a, b)| (a - b).abs() < 0.5), "{the:?}");
}

#[test]
fn of_two_channels_one_moves() {
    let folder = tempfile::tempdir().unwrap();
    let (trained, _) = train_from(plan_with_layers(&layers("multichannel")), folder.path());
    assert_eq!(vector(&trained, "embedding.static-table", "the"), THE);
    assert_ne!(vector(&trained, "embedding.table", "the"), THE);
}

#[test]
fn vectors_that_are_missing_or_have_no_place_are_refused() {
    let missing = Plan { embeddings: Some("no/such/vectors.txt".into()), ..plan() };
    let message = train(&missing, &few_messages(), None).unwrap_err().to_string();
    assert!(message.contains("vectors.txt") && message.contains("help: "), "{message}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.txt");
    std::fs::write(&path, VECTORS).unwrap();
    let one_hot = plan_with_layers("{type='one-hot-conv',width=2,filters=4},{type='global-pool'}");
    let message = train(&Plan { embeddings: Some(path), ..one_hot }, &few_messages(), None).unwrap_err().to_string();
    assert!(message.contains("no embedding to put vectors into"), "{message}");
}
