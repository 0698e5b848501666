//! `fenlei embed`: from documents to vectors, neighbours, scores and other formats; and what is refused.

mod program;

use std::fmt::Write as _;

use insta::assert_snapshot;
use program::{Folder, reviews};

/// Texts about two things, in two languages, whose words never meet.
fn texts() -> String {
    let topics = [["cat", "dog", "horse", "cow", "pet"], ["红", "绿", "蓝", "颜色", "油漆"]];
    let mut lines = String::new();
    for i in 0..600 {
        let words: Vec<&str> = (0..8).map(|k| topics[i % 2][(i / 2 * 7 + k * (1 + i % 3) + k * k) % 5]).collect();
        let _ = writeln!(lines, "{}", words.join(" "));
    }
    lines
}

const JIEBA: [&str; 2] = ["--set", "pipeline.segment.mode=jieba"];
const SMALL: [&str; 7] = ["--dim", "20", "--epochs", "30", "--sample", "0", "--deterministic"];

fn train<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["embed", "train"][..], args, &JIEBA, &SMALL].concat()
}

#[test]
fn from_documents_to_neighbours_analogies_and_scores() {
    let folder = Folder::new();
    folder.write("texts.txt", texts());
    folder.write("list.tsv", "cat\tdog\t9\n红\t绿\t8\ncat\t红\t1\ncow\t蓝\t2\ncat\tzebra\t5\n");
    // In a tree of ten words of nearly the same frequency, words of both subjects hang together at inner nodes: of
    // hierarchical softmax only the two nearest words are sure.
    for (method, extra, n_near, least) in [
        ("word2vec", &["--lr", "0.05"][..], 3, 0.7),
        ("word2vec", &["--architecture", "cbow", "--hierarchical"], 2, 0.5),
        ("word2vec", &["--subwords", "2-3", "--buckets", "1000", "--lr", "0.05"], 3, 0.7),
        ("glove", &["--memory-mb", "0"], 3, 0.7),
    ] {
        let args = [&["texts.txt", "--lines", "-o", "my.vec", "--method", method][..], extra].concat();
        let trained = folder.run(&train(&args)).succeeded();
        assert!(trained.stdout.starts_with("wrote my.vec ("), "{}", trained.stdout);
        assert!(trained.stderr.contains("4,800 words in 600 documents"), "{}", trained.stderr);
        let near =
            folder.run(&["embed", "nn", "my.vec", "Cat", "红", "-n", &n_near.to_string(), "--json"]).succeeded().stdout;
        let lines: Vec<serde_json::Value> = near.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is_ascii = |found: &serde_json::Value| found["word"].as_str().unwrap().is_ascii();
        for (line, expected) in lines.iter().zip([true, false]) {
            let found = line["neighbours"].as_array().unwrap();
            assert!(
                found.len() == n_near && found.iter().all(|word| is_ascii(word) == expected),
                "{method} {extra:?}: {line}"
            );
        }
        let score = folder.run(&["embed", "eval", "my.vec", "list.tsv", "--json"]).succeeded().json();
        assert_eq!((score["n_covered"].as_u64(), score["n_pairs"].as_u64()), (Some(4), Some(5)));
        assert!(score["spearman"].as_f64().unwrap() > least, "{method} {extra:?}: {score}");
    }
    assert_eq!(folder.names(), ["list.tsv", "my.vec", "texts.txt"]);
}

#[test]
fn neighbours_and_scores_are_printed_for_people() {
    let folder = Folder::new();
    folder.write("v.txt", "man 1 0\nking 1 2\nwoman 0.9 0.1\nqueen 1.1 2\n猫 -1 0\n");
    folder.write("list.txt", "word1 word2 score\nman woman 9\nking queen 8\nman 猫 1\nman dog 3\n");
    folder
        .write("questions.txt", ": family\nman king woman queen\nman king woman dog\n: royal\nking man queen woman\n");
    let shown = [
        folder.transcript(&["embed", "nn", "v.txt", "man", "-n", "2"]),
        folder.transcript(&["embed", "nn", "v.txt", "man", "queen", "-n", "1"]),
        folder.transcript(&["embed", "analogy", "v.txt", "man", "king", "woman", "-n", "2"]),
        folder.transcript(&["embed", "eval", "v.txt", "list.txt", "questions.txt"]),
        folder.transcript(&["embed", "eval", "v.txt", "questions.txt", "--json"]),
    ];
    assert_snapshot!("embed_shown", shown.join("\n"));
}

#[test]
fn deterministic_training_gives_the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("texts.txt", texts());
    for (name, method) in [("a", "word2vec"), ("b", "glove")] {
        let files = [format!("{name}1.bin"), format!("{name}2.bin")];
        for (file, threads) in files.iter().zip(["1", "4"]) {
            let args = ["texts.txt", "--lines", "-o", file, "--method", method, "--threads", threads];
            folder.run(&train(&args)).succeeded();
        }
        assert_eq!(folder.read(&files[0]), folder.read(&files[1]), "{method}");
    }
}

