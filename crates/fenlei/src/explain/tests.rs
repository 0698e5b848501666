//! Explanations of small trained models: sums, words, labels.

use super::*;
use crate::config::{PlanSource, load_plan};
use crate::data::{Dataset, Target};
use crate::train::train;

const TEXTS: [&str; 12] = [
    "a fine film with fine acting",
    "dull and long and dull",
    "such fine acting",
    "so dull a film",
    "fine and warm",
    "long and dull acting",
    "a warm film",
    "dull film",
    "the plane was late",
    "the late plane again",
    "a late plane",
    "late again",
];

fn trained(recipe: &str, n_labels: u32, set: &[&str]) -> Classifier {
    let targets: Vec<Target> = (0u32..12).map(|i| Target::One(if i < 8 { 1 - i % 2 } else { 2 })).collect();
    let keep = if n_labels == 2 { 8 } else { 12 };
    let texts: Vec<String> = TEXTS[..keep].iter().map(ToString::to_string).collect();
    let labels = ["bad", "good", "travel"][..n_labels as usize].iter().map(ToString::to_string).collect();
    let documents = Dataset::new(texts, targets[..keep].to_vec(), labels, false).unwrap();
    let set = set.iter().map(ToString::to_string).chain(["pipeline.vocab.min_count=1".to_owned()]).collect();
    let source = PlanSource { recipe: Some(recipe.to_owned()), set, epochs: Some(12), ..PlanSource::default() };
    let source = if recipe.contains("cnn") || recipe == "bag" || recipe == "mlp" {
        source
    } else {
        PlanSource { epochs: None, ..source }
    };
    train(&load_plan(&source).unwrap(), &documents, None).unwrap().classifier
}

const SMALL_CNN: [&str; 5] = [
    "model.layers.0.dim=8",
    "model.layers.2.branches.0.0.filters=6",
    "model.wide.min_df=1",
    "train.optimizer.lr=0.02",
    "train.validation=0",
];

#[track_caller]
fn check(classifier: &Classifier, method: Method) {
    let texts = ["A FINE film, so long!", "", "unheard words only", "很好 fine plane", "dull <b>dull</b> acting late"];
    for label in (0..classifier.labels().len()).map(Some).chain([None]) {
        let options = ExplainOptions { label, ..ExplainOptions::default() };
        let explanations = explain(classifier, &texts, &options).unwrap();
        let predictions = classifier.predict_batch(&texts);
        for (i, (text, explanation)) in texts.iter().zip(&explanations).enumerate() {
            let number = label.unwrap_or_else(|| predictions.ranked(i)[0].0);
            assert_eq!(explanation.label, classifier.labels()[number]);
            assert_eq!(explanation.probability, predictions.row(i)[number]);
            assert_eq!(explanation.method, method, "{text}");
            let mut last = 0;
            for word in &explanation.words {
                let bytes = word.bytes.0 as usize..word.bytes.1 as usize;
                assert_eq!(&text[bytes], word.text);
                let chars: String =
                    text.chars().skip(word.chars.0 as usize).take((word.chars.1 - word.chars.0) as usize).collect();
                assert_eq!(chars, word.text);
                assert!(word.bytes.0 >= last && word.weight.is_finite());
                last = word.bytes.1;
            }
            let alone = explain(classifier, &[text], &ExplainOptions { label: Some(number), ..options }).unwrap();
            let near = |(a, b): (&WordWeight, &WordWeight)| (a.weight - b.weight).abs() < 1e-4;
            assert!(alone[0].words.iter().zip(&explanation.words).all(near), "alone and in a batch: {text}");
            if let Some(base) = explanation.base {
                let sum: f64 = explanation.words.iter().map(|word| word.weight).sum();
                let score = explanation.score;
                assert!((sum + base - score).abs() < 1e-5, "{text}: {sum} + {base} is not {score}");
                if classifier.labels().len() == 2 {
                    let p = f64::from(explanation.probability);
                    let log_odds = (p / (1.0 - p)).ln();
                    assert!((log_odds - score).abs() < 2e-2, "{text}: log-odds {log_odds}, score {score}");
                }
            }
        }
    }
}

fn strongest(classifier: &Classifier, text: &str, label: &str) -> String {
    let label = Some(label_named(classifier, label).unwrap());
    let options = ExplainOptions { label, ..ExplainOptions::default() };
    let explanation = explain(classifier, &[text], &options).unwrap().remove(0);
    explanation.words.into_iter().max_by(|a, b| a.weight.total_cmp(&b.weight)).unwrap().text
}

