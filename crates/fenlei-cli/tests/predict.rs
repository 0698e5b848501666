//! What `fenlei predict` gives for a line, from wherever the line comes.

mod program;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::Folder;
use serde_json::Value;

#[test]
fn a_line_in_is_a_line_out_in_order_from_every_source() {
    let folder = Folder::with_model();
    let texts = ["a lovely film", "dull and awful", "", "很好", "a fine warm film", "so boring"];
    let input: String = (0..5000).map(|i| format!("{}\n", texts[i % texts.len()])).collect();
    folder.write("lines.txt", &input);
    let from_file = folder.run(&["predict", "model.fenlei", "lines.txt", "--json"]).succeeded().stdout;
    let from_pipe =
        folder.run_with_input(&["predict", "model.fenlei", "-", "--json"], input.as_bytes()).succeeded().stdout;
    let implied = folder.run_with_input(&["predict", "model.fenlei", "--json"], input.as_bytes()).succeeded().stdout;
    assert!(from_file == from_pipe && from_file == implied);
    assert_eq!(from_file.lines().count(), 5000);
    for (i, line) in from_file.lines().enumerate() {
        assert_eq!(line, from_file.lines().nth(i % texts.len()).unwrap(), "line {i}");
    }
    let answer: Value = serde_json::from_str(from_file.lines().next().unwrap()).unwrap();
    assert_eq!((answer[0]["label"].as_str(), answer[1]["label"].as_str()), (Some("good"), Some("bad")));
    let sum = answer[0]["score"].as_f64().unwrap() + answer[1]["score"].as_f64().unwrap();
    assert!((sum - 1.0).abs() < 1e-5);
    let top = folder.run(&["predict", "model.fenlei", "a lovely film", "--top-k", "2"]).succeeded().stdout;
    let fields: Vec<&str> = top.trim_end().split('\t').collect();
    assert_eq!((fields.len(), fields[0], fields[2]), (4, "good", "bad"));
    let both = folder.run(&["predict", "model.fenlei", "lines.txt", "lines.txt"]).succeeded().stdout;
    assert_eq!(both.lines().count(), 10_000);
}

#[test]
fn who_types_a_line_gets_its_answer_before_typing_the_next() {
    let folder = Folder::with_model();
    let mut child = folder.spawn(&["predict", "model.fenlei", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for (text, label) in
        [("a lovely film with fine acting", "good"), ("a dull film with awful acting", "bad"), ("a warm film", "good")]
    {
        writeln!(stdin, "{text}").unwrap();
        let mut answer = String::new();
        // Blocks for ever if the answer waits for more lines.
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(answer.split('\t').next(), Some(label));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let folder = Folder::with_model();
    let mut child = folder.spawn(&["predict", "model.fenlei", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(b"a lovely film\n").unwrap();
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    // Standard input stays open: the program must not wait for it.
    stdin.write_all(b"a lovely film\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    drop(stdin);
}

#[test]
fn broken_bytes_are_replaced_with_a_warning() {
    let folder = Folder::with_model();
    let ran = folder.run_with_input(&["predict", "model.fenlei"], b"\xe5\xa5\xbd\na love\xffly film\n").succeeded();
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(ran.stderr.starts_with("warning: 1 byte sequence"), "{}", ran.stderr);
}

#[test]
fn several_labels_a_document() {
    let folder = Folder::new();
    let rows = ["a fine warm film,good|warm", "a cold dull film,bad", "warm but dull,bad|warm", "nothing much,"];
    let csv: String = (0..80).map(|i| format!("{}\n", rows[i % rows.len()])).collect();
    folder.write("many.csv", format!("text,label\n{csv}"));
    folder.train(&["many.csv", "--label-separator", "|", "--epochs", "20"]).succeeded();
    let ask = |args: &[&str]| folder.run(&[&["predict", "model.fenlei"], args].concat()).succeeded().stdout;
    let answer = ask(&["a fine warm film"]);
    let mut labels: Vec<&str> = answer.split('\t').next().unwrap().split(',').collect();
    labels.sort_unstable();
    assert_eq!(labels, ["good", "warm"]);
    // What says nothing of any label has none above the highest bar.
    assert_eq!(ask(&["nothing much", "--threshold", "1"]), "\t\n");
    assert_eq!(ask(&["a fine warm film", "--threshold", "0"]).split('\t').next().unwrap().split(',').count(), 3);
    let args = ["eval", "model.fenlei", "many.csv", "--label-separator", "|", "--json", "--errors", "2"];
    let report = folder.run(&args).succeeded().json();
    assert_eq!((report["multi_label"].as_bool(), report["n_docs"].as_u64()), (Some(true), Some(80)));
    assert!(report["errors"].is_array());
}

#[test]
fn one_sentence_is_answered_at_once() {
    let folder = Folder::with_model();
    let time = |_| {
        let clock = Instant::now();
        let mut command: Command = folder.command(&["predict", "model.fenlei", "a lovely film"]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
        clock.elapsed()
    };
    let fastest = (0..10).map(time).min().unwrap();
    // Measured: a few milliseconds. The bound leaves room for a busy machine and a debug build.
    assert!(fastest < Duration::from_millis(60), "{fastest:?}");
}
