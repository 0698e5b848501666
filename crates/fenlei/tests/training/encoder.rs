//! A pretrained encoder trained further: what it learns, what stays as it was, what its file holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fenlei::Error;
use fenlei::artifact;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::Dataset;
use fenlei::explain::{ExplainOptions, explain};
use fenlei::model::Model;
use fenlei::train::{Plan, TrainOptions, Trained, train, train_with};

use super::corpus::{bytes, dataset, trained_bytes};
use super::same_bytes::{check_resumption_on, with_threads};

pub fn encoder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained").join(family)
}

/// The recipe over a tiny model of random numbers, at rates that such a model needs.
pub fn plan(family: &str, set: &[&str]) -> Plan {
    let always = ["pipeline.truncate.max_tokens=24", "train.optimizer.lr=0.01", "train.batch_size=8", "train.epochs=4"];
    let set = always.iter().chain(set).map(|setting| (*setting).to_owned()).collect();
    let source = PlanSource {
        recipe: Some("encoder".to_owned()),
        pretrained: Some(encoder(family)),
        set,
        seed: Some(7),
        ..PlanSource::default()
    };
    load_plan(&source).unwrap()
}

/// Reviews of the words that the tiny tokenizers know.
pub fn reviews() -> Dataset {
    let subjects = ["the film", "the plot", "a long film", "acting", "这 电 影"];
    let (praise, blame) = (
        ["was good", "was really good", "good and good", "好 看"],
        ["was dull", "was bad", "not good", "dull and long"],
    );
    let mut documents = Vec::new();
    for subject in subjects {
        for (good, bad) in praise.iter().zip(blame) {
            documents.push((format!("{subject} {good}!"), "good"));
            documents.push((format!("{subject} {bad};"), "bad"));
        }
    }
    let documents: Vec<(&str, &str)> = documents.iter().map(|(text, label)| (*label, text.as_str())).collect();
    dataset(&documents)
}

fn param<'t>(trained: &'t Trained, name: &str) -> &'t [f32] {
    let Model::Net(net) = trained.classifier.model() else { panic!("this is no net") };
    let is_it = |full: &str| full == name || !name.starts_with("output.") && full.ends_with(name);
    &net.net().params.iter().find(|param| is_it(&param.name)).unwrap().data
}

#[test]
fn an_encoder_learns_and_its_file_holds_everything() {
    let plan = plan("bert", &["train.epochs=12", "train.validation=0.2"]);
    let trained = train(&plan, &reviews(), None).unwrap();
    assert!(trained.validation.as_ref().unwrap().accuracy > 0.85, "{:?}", trained.history);
    let texts = ["the film was good!", "dull and long", "", "unknown words 电影 only"];
    let before = trained.classifier.predict_batch(&texts);
    let (loaded, _) = artifact::from_bytes(bytes(&plan, &trained)).unwrap();
    assert_eq!(loaded.predict_batch(&texts), before, "the file needs neither the folder nor anything else");
    let explained = explain(&loaded, &texts[..1], &ExplainOptions::default()).unwrap();
    let words: Vec<&str> = explained[0].words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["the", "film", "was", "good", "!"], "special tokens are no words");
}

#[test]
fn every_head_and_family_can_be_trained() {
    let conv =
        "model.layers=[{type='conv',widths=[1,3],filters=4,padding='same',activation='relu'},{type='global-pool'}]";
    let layers = "model.layers=[{type='global-pool',kind='first'},{type='dense',units=6,activation='tanh'}]";
    let attention = "model.layers=[{type='global-pool',kind='attention'}]";
    let last = "model.layers.0.kind=last";
    for (family, head) in [
        ("bert", conv),
        ("distilbert", layers),
        ("electra", attention),
        ("albert", conv),
        ("modernbert", layers),
        ("gpt2", last),
        ("llama", last),
    ] {
        let trained = train(&plan(family, &[head, "train.epochs=2"]), &reviews(), None).unwrap();
        let losses: Vec<f64> = trained.history.iter().map(|record| record.loss).collect();
        assert!(losses[1] < losses[0] && losses.iter().all(|loss| loss.is_finite()), "{family}: {losses:?}");
    }
}

