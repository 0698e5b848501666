//! Makes `classifier-v1.fenlei`, its predictions, and the seed of the fuzzer that loads classifiers:
//!
//! ```text
//! cargo run -p fenlei --example make_classifier_golden -- FOLDER
//! ```
//!
//! `testdata/classifier-v1.*` must load and predict the same in every later version: never write these files again.
//! A new version of the format gets a `classifier-v2` beside them.

use std::path::PathBuf;

use fenlei::artifact::{Container, ModelInfo, save};
use fenlei::data::{Dataset, ReadOptions, Target, read_bytes};
use fenlei::train::{EpochRecord, Plan, train};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// One of each thing that a file can hold, and small.
const PLAN: &str = r#"
seed = 1
[pipeline]
vocab = { min_count = 2, max_size = 400 }
clean = { numbers = "mask", remove = "~" }

[model]
family = "net"
word_dropout = 0.1

[[model.layers]]
type = "branches"
branches = [
    [
        { type = "embedding", dim = 8 },
        { type = "dropout", rate = 0.2 },
        { type = "conv", widths = [1, 2], filters = 8, padding = "full", activation = "relu" },
        { type = "global-pool" },
    ],
    [
        { type = "embedding", dim = 3 },
        { type = "conv", widths = [2], filters = 4, padding = "same" },
        { type = "batch-norm" },
        { type = "residual", layers = [{ type = "layer-norm" }, { type = "dense", units = 4, activation = "tanh" }] },
        { type = "global-pool", kind = "average" },
    ],
]

[train]
epochs = 20
batch_size = 16
validation = 0.2
early_stopping = { metric = "log-loss" }
optimizer = { kind = "adam", lr = 0.01 }
"#;

const TINY_PLAN: &str = r#"
[pipeline]
vocab = { min_count = 1 }

[model]
family = "net"
layers = [
    { type = "embedding", dim = 2 },
    { type = "conv", widths = [2], filters = 2, padding = "full" },
    { type = "global-pool" },
]

[train]
epochs = 1
validation = 0.0
"#;

const TEXTS: [&str; 10] = [
    "Where is my parcel? It was due on the 3rd.",
    "Does the blue one come in a size for children?",
    "Best noodles I have had in years, and such friendly people.",
    "We loved every minute and will come back!",
    "Only today: buy two, pay one! Order now and save half!",
    "Lose weight without dieting, this week at no cost.",
    "The lamp arrived with a cracked base and nobody answers my mails.",
    "Rude staff, cold food, never again.",
    "",
    "词 & <b>words</b> that nobody knows",
];

fn main() -> Outcome {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_classifier_golden FOLDER")?);
    let documents = read_bytes(include_bytes!("../../fenlei-cli/demo/en.tsv"), &ReadOptions::default())?.0;
    let classifier = make(PLAN, &documents, &folder.join("classifier-v1.fenlei"))?;
    let predictions = classifier.predict_batch(&TEXTS);
    let predictions: Vec<_> = TEXTS.iter().enumerate().map(|(i, text)| (text, predictions.row(i))).collect();
    let stored = serde_json::json!({ "labels": classifier.labels(), "predictions": predictions });
    std::fs::write(folder.join("classifier-v1.json"), serde_json::to_string_pretty(&stored)? + "\n")?;

    let texts = ["a fine film", "so dull"].map(String::from).to_vec();
    let targets = vec![Target::One(1), Target::One(0)];
    let documents = Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false)?;
    let tiny = folder.join("tiny.fenlei");
    make(TINY_PLAN, &documents, &tiny)?;
    // As the fuzzer wants it: the length of the manifest, the manifest, the tensors; no header, no checksums.
    let container = Container::open(&tiny)?;
    let manifest = container.manifest();
    let file = std::fs::read(&tiny)?;
    let mut seed = vec![b'r'];
    seed.extend_from_slice(&u16::try_from(manifest.len())?.to_le_bytes());
    seed.extend_from_slice(manifest);
    seed.extend_from_slice(&file[(64 + manifest.len()).next_multiple_of(64)..]);
    std::fs::write(folder.join("fuzz-seed-tiny"), seed)?;
    std::fs::remove_file(tiny)?;
    Ok(())
}

fn make(plan: &str, documents: &Dataset, path: &std::path::Path) -> Outcome<fenlei::classifier::Classifier> {
    let plan: Plan = toml::from_str(plan)?;
    let trained = train(&plan, documents, None)?;
    let timeless = |record: &EpochRecord| EpochRecord { seconds: 0.0, docs_per_second: 0.0, ..record.clone() };
    let history: Vec<EpochRecord> = trained.history.iter().map(timeless).collect();
    let info = ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::to_value(&plan)?,
        history: serde_json::to_value(history)?,
        validation: serde_json::to_value(&trained.validation)?,
        data_fingerprint: trained.fingerprint,
        n_train: trained.n_train,
        ..ModelInfo::default()
    };
    save(path, &trained.classifier, &info)?;
    Ok(trained.classifier)
}
