//! Makes `classical-v1.fenlei`, `hashed-v1.fenlei`, `wide-v1.fenlei`, `bag-v1.fenlei`, their predictions, and seeds of the fuzzer that
//! loads classifiers:
//!
//! ```text
//! cargo run -p fenlei --example make_classical_golden -- FOLDER
//! ```
//!
//! What `testdata` holds of them must load and predict the same in every later version: never write these files again. A new version of the format gets others beside them.

use std::path::{Path, PathBuf};

use fenlei::artifact::{Container, ModelInfo, save};
use fenlei::classifier::Classifier;
use fenlei::data::{Dataset, ReadOptions, Target, read_bytes};
use fenlei::train::{Plan, train};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Runs of tokens and of characters, and more labels than two.
const LISTED: &str = r#"
pipeline.vocab.max_size = 400
[model]
family = "linear"
c = 3.0
features = { word_ngrams = 2, char_ngrams = [2, 3], max_features = 500 }
"#;

/// The hash may never change.
const HASHED: &str = r#"
pipeline.vocab.max_size = 10
[model]
family = "nb"
features = { char_ngrams = [2, 3], char_scope = "text", min_df = 1, hash_columns = 300, tf = "binary", idf = "none", norm = "none" }
"#;

/// A net with a linear model beside it.
const WIDE: &str = r#"
pipeline.vocab.max_size = 300
train.epochs = 2
[model]
family = "net"
wide = { max_features = 400 }
layers = [
    { type = "embedding", dim = 6 },
    { type = "conv", widths = [1, 2], filters = 5, padding = "full", activation = "relu" },
    { type = "global-pool" },
]
"#;

/// A net over a bag of n-grams, with a tree of questions over its labels.
const BAG: &str = r#"
pipeline.vocab.max_size = 300
train.epochs = 8
[train.optimizer]
kind = "adam"
lr = 0.02
[model]
family = "net"
head = "hierarchical"
features = { word_ngrams = 2, max_features = 400, tf = "count", norm = "l1" }
layers = [{ type = "embedding-bag", dim = 6, bias = true, activation = "tanh" }]
"#;

const TINY_BAG: &str = r#"
pipeline.vocab.min_count = 1
train.validation = 0.0
train.epochs = 1
[model]
family = "net"
features = { min_df = 1 }
layers = [{ type = "embedding-bag", dim = 2 }]
"#;

const TINY_WIDE: &str = r#"
pipeline.vocab.min_count = 1
train.validation = 0.0
train.epochs = 1
[model]
family = "net"
wide = { word_ngrams = 2 }
layers = [{ type = "embedding", dim = 2 }, { type = "global-pool", kind = "average" }]
"#;

const TINY: &str = r#"
pipeline.vocab.min_count = 1
train.validation = 0.0
[model]
family = "nb-svm"
features = { min_df = 1 }
"#;

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
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_classical_golden FOLDER")?);
    let documents = read_bytes(include_bytes!("../../fenlei-cli/demo/en.tsv"), &ReadOptions::default())?.0;
    for (name, plan) in [("classical-v1", LISTED), ("hashed-v1", HASHED), ("wide-v1", WIDE), ("bag-v1", BAG)] {
        let classifier = make(plan, &documents, &folder.join(name).with_extension("fenlei"))?;
        let predictions = classifier.predict_batch(&TEXTS);
        let predictions: Vec<_> = TEXTS.iter().enumerate().map(|(i, text)| (text, predictions.row(i))).collect();
        let stored = serde_json::json!({ "labels": classifier.labels(), "predictions": predictions });
        let path = folder.join(name).with_extension("json");
        std::fs::write(path, serde_json::to_string_pretty(&stored)? + "\n")?;
    }

    let texts = ["a fine film", "so dull"].map(String::from).to_vec();
    let targets = vec![Target::One(1), Target::One(0)];
    let documents = Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false)?;
    for (name, plan) in [("classical", TINY), ("wide", TINY_WIDE), ("bag", TINY_BAG)] {
        write_seed(&folder.join(format!("fuzz-seed-{name}")), plan, &documents)?;
    }
    Ok(())
}

/// As the fuzzer wants it: the length of the manifest, the manifest, the tensors; no header, no checksums.
fn write_seed(path: &Path, plan: &str, documents: &Dataset) -> Outcome {
    let tiny = path.with_extension("fenlei");
    make(plan, documents, &tiny)?;
    let container = Container::open(&tiny)?;
    let manifest = container.manifest();
    let file = std::fs::read(&tiny)?;
    let mut seed = vec![b'r'];
    seed.extend_from_slice(&u16::try_from(manifest.len())?.to_le_bytes());
    seed.extend_from_slice(manifest);
    seed.extend_from_slice(&file[(64 + manifest.len()).next_multiple_of(64)..]);
    std::fs::write(path, seed)?;
    std::fs::remove_file(tiny)?;
    Ok(())
}

fn make(plan: &str, documents: &Dataset, path: &Path) -> Outcome<Classifier> {
    let plan: Plan = toml::from_str(plan)?;
    let trained = train(&plan, documents, None)?;
    let info = ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::to_value(&plan)?,
        history: serde_json::json!([]),
        validation: serde_json::to_value(&trained.validation)?,
        data_fingerprint: trained.fingerprint,
        n_train: trained.n_train,
        ..ModelInfo::default()
    };
    save(path, &trained.classifier, &info)?;
    Ok(trained.classifier)
}
