//! `fenlei tune` from the command line: what it finds, that it outlives being killed, and what it refuses.

mod program;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use program::{Folder, signal};
use serde_json::Value;

/// Documents whose label follows from the order of two words, which single words do not tell.
fn ordered(n: usize) -> String {
    let mut csv = String::from("text,label\n");
    let fill = ["plot", "music", "cast", "scene", "light", "sound", "story"];
    for i in 0..n {
        let (before, after) = (fill[i % 7], fill[i / 7 % 7]);
        let _ = match i % 2 {
            0 => writeln!(csv, "{before} not good {after},bad"),
            _ => writeln!(csv, "{before} good not {after},fine"),
        };
    }
    csv
}

/// A small linear model in a small grid of which only pairs of words can be right.
const GRID: [&str; 6] = [
    "--recipe=linear",
    "--set=model.features.min_df=1",
    "--param=model.features.word_ngrams=choice(1,2)",
    "--param=model.c=choice(0.5,20.0)",
    "--sampler=grid",
    "--quiet",
];

fn tune(args: &[&str], more: &[&str]) -> Vec<String> {
    ["tune", "data.csv"].iter().chain(args).chain(more).map(|arg| (*arg).to_owned()).collect()
}

fn run(folder: &Folder, args: &[String]) -> program::Ran {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    folder.run(&args)
}

fn shown(folder: &Folder, study: &str) -> Value {
    folder.run(&["tune", "show", study, "--json"]).succeeded().json()
}

#[test]
fn the_known_best_of_a_small_grid_is_found_trained_and_written() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(98));
    let found = run(&folder, &tune(&GRID, &["--json", "--write-config", "best.toml"])).succeeded().json();
    assert_eq!((found["n_trials"].as_u64(), found["n_complete"].as_u64()), (Some(4), Some(4)));
    assert_eq!(found["best"]["values"]["model.features.word_ngrams"], 2);
    assert_eq!(found["best"]["score"], 1.0);
    assert!(found["model_bytes"].as_u64().unwrap() > 0);
    let report = folder.run(&["eval", "model.fenlei", "data.csv", "--json"]).succeeded().json();
    assert_eq!(report["accuracy"], 1.0);
    // The same configuration by itself gives the same model.
    folder.run(&["train", "data.csv", "--config", "best.toml", "-o", "again.fenlei"]).succeeded();
    assert_eq!(folder.read("again.fenlei"), folder.read("model.fenlei"));

    let text = folder.run(&["tune", "show", "model.fenlei.study.db", "--plot", "study.html"]).succeeded().stdout;
    for part in ["accuracy on documents held back: 4 trials (4 complete)", "The best:", "model.features.word_ngrams"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(String::from_utf8(folder.read("study.html")).unwrap().contains("<svg"));
    // All is done: once more runs no trial.
    run(&folder, &tune(&GRID, &[])).succeeded();
    let trials = shown(&folder, "model.fenlei.study.db");
    assert!(trials["trials"].as_array().unwrap().iter().all(|trial| trial["attempts"] == 1));
}

#[test]
fn the_best_trials_answer_together() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(98));
    run(&folder, &tune(&GRID, &["--ensemble=2"])).succeeded();
    let report = folder.run(&["eval", "model.fenlei", "data.csv", "--json"]).succeeded().json();
    assert_eq!(report["accuracy"], 1.0);
    let about = folder.run(&["inspect", "model.fenlei", "--json"]).succeeded().json();
    assert_eq!(about["plan"]["model"]["members"].as_array().map(Vec::len), Some(2), "{about}");
    run(&folder, &tune(&GRID, &["--ensemble=2", "--max-model-size=1MB"])).ended(2);
}

#[test]
fn folds_limits_and_conditions_are_kept_to() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(98));
    let space = "[tune]\nfirst = [{ recipe = 'nb-svm' }]\n[tune.space]\nrecipe = { choice = ['linear', 'nb-svm'] }\n\
                 \"model.c\" = { log = [0.1, 10.0], when = { recipe = 'linear' } }\n";
    folder.write("space.toml", space);
    let args = ["--space=space.toml", "--cv=3", "--trials=5", "--sampler=random", "--quiet", "--jobs=2"];
    run(&folder, &tune(&args, &["--max-model-size=5MB"])).succeeded();
    let study = shown(&folder, "model.fenlei.study.db");
    assert!(study["objective"].as_str().unwrap().starts_with("accuracy on 3 folds, at most 5000000 bytes"));
    let trials = study["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 5);
    assert_eq!(trials[0]["values"]["recipe"], "nb-svm");
    for trial in trials {
        assert_eq!(trial["values"]["recipe"] == "linear", trial["values"].get("model.c").is_some(), "{trial}");
        assert_eq!(trial["steps"].as_array().unwrap().len(), 3, "{trial}");
        assert!(trial["bytes"].as_u64().unwrap() < 5_000_000);
    }
    let ran = run(&folder, &tune(&args, &["--max-model-size=100", "--study=small.db"])).ended(1);
    assert!(ran.stderr.contains("no model kept to the limits"), "{}", ran.stderr);
}

