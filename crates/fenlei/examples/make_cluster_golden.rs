//! Makes `k-means-v1.fenlei`, `averages-v1.fenlei`, `nmf-v1.fenlei`, `lda-v1.fenlei` with their predictions, and seeds of
//! the fuzzer that loads classifiers:
//!
//! ```text
//! cargo run -p fenlei --example make_cluster_golden -- FOLDER
//! ```
//!
//! `testdata/k-means-v1.*` and the others must load and predict the same in every later version: never write these files
//! again. A new version of the format gets others beside them.

use std::path::{Path, PathBuf};

use fenlei::artifact::{Container, ModelInfo, save};
use fenlei::cluster::{ClusterOptions, Clustered, KChoice, cluster};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, ReadOptions, Target, read_bytes};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Name, recipe, settings, whether averages of vectors are clustered.
const MODELS: [(&str, &str, &[&str], bool); 4] = [
    ("k-means-v1", "k-means", &["model.features.word_ngrams=2", "model.features.max_features=400"], false),
    ("averages-v1", "k-means", &["model.features.max_features=200"], true),
    ("nmf-v1", "nmf", &["model.features.max_features=300"], false),
    ("lda-v1", "lda", &["model.features.max_features=300"], false),
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
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_cluster_golden FOLDER")?);
    let documents = read_bytes(include_bytes!("../../fenlei-cli/demo/en.tsv"), &ReadOptions::default())?.0;
    let texts: Vec<String> = TEXTS[..6].iter().map(|text| (*text).to_owned()).collect();
    let few = Dataset::new(texts, vec![Target::Unlabelled; 6], Vec::new(), false)?;
    let vectors = folder.join("vectors.txt");
    std::fs::write(&vectors, made_up_vectors(&documents))?;
    for (name, recipe, settings, averages) in MODELS {
        let path = folder.join(name).with_extension("fenlei");
        let small = ["pipeline.vocab.max_size=600"];
        let found = make(recipe, &[settings, &small].concat(), averages.then_some(&vectors), &documents, 4, &path)?;
        let predictions = found.classifier.predict_batch(&TEXTS);
        let predictions: Vec<_> = TEXTS.iter().enumerate().map(|(i, text)| (text, predictions.row(i))).collect();
        let stored = serde_json::json!({ "labels": found.classifier.labels(), "predictions": predictions });
        std::fs::write(path.with_extension("json"), serde_json::to_string_pretty(&stored)? + "\n")?;

        let path = folder.join(format!("fuzz-seed-{}", name.trim_end_matches("-v1")));
        let settings = ["model.features.min_df=1", "pipeline.stop_words.languages=[]"];
        write_seed(&path, recipe, &settings, averages.then_some(&vectors), &few)?;
    }
    Ok(std::fs::remove_file(vectors)?)
}

/// A vector of four numbers for each word, from its letters.
fn made_up_vectors(documents: &Dataset) -> String {
    let mut words: Vec<String> =
        documents.texts.iter().flat_map(|text| text.split_whitespace()).map(str::to_lowercase).collect();
    words.sort();
    words.dedup();
    let number = |word: &str, i: u32| {
        let sum: u32 = word.bytes().zip(1..).map(|(byte, place)| u32::from(byte) * (place + i * 7)).sum();
        f64::from(sum % 41) / 20.0 - 1.0
    };
    let line = |word: &String| {
        let numbers: Vec<String> = (0..4).map(|i| number(word, i).to_string()).collect();
        format!("{word} {}\n", numbers.join(" "))
    };
    words.iter().filter(|word| word.chars().all(char::is_alphanumeric)).map(line).collect()
}

fn make(
    recipe: &str,
    settings: &[&str],
    vectors: Option<&PathBuf>,
    documents: &Dataset,
    k: usize,
    path: &Path,
) -> Outcome<Clustered> {
    let plan = load_plan(&PlanSource {
        recipe: Some(recipe.to_owned()),
        set: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        embeddings: vectors.cloned(),
        ..PlanSource::default()
    })?;
    let found = cluster(&plan, documents, &KChoice::Fixed(k), ClusterOptions::default())?;
    let info = ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::json!({ "model": found.classifier.model().spec() }),
        data_fingerprint: found.fingerprint.clone(),
        n_train: found.assignments.len(),
        ..ModelInfo::default()
    };
    save(path, &found.classifier, &info)?;
    Ok(found)
}

/// As the fuzzer wants it: the length of the manifest, the manifest, the tensors; no header, no checksums.
fn write_seed(path: &Path, recipe: &str, settings: &[&str], vectors: Option<&PathBuf>, documents: &Dataset) -> Outcome {
    let tiny = path.with_extension("fenlei");
    make(recipe, settings, vectors, documents, 2, &tiny)?;
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
