//! `fenlei cluster` from the command line: what it prints, writes and refuses.

mod program;

use std::fmt::Write as _;
use std::io::Read;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use program::{Folder, signal};

/// Documents about two subjects in two languages, with labels.
fn news(n: usize) -> String {
    const SUBJECTS: [(&str, [&str; 6]); 4] = [
        ("money", ["shares", "bonds", "profit", "bank", "market", "loans"]),
        ("sport", ["goal", "match", "team", "coach", "league", "season"]),
        ("美食", ["面条", "火锅", "餐厅", "厨师", "味道", "菜单"]),
        ("体育", ["球队", "比赛", "教练", "联赛", "进球", "冠军"]),
    ];
    let mut csv = String::from("text,label\n");
    for i in 0..n {
        let (label, words) = SUBJECTS[i % 4];
        let j = i / 4;
        // Neighbouring words stand together, so that those of a subject hang together.
        let word = |step: usize| words[(j + step) % 6];
        let between = if i % 4 < 2 { " " } else { "、" };
        let _ = writeln!(csv, "{},{label}", [word(0), word(1 + j / 6 % 2), word(3 + j / 12 % 2)].join(between));
    }
    csv
}

#[test]
fn clusters_are_found_saved_assigned_and_predicted() {
    let folder = Folder::new();
    folder.write("news.csv", news(240));
    let args = ["cluster", "news.csv", "--k", "4", "--out", "news.fenlei", "--assignments", "clusters.csv"];
    let ran = folder.run(&args).succeeded();
    for part in ["documents  ", "cohesion", "silhouette", "NMI", "ARI", "purity", "labels of each cluster"] {
        assert!(ran.stdout.contains(part), "no {part} in {}", ran.stdout);
    }
    assert!(ran.stderr.contains("clustering 240 documents by "), "{}", ran.stderr);
    assert_eq!(folder.names(), ["clusters.csv", "news.csv", "news.fenlei"]);

    let answer = folder.run(&["predict", "news.fenlei", "shares and bonds"]).succeeded().stdout;
    let assigned = String::from_utf8(folder.read("clusters.csv")).unwrap();
    let name = answer.split('\t').next().unwrap();
    assert!(assigned.lines().filter(|line| line.contains(name)).count() > 30, "{answer}: {assigned}");
    assert_eq!(assigned.lines().count(), 241);
    assert!(folder.run(&["predict", "news.fenlei", "!?"]).succeeded().stdout.starts_with("(no words)\t1.0"));

    // The assignments are documents with labels: a model of clusters is measured, and another learned, as any other.
    let report = folder.run(&["eval", "news.fenlei", "clusters.csv", "--json"]).succeeded().json();
    assert_eq!(report["accuracy"].as_f64(), Some(1.0));
    let shown = folder.run(&["inspect", "news.fenlei"]).succeeded().stdout;
    for part in ["k-means; what speaks most for each label", "centroids", "cohesion", "5 labels", "silhouette"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
}

#[test]
fn json_has_every_figure_and_the_number_of_threads_never_shows() {
    let folder = Folder::new();
    folder.write("news.csv", news(240));
    for method in ["k-means", "nmf", "lda"] {
        let run = |threads: &str| {
            let args = ["cluster", "news.csv", "--method", method, "--k", "4", "--json", "-o", threads];
            folder.run(&[&args[..], &["--threads", threads]].concat()).succeeded().json()
        };
        let found = run("1");
        run("3");
        assert!(folder.read("1") == folder.read("3"), "{method}");
        assert_eq!((found["k"].as_u64(), found["method"].as_str()), (Some(4), Some(method)));
        assert_eq!(found["clusters"].as_array().unwrap().len(), 4);
        assert!(found["silhouette"]["exact"].is_f64() && found["agreement"]["nmi"].is_f64(), "{found}");
        assert_eq!(found["agreement"]["contingency"].as_array().unwrap().len(), 5);
        assert!(found["clusters"][0]["examples"][0]["text"].is_string());
        let shown = folder.run(&["inspect", "1", "--json"]).succeeded().json();
        assert!(shown["clusters"]["clusters"][0]["examples"].is_null(), "no document of the user's is in the file");
    }
}

#[test]
fn lines_of_files_and_of_standard_input_need_no_labels() {
    let folder = Folder::new();
    let lines: String =
        news(120).lines().skip(1).map(|line| format!("{}\n", line.split(',').next().unwrap())).collect();
    folder.write("lines.txt", format!("{lines}\n\n"));
    let ran = folder.run(&["cluster", "lines.txt", "--lines", "--k", "2..6"]).succeeded();
    assert!(ran.stderr.contains("lines.txt: 120 lines, 1 blank line left out") || ran.stderr.contains("120 lines"));
    assert!(ran.stdout.contains("stability") && ran.stdout.contains("is the largest silhouette"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("NMI"), "{}", ran.stdout);
    let model = folder.read("model.fenlei");
    folder.run_with_input(&["cluster", "-", "--k", "2..6", "-o", "again.fenlei"], lines.as_bytes()).succeeded();
    assert!(folder.read("again.fenlei") == model);
    // Several inputs are one set of documents.
    folder.write("half.csv", news(60));
    let ran = folder.run(&["cluster", "half.csv", "half.csv", "--k", "4", "--json"]).succeeded();
    assert_eq!(ran.json()["n_docs"].as_u64(), Some(120));
}

#[test]
fn wrong_use_is_refused_before_any_work() {
    let folder = Folder::new();
    folder.write("few.csv", "text\nsoup bread\nsoup bread\nbonds\n\n!?\n");
    folder.write("empty.csv", "");
    folder.write("same.csv", "text\nsoup\nsoup\n");
    folder.write("none.csv", "text\n!?\nthe\n");
    let set = "--set=model.features.min_df=1";
    let transcripts: Vec<String> = [
        &["cluster", "few.csv"][..],
        &["cluster", "few.csv", "--k", "many"],
        &["cluster", "few.csv", "--k", "1"],
        &["cluster", "few.csv", "--k", "9..2"],
        &["cluster", "few.csv", "--k", "9", set],
        &["cluster", "few.csv", "--k", "3", set],
        &["cluster", "same.csv", "--k", "2", set],
        &["cluster", "none.csv", "--k", "2"],
        &["cluster", "empty.csv", "--k", "2"],
        &["cluster", "few.csv", "--k", "2", "--method", "forests"],
        &["cluster", "few.csv", "--k", "2", "--assignments", "out.doc"],
        &["cluster", "few.csv", "--k", "2", "--method", "lda", "--embeddings", "vectors.txt"],
        &["cluster", "few.csv", "--k", "2", "--set", "model.starts=0"],
        &["cluster", "few.csv", "--k", "2", "--set", "model.family=linear"],
        &["train", "few.csv", "--recipe", "k-means"],
    ]
    .iter()
    .map(|args| folder.transcript(args))
    .collect();
    assert_snapshot!(transcripts.join("\n"));
    assert_eq!(folder.names(), ["empty.csv", "few.csv", "none.csv", "same.csv"], "something stayed behind");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_without_a_model() {
    let folder = Folder::new();
    folder.write("news.csv", news(4000));
    let mut child = folder.spawn(&["cluster", "news.csv", "--k", "12", "--set=model.starts=100000"]);
    let mut stderr = child.stderr.take().unwrap();
    let (mut said, mut byte) = (Vec::new(), [0u8]);
    while !String::from_utf8_lossy(&said).contains("clustering") {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    signal(&child, "INT");
    let clock = Instant::now();
    let status = child.wait().unwrap();
    assert!(clock.elapsed() < Duration::from_secs(20));
    assert_eq!(status.code(), Some(130));
    assert_eq!(folder.names(), ["news.csv"]);
}
