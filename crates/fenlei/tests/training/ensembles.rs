//! Ensembles: what they answer, that their files answer the same, and what does not go together.

use std::path::Path;

use fenlei::artifact::{self, ModelInfo};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::ensemble::{EnsembleOptions, Voting, join, train_ensemble};
use fenlei::model::Model;
use fenlei::train::Plan;

fn plan(recipe: &str, set: &[&str]) -> Plan {
    let set = [set, &["train.validation=0.0"]].concat().iter().map(|setting| (*setting).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(recipe.to_owned()), set, ..PlanSource::default() }).unwrap()
}

fn plans() -> [Plan; 3] {
    [
        plan("linear", &["model.features.min_df=1"]),
        plan("nb", &["model.features.min_df=1"]),
        plan("cnn", &["train.epochs=2", "model.layers.0.dim=8"]),
    ]
}

/// Documents of three labels, of which a tenth is labelled wrong.
fn documents() -> Dataset {
    let words = ["ball goal", "bank share", "star film"];
    let texts = (0..150).map(|i| format!("{} number{} again", words[i % 3], i % 17)).collect();
    let targets = (0..150).map(|i| Target::One(((i + usize::from(i % 10 == 0)) % 3) as u32)).collect();
    Dataset::new(texts, targets, ["art", "money", "sport"].map(String::from).to_vec(), false).unwrap()
}

fn options(voting: Voting) -> EnsembleOptions<'static> {
    EnsembleOptions { voting, folds: 0, bagging: false, stop: None, on_member: None }
}

#[test]
fn an_ensemble_is_a_file_that_gives_what_it_gave() {
    let folder = tempfile::tempdir().unwrap();
    for voting in [Voting::Soft, Voting::Hard, Voting::Weighted, Voting::Stacking] {
        let ensembled = train_ensemble(&plans(), &documents(), Path::new("x.csv"), &options(voting)).unwrap();
        let texts = ["ball goal", "star", "nothing known", ""];
        let before = ensembled.classifier.predict_batch(&texts);
        let path = folder.path().join(format!("{voting:?}.fenlei"));
        artifact::save(&path, &ensembled.classifier, &ModelInfo::default()).unwrap();
        let (loaded, _) = artifact::load(&path).unwrap();
        assert_eq!(loaded.predict_batch(&texts), before, "{voting:?}");
        assert_eq!(loaded.model().spec(), ensembled.classifier.model().spec());
        let best = |i: usize| loaded.labels()[before.ranked(i)[0].0].as_str();
        assert_eq!((best(0), best(1)), ("art", "sport"), "{voting:?}");
        assert!((0..4).all(|i| (before.row(i).iter().sum::<f32>() - 1.0).abs() < 1e-4));
        let is_fitted = matches!(voting, Voting::Weighted | Voting::Stacking);
        assert_eq!(ensembled.members.len(), if is_fitted { 3 } else { 0 });
    }
}

#[test]
fn a_soft_vote_is_the_mean_of_its_members() {
    let documents = documents();
    let train = |plan: &Plan| fenlei::train::train(plan, &documents, None).unwrap().classifier;
    let alone: Vec<_> = plans().iter().map(|plan| train(plan).predict_batch(&["ball film"])).collect();
    let joined = join(plans().iter().map(train).collect(), Voting::Soft, None).unwrap();
    let together = joined.classifier.predict_batch(&["ball film"]);
    for label in 0..3 {
        let mean = alone.iter().map(|p| p.row(0)[label]).sum::<f32>() / 3.0;
        assert!((together.row(0)[label] - mean).abs() < 1e-6);
    }
}

#[test]
fn bagged_members_differ_and_the_same_seed_gives_the_same_ensemble() {
    let plans = vec![plan("linear", &["model.features.min_df=1"]); 3];
    let bag = EnsembleOptions { bagging: true, ..options(Voting::Soft) };
    let run = || train_ensemble(&plans, &documents(), Path::new("x.csv"), &bag).unwrap().classifier;
    let (one, two) = (run(), run());
    assert_eq!(one.predict_batch(&["ball star"]), two.predict_batch(&["ball star"]));
    // Members that had learned from the same documents would answer as one of them does.
    let alone = fenlei::train::train(&plans[0], &documents(), None).unwrap().classifier;
    assert_ne!(one.predict_batch(&["ball star number3"]), alone.predict_batch(&["ball star number3"]));
    let Model::Ensemble(ensemble) = one.model() else { panic!("no ensemble") };
    assert_eq!(ensemble.members().len(), 3);
    let error =
        train_ensemble(&plans, &documents(), Path::new("x"), &EnsembleOptions { voting: Voting::Stacking, ..bag });
    assert!(error.unwrap_err().to_string().contains("drawn documents"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let documents = documents();
    let linear = |data: &Dataset| fenlei::train::train(&plans()[0], data, None).unwrap().classifier;
    let error = join(vec![linear(&documents)], Voting::Soft, None).unwrap_err().to_string();
    assert!(error.contains("found 1, expected 2"), "{error}");
    let error = join(vec![linear(&documents), linear(&documents)], Voting::Stacking, None).unwrap_err().to_string();
    assert!(error.contains("no documents to fit"), "{error}");
    let mut others = documents.clone();
    others.labels[0] = "arts".into();
    let error = join(vec![linear(&documents), linear(&others)], Voting::Soft, None).unwrap_err().to_string();
    assert!(error.contains("member 2") && error.contains("arts"), "{error}");
    let nested = join(vec![linear(&documents), linear(&documents)], Voting::Soft, None).unwrap().classifier;
    let error = join(vec![nested, linear(&documents)], Voting::Soft, None).unwrap_err().to_string();
    assert!(error.contains("member 1: it is an ensemble"), "{error}");
    let error = train_ensemble(&plans()[..1], &documents, Path::new("x"), &options(Voting::Soft)).unwrap_err();
    assert!(error.is_wrong_use(), "{error}");
}
