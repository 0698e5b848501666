//! `fenlei cv`, `fenlei ensemble`, `fenlei data check` and `fenlei train --teacher` from the command line.

mod program;

use std::fmt::Write as _;

use insta::assert_snapshot;
use program::Folder;

/// Reviews by ten authors; every seventeenth has the wrong label, and the last stands there twice.
fn reviews(n: usize) -> String {
    const WORDS: [(&str, [&str; 5]); 2] = [
        ("neg", ["dull", "awful", "boring", "poor", "tired"]),
        ("pos", ["clever", "superb", "moving", "fine", "funny"]),
    ];
    let mut csv = String::from("text,label,author\n");
    let row = |csv: &mut String, i: usize| {
        let words = WORDS[i % 2].1;
        let label = WORDS[(i + usize::from(i % 17 == 3)) % 2].0;
        let (a, b) = (words[i / 2 % 5], words[i / 10 % 5]);
        let _ = writeln!(csv, "a {a} film with {b} people and scene {i} of part {},{label},author{}", i % 7, i % 10);
    };
    (0..n).for_each(|i| row(&mut csv, i));
    row(&mut csv, n - 1);
    csv
}

#[test]
fn a_plan_is_measured_by_folds() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(120));
    let args = ["cv", "reviews.csv", "--model", "linear", "--folds", "4", "--set", "model.features.min_df=1"];
    let ran = folder.run(&args).succeeded();
    assert!(
        ran.stdout.contains("fold 4") && ran.stdout.contains("\nmean ") && ran.stdout.contains("\nstd "),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("(4 of 4)"), "{}", ran.stderr);
    let with = |more: &[&str]| folder.run(&[&args[..], &["--json"], more].concat()).succeeded().json();
    let json = with(&[]);
    assert_eq!(json["folds"].as_array().unwrap().len(), 4);
    let mean = json["figures"][0]["mean"].as_f64().unwrap();
    assert!((0.88..0.96).contains(&mean), "one in seventeen is wrong, found {mean}");
    assert_eq!(json["figures"], with(&["--threads", "1"])["figures"]);
    let grouped = with(&["--group-column", "author"]);
    // Authors have twelve reviews, one of them thirteen.
    let sizes = grouped["folds"].as_array().unwrap().iter().map(|fold| fold["report"]["n_docs"].as_u64().unwrap());
    assert!(sizes.clone().all(|n| n % 12 <= 1) && sizes.sum::<u64>() == 121, "{grouped}");
    let nested = with(&["--nested", "2", "--try", "model.c=1", "--try", "model.c=0.000001"]);
    assert!(nested["folds"].as_array().unwrap().iter().all(|fold| fold["plan"] == 0), "{nested}");
}

#[test]
fn an_ensemble_is_a_model_like_any_other_and_can_teach() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(120));
    let small = "kim-2014 train.epochs=4 model.layers.0.dim=8 train.early_stopping.patience=0 model.word_dropout=0";
    let linear = "linear model.features.min_df=1";
    let args =
        ["ensemble", "train", "reviews.csv", "--member", linear, "--member", small, "--folds", "3", "-o", "all.fenlei"];
    for vote in ["soft", "hard", "weighted", "stacking"] {
        let ran = folder.run(&[&args[..], &["--vote", vote]].concat()).succeeded();
        assert!(ran.stdout.contains("all together") && ran.stdout.contains("2 members"), "{}", ran.stdout);
        let answer = folder.run(&["predict", "all.fenlei", "a clever superb film"]).succeeded().stdout;
        assert!(answer.starts_with("pos\t"), "{vote}: {answer}");
    }
    let report = folder.run(&["eval", "all.fenlei", "reviews.csv", "--json"]).succeeded().json();
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let shown = folder.run(&["inspect", "all.fenlei"]).succeeded().stdout;
    assert!(shown.contains("2 members, put together by: logistic regression"), "{shown}");

    folder
        .run(&["train", "reviews.csv", "--model", "nb", "--set", "model.features.min_df=1", "-o", "nb.fenlei"])
        .succeeded();
    folder
        .run(&["train", "reviews.csv", "--model", "linear", "--set", "model.features.min_df=1", "-o", "lin.fenlei"])
        .succeeded();
    let join = ["ensemble", "join", "nb.fenlei", "lin.fenlei", "--json", "-o", "both.fenlei"];
    let joined = folder.run(&join).succeeded().json();
    assert_eq!(joined["weights"].as_array().unwrap().len(), 2);
    let again = folder.run(&["ensemble", "join", "both.fenlei", "lin.fenlei"]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("it is an ensemble"), "{}", again.stderr);

    folder.write(
        "more.txt",
        "a gripping superb clever film\na gripping fine moving film\na stale awful dull film\n".repeat(20),
    );
    let set = ["--set", "train.epochs=6", "--set", "model.layers.0.dim=8"];
    let train = [
        "train",
        "reviews.csv",
        "--recipe",
        "kim-2014",
        "--teacher",
        "both.fenlei",
        "--unlabeled",
        "more.txt",
        "-o",
        "taught.fenlei",
    ];
    let ran = folder.run(&[&train[..], &set].concat()).succeeded();
    assert!(ran.stderr.contains("more.txt: 60 lines"), "{}", ran.stderr);
    let answer = folder.run(&["predict", "taught.fenlei", "gripping", "--text"]).succeeded().stdout;
    assert!(answer.starts_with("pos"), "a word that only unlabelled documents have: {answer}");
}

