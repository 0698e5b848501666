use std::collections::BTreeMap;

use super::*;
use crate::features::select::scores;
use crate::features::spec::SelectBy;
use crate::text::PipelineSpec;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    labels: Vec<u32>,
    cases: Vec<Case>,
    scores: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    spec: FeaturesSpec,
    n_features: usize,
    docs: Vec<BTreeMap<String, f64>>,
}

const LABELS: Labels = Labels { n: 3, multi: false };

fn golden() -> (Golden, TextPipeline, Vec<Target>) {
    let golden: Golden = serde_json::from_str(include_str!("../../testdata/features_golden.json")).unwrap();
    let pipeline = pipeline(&golden.texts);
    let targets = golden.labels.iter().map(|&label| Target::One(label)).collect();
    (golden, pipeline, targets)
}

fn pipeline<S: AsRef<str> + Sync>(texts: &[S]) -> TextPipeline {
    let mut spec = PipelineSpec::default();
    spec.vocab.min_count = 1;
    spec.fit(texts).unwrap()
}

/// The rows with names instead of columns.
fn named(vectorizer: &Vectorizer, pipeline: &TextPipeline, rows: &SparseRows) -> Vec<BTreeMap<String, f64>> {
    let columns: Vec<u32> = (0..vectorizer.n_columns() as u32).collect();
    let names = vectorizer.names(pipeline, &columns);
    let row = |i| {
        let (columns, values) = rows.row(i);
        columns.iter().zip(values).map(|(&c, &v)| (names[c as usize].clone(), f64::from(v))).collect()
    };
    (0..rows.len()).map(row).collect()
}

fn assert_near(found: &[BTreeMap<String, f64>], expected: &[BTreeMap<String, f64>], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.keys().eq(expected.keys()), "{what}:\n{found:?}\n{expected:?}");
        for (name, value) in expected {
            assert!((found[name] - value).abs() <= 1e-6 * value.abs().max(1.0), "{what}: {name}");
        }
    }
}

#[test]
fn features_are_those_of_scikit_learn() {
    let (golden, pipeline, targets) = golden();
    assert!(golden.cases.len() >= 9);
    for case in &golden.cases {
        let fitted = Vectorizer::fit(&case.spec, &pipeline, &golden.texts, &targets, LABELS).unwrap();
        assert_eq!(fitted.vectorizer.n_columns(), case.n_features, "{}", case.name);
        assert_near(&named(&fitted.vectorizer, &pipeline, &fitted.rows), &case.docs, &case.name);
        let again = fitted.vectorizer.rows(&pipeline, &golden.texts);
        assert_eq!(again, fitted.rows, "{}", case.name);
    }
}

#[test]
fn scores_for_selection_are_those_of_scikit_learn() {
    let (golden, pipeline, targets) = golden();
    let fitted = Vectorizer::fit(&golden.cases[0].spec, &pipeline, &golden.texts, &targets, LABELS).unwrap();
    let spec = FeaturesSpec { word_ngrams: 2, ..golden.cases[0].spec.clone() };
    let bigrams = Vectorizer::fit(&spec, &pipeline, &golden.texts, &targets, LABELS).unwrap();
    assert!(fitted.rows.n_columns < bigrams.rows.n_columns);
    let names = bigrams.vectorizer.names(&pipeline, &(0..bigrams.rows.n_columns as u32).collect::<Vec<_>>());
    for (by, key) in [(SelectBy::Chi2, "chi2"), (SelectBy::MutualInformation, "mutual-information")] {
        let found = scores(by, &bigrams.rows, &targets, LABELS);
        assert_eq!(found.len(), golden.scores[key].len());
        for (name, score) in names.iter().zip(found) {
            let expected = golden.scores[key][name];
            assert!((score - expected).abs() < 1e-6 * expected.max(1.0), "{key} of {name:?}: {score}, not {expected}");
        }
    }
}

