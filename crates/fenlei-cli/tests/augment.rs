//! `fenlei augment`, and training with `[train.augment]`.

mod program;

use insta::assert_snapshot;
use program::{Folder, reviews};
use serde_json::Value;

const CILIN: &str = "Bp13B02= 电影 影片 片子\nEb28A01= 好看 精彩 耐看\nAa01A04@ 劳力\n";

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    let text = String::from_utf8(folder.read(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn copies_in_both_languages_stand_behind_their_originals_with_their_labels() {
    let folder = Folder::new();
    folder.write("in.csv", "text,label\nA lovely film with good acting,good\n这部电影很好看,好\n?!,good\n");
    folder.write("own.txt", "film, movie\nacting, performance\n");
    folder.write("cilin.txt", CILIN);
    let args = ["augment", "in.csv", "--out", "out.jsonl", "--n", "2", "--rate", "synonym=0.5", "--seed", "3"];
    let files = ["--synonyms", "own.txt", "--cilin", "cilin.txt", "--json"];
    let ran = folder.run(&[&args[..], &files].concat()).succeeded();
    let told = ran.json();
    assert_eq!(
        (told["documents"].as_u64(), told["copies"].as_u64(), told["written"].as_u64()),
        (Some(3), Some(6), Some(9))
    );
    assert_eq!(told["unchanged_copies"].as_u64(), Some(2));
    let out = lines(&folder, "out.jsonl");
    assert_eq!(out[0]["text"], "A lovely film with good acting");
    assert_eq!(out[1]["text"], "A lovely movie with good performance");
    assert_eq!((&out[3]["text"], &out[3]["label"]), (&"这部电影很好看".into(), &"好".into()));
    let copy = out[4]["text"].as_str().unwrap();
    assert!(copy != "这部电影很好看" && out[4]["label"] == "好", "{copy}");
    assert_eq!((&out[7]["text"], &out[8]["text"]), (&"?!".into(), &"?!".into()));

    folder.run(&[&args[..], &files, &["--only-new", "--threads", "1"]].concat()).succeeded();
    let only_new = lines(&folder, "out.jsonl");
    assert_eq!(only_new.len(), 6);
    assert_eq!((&only_new[0], &only_new[2]), (&out[1], &out[4]));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_and_formats_are_those_of_convert() {
    let folder = Folder::new();
    folder.write("in.csv", reviews(200));
    for threads in ["1", "2", "4"] {
        let out = format!("{threads}.tsv");
        folder.run(&["augment", "in.csv", "--out", &out, "--n", "3", "--threads", threads]).succeeded();
    }
    assert!(folder.read("1.tsv") == folder.read("2.tsv") && folder.read("1.tsv") == folder.read("4.tsv"));
    for out in ["x.parquet", "x.csv.gz", "x.fasttext"] {
        folder.run(&["augment", "in.csv", "--out", out, "-q"]).succeeded();
        let stats = folder.run(&["data", "stats", out]).succeeded().stdout;
        assert!(stats.contains("400"), "{stats}");
    }
    let piped = folder
        .run_with_input(&["augment", "-", "--out", "-", "--to", "tsv", "--rate", "delete=0.2"], reviews(10).as_bytes());
    assert_eq!(piped.succeeded().stdout.lines().count(), 21);
}

#[test]
fn several_inputs_become_one_file_and_rare_labels_are_brought_up() {
    let folder = Folder::new();
    folder.write("a.csv", "text,label\none two three,x\nfour five six,x\nseven eight nine,x\n");
    folder.write("b.tsv", "text\tlabel\nten eleven twelve\ty\n");
    folder.run(&["augment", "a.csv", "b.tsv", "--out", "out.jsonl", "--balance"]).succeeded();
    let out = lines(&folder, "out.jsonl");
    let count = |label: &str| out.iter().filter(|line| line["label"] == label).count();
    assert_eq!((count("x"), count("y")), (6, 6));
}

#[test]
fn a_training_tells_what_it_changes_and_the_model_file_keeps_it() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(80));
    let set = ["--set", "train.augment.delete=0.1", "--set", "train.augment.keyboard=0.05"];
    let ran = folder.train(&[&["train.csv", "--epochs", "3"], &set[..]].concat()).succeeded();
    assert!(ran.stderr.contains("augmentation of what is learned from: delete 0.1, keyboard 0.05"), "{}", ran.stderr);
    let told = folder.run(&["inspect", "model.fenlei", "--json"]).succeeded().stdout;
    assert!(told.contains("\"delete\":0.1"), "{told}");
}

#[test]
fn wrong_use_is_told_with_its_place() {
    let folder = Folder::new();
    folder.write("in.csv", reviews(4));
    folder.write("empty.txt", "");
    folder.write("wordnet/index.noun", "movie n 1 0 1 0 00000020  \n");
    folder.write("wordnet/data.noun", "00000020 04 n zz movie 0\n");
    folder.write("other/readme", "");
    let cases: [&[&str]; 12] = [
        &["augment", "in.csv"],
        &["augment", "in.csv", "--out", "x.xls"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "synonim=0.1"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "delete=1.5"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "delete"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "delete=0"],
        &["augment", "in.csv", "--out", "x.csv", "--split", "test"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "synonym=0.1", "--synonyms", "empty.txt"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "synonym=0.1", "--wordnet", "other"],
        &["augment", "in.csv", "--out", "x.csv", "--rate", "synonym=0.1", "--wordnet", "wordnet"],
        &["augment", "in.csv", "--out", "-", "--to", "csv", "--json"],
        &["train", "in.csv", "--set", "train.augment.delet=0.1"],
    ];
    let transcripts: Vec<String> = cases.iter().map(|args| folder.transcript(args)).collect();
    assert_snapshot!(transcripts.join("\n"));
    assert!(!folder.path("x.csv").exists());
}
