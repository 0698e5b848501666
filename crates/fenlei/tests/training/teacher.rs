//! Distillation: what a student learns from a teacher, and teachers that do not fit.

use std::sync::atomic::AtomicBool;

use fenlei::Error;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::train::{Event, Plan, Preparation, Teacher, TrainOptions, train, train_with};

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
    let teacher =
        Teacher { classifier: &teacher, unlabelled: Some(&further), weight: 0.5, temperature: 1.0, cache: None };
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
fn answers_are_kept_and_found_again() {
    let small = documents(&["nice film", "poor film"].repeat(800), &[1, 0].repeat(800));
    let trained = |c: &str| train(&plan("linear", &["model.features.min_df=1", c]), &small, None).unwrap().classifier;
    let (one, other) = (trained("model.c=1"), trained("model.c=10"));
    let folder = tempfile::tempdir().unwrap();
    let student = plan("kim-2014", &["train.epochs=1", "model.layers.0.dim=4"]);
    let taught = |classifier, cache| {
        let teacher = Teacher { classifier, unlabelled: None, weight: 1.0, temperature: 1.0, cache };
        let mut told = Vec::new();
        let mut listen = |event: Event<'_>| {
            if let Event::Prepare { what: Preparation::TeacherAnswers, done, total } = event {
                told.push((done, total));
            }
        };
        let options = TrainOptions { teacher: Some(teacher), on_event: Some(&mut listen), ..TrainOptions::default() };
        let trained = train_with(&student, &small, options).unwrap();
        assert_eq!(told, [(0, 1600), (1024, 1600), (1600, 1600)]);
        trained.classifier.predict_batch(&["nice film"])
    };
    let n_files = || std::fs::read_dir(folder.path()).unwrap().count();
    let (alone, kept) = (taught(&one, None), taught(&one, Some(folder.path())));
    assert_eq!((&alone, n_files()), (&kept, 2));
    // What is in a file is what is learned from: half of each answer is exchanged.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let turned: Vec<u8> = bytes.chunks_exact(8).flat_map(|pair| [&pair[4..], &pair[..4]].concat()).collect();
        std::fs::write(&path, turned).unwrap();
    }
    let turned = taught(&one, Some(folder.path()));
    assert!(turned.row(0)[1] < 0.5 && kept.row(0)[1] > 0.5, "{turned:?} {kept:?}");
    // Another teacher is asked anew, and a file that was cut short is made again.
    taught(&other, Some(folder.path()));
    assert_eq!(n_files(), 4);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::write(entry.unwrap().path(), "short").unwrap();
    }
    assert_eq!(taught(&one, Some(folder.path())), kept);

    let stop = AtomicBool::new(true);
    let teacher = Teacher { classifier: &one, unlabelled: None, weight: 1.0, temperature: 1.0, cache: None };
    let options = TrainOptions { teacher: Some(teacher), stop: Some(&stop), ..TrainOptions::default() };
    assert!(matches!(train_with(&student, &small, options), Err(Error::Interrupted)));
}

#[test]
fn a_teacher_that_does_not_fit_is_refused() {
    let small = documents(&["nice film", "poor film"].repeat(4), &[1, 0].repeat(4));
    let classifier = train(&plan("linear", &["model.features.min_df=1"]), &small, None).unwrap().classifier;
    let teacher = Teacher { classifier: &classifier, unlabelled: None, weight: 0.5, temperature: 1.0, cache: None };
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
