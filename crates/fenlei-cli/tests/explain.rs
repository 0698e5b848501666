//! `fenlei explain`: words, n-grams, labels, as text, JSON and page.

mod program;

use insta::assert_snapshot;
use program::Folder;
use serde_json::Value;

/// With `linear.fenlei` beside the net.
fn folder() -> Folder {
    let folder = Folder::with_model();
    let args = ["train", "reviews.csv", "--model", "linear", "--set=model.features.min_df=1", "-o", "linear.fenlei"];
    folder.run(&args).succeeded();
    folder
}

fn weight_of(explanation: &Value, word: &str) -> f64 {
    let words = explanation["words"].as_array().unwrap();
    words.iter().find(|found| found["text"] == word).unwrap()["weight"].as_f64().unwrap()
}

#[test]
fn words_have_weights_and_places_in_bytes_and_characters() {
    let folder = folder();
    for model in ["model.fenlei", "linear.fenlei"] {
        let text = "很 lovely film, not dull";
        let explanation = folder.run(&["explain", model, text, "--label", "good", "--json"]).succeeded().json();
        assert_eq!(explanation["label"], "good");
        assert!(weight_of(&explanation, "lovely") > 0.0 && weight_of(&explanation, "dull") < 0.0, "{explanation}");
        let words = explanation["words"].as_array().unwrap();
        let lovely = words.iter().find(|word| word["text"] == "lovely").unwrap();
        assert_eq!((&lovely["bytes"], &lovely["chars"]), (&serde_json::json!([4, 10]), &serde_json::json!([2, 8])));
        let sum: f64 = words.iter().map(|word| word["weight"].as_f64().unwrap()).sum();
        let (base, score) = (explanation["base"].as_f64().unwrap(), explanation["score"].as_f64().unwrap());
        assert!((sum + base - score).abs() < 1e-4, "{model}: {sum} + {base} is not {score}");
        let other = folder.run(&["explain", model, text, "--label", "bad", "--json"]).succeeded().json();
        assert!((weight_of(&other, "lovely") + weight_of(&explanation, "lovely")).abs() < 1e-4);
    }
}

#[test]
fn lines_are_explained_in_order_whatever_the_number_of_threads() {
    let folder = folder();
    let lines: String = (0..600).map(|i| format!("a {} film\n", ["lovely", "dull", "warm and cold"][i % 3])).collect();
    folder.write("lines.txt", &lines);
    let one = folder.run(&["explain", "model.fenlei", "lines.txt", "--json", "--threads", "1"]).succeeded().stdout;
    let three = folder.run(&["explain", "model.fenlei", "lines.txt", "--json", "--threads", "3"]).succeeded().stdout;
    let piped = folder.run_with_input(&["explain", "model.fenlei", "--json"], lines.as_bytes()).succeeded().stdout;
    assert!(one == three && one == piped);
    let labels: Vec<Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(labels.len(), 600);
    assert_eq!((labels[300]["label"].as_str(), labels[301]["label"].as_str()), (Some("good"), Some("bad")));
}

#[test]
fn without_colours_strong_words_stand_in_brackets_and_nothing_commands_the_terminal() {
    let folder = folder();
    let text = "a lovely film \u{1b}[31mwith acting";
    let plain = folder.run(&["explain", "linear.fenlei", text, "--top", "2"]).succeeded().stdout;
    assert!(plain.contains("[lovely +") && !plain.contains('\u{1b}'), "{plain}");
    assert_eq!(plain.lines().filter(|line| line.starts_with("    ")).count(), 2, "{plain}");
    let coloured = folder.run(&["explain", "linear.fenlei", text, "--color", "always"]).succeeded().stdout;
    assert!(coloured.contains("\u{1b}[1;7;34mlovely\u{1b}[0m") && !coloured.contains("\u{1b}[31m"), "{coloured}");
    assert!(coloured.contains("for good") && coloured.contains("against it"));
}

#[test]
fn a_page_holds_every_text_and_no_markup_of_theirs() {
    let folder = folder();
    folder.write("lines.txt", "a lovely film\n<script>alert(1)</script> dull\n");
    let args = ["explain", "model.fenlei", "lines.txt", "--html", "why.html", "--lang", "zh"];
    let ran = folder.run(&args).succeeded();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "wrote why.html\n"));
    let page = String::from_utf8(folder.read("why.html")).unwrap();
    assert!(page.contains("&lt;") && !page.contains("<script") && page.contains("lang=\"zh-CN\""));
    assert_eq!(page.matches("<p class=\"text\"").count(), 2);
}

#[test]
fn the_ngrams_that_decide_come_from_the_weights_or_from_documents() {
    let folder = folder();
    let by_weights = folder.run(&["explain", "linear.fenlei", "--global", "--top", "3", "--json"]).succeeded().json();
    let of_bad = by_weights["labels"][0]["ngrams"].as_array().unwrap();
    assert_eq!((by_weights["labels"][0]["label"].as_str(), of_bad.len()), (Some("bad"), 3));
    let bad = ["dull", "awful", "boring", "cold", "poor"];
    assert!(bad.iter().any(|word| of_bad[0]["text"].as_str().unwrap().contains(word)), "{by_weights}");
    let args = ["explain", "model.fenlei", "--global", "--data", "reviews.csv", "--label", "good"];
    let by_documents = folder.run(&args).succeeded().stdout;
    assert!(by_documents.starts_with("good (sum over 30 documents given this label)"), "{by_documents}");
}

#[test]
fn wrong_use_is_told_with_its_place() {
    let folder = folder();
    let transcripts = [
        folder.transcript(&["explain", "model.fenlei", "a film", "--label", "great"]),
        folder.transcript(&["explain", "model.fenlei", "--global"]),
        folder.transcript(&["explain", "model.fenlei", "no-such-file.txt"]),
        folder.transcript(&["explain", "model.fenlei", "a film", "--html", "x.html", "--lang", "fr"]),
    ];
    assert_snapshot!(transcripts.join("\n"));
}
