//! A model file gives back the classifier that was saved, in this version and in every later one.

use fenlei::artifact::{self, from_bytes};
use fenlei::classifier::Profile;
use fenlei::config::{PlanSource, load_plan};
use fenlei::train::train;

use super::corpus::{bytes, few_messages, info, messages, plan, plan_with_layers, topics};

/// Made by `cargo run -p fenlei --example make_classifier_golden`.
const VERSION_1: &[u8] = include_bytes!("../../testdata/classifier-v1.fenlei");
const VERSION_1_PREDICTIONS: &str = include_str!("../../testdata/classifier-v1.json");

#[test]
fn a_saved_classifier_predicts_the_same_and_is_saved_the_same() {
    let plans = [
        plan(),
        plan_with_layers(
            "{type='branches',branches=[\
                [{type='embedding',dim=6},{type='conv',widths=[2,3],filters=4,activation='relu'},{type='global-pool'}],\
                [{type='one-hot-conv',width=1,filters=3},{type='global-pool',kind='average'}],\
                [{type='embedding',dim=4},{type='conv',widths=[3],filters=4,padding='same'},{type='batch-norm'},\
                 {type='residual',layers=[{type='conv',widths=[1],filters=4,padding='same'},{type='layer-norm'}]},\
                 {type='global-pool',kind='k-max',k=2}]]},\
             {type='dense',units=5,activation='tanh'}",
        ),
    ];
    for plan in plans {
        let trained = train(&plan, &few_messages(), None).unwrap();
        let saved = bytes(&plan, &trained);
        let (classifier, read) = from_bytes(saved.clone()).unwrap();
        assert_eq!(read, info(&plan, &trained));
        assert_eq!(classifier.labels(), trained.classifier.labels());
        assert_eq!(classifier.decision(), trained.classifier.decision());
        let texts = messages().texts;
        assert_eq!(classifier.predict_batch(&texts), trained.classifier.predict_batch(&texts));
        // One text alone, from its own words' products; many, from a table of the whole vocabulary.
        let (fresh, _) = from_bytes(saved.clone()).unwrap();
        let together = classifier.predict_batch(&texts);
        for (i, text) in texts.iter().enumerate().take(20) {
            let alone = fresh.predict_batch(&[text]);
            let near = alone.row(0).iter().zip(together.row(i)).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(near, "{:?} alone, {:?} among others", alone.row(0), together.row(i));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("again.fenlei");
        artifact::save(&path, &classifier, &read).unwrap();
        assert!(std::fs::read(&path).unwrap() == saved);
        let (from_disk, _) = artifact::load(&path).unwrap();
        assert_eq!(from_disk.predict_batch(&texts), together);
    }
}

#[test]
fn what_is_usual_is_counted_on_documents_that_were_not_learned_from() {
    let sparse = load_plan(&PlanSource { recipe: Some("linear".to_owned()), ..PlanSource::default() }).unwrap();
    for plan in [plan(), sparse] {
        let (learned_from, others) = (few_messages(), messages());
        let trained = train(&plan, &learned_from, Some(&others)).unwrap();
        assert!(others.len() <= 1000);
        assert_eq!(trained.usual, Profile::of(&trained.classifier, &others.texts));
        // With nothing held back, those that it has learned from.
        let mut plan = plan;
        plan.train.validation = 0.0;
        let trained = train(&plan, &learned_from, None).unwrap();
        assert_eq!(trained.usual, Profile::of(&trained.classifier, &learned_from.texts));
    }
}

#[test]
fn the_threshold_and_the_kind_of_labels_are_kept() {
    let plan = plan();
    let mut trained = train(&plan, &topics(60), None).unwrap();
    trained.classifier.set_threshold(0.3);
    let (classifier, _) = from_bytes(bytes(&plan, &trained)).unwrap();
    assert!(classifier.decision().multi_label);
    assert_eq!(classifier.decision().threshold, 0.3);
}

#[test]
fn a_file_of_version_1_loads_for_ever() {
    #[derive(serde::Deserialize)]
    struct Stored {
        labels: Vec<String>,
        predictions: Vec<(String, Vec<f32>)>,
    }
    assert!(VERSION_1.len() < 40 * 1024);
    let stored: Stored = serde_json::from_str(VERSION_1_PREDICTIONS).unwrap();
    let (classifier, info) = from_bytes(VERSION_1.to_vec()).unwrap();
    assert_eq!(classifier.labels(), stored.labels);
    assert_eq!(info.n_train, 387);
    assert!(stored.predictions.len() >= 8);
    let mut best = vec![0; stored.labels.len()];
    for (text, expected) in &stored.predictions {
        let predictions = classifier.predict_batch(&[text]);
        let near = predictions.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-3);
        assert!(near && expected.len() == best.len(), "{text:?}: {:?}, expected {expected:?}", predictions.row(0));
        best[predictions.ranked(0)[0].0] += 1;
    }
    assert!(best.iter().filter(|&&n| n > 0).count() >= 3, "predictions that tell nothing apart: {best:?}");
}
