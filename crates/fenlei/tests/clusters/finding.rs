//! What clustering finds.

use fenlei::cluster::{ClusterEvent, ClusterOptions, KChoice, cluster};
use fenlei::model::NO_WORDS;

use super::corpus::{LDA, chinese, english, found, plan, plans, unlabelled};

#[test]
fn every_method_finds_the_subjects_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    for plan in plans(folder.path()) {
        for documents in [english(300), chinese(300)] {
            if plan.embeddings.is_some() && documents.labels[0] != "food" {
                continue;
            }
            let found = found(&plan, &documents, &KChoice::Fixed(3)).unwrap();
            let agreement = found.report.agreement.as_ref().unwrap();
            assert!(agreement.ari > 0.9, "{:?}: {}", plan.model, found.report);
            assert_eq!(agreement.n_docs, 300);
            assert_eq!(found.report.clusters.iter().map(|cluster| cluster.size).sum::<usize>(), 300);
            assert!(found.report.clusters.windows(2).all(|pair| pair[0].size >= pair[1].size));
            assert!(found.report.clusters.iter().all(|cluster| cluster.cohesion > 0.3 && cluster.examples.len() == 2));
        }
    }
}

#[test]
fn an_assignment_is_what_the_classifier_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let documents = english(200);
    for plan in plans(folder.path()) {
        let found = found(&plan, &documents, &KChoice::Fixed(4)).unwrap();
        let predictions = found.classifier.predict_batch(&documents.texts);
        for (doc, &label) in found.assignments.iter().enumerate() {
            assert_eq!(predictions.ranked(doc)[0].0, label as usize, "{:?} {doc}", plan.model);
            assert!((predictions.row(doc).iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let alone = found.classifier.predict_batch(&[&documents.texts[doc]]);
            assert_eq!(alone.row(0), predictions.row(doc));
        }
    }
}

#[test]
fn clusters_have_the_names_of_their_words() {
    let found_in = |documents| found(&plan("k-means", &[]), &documents, &KChoice::Fixed(3)).unwrap().report;
    let english = found_in(english(300));
    let chinese = found_in(chinese(300));
    for (report, words) in [(&english, ["soup", "shares", "goal"]), (&chinese, ["球队", "火锅", "股票"])] {
        let mut names: Vec<&str> = report.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        assert!(names.iter().all(|name| name.split('/').count() == 3), "{names:?}");
        // Every subject is told by one cluster: the words of a name are of one subject.
        let telling =
            |word: &&str| report.clusters.iter().any(|cluster| cluster.words.iter().any(|w| w.contains(word)));
        assert!(words.iter().filter(|word| telling(word)).count() >= 1, "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 3);
    }
    assert_eq!(found_in(super::corpus::english(300)), english, "names are the same again");
}

#[test]
fn documents_without_words_are_counted_and_stand_apart() {
    let mut texts: Vec<String> = english(60).texts;
    texts.extend(["", "  ", "!!!", "the of and", "unheard"].map(str::to_owned));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (method, set) in [("k-means", &[][..]), ("nmf", &[]), ("lda", &LDA)] {
        let found = found(&plan(method, set), &unlabelled(&texts), &KChoice::Fixed(3)).unwrap();
        assert_eq!(found.report.n_without_words, 5, "{method}");
        assert_eq!(found.assignments[60..], [3; 5]);
        assert_eq!(found.classifier.labels()[3], NO_WORDS);
        assert!(found.assignments[..60].iter().all(|label| *label < 3));
        let predictions = found.classifier.predict_batch(&["", "never seen"]);
        for doc in 0..2 {
            assert_eq!(predictions.row(doc), [0.0, 0.0, 0.0, 1.0], "{method}");
        }
        assert!(found.report.to_string().contains(NO_WORDS));
    }
}

#[test]
fn the_clearest_k_is_taken_and_told() {
    let documents = english(300);
    for choice in [KChoice::Among(2..=6), KChoice::Auto] {
        let found = found(&plan("k-means", &[]), &documents, &choice).unwrap();
        let sweep = found.report.sweep.as_ref().unwrap();
        assert_eq!((sweep.chosen, found.report.clusters.len()), (3, 3), "{sweep}");
        assert!(sweep.tried[1].stability > 0.9 && sweep.reason.contains("largest silhouette"), "{sweep}");
    }
    // As many as differ, less one, are the most that `auto` tries.
    let few = ["soup bread", "shares bonds", "soup bread soup", "shares bonds bank", "goal match"];
    let found = found(&plan("k-means", &["model.features.min_df=1"]), &unlabelled(&few), &KChoice::Auto).unwrap();
    assert_eq!(found.report.sweep.unwrap().tried.last().unwrap().k, 4);
}

#[test]
fn one_document_each_and_equal_documents_have_their_clusters() {
    let plan = plan("k-means", &["model.features.min_df=1"]);
    let two = found(&plan, &unlabelled(&["soup bread", "shares bonds"]), &KChoice::Fixed(2)).unwrap();
    assert_ne!(two.assignments[0], two.assignments[1]);
    let texts = ["soup", "soup", "soup", "bonds"];
    let uneven = found(&plan, &unlabelled(&texts), &KChoice::Fixed(2)).unwrap();
    assert_eq!(uneven.assignments, [0, 0, 0, 1]);
    assert_eq!(uneven.report.clusters[0].examples.len(), 1, "the same text is shown once");
}

#[test]
fn what_happens_is_told() {
    let (mut started, mut fitted, mut steps) = (0, 0, 0);
    let mut on_event = |event: &ClusterEvent| match event {
        ClusterEvent::Start { n_docs, n_without_words, .. } => started += n_docs + n_without_words,
        ClusterEvent::Fitted => fitted += 1,
        _ => steps += 1,
    };
    let options = ClusterOptions { on_event: Some(&mut on_event), ..ClusterOptions::default() };
    cluster(&plan("k-means", &[]), &english(60), &KChoice::Fixed(3), options).unwrap();
    assert_eq!((started, fitted), (60, 1));
    assert!(steps > 10, "{steps}");
}
