//! Documents, a plan and a way to a model file's bytes, for all tests of training.

use fenlei::artifact::{self, ModelInfo};
use fenlei::data::{Dataset, ReadOptions, Target, read_bytes};
use fenlei::train::{EpochRecord, Plan, Trained, train};

/// The English half of the program's demonstration: 732 short messages of four kinds.
pub fn messages() -> Dataset {
    let bytes = include_bytes!("../../../fenlei-cli/demo/en.tsv");
    read_bytes(bytes, &ReadOptions::default()).unwrap().0
}

/// Every eighth of them, for tests that need no accuracy.
pub fn few_messages() -> Dataset {
    let all = messages();
    all.subset(&(0..all.len()).step_by(8).collect::<Vec<_>>())
}

pub fn dataset(documents: &[(&str, &str)]) -> Dataset {
    let mut labels: Vec<String> = documents.iter().map(|(label, _)| (*label).to_owned()).collect();
    labels.sort();
    labels.dedup();
    let number = |label: &str| labels.iter().position(|known| known == label).unwrap() as u32;
    let targets = documents.iter().map(|(label, _)| Target::One(number(label))).collect();
    let texts = documents.iter().map(|(_, text)| (*text).to_owned()).collect();
    Dataset::new(texts, targets, labels, false).unwrap()
}

/// Documents that carry each of three topics or not, and say so in their words.
pub fn topics(n_docs: u32) -> Dataset {
    const WORDS: [[&str; 3]; 3] =
        [["goal", "match", "team"], ["market", "shares", "bank"], ["storm", "rain", "sunshine"]];
    let labels = ["finance", "football", "weather"].map(str::to_owned).to_vec();
    let mut texts = Vec::new();
    let mut targets = Vec::new();
    for i in 0..n_docs {
        let chosen: Vec<u32> = (0..3).filter(|topic| (i * 5 + 3) >> topic & 1 == 1).collect();
        let word = |topic: &u32| WORDS[[1, 0, 2][*topic as usize]][(i / 8 % 3) as usize];
        let words: Vec<&str> = chosen.iter().map(word).collect();
        texts.push(format!("today we heard of {} and that was all", words.join(" then ")));
        targets.push(Target::many(chosen));
    }
    Dataset::new(texts, targets, labels, true).unwrap()
}

/// A small net with both kinds of dropout, which learns the messages within seconds.
pub fn plan() -> Plan {
    toml::from_str(
        r#"
        seed = 7
        pipeline.vocab.min_count = 1

        [model]
        family = "net"
        word_dropout = 0.1
        layers = [
            { type = "embedding", dim = 12 },
            { type = "dropout", rate = 0.2 },
            { type = "conv", widths = [1, 2], filters = 12, padding = "full", activation = "relu" },
            { type = "global-pool" },
            { type = "dropout", rate = 0.2 },
        ]

        [train]
        epochs = 3
        batch_size = 16
        validation = 0.2
        optimizer = { kind = "adam", lr = 0.01 }
        "#,
    )
    .unwrap()
}

/// The plan with other layers.
pub fn plan_with_layers(layers: &str) -> Plan {
    Plan { model: toml::from_str(&format!("family = 'net'\nlayers = [{layers}]")).unwrap(), ..plan() }
}

/// What the model file tells of a training, without its times.
pub fn info(plan: &Plan, trained: &Trained) -> ModelInfo {
    let timeless = |record: &EpochRecord| EpochRecord { seconds: 0.0, docs_per_second: 0.0, ..record.clone() };
    let history: Vec<EpochRecord> = trained.history.iter().map(timeless).collect();
    ModelInfo {
        library_version: "test".to_owned(),
        plan: serde_json::to_value(plan).unwrap(),
        history: serde_json::to_value(history).unwrap(),
        validation: serde_json::to_value(&trained.validation).unwrap(),
        data_fingerprint: trained.fingerprint.clone(),
        n_train: trained.n_train,
        usual: Some(trained.usual.clone()),
        ..ModelInfo::default()
    }
}

/// The bytes of the model file.
pub fn bytes(plan: &Plan, trained: &Trained) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    artifact::save(&path, &trained.classifier, &info(plan, trained)).unwrap();
    std::fs::read(path).unwrap()
}

/// The model file of a training.
pub fn trained_bytes(plan: &Plan, documents: &Dataset) -> Vec<u8> {
    bytes(plan, &train(plan, documents, None).unwrap())
}

/// The numbers of the parameter whose name ends so.
pub fn param<'a>(trained: &'a Trained, name_end: &str) -> &'a fenlei_nn::params::Param<f32> {
    let fenlei::model::Model::Net(net) = trained.classifier.model() else { panic!("this is no net") };
    net.net().params.iter().find(|param| param.name.ends_with(name_end)).unwrap()
}