#[test]
fn selected_features_are_all_that_is_left_of_a_text() {
    let (golden, pipeline, targets) = golden();
    let spec: FeaturesSpec = toml::from_str("min_df = 1\nselect = { by = 'chi2', keep = 5 }").unwrap();
    let fitted = Vectorizer::fit(&spec, &pipeline, &golden.texts, &targets, LABELS).unwrap();
    assert_eq!(fitted.vectorizer.n_columns(), 5);
    assert_eq!(fitted.vectorizer.rows(&pipeline, &golden.texts), fitted.rows);
    let best = fitted.vectorizer.names(&pipeline, &[0, 1, 2, 3, 4]);
    assert!(best.iter().any(|name| name == "an a"), "{best:?}");
}

#[test]
fn a_text_has_the_same_row_alone_and_among_others_for_any_number_of_threads() {
    let (golden, pipeline, targets) = golden();
    for spec in ["min_df = 1\nchar_ngrams = [2, 4]", "min_df = 1\nhash_columns = 64\nchar_ngrams = [1, 3]"] {
        let spec: FeaturesSpec = toml::from_str(spec).unwrap();
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| Vectorizer::fit(&spec, &pipeline, &golden.texts, &targets, LABELS).unwrap())
        };
        let (one, three) = (with_threads(1), with_threads(3));
        assert_eq!((&one.rows, one.vectorizer.learned()), (&three.rows, three.vectorizer.learned()));
        for (i, text) in golden.texts.iter().enumerate() {
            assert_eq!(one.vectorizer.rows(&pipeline, &[text]).row(0), one.rows.row(i));
        }
    }
}

#[test]
fn hashed_features_of_unknown_words_are_seen() {
    let pipeline = pipeline(&["a b"]);
    let spec: FeaturesSpec =
        toml::from_str("min_df = 1\nhash_columns = 1000000\nidf = 'none'\ntf = 'count'\nnorm = 'none'").unwrap();
    let targets = [Target::One(0)];
    let fitted = Vectorizer::fit(&spec, &pipeline, &["a b"], &targets, LABELS).unwrap();
    let rows = fitted.vectorizer.rows(&pipeline, &["never seen words"]);
    assert_eq!(rows.n_entries(), 5);
    assert!(fitted.vectorizer.learned().blocks.is_empty());
}

#[test]
fn what_was_learned_can_be_saved_and_is_checked() {
    let (golden, pipeline, targets) = golden();
    let spec: FeaturesSpec = toml::from_str("min_df = 1\nchar_ngrams = [2, 3]").unwrap();
    let fitted = Vectorizer::fit(&spec, &pipeline, &golden.texts, &targets, LABELS).unwrap();
    let learned = fitted.vectorizer.learned();
    let restored = Vectorizer::restore(&spec, &pipeline, learned.clone()).unwrap();
    assert_eq!(restored.rows(&pipeline, &golden.texts), fitted.rows);
    let broken = |change: fn(&mut Learned)| {
        let mut learned = learned.clone();
        change(&mut learned);
        Vectorizer::restore(&spec, &pipeline, learned).unwrap_err()
    };
    assert!(broken(|l| drop(l.blocks.pop())).contains("kinds of n-grams"));
    assert!(broken(|l| l.idf.truncate(1)).contains("factors"));
    assert!(broken(|l| l.blocks[0][0].columns[0] = 9999).contains("columns"));
    assert!(broken(|l| l.blocks[0][1].nodes[0][0] = 9999).contains("prefix"));
}

#[test]
fn nothing_to_learn_from_is_told() {
    let pipeline = pipeline(&["one two", "three"]);
    let fit = |texts: &[&str], spec: &str| {
        let targets = vec![Target::One(0); texts.len()];
        Vectorizer::fit(&toml::from_str(spec).unwrap(), &pipeline, texts, &targets, LABELS).unwrap_err().to_string()
    };
    let error = fit(&["one two", "three"], "min_df = 2");
    assert!(error.contains("no feature is left") && error.contains("min_df"), "{error}");
    assert!(fit(&["one", "one"], "max_df = 0.5").contains("no feature is left"));
    assert!(fit(&["", " \u{200b}"], "min_df = 1").contains("no words are left"));
}