/// A network of a few seconds in all, so that a process is killed in the middle of it.
const SLOW: [&str; 11] = [
    "--space=space.toml",
    "--trials=8",
    "--cv=3",
    "--pruner=none",
    "--set=model.layers.0.dim=8",
    "--set=model.layers.2.branches.0.0.filters=8",
    "--set=train.early_stopping.patience=0",
    "--set=train.average=",
    "--quiet",
    "--seed=5",
    "--threads=1",
];
const SLOW_SPACE: &str = "[tune.space]\n\"train.optimizer.lr\" = { log = [1e-3, 1e-1] }\n\
                          \"train.epochs\" = { int = [2, 6] }\n\"train.batch_size\" = { choice = [8, 16] }\n";

/// What must be the same however often a search was killed.
fn table(study: &Value) -> Vec<(Value, Value, Value, Value)> {
    let trials = study["trials"].as_array().unwrap().iter();
    trials.map(|t| (t["number"].clone(), t["state"].clone(), t["values"].clone(), t["score"].clone())).collect()
}

#[test]
fn a_search_that_is_killed_twenty_times_ends_as_if_it_had_not_been() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(150));
    folder.write("space.toml", SLOW_SPACE);
    let clock = Instant::now();
    run(&folder, &tune(&SLOW, &["--study=whole.db", "-o", "whole.fenlei"])).succeeded();
    let all = clock.elapsed();

    let args = tune(&SLOW, &["--study=killed.db", "-o", "killed.fenlei"]);
    let mut ended: Vec<Value> = Vec::new();
    let mut n_unended = 0;
    for kill in 0..20u32 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fenlei"))
            .args(&args)
            .current_dir(folder.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before the study is opened to well into the second trial.
        let share = f64::from((kill * 7919 + 104_729) % 1000) / 1000.0;
        std::thread::sleep(Duration::from_secs_f64(0.01 + share * (0.25 * all.as_secs_f64()).min(1.5)));
        n_unended += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if !folder.path("killed.db").exists() {
            continue;
        }
        let Ok(study) = serde_json::from_str::<Value>(&folder.run(&["tune", "show", "killed.db", "--json"]).stdout)
        else {
            // Killed before its first transaction.
            continue;
        };
        let now: Vec<Value> =
            study["trials"].as_array().unwrap().iter().filter(|t| t["state"] == "complete").cloned().collect();
        for before in &ended {
            assert!(now.contains(before), "lost or run again: {before}");
        }
        ended = now;
    }
    assert!(n_unended >= 5, "only {n_unended} of 20 were killed at work");
    run(&folder, &args).succeeded();
    let study = shown(&folder, "killed.db");
    assert!(ended.iter().all(|before| study["trials"].as_array().unwrap().contains(before)));
    assert_eq!(table(&study), table(&shown(&folder, "whole.db")));
    assert_eq!(folder.read("killed.fenlei"), folder.read("whole.fenlei"));
}

#[test]
fn two_processes_share_the_trials_of_a_study() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(120));
    folder.write("space.toml", SLOW_SPACE);
    let children: Vec<_> = ["one.fenlei", "two.fenlei"]
        .into_iter()
        .map(|output| {
            let args = tune(&SLOW, &["--study=shared.db", "-o", output]);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            folder.spawn(&args)
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let study = shown(&folder, "shared.db");
    let trials = study["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 8);
    assert!(trials.iter().all(|trial| trial["state"] == "complete" && trial["attempts"] == 1), "{study}");
    assert_eq!(folder.read("one.fenlei"), folder.read("two.fenlei"));
}

#[test]
fn an_interruption_trains_the_best_so_far() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(150));
    folder.write("space.toml", SLOW_SPACE);
    let mut args = tune(&SLOW, &["--study=s.db"]);
    args.retain(|arg| !arg.starts_with("--trials"));
    args.push("--minutes=5".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = folder.spawn(&args);
    let clock = Instant::now();
    let done = || {
        let shown = folder.run(&["tune", "show", "s.db", "--json"]).stdout;
        shown.matches("\"state\":\"complete\"").count() >= 2
    };
    while !(folder.path("s.db").exists() && done()) {
        assert!(clock.elapsed() < Duration::from_secs(60), "no trial ends");
        std::thread::sleep(Duration::from_millis(100));
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path("model.fenlei").exists());
    let study = shown(&folder, "s.db");
    assert!(study["trials"].as_array().unwrap().iter().all(|trial| trial["state"] != "running"), "{study}");
}

#[test]
fn what_cannot_be_searched_is_refused_with_a_reason() {
    let folder = Folder::new();
    folder.write("data.csv", ordered(98));
    let mut text = String::new();
    for more in [
        &["--param=train.optimiser.lr=log(1e-4,1e-1)"][..],
        &["--param=train.epochs=log(0,3)"],
        &["--space=defualt"],
        &["--recipe=linear"],
        &["--sampler=annealing", "--param=train.epochs=int(1,3)"],
        &["--max-model-size=5 apples"],
    ] {
        let args = tune(more, &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        text += &folder.transcript(&args);
        text.push('\n');
    }
    folder.write("noise.db", "this is a text and no study");
    text += &folder.transcript(&["tune", "show", "noise.db"]);
    run(&folder, &tune(&GRID, &["--study=s.db"])).succeeded();
    text.push('\n');
    let args = tune(&GRID, &["--study=s.db", "--seed=9"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let refused = folder.run(&args).ended(1);
    assert!(refused.stderr.contains("the study of another configuration"), "{}", refused.stderr);
    assert_snapshot!(text);
}
