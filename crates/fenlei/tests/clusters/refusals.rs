//! What clustering refuses, each with what was found and how to mend it.

use std::sync::atomic::AtomicBool;

use fenlei::Error;
use fenlei::cluster::{ClusterOptions, KChoice, cluster};
use fenlei::config::{PlanSource, load_plan};
use fenlei::train::train;

use super::corpus::{english, found, plan, unlabelled};

/// The message, and whether it is about wrong use.
fn refusal(method: &str, texts: &[&str], choice: &KChoice) -> (String, bool) {
    let plan = plan(method, &["model.features.min_df=1"]);
    let error = found(&plan, &unlabelled(texts), choice).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("\n  help: "), "no help in: {message}");
    (message, error.is_wrong_use())
}

#[test]
fn more_clusters_than_documents_or_different_documents() {
    for method in ["k-means", "nmf", "lda"] {
        let (message, wrong_use) = refusal(method, &["soup", "bonds", ""], &KChoice::Fixed(3));
        assert!(wrong_use && message.contains("3 clusters of 2 documents with words"), "{message}");
        let (message, wrong_use) = refusal(method, &["soup", "bonds", "soup", "bonds"], &KChoice::Fixed(3));
        assert!(wrong_use && message.contains("of which only 2 differ"), "{message}");
        let (message, _) = refusal(method, &["soup", "bonds", "soup"], &KChoice::Among(2..=9));
        assert!(message.contains("9 clusters of 3 documents"), "{message}");
    }
}

#[test]
fn all_documents_the_same() {
    for choice in [KChoice::Fixed(2), KChoice::Auto] {
        let (message, _) = refusal("k-means", &["soup bread", "bread soup", "soup bread"], &choice);
        assert!(message.contains("all 3 documents have the same words"), "{message}");
    }
}

#[test]
fn no_words_at_all() {
    for texts in [&["", "  ", "!?"][..], &["the", "of"], &[]] {
        let (message, wrong_use) = refusal("k-means", texts, &KChoice::Fixed(2));
        assert!(!wrong_use && message.contains("no words are left"), "{message}");
    }
}

#[test]
fn one_document_and_impossible_numbers_of_clusters() {
    let (message, _) = refusal("k-means", &["soup"], &KChoice::Fixed(2));
    assert!(message.contains("2 clusters of 1 documents"), "{message}");
    for (choice, part) in [
        (KChoice::Fixed(0), "found 0 clusters"),
        (KChoice::Fixed(1), "found 1 clusters"),
        (KChoice::Fixed(100_000), "found 100000 clusters"),
        (KChoice::Among(1..=5), "found 1 clusters"),
        (KChoice::Among(std::ops::RangeInclusive::new(9, 5)), "the smaller number first"),
    ] {
        let (message, wrong_use) = refusal("k-means", &["soup", "bonds"], &choice);
        assert!(wrong_use && message.contains(part) && message.starts_with("model.k: "), "{message}");
    }
}

#[test]
fn models_with_labels_cluster_nothing_and_clusters_learn_no_labels() {
    let linear = load_plan(&PlanSource { recipe: Some("linear".into()), ..PlanSource::default() }).unwrap();
    let error = found(&linear, &english(9), &KChoice::Fixed(3)).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("--method"), "{error}");
    let error = train(&plan("k-means", &[]), &english(9), None).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("fenlei cluster"), "{error}");
}

#[test]
fn vectors_that_are_missing_or_know_no_word() {
    let without = plan("k-means", &["model.vectors.remove_component=true"]);
    let error = found(&without, &english(9), &KChoice::Fixed(3)).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("--embeddings"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.txt");
    std::fs::write(&path, "elsewhere 1 2\nnowhere 2 1\n").unwrap();
    let mut foreign = plan("k-means", &[]);
    foreign.embeddings = Some(path);
    let error = found(&foreign, &english(9), &KChoice::Fixed(3)).unwrap_err().to_string();
    assert!(error.contains("no vector for any word"), "{error}");
    let source =
        PlanSource { recipe: Some("nmf".into()), embeddings: Some("vectors.txt".into()), ..PlanSource::default() };
    assert!(load_plan(&source).unwrap_err().to_string().contains("no place for word vectors"));
}

#[test]
fn whoever_asks_to_end_gets_no_model() {
    let stop = AtomicBool::new(true);
    for method in ["k-means", "nmf", "lda"] {
        let options = ClusterOptions { stop: Some(&stop), ..ClusterOptions::default() };
        let ended = cluster(&plan(method, &[]), &english(60), &KChoice::Fixed(3), options);
        assert!(matches!(ended, Err(Error::Interrupted)));
    }
}