#[test]
fn every_reader_of_documents_and_standard_input_give_words() {
    let folder = Folder::new();
    folder.write("data/train/pos/1.txt", "a fine film ".repeat(9));
    folder.write("data/train/neg/1.txt", "a dull film ".repeat(9));
    folder.write("data/train/unsup/1.txt", "an odd film ".repeat(9));
    folder.write("data/test/pos/1.txt", "secret words ".repeat(9));
    folder.write("data/test/neg/1.txt", "secret words ".repeat(9));
    folder.write("more.csv", "text,label\nmore text more text more text,\nmore text more text,x\n");
    let args = ["embed", "train", "data", "more.csv", "-o", "v.txt", "--epochs", "1", "--json", "--dim", "4"];
    let found = folder.run(&args).succeeded().json();
    let words = String::from_utf8(folder.read("v.txt")).unwrap();
    let words: Vec<&str> = words.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["film", "a", "an", "dull", "fine", "odd", "more", "text"]);
    assert_eq!(found["n_tokens"], 91);
    let args = ["embed", "train", "-", "-o", "w.vec", "--min-count", "1", "--dim", "4", "--quiet"];
    let ran = folder.run_with_input(&args, "ein Wort\nnoch ein Wort\n\u{0}\n".as_bytes()).succeeded();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(String::from_utf8(folder.read("w.vec")).unwrap().starts_with("3 4\nein "));
}

#[test]
fn every_format_becomes_every_other_and_comes_back() {
    let folder = Folder::new();
    folder.write("a.txt", "the 0.1 -2e-20\n电影 3.5 1e30\n🎬 7 0.33333334\n");
    let original = folder.run(&["embed", "convert", "a.txt", "first.vec"]).succeeded();
    assert_eq!(original.stderr, "first.vec: wrote 3 words of 2\n");
    let mut from = "first.vec";
    for to in ["b.bin", "c.txt.gz", "d.bin.zst", "e.vec.gz", "f.glove", "g.vec"] {
        folder.run(&["embed", "convert", from, to]).succeeded();
        from = to;
    }
    assert_eq!(folder.read("g.vec"), folder.read("first.vec"));
    folder.run(&["embed", "convert", "a.txt", "h", "--to", "word2vec-binary"]).succeeded();
    assert_eq!(folder.read("h"), folder.read("b.bin"));
}

#[test]
fn a_classifier_starts_from_trained_vectors() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(60));
    folder.run(&["embed", "train", "reviews.csv", "-o", "my.bin", "--dim", "8", "--min-count", "1"]).succeeded();
    let said = folder.train(&["reviews.csv", "--epochs", "1", "--embeddings", "my.bin"]).succeeded().stderr;
    assert!(said.contains("word vectors: ") && said.contains("100"), "{said}");
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let folder = Folder::new();
    folder.write("one.csv", "text,label\nonce,x\n");
    folder.write("empty.txt", "");
    folder.write("twice.txt", "the 1 2\nof 1 2\nthe 3 4\n");
    folder.write("ragged.txt", "the 1 2\nof 1\n");
    folder.write("nan.txt", "the 1 2\nof 1 NaN\n");
    folder.write("wrong.vec", "5 2\nthe 1 2\n");
    folder.write("gbk.txt", b"film 1 2\n\xb5\xe7\xd3\xb0 3 4\n");
    folder.write("good.txt", "the 1 2\nof 1 3\ntwo words 3 4\n");
    folder.write("list.txt", "the of 1\nthe of\n");
    let shown: Vec<String> = [
        &["embed", "train", "one.csv", "-o", "v.vec"][..],
        &["embed", "train", "empty.txt", "--lines", "-o", "v.vec"],
        &["embed", "train", "one.csv", "-o", "v.xyz"],
        &["embed", "train", "one.csv", "-o", "no/such/v.vec"],
        &["embed", "train", "one.csv", "-o", "v.vec", "--min-count", "1", "--dim", "0"],
        &["embed", "train", "one.csv", "-o", "v.vec", "--subwords", "6-3"],
        &["embed", "nn", "twice.txt", "the"],
        &["embed", "nn", "ragged.txt", "the"],
        &["embed", "nn", "nan.txt", "the"],
        &["embed", "nn", "wrong.vec", "the"],
        &["embed", "nn", "gbk.txt", "film"],
        &["embed", "nn", "good.txt", "zebra"],
        &["embed", "analogy", "good.txt", "the", "of", "zebra"],
        &["embed", "convert", "good.txt", "good.bin"],
        &["embed", "eval", "good.txt", "list.txt"],
        &["embed", "eval", "missing.txt", "list.txt"],
    ]
    .iter()
    .map(|args| folder.transcript(args))
    .collect();
    assert_snapshot!("embed_refused", shown.join("\n"));
    let names = folder.names();
    assert!(!names.iter().any(|name| name.starts_with("v.") || name == "good.bin"), "{names:?}");
    let kept = folder.run(&["embed", "nn", "twice.txt", "the", "--duplicates", "first"]).succeeded().stdout;
    assert_eq!(kept, "1.0000\tof\n");
}
