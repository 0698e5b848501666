//! `fenlei pretrain`: from texts to an encoder that a classifier starts from; and what is refused.

mod program;

use std::fmt::Write as _;

use program::{Folder, reviews, signal};

/// Sentences in two languages in which words tell of each other.
fn texts(n: usize) -> String {
    const ENGLISH: [[&str; 3]; 3] =
        [["sailor", "harbour", "wooden"], ["farmer", "orchard", "ripe"], ["teacher", "classroom", "quiet"]];
    const CHINESE: [[&str; 3]; 3] = [["水手", "港口", "木头"], ["农民", "果园", "成熟"], ["老师", "教室", "安静"]];
    let mut lines = String::new();
    for i in 0..n {
        let ([who, place, how], [zh_who, zh_place, zh_how]) = (ENGLISH[i / 2 % 3], CHINESE[i / 2 % 3]);
        let _ = match i % 2 {
            0 => writeln!(lines, "A {who} finds something {how} near the {place}, and the {who} keeps it."),
            _ => writeln!(lines, "{zh_who}在{zh_place}找到{zh_how}的东西,{zh_who}很高兴。"),
        };
    }
    lines
}

const SMALL: [&str; 14] = [
    "--layers",
    "1",
    "--width",
    "32",
    "--heads",
    "2",
    "--max-tokens",
    "32",
    "--tokens-per-step",
    "256",
    "--lr",
    "0.003",
    "--vocabulary-size",
    "400",
];

#[test]
fn an_encoder_from_texts_is_trained_further_and_classifies() {
    let folder = Folder::new();
    folder.write("texts.txt", texts(240));
    let args = ["pretrain", "texts.txt", "-o", "encoder", "--epochs", "12", "--history", "h.jsonl", "--json"];
    let ran = folder.run(&[&args[..], &SMALL].concat()).succeeded();
    let summary = ran.json();
    let figure = |key: &str| summary[key].as_f64().unwrap();
    assert!(figure("perplexity") < 0.2 * figure("perplexity_before"), "{summary}");
    assert!(ran.stderr.contains("228 documents") && ran.stderr.contains("12 held out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the encoder starts anew"), "{}", ran.stderr);
    assert_eq!(folder.names(), ["encoder", "h.jsonl", "texts.txt"]);
    let history = String::from_utf8(folder.read("h.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 13, "{history}");

    // The same again is the same.
    folder.run(&[&args[..], &SMALL].concat()).ended(2);
    let args = ["pretrain", "texts.txt", "-o", "again", "--epochs", "12", "--threads", "1", "-q"];
    folder.run(&[&args[..], &SMALL].concat()).succeeded();
    for name in ["model.safetensors", "tokenizer.json", "config.json"] {
        assert_eq!(folder.read(&format!("encoder/{name}")), folder.read(&format!("again/{name}")), "{name}");
    }

    // On other texts, and then to labels.
    folder.write("reviews.csv", reviews(60));
    let args =
        ["pretrain", "reviews.csv", "--pretrained", "encoder", "-o", "further", "--max-tokens", "32", "--steps", "3"];
    let ran = folder.run(&args).succeeded();
    assert!(ran.stdout.contains("perplexity of held-out documents: "), "{}", ran.stdout);
    assert!(ran.stderr.contains("its masked head is there too"), "{}", ran.stderr);
    let args =
        ["train", "reviews.csv", "--model", "encoder", "--pretrained", "further", "-o", "m.fenlei", "--epochs", "1"];
    folder.run(&[&args[..], &["--set", "pipeline.truncate.max_tokens=32"]].concat()).succeeded();
    folder.run(&["predict", "m.fenlei", "a lovely film"]).succeeded();
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_state_and_resume_ends_as_if_nothing_had_happened() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::new();
    folder.write("texts.txt", texts(400));
    let args = ["pretrain", "texts.txt", "-o", "parts", "--epochs", "6", "--evaluate-every", "3"];
    let args = [&args[..], &SMALL].concat();
    let mut child = folder.spawn(&args);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().starts_with("step 3 ")), "it begins");
    signal(&child, "INT");
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success());
    let said = said.join("\n");
    assert!(said.contains("parts.checkpoint, and --resume goes on"), "{said}");
    assert_eq!(folder.names(), ["parts.checkpoint", "texts.txt"]);
    folder.run(&[&args[..], &["--resume"]].concat()).succeeded();
    assert_eq!(folder.names(), ["parts", "texts.txt"]);
    let whole = ["pretrain", "texts.txt", "-o", "whole", "--epochs", "6", "--evaluate-every", "3"];
    folder.run(&[&whole[..], &SMALL].concat()).succeeded();
    assert_eq!(folder.read("parts/model.safetensors"), folder.read("whole/model.safetensors"));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_read() {
    let folder = Folder::new();
    folder.write("texts.txt", texts(20));
    folder.write("there/file", "kept");
    for (args, code, expected) in [
        (&["texts.txt", "-o", "there"][..], 2, "not empty"),
        (&["texts.txt", "-o", "no/such/place"], 2, "create it first"),
        (&["texts.txt", "-o", "x", "--heads", "3"], 2, "pretrain.heads"),
        (&["texts.txt", "-o", "x", "--mask-rate", "2"], 2, "pretrain.mask_rate"),
        (&["texts.txt", "-o", "x", "--pretrained", "missing"], 2, "there is no folder missing"),
        (&["texts.txt", "-o", "x", "--pretrained", "hf:../x"], 2, "hf:OWNER/NAME"),
        (&["texts.txt", "-o", "x", "--pretrained", "y", "--layers", "3"], 2, "cannot be used with"),
        (&["missing.txt", "-o", "x"], 1, "missing.txt"),
    ] {
        let ran = folder.run(&[&["pretrain"], args].concat()).ended(code);
        assert!(ran.stderr.contains(expected), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(folder.names(), ["texts.txt", "there"]);
}

#[test]
fn a_model_of_a_hub_that_is_not_there_is_asked_for() {
    let folder = Folder::new();
    let offline = |args: &[&str]| {
        let mut command = folder.command(args);
        command.env("HF_HOME", folder.path("cache")).env("HF_HUB_OFFLINE", "1").env_remove("HF_HUB_CACHE");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    folder.write("reviews.csv", reviews(20));
    for args in [
        &["data", "get", "hf:someone/tiny"][..],
        &["train", "reviews.csv", "--model", "encoder", "--pretrained", "hf:someone/tiny"],
        &["pretrain", "reviews.csv", "-o", "x", "--pretrained", "hf:someone/tiny"],
    ] {
        let (code, said) = offline(args);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("HF_HUB_OFFLINE") && said.contains("models--someone--tiny"), "{said}");
    }
    let (code, said) = offline(&["data", "get", "hf:someone/tiny", "--sha256", "x"]);
    assert!(code == Some(2) && said.contains("leave --from and --sha256 out"), "{said}");
}
