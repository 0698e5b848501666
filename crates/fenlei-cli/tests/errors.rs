//! What the program says and does when something is wrong. Each case asserts its exit code: 1 failed, 2 wrong use.

mod program;

use std::fs::File;
use std::process::Stdio;

use insta::assert_snapshot;
use program::{Folder, reviews, signal, train_args};

fn train_on(content: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    folder.write("data.csv", content);
    let transcript = folder.transcript(&["train", "data.csv"]);
    assert_eq!(folder.names(), ["data.csv"], "something stayed behind");
    transcript
}

#[test]
fn an_empty_file() {
    assert_snapshot!(train_on(""));
}

#[test]
fn one_class() {
    assert_snapshot!(train_on("text,label\na fine film,good\na lovely film,good\n"));
}

#[test]
fn a_ragged_row() {
    assert_snapshot!(train_on("text,label\na fine film,good\na dull film\nso dull,bad\n"));
}

#[test]
fn no_labels() {
    assert_snapshot!(train_on("text,label\na fine film,\na dull film,\n"));
}

#[test]
fn no_words_left() {
    assert_snapshot!(train_on("text,label\n\u{200b},good\n  ,bad\n\u{200b},good\n \u{200b},bad\n"));
}

#[test]
fn a_missing_column() {
    let folder = Folder::new();
    folder.write("data.csv", reviews(10));
    let transcript = folder.transcript(&["train", "data.csv", "--label-column", "lable"]);
    assert_snapshot!(transcript);
}

#[test]
fn a_missing_file() {
    assert_snapshot!(Folder::new().transcript(&["train", "no-such-file.csv"]));
}

#[test]
fn a_class_with_one_document_is_learned_like_the_others() {
    let folder = Folder::new();
    folder.write("data.csv", format!("{}an odd one,strange\n", reviews(40)));
    folder.train(&["data.csv", "--epochs", "1"]).succeeded();
    let found = folder.run(&["inspect", "model.fenlei", "--json"]).succeeded().json();
    assert_eq!(found["labels"], serde_json::json!(["bad", "good", "strange"]));
}

#[test]
fn nul_bytes_and_broken_utf8_are_counted_and_survived() {
    let folder = Folder::new();
    folder.write("nul.csv", format!("{}a nul \0 here,good\n", reviews(40)));
    let said = folder.train(&["nul.csv", "--epochs", "1"]).succeeded().stderr;
    assert!(said.contains("1 texts hold NUL characters"), "{said}");
    let mut bytes = format!("{}好好好好好好好好好好,good\n", reviews(40)).into_bytes();
    bytes.extend_from_slice(b"a broken \xff byte,bad\n");
    folder.write("broken.csv", bytes);
    let said = folder.train(&["broken.csv", "--epochs", "1"]).succeeded().stderr;
    assert!(said.contains("1 malformed byte sequences were replaced"), "{said}");
}

#[test]
fn a_line_of_ten_megabytes_is_read_and_predicted() {
    let folder = Folder::new();
    let long = "dull ".repeat(2_000_000);
    folder.write("data.csv", format!("{}{long},bad\n", reviews(40)));
    folder.train(&["data.csv", "--epochs", "1"]).succeeded();
    let answers = folder.run_with_input(&["predict", "model.fenlei"], format!("{long}\nfine\n").as_bytes()).succeeded();
    assert_eq!(answers.stdout.lines().count(), 2);
}

#[test]
fn an_unknown_label_in_test_data() {
    let folder = Folder::with_model();
    folder.write("test.csv", "text,label\na lovely film,good\na dull film,bad\nso-so,mixed\nmeh,mixed\n");
    let lenient = folder.run(&["eval", "model.fenlei", "test.csv", "--json"]).succeeded();
    assert_eq!(lenient.json()["n_docs"], 2);
    assert!(lenient.stderr.contains("\"mixed\" (2 documents)"), "{}", lenient.stderr);
    let strict = folder.run(&["eval", "model.fenlei", "test.csv", "--strict"]).ended(1);
    assert!(strict.stdout.is_empty() && strict.stderr.contains("\"mixed\" (2 documents)"), "{}", strict.stderr);
    folder.write("other.csv", "text,label\nso-so,mixed\nodd,strange\n");
    let none = folder.run(&["eval", "model.fenlei", "other.csv"]).ended(1);
    assert!(none.stderr.contains("no document has a label that the model knows (bad, good)"), "{}", none.stderr);
}

