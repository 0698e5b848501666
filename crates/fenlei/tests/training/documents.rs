//! Documents of unusual shape: what they may be, and where they end up.

use fenlei::data::{Dataset, Target};
use fenlei::train::{Event, TrainOptions, train, train_with};

use super::corpus::{dataset, few_messages, plan};

#[test]
fn a_word_of_validation_documents_alone_has_no_number() {
    let mut documents = few_messages();
    // Each document gets a word that no other has: the vocabulary tells which ones it was learned from.
    for (i, text) in documents.texts.iter_mut().enumerate() {
        text.push_str(&format!(" mark{i}mark"));
    }
    let trained = train(&plan(), &documents, None).unwrap();
    let vocab = trained.classifier.pipeline().vocab();
    let known = (0..documents.len()).filter(|i| vocab.id(&format!("mark{i}mark")).is_some()).count();
    assert_eq!(known, trained.n_train);
    assert!(known < documents.len());

    let validation = dataset(&[("praise", "wonderful zyxwv"), ("advert", "buy zyxwv now")]);
    let trained = train(&plan(), &documents, Some(&validation)).unwrap();
    let vocab = trained.classifier.pipeline().vocab();
    assert!(vocab.id("zyxwv").is_none());
    assert!((0..documents.len()).all(|i| vocab.id(&format!("mark{i}mark")).is_some()), "nothing was held back");
    assert_eq!(trained.validation.unwrap().n_docs, 2);
}

#[test]
fn a_label_with_one_document_stays_in_the_training_part() {
    let mut documents: Vec<(&str, &str)> =
        (0..12).flat_map(|_| [("good", "a fine film with fine words"), ("bad", "dull and long and dull")]).collect();
    documents.push(("rare", "quokka"));
    for seed in 0..5 {
        let mut plan = plan();
        plan.seed = seed;
        plan.train.validation = 0.5;
        let trained = train(&plan, &dataset(&documents), None).unwrap();
        assert!(trained.classifier.pipeline().vocab().id("quokka").is_some(), "seed {seed}");
        let report = trained.validation.unwrap();
        assert_eq!(report.per_class.iter().find(|class| class.label == "rare").unwrap().support, 0);
    }
}

#[test]
fn a_handful_of_documents_is_enough() {
    let documents = dataset(&[("a", "one"), ("b", "two")]);
    let trained = train(&plan(), &documents, None).unwrap();
    assert_eq!((trained.n_train, trained.validation), (2, None), "each label needs its only document");
}

#[test]
fn empty_texts_and_texts_without_words_are_documents_like_others() {
    let documents = dataset(&[
        ("empty", ""),
        ("empty", "   "),
        ("empty", "\u{200b}"),
        ("empty", "<p></p>"),
        ("full", "there are words in here"),
        ("full", "words in here as well"),
        ("full", "in here as well"),
        ("full", "there are words as well"),
    ]);
    let mut plan = plan();
    plan.train.validation = 0.0;
    plan.train.epochs = 40;
    let classifier = train(&plan, &documents, None).unwrap().classifier;
    let predictions = classifier.predict_batch(&["", "words in here", " \t\n"]);
    let best: Vec<usize> = (0..3).map(|i| predictions.ranked(i)[0].0).collect();
    assert_eq!(best, [0, 1, 0], "{predictions:?}");
    assert_eq!(predictions.row(0), predictions.row(2));
}

#[test]
fn validation_documents_with_unknown_labels_are_left_out() {
    let validation = dataset(&[("praise", "wonderful"), ("gossip", "have you heard"), ("advert", "buy now")]);
    let mut told = None;
    let mut on_event = |event: Event<'_>| {
        if let Event::Start { n_validation, n_left_out, unknown_labels, .. } = event {
            told = Some((n_validation, n_left_out, unknown_labels.to_vec()));
        }
    };
    let options =
        TrainOptions { validation: Some(&validation), on_event: Some(&mut on_event), ..TrainOptions::default() };
    let report = train_with(&plan(), &few_messages(), options).unwrap().validation.unwrap();
    assert_eq!(told, Some((2, 1, vec!["gossip".to_owned()])));
    assert_eq!(report.n_docs, 2);
    assert_eq!(report.labels, ["advert", "complaint", "praise", "question"]);
}

#[test]
fn validation_documents_may_write_their_one_label_as_a_list() {
    let texts = vec!["buy now".to_owned(), "wonderful".to_owned()];
    let targets = vec![Target::many(vec![0]), Target::many(vec![1])];
    let labels = vec!["advert".to_owned(), "praise".to_owned()];
    let validation = Dataset::new(texts.clone(), targets, labels.clone(), true).unwrap();
    assert_eq!(train(&plan(), &few_messages(), Some(&validation)).unwrap().validation.unwrap().n_docs, 2);

    for targets in
        [vec![Target::many(vec![0]), Target::many(vec![])], vec![Target::many(vec![0]), Target::many(vec![0, 1])]]
    {
        let validation = Dataset::new(texts.clone(), targets, labels.clone(), true).unwrap();
        let error = train(&plan(), &few_messages(), Some(&validation)).unwrap_err().to_string();
        assert!(error.contains("document 2 has") && error.contains("expected one"), "{error}");
    }
}
