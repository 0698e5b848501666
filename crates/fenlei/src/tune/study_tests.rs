use super::*;

fn identity() -> Identity {
    Identity {
        configuration: "c".into(),
        space: "s".into(),
        documents: "d".into(),
        objective: "accuracy".into(),
        seed: 1,
    }
}

fn values(x: i64) -> Values {
    Values::from([("x".to_owned(), toml::Value::Integer(x))])
}

fn claimed(study: &mut Study, most: u64) -> Option<Trial> {
    match study.claim(Some(most), |trials| Ok(Some(values(trials.len() as i64))), 1).unwrap() {
        Claim::Trial(trial) => Some(trial),
        Claim::Wait | Claim::Done => None,
    }
}

fn ended(study: &mut Study, mut trial: Trial, score: f64) -> bool {
    (trial.state, trial.score) = (State::Complete, Some(score));
    study.end(&trial).unwrap()
}

#[test]
fn given_trials_come_first_and_none_is_claimed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let mut one = Study::create_or_open(&path, &identity(), &[values(70), values(71)]).unwrap();
    let mut other = Study::create_or_open(&path, &identity(), &[]).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.extend([claimed(&mut one, 5), claimed(&mut other, 5)].into_iter().flatten().map(|t| (t.number, t.values)));
    }
    let expected = [(0, 70), (1, 71), (2, 2), (3, 3), (4, 4)].map(|(number, x)| (number, values(x)));
    assert_eq!(seen, expected);
    // The last are running: whoever asks waits for them.
    assert!(matches!(one.claim(Some(5), |_| Ok(None), 1).unwrap(), Claim::Wait));
}

#[test]
fn a_trial_of_a_dead_worker_waits_again_and_the_dead_cannot_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let mut lost = Study::create_or_open(&path, &identity(), &[]).unwrap();
    let trial = claimed(&mut lost, 1).unwrap();
    assert!(!lost.report(0, 1, 0.5, Pruner::None).unwrap());
    let mut heir = lost.again().unwrap();
    assert!(claimed(&mut heir, 1).is_none());
    let long_ago = now() - 2.0 * SILENCE.as_secs_f64();
    lost.db.execute("UPDATE trials SET heartbeat = ?1", [long_ago]).unwrap();
    let again = claimed(&mut heir, 1).unwrap();
    assert_eq!((again.number, &again.values, again.attempts), (0, &trial.values, 2));
    assert_eq!(heir.steps(0).unwrap(), []);
    assert!(lost.report(0, 2, 0.9, Pruner::None).unwrap(), "told to end");
    assert!(!ended(&mut lost, trial, 0.1));
    assert!(ended(&mut heir, again.clone(), 0.7));
    assert!(!ended(&mut heir, again, 0.2), "an end is an end");
    assert_eq!(heir.trials().unwrap()[0].score, Some(0.7));
    assert!(matches!(heir.claim(Some(1), |_| Ok(None), 1).unwrap(), Claim::Done));
}

#[test]
fn a_trial_that_is_given_back_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut study = Study::create_or_open(&folder.path().join("s.db"), &identity(), &[]).unwrap();
    let trial = claimed(&mut study, 1).unwrap();
    study.report(0, 1, 0.5, Pruner::None).unwrap();
    study.give_back(trial.number).unwrap();
    assert_eq!((study.trials().unwrap()[0].state, study.steps(0).unwrap().len()), (State::Waiting, 0));
    assert_eq!(claimed(&mut study, 1).unwrap().attempts, 1);
}

#[test]
fn the_pruner_sees_the_curves_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut study = Study::create_or_open(&folder.path().join("s.db"), &identity(), &[]).unwrap();
    for i in 0..6 {
        let trial = claimed(&mut study, 9).unwrap();
        let score = 0.5 + 0.05 * f64::from(i);
        let ends: Vec<bool> =
            (1..=3).map(|step| study.report(trial.number, step, score, Pruner::Median).unwrap()).collect();
        assert_eq!(ends, [false; 3]);
        ended(&mut study, trial, score);
    }
    let trial = claimed(&mut study, 9).unwrap();
    assert!(!study.report(trial.number, 1, 0.4, Pruner::Median).unwrap());
    assert!(study.report(trial.number, 2, 0.4, Pruner::Median).unwrap());
}

#[test]
fn a_study_of_something_else_is_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    drop(Study::create_or_open(&path, &identity(), &[]).unwrap());
    for (key, other) in [
        ("configuration", Identity { configuration: "e".into(), ..identity() }),
        ("space", Identity { space: "e".into(), ..identity() }),
        ("documents", Identity { documents: "e".into(), ..identity() }),
        ("objective", Identity { objective: "e".into(), ..identity() }),
        ("seed", Identity { seed: 2, ..identity() }),
    ] {
        let error = Study::create_or_open(&path, &other, &[]).unwrap_err().to_string();
        assert!(error.contains(&format!("the study of another {key}")) && error.contains("help: "), "{error}");
    }
}

#[test]
fn damaged_foreign_and_locked_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |path: &Path| Study::create_or_open(path, &identity(), &[]).unwrap_err().to_string();
    let path = folder.path().join("text.db");
    std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    assert!(problem(&path).contains("this is not a study"), "{}", problem(&path));
    assert!(Study::open(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap().len(), 51, "it is left as it was");

    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    assert!(problem(&path).contains("SQLite file of another program"), "{}", problem(&path));

    let path = folder.path().join("damaged.db");
    let mut study = Study::create_or_open(&path, &identity(), &[]).unwrap();
    for _ in 0..200 {
        let trial = claimed(&mut study, 1000).unwrap();
        ended(&mut study, trial, 0.5);
    }
    drop(study);
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    assert!(problem(&path).contains("damaged"), "{}", problem(&path));
    bytes.truncate(half - half % 4096);
    std::fs::write(&path, &bytes).unwrap();
    assert!(problem(&path).contains("damaged"), "{}", problem(&path));

    let path = folder.path().join("locked.db");
    drop(Study::create_or_open(&path, &identity(), &[]).unwrap());
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = problem(&path);
    assert!(error.contains("kept this study locked") && error.contains("help: "), "{error}");
    drop(holder);
    Study::create_or_open(&path, &identity(), &[]).unwrap();

    let missing = Study::open(&folder.path().join("none.db")).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
}

#[test]
fn who_begins_a_study_waits_for_another_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    // As a file that is being made: the other is about to write, and the journal is not the one that readers pass.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| Study::create_or_open(&path, &identity(), &[values(1)]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!opened.is_finished(), "it waits");
        other.execute_batch("COMMIT").unwrap();
        let mut study = opened.join().unwrap().unwrap();
        assert!(claimed(&mut study, 1).is_some());
    });
}

#[test]
fn a_step_stays_cheap_as_a_study_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut study = Study::create_or_open(&folder.path().join("s.db"), &identity(), &[]).unwrap();
    let mut times = Vec::new();
    for _ in 0..40 {
        let trial = claimed(&mut study, 1000).unwrap();
        for step in 1..=25 {
            let clock = Instant::now();
            study.report(trial.number, step, 0.5, Pruner::Median).unwrap();
            times.push(clock.elapsed().as_secs_f64() * 1e6);
        }
        ended(&mut study, trial, 0.5);
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    // Hundreds of times what it takes: a guard against reading the whole study at each step, not a measurement.
    assert!(median < 100_000.0, "{median} µs a step");
}