#[test]
fn damaged_and_foreign_model_files() {
    let folder = Folder::with_model();
    let model = folder.read("model.fenlei");
    folder.write("truncated.fenlei", &model[..model.len() / 2]);
    let mut corrupt = model.clone();
    corrupt[model.len() / 2] ^= 0x20;
    folder.write("corrupt.fenlei", &corrupt);
    folder.write("foreign.fenlei", "PK\u{3}\u{4} this is something else");
    folder.write("empty.fenlei", "");
    for name in ["truncated.fenlei", "corrupt.fenlei", "foreign.fenlei", "empty.fenlei", "missing.fenlei"] {
        for args in [&["predict", name, "a fine film"][..], &["inspect", name], &["eval", name, "reviews.csv"]] {
            let refused = folder.run(args).ended(1);
            assert!(refused.stdout.is_empty(), "{}", refused.stdout);
            assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains("help: "), "{}", refused.stderr);
            assert!(refused.stderr.contains(name), "{}", refused.stderr);
        }
    }
    assert_snapshot!("foreign_model", folder.transcript(&["predict", "foreign.fenlei", "a fine film"]));
}

#[test]
fn something_else_is_never_overwritten() {
    let folder = Folder::new();
    folder.write("data.csv", reviews(20));
    folder.write("thesis.txt", "years of work");
    assert_snapshot!(folder.transcript(&["train", "data.csv", "-o", "thesis.txt"]));
    assert_eq!(folder.read("thesis.txt"), b"years of work");
    folder.train(&["data.csv", "--epochs", "1"]).succeeded();
    let first = folder.read("model.fenlei");
    folder.train(&["data.csv", "--epochs", "1", "--seed", "9"]).succeeded();
    assert_ne!(folder.read("model.fenlei"), first, "an older model may be overwritten");
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = Folder::new();
    folder.write("data.csv", reviews(20));
    assert_snapshot!("missing_folder", folder.transcript(&["train", "data.csv", "-o", "no/such/folder/model.fenlei"]));
    folder.run(&["train", "data.csv", "-o", "."]).ended(2);
    if cfg!(target_os = "linux") {
        // Nobody may make files there, not even root.
        let refused = folder.run(&["train", "data.csv", "-o", "/proc/model.fenlei"]).ended(1);
        assert!(refused.stderr.contains("cannot write /proc/model.fenlei"), "{}", refused.stderr);
    }
    assert_eq!(folder.names(), ["data.csv"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let folder = Folder::with_model();
    let model = folder.read("model.fenlei");
    let args = train_args(&["reviews.csv", "--epochs", "1", "-o", "/dev/full", "--checkpoint", "c"]);
    let refused = folder.run(&args).ended(1);
    assert!(refused.stderr.contains("error: cannot write /dev/full: No space left"), "{}", refused.stderr);
    for args in [&["predict", "model.fenlei", "a fine film"][..], &["eval", "model.fenlei", "reviews.csv", "--json"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = folder.command(args).stdout(Stdio::from(full)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("No space left"), "{said}");
    }
    assert_eq!(folder.read("model.fenlei"), model);
}

#[test]
#[cfg(unix)]
fn a_killed_training_leaves_the_old_model_whole() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::with_model();
    let model = folder.read("model.fenlei");
    let mut child = folder.spawn(&train_args(&["reviews.csv", "--epochs", "100000"]));
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(stderr.any(|line| line.starts_with("epoch")));
    signal(&child, "KILL");
    child.wait().unwrap();
    assert_eq!(folder.read("model.fenlei"), model);
}

#[test]
fn wrong_configurations() {
    let folder = Folder::new();
    folder.write("data.csv", reviews(20));
    folder.write("plan.toml", "[train]\nepoch = 3\n");
    let cases = [
        &["--config", "plan.toml"][..],
        &["--set", "train.optimizer.kind=adamm"],
        &["--set", "train.epochs=many"],
        &["--set", "epochs=3"],
        &["--set", "epochs"],
        &["--set", "model.layers.9.dim=3"],
        &["--set", "train.validation=1.5"],
        &["--recipe", "kim2014"],
        &["--config", "no-such.toml"],
    ];
    let transcripts = cases.map(|case| folder.transcript(&[&["config", "show"], case].concat()));
    assert_snapshot!(transcripts.join("\n"));
    for case in &cases[..cases.len() - 1] {
        folder.run(&[&["train", "data.csv"], *case].concat()).ended(2);
    }
    assert_eq!(folder.names(), ["data.csv", "plan.toml"]);
}

#[test]
fn wrong_arguments() {
    let folder = Folder::with_model();
    folder.write("lines.txt", "a fine film\n");
    let cases = [
        &["train"][..],
        &["trian", "reviews.csv"],
        &["train", "reviews.csv", "--epochs", "0"],
        &["train", "reviews.csv", "--epochs", "few"],
        &["train", "reviews.csv", "--recipe", "cnn", "--model", "cnn"],
        &["--threads", "0", "config", "list"],
        &["predict", "model.fenlei", "lines.text"],
        &["predict", "model.fenlei", "lines.txt", "a fine film"],
        &["predict", "model.fenlei", "a fine film", "--threshold", "0.5"],
        &["predict", "model.fenlei", "a fine film", "--top-k", "0"],
        &["predict", "model.fenlei", "lines.txt", "--encoding", "klingon"],
        &["eval", "model.fenlei", "reviews.csv", "--threshold", "0.5"],
        &["inspect"],
        &["inspect", "text"],
    ];
    let transcripts = cases.map(|case| {
        let transcript = folder.transcript(case);
        assert!(transcript.contains("\nexit code: 2\n"), "{transcript}");
        transcript
    });
    assert_snapshot!(transcripts.join("\n"));
}

#[test]
fn data_of_another_kind_than_the_model() {
    let folder = Folder::with_model();
    folder.write("many.csv", "text,label\na film,good|bad\nb film,good\nc film,bad\n");
    let refused = folder.run(&["eval", "model.fenlei", "many.csv", "--label-separator", "|"]).ended(1);
    assert!(refused.stderr.contains("document 1 has 2 labels, but the model gives one"), "{}", refused.stderr);
    let args = train_args(&["reviews.csv", "--validation", "many.csv", "--label-separator", "|"]);
    // Both are read with the separator, so both may have several.
    folder.run(&args).succeeded();
}

#[test]
fn a_history_that_cannot_be_written() {
    let folder = Folder::new();
    folder.write("data.csv", reviews(20));
    let refused = folder.train(&["data.csv", "--history", "no/such/history.jsonl"]).ended(1);
    assert!(refused.stderr.contains("cannot write no/such/history.jsonl"), "{}", refused.stderr);
    assert_eq!(folder.names(), ["data.csv"]);
}

#[test]
fn steps_of_the_pipeline_that_cannot_be() {
    let folder = Folder::new();
    for (setting, help) in [
        ("pipeline.keep_pos=['NUON']", "did you mean \"NOUN\"?"),
        ("pipeline.keep_pos=['noun']", "did you mean \"NOUN\"?"),
        ("pipeline.stem=eng", "did you mean \"en\"?"),
        ("pipeline.phrases.score=npmy", "did you mean \"npmi\"?"),
        ("pipeline.pinyin.tone=true", "did you mean `tones`?"),
        ("pipeline.phrases.passes=99", "expected at most 10"),
        ("pipeline.stop_words.file=none.txt", "cannot read none.txt"),
    ] {
        let refused = folder.run(&["inspect", "text", "a film", "--set", setting]);
        assert!(refused.stderr.contains(help), "{setting}: {}", refused.stderr);
    }
}
