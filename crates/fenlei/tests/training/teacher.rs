//! Distillation: what a student learns from a teacher, and teachers that do not fit.

use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::train::{Plan, Teacher, TrainOptions, train, train_with};

fn plan(recipe: &str, set: &[&str]) -> Plan {
    let set = [set, &["train.validation=0.0"]].concat().iter().map(|setting| (*setting).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(recipe.to_owned()), set, ..PlanSource::default() }).unwrap()
}

fn documents(texts: &[&str], labels: &[u32]) -> Dataset {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let targets = labels.iter().map(|&label| Target::One(label)).collect();
    Dataset::new(texts, targets, vec!["bad".into(), "good".into()], false).unwrap()
}

#[test]
fn a_student_learns_words_that_only_unlabelled_documents_have() {
    let wide =
        documents(&["superb film", "awful film", "superb plot", "awful plot"].repeat(10), &[1, 0, 1, 0].repeat(10));
    let teacher = train(&plan("linear", &["model.features.min_df=1", "model.c=100"]), &wide, None).unwrap().classifier;
    let small = documents(&["nice film", "poor film", "nice plot", "poor plot"].repeat(4), &[1, 0, 1, 0].repeat(4));
    let further = ["superb nice film", "awful poor film", "superb plot", "awful plot"].repeat(20);
    let n = further.len();
    let further = Dataset {
        texts: further.iter().map(|text| (*text).to_owned()).collect(),
        targets: vec![Target::Unlabelled; n],
        ..Dataset::default()
    };
    let student = plan("kim-2014", &["train.epochs=8", "train.batch_size=8", "model.layers.0.dim=16"]);
    let teacher = Teacher { classifier: &teacher, unlabelled: Some(&further), weight: 0.5, temperature: 1.0 };
    let taught = |teacher| {
        let options = TrainOptions { teacher, ..TrainOptions::default() };
        let trained = train_with(&student, &small, options).unwrap();
        (trained.n_train, trained.classifier.predict_batch(&["superb", "awful"]))
    };
    let with_wide = plan("cnn", &["train.epochs=3", "model.layers.0.dim=8"]);
    let options = TrainOptions { teacher: Some(teacher), ..TrainOptions::default() };
    let trained = train_with(&with_wide, &small, options).unwrap();
    assert!(trained.classifier.predict_batch(&["superb"]).row(0)[1] > 0.5);
    let (n_alone, alone) = taught(None);
    let (n_taught, with) = taught(Some(teacher));
    assert_eq!((n_alone, n_taught), (16, 96));
    assert!(with.row(0)[1] > 0.8 && with.row(1)[0] > 0.8, "{with:?}");
    assert!((alone.row(0)[1] - alone.row(1)[1]).abs() < 0.2, "{alone:?}");
    assert_eq!(taught(Some(teacher)).1, with);
}

#[test]
fn a_teacher_that_does_not_fit_is_refused() {
    let small = documents(&["nice film", "poor film"].repeat(4), &[1, 0].repeat(4));
    let classifier = train(&plan("linear", &["model.features.min_df=1"]), &small, None).unwrap().classifier;
    let teacher = Teacher { classifier: &classifier, unlabelled: None, weight: 0.5, temperature: 1.0 };
    let refused = |recipe: &str, documents: &Dataset, teacher: Teacher<'_>| {
        let options = TrainOptions { teacher: Some(teacher), ..TrainOptions::default() };
        train_with(&plan(recipe, &[]), documents, options).unwrap_err().to_string()
    };
    let error = refused("cnn", &small, Teacher { weight: 1.5, ..teacher });
    assert!(error.contains("found a weight of 1.5"), "{error}");
    let error = refused("cnn", &small, Teacher { temperature: 0.0, ..teacher });
    assert!(error.contains("found a temperature of 0"), "{error}");
    let error = refused("nb", &small, teacher);
    assert!(error.contains("solved from labels"), "{error}");
    let mut others = small.clone();
    others.labels[0] = "awful".into();
    let error = refused("cnn", &others, teacher);
    assert!(error.contains("its labels are bad, good"), "{error}");
}
