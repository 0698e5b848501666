//! Makes `ensemble-v1.fenlei`, its predictions, and a seed of the fuzzer that loads classifiers:
//!
//! ```text
//! cargo run -p fenlei --example make_ensemble_golden -- FOLDER
//! ```
//!
//! What `testdata` holds of them must load and predict the same in every later version: never write these files again. A
//! new version of the format gets others beside them.

use std::path::{Path, PathBuf};

use fenlei::artifact::{Container, ModelInfo, save};
use fenlei::classifier::Classifier;
use fenlei::data::{Dataset, ReadOptions, Target, read_bytes};
use fenlei::ensemble::{EnsembleOptions, Voting, train_ensemble};
use fenlei::train::Plan;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Members of other families, with other pipelines.
const MEMBERS: [&str; 2] = [
    r#"
pipeline.vocab.max_size = 200
[model]
family = "nb"
features = { max_features = 150 }
"#,
    r#"
pipeline.vocab.max_size = 150
train.epochs = 2
[model]
family = "net"
wide = { max_features = 100 }
layers = [
    { type = "embedding", dim = 4 },
    { type = "conv", widths = [2], filters = 3, padding = "full", activation = "relu" },
    { type = "global-pool" },
]
"#,
];

const TINY: [&str; 2] = [
    r#"
pipeline.vocab.min_count = 1
train.validation = 0.0
[model]
family = "nb"
features = { min_df = 1 }
"#,
    r#"
pipeline.vocab.min_count = 1
train.validation = 0.0
train.epochs = 1
[model]
family = "net"
layers = [{ type = "embedding", dim = 2 }, { type = "global-pool", kind = "average" }]
"#,
];

const TEXTS: [&str; 8] = [
    "Where is my parcel? It was due on the 3rd.",
    "Does the blue one come in a size for children?",
    "Best noodles I have had in years, and such friendly people.",
    "We loved every minute and will come back!",
    "Only today: buy two, pay one! Order now and save half!",
    "The lamp arrived with a cracked base and nobody answers my mails.",
    "",
    "词 & <b>words</b> that nobody knows",
];

fn main() -> Outcome {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_ensemble_golden FOLDER")?);
    let documents = read_bytes(include_bytes!("../../fenlei-cli/demo/en.tsv"), &ReadOptions::default())?.0;
    let classifier = make(MEMBERS, Voting::Stacking, &documents, &folder.join("ensemble-v1.fenlei"))?;
    let predictions = classifier.predict_batch(&TEXTS);
    let predictions: Vec<_> = TEXTS.iter().enumerate().map(|(i, text)| (text, predictions.row(i))).collect();
    let stored = serde_json::json!({ "labels": classifier.labels(), "predictions": predictions });
    std::fs::write(folder.join("ensemble-v1.json"), serde_json::to_string_pretty(&stored)? + "\n")?;

    let texts = ["a fine film", "so dull"].map(String::from).to_vec();
    let targets = vec![Target::One(1), Target::One(0)];
    let documents = Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false)?;
    let tiny = folder.join("tiny.fenlei");
    make(TINY, Voting::Soft, &documents, &tiny)?;
    // As the fuzzer wants it: the length of the manifest, the manifest, the tensors; no header, no checksums.
    let container = Container::open(&tiny)?;
    let manifest = container.manifest();
    let file = std::fs::read(&tiny)?;
    let mut seed = vec![b'r'];
    seed.extend_from_slice(&u16::try_from(manifest.len())?.to_le_bytes());
    seed.extend_from_slice(manifest);
    seed.extend_from_slice(&file[(64 + manifest.len()).next_multiple_of(64)..]);
    std::fs::write(folder.join("fuzz-seed-ensemble"), seed)?;
    std::fs::remove_file(tiny)?;
    Ok(())
}

fn make(members: [&str; 2], voting: Voting, documents: &Dataset, path: &Path) -> Outcome<Classifier> {
    let plans: Vec<Plan> = members.iter().map(|plan| toml::from_str(plan)).collect::<Result<_, _>>()?;
    let options = EnsembleOptions { voting, folds: 0, bagging: false, stop: None, on_member: None };
    let ensembled = train_ensemble(&plans, documents, path, &options)?;
    let info = ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::json!({ "model": ensembled.classifier.model().spec() }),
        n_train: documents.len(),
        ..ModelInfo::default()
    };
    save(path, &ensembled.classifier, &info)?;
    Ok(ensembled.classifier)
}
