//! A linear model of n-grams beside a net.

use fenlei::artifact::from_bytes;
use fenlei::data::Dataset;
use fenlei::model::{Model, ModelSpec, NetModel, WideSpec};
use fenlei::train::{Plan, TrainOptions, Trained, train, train_with};

use super::classical::refused;
use super::corpus::{bytes, dataset, few_messages, messages, plan, topics, trained_bytes};
use super::same_bytes::{check_resumption, long_plan, with_threads};

fn with_wide(mut plan: Plan) -> Plan {
    let ModelSpec::Net(net) = &mut plan.model else { panic!("this is no net") };
    net.wide = Some(WideSpec::default());
    plan
}

fn net(trained: &Trained) -> &NetModel {
    let Model::Net(net) = trained.classifier.model() else { panic!("this is no net") };
    net
}

fn accuracy(plan: &Plan, documents: &Dataset) -> f64 {
    train(plan, documents, None).unwrap().validation.unwrap().accuracy
}

#[test]
fn a_net_with_a_wide_part_learns_more_than_either() {
    let (deep, both, documents) = (plan(), with_wide(plan()), messages());
    let wide = Plan { model: toml::from_str("family = 'nb-svm'\nfeatures.word_ngrams = 3").unwrap(), ..plan() };
    let best = accuracy(&deep, &documents).max(accuracy(&wide, &documents));
    let found = accuracy(&both, &documents);
    assert!(found >= best - 0.01, "{found}, alone {best}");
    let weights = net(&train(&both, &documents, None).unwrap()).wide().unwrap().linear().weights().to_vec();
    assert!(weights.iter().any(|w| *w != 0.0));
}

#[test]
fn the_file_holds_both_and_gives_a_text_the_same_alone_and_in_a_batch() {
    let (plan, documents) = (with_wide(plan()), messages());
    let trained = train(&plan, &documents, None).unwrap();
    let (loaded, _) = from_bytes(bytes(&plan, &trained)).unwrap();
    let together = loaded.predict_batch(&documents.texts);
    for (i, text) in documents.texts.iter().enumerate().step_by(25) {
        let alone = loaded.predict_batch(&[text]);
        let before = trained.classifier.predict_batch(&[text]);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(alone.row(0).iter().zip(together.row(i)).all(near), "{text:?}");
        assert!(alone.row(0).iter().zip(before.row(0)).all(near), "{text:?}");
        assert_eq!(loaded.predict_batch(&[text]), alone, "from memory that others have used");
    }
    assert_eq!(loaded.predict_batch(&documents.texts), together, "from memory that others have used");
    assert!(matches!(loaded.model().spec(), ModelSpec::Net(spec) if spec.wide.is_some()));
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let (plan, documents) = (with_wide(plan()), few_messages());
    assert!(with_threads(1, &plan, &documents) == with_threads(3, &plan, &documents));
    check_resumption(&with_wide(long_plan()), "wide and deep");
}

#[test]
fn several_labels_a_document_and_heads_of_every_kind_take_it() {
    let trained = train(&with_wide(plan()), &topics(96), None).unwrap();
    assert!(trained.validation.as_ref().unwrap().macro_f1 > 0.9, "{:?}", trained.validation);
    let two = messages();
    let kept: Vec<usize> = (0..two.len()).filter(|&i| two.targets[i].as_slice()[0] < 2).collect();
    let names = &two.labels[..2];
    let texts: Vec<(&str, &str)> =
        kept.iter().map(|&i| (names[two.targets[i].as_slice()[0] as usize].as_str(), two.texts[i].as_str())).collect();
    for head in ["auto", "softmax", "binary", "sigmoid"] {
        let mut plan = with_wide(plan());
        let ModelSpec::Net(net) = &mut plan.model else { panic!("this is no net") };
        net.head = serde_json::from_value(head.into()).unwrap();
        let found = accuracy(&plan, &dataset(&texts));
        assert!(found > 0.8, "{head}: {found}");
    }
}

#[test]
fn documents_without_a_common_ngram_can_be_learned_from() {
    let few = dataset(&[("a", "one two"), ("b", "three four"), ("a", "five"), ("b", "six")]);
    let mut plan = with_wide(plan());
    plan.train.validation = 0.0;
    assert!(net(&train(&plan, &few, None).unwrap()).wide().is_some());
    plan.pipeline.vocab.min_count = 2;
    let trained = train(&plan, &dataset(&[("a", "one two two"), ("b", "three four"), ("a", "x")]), None).unwrap();
    assert_eq!(net(&trained).wide().unwrap().linear().vectorizer().n_columns(), 2);
}

#[test]
fn further_training_keeps_the_wide_part() {
    let (plan, documents) = (with_wide(plan()), messages());
    let trained = train(&plan, &documents, None).unwrap();
    let before = net(&trained).wide().unwrap().linear().weights().to_vec();
    let options = TrainOptions { from: Some(trained.classifier), ..TrainOptions::default() };
    let further = train_with(&plan, &documents, options).unwrap();
    assert_eq!(net(&further).wide().unwrap().linear().weights(), before);
}

#[test]
fn wrong_settings_and_damaged_files_are_refused() {
    let mut wrong = with_wide(plan());
    let ModelSpec::Net(spec) = &mut wrong.model else { panic!("this is no net") };
    spec.wide = Some(WideSpec { word_ngrams: 0, ..WideSpec::default() });
    let error = train(&wrong, &few_messages(), None).unwrap_err().to_string();
    assert!(error.starts_with("model.wide.word_ngrams: ") && error.contains("help: "), "{error}");
    spec_refuses("max_features = 0", "model.wide.max_features");
    spec_refuses("c = -1.0", "model.wide.c");

    let saved = trained_bytes(&with_wide(plan()), &few_messages());
    assert!(refused(&saved, |tensors| tensors.retain(|t| t.name != "wide.scale")).contains("no tensor \"wide.scale\""));
    assert!(refused(&saved, |tensors| tensors.retain(|t| t.name != "wide.bias")).contains("no tensor \"wide.bias\""));
    let nan = refused(&saved, |tensors| {
        let scale = tensors.iter_mut().find(|t| t.name == "wide.scale").unwrap();
        scale.bytes.to_mut().copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(nan.contains("is NaN"), "{nan}");
    let more = refused(&saved, |tensors| {
        let mut other = tensors[0].clone();
        other.name = "wide.features.9.1.nodes".to_owned();
        tensors.push(other);
    });
    assert!(more.contains("tensors, expected"), "{more}");
}

fn spec_refuses(toml: &str, place: &str) {
    let mut plan = plan();
    let ModelSpec::Net(spec) = &mut plan.model else { panic!("this is no net") };
    spec.wide = Some(toml::from_str(toml).unwrap());
    let error = train(&plan, &few_messages(), None).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{place}: ")), "{error}");
}