#[test]
fn problems_of_the_data_are_found() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(200));
    folder.write(
        "test.csv",
        "text,label\na superb film with fine people and scene 77 of part 0,pos\nzebras graze quietly,neg\n",
    );
    let set = ["--set", "model.features.min_df=1", "--similarity", "0.95"];
    let args =
        ["data", "check", "reviews.csv", "--against", "test.csv", "--column", "author", "--suspects", "suspects.jsonl"];
    let ran = folder.run(&[&args[..], &set].concat()).succeeded();
    for part in
        ["labels: ", "near-duplicates: ", "test.csv: ", "of its words are unknown", "by slice:", "author author3"]
    {
        assert!(ran.stdout.contains(part), "no {part} in {}", ran.stdout);
    }
    let json = folder.run(&[&args[..], &set, &["--json"]].concat()).succeeded().json();
    let suspects = json["suspects"].as_array().unwrap();
    let planted = suspects.iter().filter(|suspect| (suspect["document"].as_u64().unwrap() - 1) % 17 == 3).count();
    assert!(planted >= 10 && suspects.len() <= planted + 2, "{planted} of {suspects:?}");
    let near: Vec<u64> =
        json["near_duplicates"].as_array().unwrap().iter().map(|n| n["document"].as_u64().unwrap()).collect();
    assert_eq!(near, [201]);
    let words = &json["parts"][0]["unknown_words"]["frequent"];
    assert!(words.to_string().contains("zebras"), "{words}");
    assert_eq!(String::from_utf8(folder.read("suspects.jsonl")).unwrap().lines().count(), suspects.len());
}

#[test]
fn columns_that_are_asked_for_go_along() {
    let folder = Folder::new();
    folder.write("reviews.csv", "text,label,author\ngood film,pos,ann\nbad film,neg,\"bo, jr\"\n");
    let convert =
        |from: &str, to: &str| folder.run(&["data", "convert", from, to, "--keep-column", "author"]).succeeded();
    convert("reviews.csv", "reviews.jsonl");
    convert("reviews.jsonl", "reviews.parquet");
    convert("reviews.parquet", "again.csv");
    let (before, after) = (folder.read("reviews.csv"), folder.read("again.csv"));
    assert_eq!(String::from_utf8(after).unwrap().replace("\r\n", "\n"), String::from_utf8(before).unwrap());
}

#[test]
fn wrong_use_is_told_with_its_place() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(40));
    folder.write("one.csv", "text,label\ngood film,pos\nbad film,neg\npoor film,neg\nodd film,rare\n");
    let refused = [
        folder.run(&["cv", "one.csv", "--folds", "2", "--model", "linear"]),
        folder.run(&["cv", "reviews.csv", "--folds", "100"]),
        folder.run(&["cv", "reviews.csv", "--group-column", "autor"]),
        folder.run(&["cv", "reviews.csv", "--model", "linear", "--nested", "3", "--try", "model.c=1"]),
        folder.run(&["ensemble", "train", "reviews.csv", "--member", "linear"]),
        folder.run(&["ensemble", "train", "reviews.csv", "--member", "lineal", "--seeds", "2"]),
        folder.run(&["train", "reviews.csv", "--unlabeled", "more.txt"]),
        folder.run(&["data", "check", "reviews.csv", "--similarity", "2"]),
    ];
    let told: Vec<String> = refused.iter().map(|ran| format!("{:?}\n{}", ran.code, ran.stderr)).collect();
    assert_snapshot!(told.join("\n"));
}