#[test]
fn frozen_layers_stay_as_they_are_and_lower_ones_learn_less() {
    let start = train(&plan("bert", &["train.optimizer.lr=1e-30"]), &reviews(), None).unwrap();
    let moved = |set: &[&str]| {
        let trained = train(&plan("bert", set), &reviews(), None).unwrap();
        [
            "embedding.table",
            "transformer.0.feed-forward.input.weight",
            "transformer.1.feed-forward.input.weight",
            "output.weight",
        ]
        .map(|end| param(&trained, end).iter().zip(param(&start, end)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
    };
    let frozen = moved(&["train.fine_tuning.frozen_layers=2"]);
    assert!(frozen[..2] == [0.0, 0.0] && frozen[2] > 0.0 && frozen[3] > 0.0, "{frozen:?}");
    let decayed = moved(&["train.fine_tuning.layer_decay=0.01", "train.fine_tuning.head_lr=1"]);
    assert!(decayed[0] < 0.1 * decayed[1] && decayed[1] < 0.1 * decayed[2], "{decayed:?}");
    let small = moved(&["train.fine_tuning.lora={ rank = 2, beside = 'all' }"]);
    assert!(small[..3] == [0.0; 3] && small[3] > 0.0, "{small:?}");
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let plan = plan("bert", &["train.max_tokens_at_once=20", "train.fine_tuning.recompute=true"]);
    let one = with_threads(1, &plan, &reviews());
    assert!(one == with_threads(3, &plan, &reviews()));
    assert!(one == trained_bytes(&plan, &reviews()));
}

#[test]
fn layers_that_thaw_survive_an_interruption() {
    let set =
        ["train.fine_tuning.frozen_layers=3", "train.fine_tuning.gradual=true", "train.epochs=5", "train.validation=0"];
    check_resumption_on(&plan("bert", &set), &reviews(), "gradual");
}

#[test]
fn a_loss_that_is_not_finite_is_told_with_its_epoch() {
    let error = train(&plan("bert", &["train.optimizer.lr=1e30"]), &reviews(), None).unwrap_err().to_string();
    assert!(error.contains("not a finite number any more in epoch 1") && error.contains("help: "), "{error}");
}

#[test]
fn what_frozen_layers_give_is_computed_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = format!("train.fine_tuning.cache='{}'", folder.path().display());
    let conv =
        "model.layers=[{type='conv',widths=[2],filters=4,padding='same',activation='relu'},{type='global-pool'}]";
    for head in ["model.layers=[{type='global-pool',kind='average'}]", conv] {
        let always = [head, "train.fine_tuning.dropout=0", "train.validation=0.2", "train.max_tokens_at_once="];
        let slow = [&always[..], &["train.fine_tuning.frozen_layers=3"]].concat();
        let quick = [&always[..], &["train.fine_tuning.frozen=true"]].concat();
        let cached = [&quick[..], &[cache.as_str()]].concat();
        let slow = train(&plan("bert", &slow), &reviews(), None).unwrap();
        let sets = if head == conv { vec![&quick] } else { vec![&quick, &cached, &cached] };
        for set in sets {
            let quick = train(&plan("bert", set), &reviews(), None).unwrap();
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(param(&quick, "output.weight").iter().zip(param(&slow, "output.weight")).all(near), "{head}");
            assert_eq!(quick.validation, slow.validation);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "one file for each part");
    let kept = plan("bert", &[conv, "train.fine_tuning.frozen=true", cache.as_str()]);
    let error = train(&kept, &reviews(), None).unwrap_err().to_string();
    assert!(error.contains("reads the states of all tokens"), "{error}");
}

#[test]
fn a_wish_to_stop_is_heard_while_frozen_layers_read() {
    let folder = tempfile::tempdir().unwrap();
    let cache = format!("train.fine_tuning.cache='{}'", folder.path().display());
    let head = "model.layers=[{type='global-pool',kind='average'}]";
    let plan = plan("bert", &[head, "train.fine_tuning.frozen=true", "train.max_tokens_at_once=", cache.as_str()]);
    let stop = AtomicBool::new(true);
    let options = TrainOptions { stop: Some(&stop), ..TrainOptions::default() };
    assert!(matches!(train_with(&plan, &reviews(), options), Err(Error::Interrupted)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half read is kept");
}

#[test]
fn what_changes_documents_does_not_go_with_frozen_layers() {
    let set = ["train.fine_tuning.frozen=true", "model.word_dropout=0.1"];
    let error = train(&plan("bert", &set), &reviews(), None).unwrap_err().to_string();
    assert!(error.contains("word dropout"), "{error}");
}

#[test]
fn pairs_tune_an_encoder_before_its_head_learns() {
    let start = train(&plan("bert", &["train.optimizer.lr=1e-30"]), &reviews(), None).unwrap();
    let set = [
        "train.fine_tuning.frozen=true",
        "train.fine_tuning.contrastive={ rounds = 8, lr = 0.01 }",
        "train.epochs=20",
        "train.validation=0.2",
    ];
    let few_shot = plan("bert", &set);
    let trained = train(&few_shot, &reviews(), None).unwrap();
    assert!(trained.validation.as_ref().unwrap().accuracy > 0.85, "{:?}", trained.history.last());
    let end = "transformer.1.attention.qkv.weight";
    assert!(param(&trained, end) != param(&start, end), "the encoder was tuned");
    assert!(with_threads(1, &few_shot, &reviews()) == with_threads(2, &few_shot, &reviews()));
}