#[test]
fn weights_of_linear_models_and_their_bias_sum_to_the_score() {
    let words = "model.features.min_df=1";
    for (recipe, set) in [
        ("linear", vec![words]),
        ("nb", vec![words]),
        ("nb-svm", vec![words]),
        ("linear", vec![words, "model.loss=hinge", "model.features.char_ngrams=[2,3]"]),
        ("linear", vec![words, "model.features.hash_columns=4096"]),
    ] {
        for n_labels in [2, 3] {
            let classifier = trained(recipe, n_labels, &set);
            if set.contains(&"model.loss=hinge") && n_labels == 2 {
                continue;
            }
            check(&classifier, Method::Exact);
            assert_eq!(strongest(&classifier, "a dull Film, fine acting", "good"), "fine", "{recipe} {set:?}");
        }
    }
}

#[test]
fn weights_of_nets_and_their_biases_sum_to_the_score() {
    for n_labels in [2, 3] {
        let classifier = trained("cnn", n_labels, &SMALL_CNN);
        check(&classifier, Method::Linearised);
        assert_eq!(strongest(&classifier, "a dull film, fine acting", "bad"), "dull");
        let bag = trained("bag", n_labels, &["train.validation=0"]);
        check(&bag, Method::Exact);
        let mlp = trained("mlp", n_labels, &["train.validation=0", "model.features.min_df=1"]);
        check(&mlp, Method::Linearised);
    }
}

#[test]
fn a_model_without_an_explanation_of_its_own_has_its_words_left_out() {
    let classifier =
        trained("cnn", 3, &["model.head=hierarchical", "model.wide=", "model.layers.0.dim=8", "train.validation=0"]);
    check(&classifier, Method::LeaveOneOut);
    let options = ExplainOptions { max_words_left_out: 2, ..ExplainOptions::default() };
    let explanation = explain(&classifier, &["a fine film with words"], &options).unwrap().remove(0);
    assert_eq!((explanation.n_words_skipped, explanation.words[4].weight), (3, 0.0));
}

#[test]
fn the_ngrams_that_decide_come_from_weights_or_from_documents() {
    let linear = trained("nb", 3, &["model.features.min_df=1"]);
    let by_weights = deciding_ngrams::<&str>(&linear, None, 3).unwrap();
    assert_eq!((by_weights[0].label.as_str(), by_weights[0].evidence), ("bad", Evidence::Weights));
    assert_eq!(by_weights[0].ngrams[0].text, "dull");
    assert!(by_weights.iter().all(|class| class.ngrams.len() == 3));
    let cnn = trained("cnn", 2, &SMALL_CNN);
    let error = deciding_ngrams::<&str>(&cnn, None, 3).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("--data"), "{error}");
    let by_documents = deciding_ngrams(&cnn, Some(&TEXTS[..8]), 3).unwrap();
    assert_eq!(by_documents.iter().map(|class| class.n_docs).sum::<usize>(), 8);
    assert!(by_documents[0].ngrams[0].text.contains("dull"), "{by_documents:?}");
}

#[test]
fn a_label_that_there_is_not_is_refused() {
    let classifier = trained("nb", 2, &["model.features.min_df=1"]);
    let error = label_named(&classifier, "great").unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("bad, good"), "{error}");
    let options = ExplainOptions { label: Some(2), ..ExplainOptions::default() };
    assert!(explain(&classifier, &["x"], &options).unwrap_err().is_wrong_use());
}

#[test]
fn every_family_of_model_files_can_be_explained() {
    let exact = ["classical", "hashed"];
    // The head of the bag is hierarchical.
    let left_out = ["averages", "bag", "k-means", "lda", "nmf"];
    for name in [&exact[..], &left_out, &["classifier", "wide"]].concat() {
        let path = format!("{}/testdata/{name}-v1.fenlei", env!("CARGO_MANIFEST_DIR"));
        let (classifier, _) = crate::artifact::load(path.as_ref()).unwrap();
        let vocab = classifier.pipeline().vocab();
        let known: Vec<&str> = (1..12).filter_map(|id| vocab.token(id)).collect();
        let explanations = explain(&classifier, &[known.join(" ").as_str(), ""], &ExplainOptions::default()).unwrap();
        let method = explanations[0].method;
        assert_eq!(method == Method::LeaveOneOut, left_out.contains(&name), "{name}: {method:?}");
        assert!(method == Method::Exact || !exact.contains(&name), "{name}: {method:?}");
        assert!(explanations[0].words.iter().any(|word| word.weight != 0.0), "{name}");
        assert!(explanations[1].words.is_empty(), "{name}");
        for explanation in explanations {
            let sum: f64 = explanation.words.iter().map(|word| word.weight).sum();
            let base = explanation.base.unwrap_or(explanation.score - sum);
            assert!((sum + base - explanation.score).abs() < 1e-5, "{name}");
        }
    }
}
