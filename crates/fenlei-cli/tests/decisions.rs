//! Evaluating, comparing and deciding: what the program shows, saves and refuses.

mod program;

use std::fmt::Write as _;

use insta::assert_snapshot;
use program::Folder;

/// A number that shows no pattern (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 27)
}

/// Reviews of which words tell the label three times in four, always the same.
fn noisy(n: usize, offset: usize) -> String {
    const GOOD: [&str; 5] = ["lovely", "fine", "wonderful", "clever", "warm"];
    const BAD: [&str; 5] = ["dull", "awful", "boring", "cold", "poor"];
    let mut csv = String::from("text,label\n");
    for i in offset..offset + n {
        let is_good = i % 2 == 0;
        let word = |k: usize| {
            let draw = mixed((8 * i + k) as u64);
            let words = if is_good == draw.is_multiple_of(4) { BAD } else { GOOD };
            words[(draw >> 8) as usize % 5]
        };
        let label = if is_good { "good" } else { "bad" };
        let _ = writeln!(csv, "a {} film with {} acting and {} scenes {i},{label}", word(0), word(1), word(2));
    }
    csv
}

/// With `model.fenlei`, trained on none of `validation.csv` and `test.csv`.
fn folder_with_model() -> Folder {
    let folder = Folder::new();
    folder.write("train.csv", noisy(160, 0));
    folder.write("validation.csv", noisy(200, 1000));
    folder.write("test.csv", noisy(120, 2000));
    folder.run(&["train", "train.csv", "--model", "nb", "--quiet"]).succeeded();
    folder
}

const CALIBRATE: [&str; 6] = ["calibrate", "model.fenlei", "--data", "validation.csv", "-o", "decided.fenlei"];

#[test]
fn intervals_and_coverage_stand_beside_the_figures() {
    let folder = folder_with_model();
    let eval = ["eval", "model.fenlei", "test.csv"];
    let table = folder.run(&[&eval[..], &["--intervals", "200", "--coverage"]].concat()).succeeded().stdout;
    assert_snapshot!("eval_with_intervals", table);
    let json = |args: &[&str]| folder.run(&[&eval[..], &["--json"], args].concat()).succeeded().json();
    let report = json(&["--intervals"]);
    assert_eq!(report["intervals"]["resamples"].as_u64(), Some(1000));
    let interval = &report["intervals"]["figures"]["macro_f1"];
    let (low, high) = (interval["low"].as_f64().unwrap(), interval["high"].as_f64().unwrap());
    let macro_f1 = report["macro_f1"].as_f64().unwrap();
    assert!(low < macro_f1 && macro_f1 < high, "{interval}");
    assert_eq!(report["coverage_curve"], serde_json::Value::Null);
    let one_thread = json(&["--intervals", "--threads", "1"]);
    assert_eq!(one_thread, json(&["--intervals", "--threads", "3"]));
    assert_ne!(one_thread["intervals"]["figures"], json(&["--intervals", "--seed", "7"])["intervals"]["figures"]);
    assert_eq!(json(&["--coverage"])["coverage_curve"][0]["coverage"].as_f64().map(|c| c < 0.2), Some(true));
}

#[test]
fn a_calibrated_model_is_told_about_saved_and_obeyed() {
    let folder = folder_with_model();
    let more = ["--threshold-for", "precision=0.9", "--positive", "good", "--abstain-below", "0.6"];
    assert_snapshot!("calibrated", folder.transcript(&[&CALIBRATE[..], &more].concat()));
    let about = folder.run(&["inspect", "decided.fenlei"]).succeeded().stdout;
    assert!(about.contains("good from a probability of") && about.contains("calibration: temperature"), "{about}");
    let found = folder.run(&["inspect", "decided.fenlei", "--json"]).succeeded().json();
    assert_eq!(found["decision"]["positive"]["label"].as_u64(), Some(1));

    let report = folder.run(&["eval", "decided.fenlei", "test.csv", "--json"]).succeeded().json();
    let n_covered = report["coverage"]["n_covered"].as_u64().unwrap();
    let text = |csv: String| -> String {
        csv.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n").collect()
    };
    folder.write("texts.txt", text(noisy(120, 2000)));
    let lines = folder.run(&["predict", "decided.fenlei", "texts.txt"]).succeeded().stdout;
    assert_eq!(lines.lines().filter(|line| !line.starts_with("(abstain)\t")).count() as u64, n_covered);
    let answers = folder.run(&["predict", "decided.fenlei", "texts.txt", "--json"]).succeeded().stdout;
    let n_silent = answers.lines().filter(|line| line.starts_with(r#"[{"label":null,"score":0."#)).count() as u64;
    assert_eq!((n_covered + n_silent, n_silent > 0), (120, true));
    // The label that is given comes first, also where the other is more probable.
    for (line, answer) in lines.lines().zip(answers.lines()) {
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        let given = answer[0]["label"].as_str().unwrap_or("(abstain)");
        assert_eq!(line.split('\t').next(), Some(given), "{line} {answer}");
    }
    // A threshold of the moment takes the place of the saved one.
    let all_good = folder.run(&["eval", "decided.fenlei", "test.csv", "--json", "--threshold", "0"]).succeeded().json();
    assert_eq!(all_good["per_class"][1]["recall"].as_f64(), Some(1.0));
}

#[test]
fn calibration_before_and_after_is_in_the_json() {
    let folder = folder_with_model();
    let more = ["--method", "isotonic", "--abstain-for", "accuracy=0.9", "--json"];
    let found = folder.run(&[&CALIBRATE[..], &more].concat()).succeeded().json();
    let error = |when: &str| found[when]["calibration_error"].as_f64().unwrap();
    assert!(error("after") < error("before"), "{found}");
    assert!(found["after"]["coverage"]["accuracy"].as_f64().unwrap() >= 0.9);
    assert_eq!(found["decision"]["calibration"]["method"].as_str(), Some("isotonic"));
    assert!(found["coverage_before"].as_array().unwrap().len() > 3);
}

#[test]
fn labels_of_a_document_may_have_thresholds_of_their_own() {
    let folder = Folder::new();
    let line = |i: usize| match i % 4 {
        0 => format!("a fine warm film {i},good|warm\n"),
        1 => format!("a dull fine film {i},{}\n", if i % 8 == 1 { "bad" } else { "good" }),
        2 => format!("a warm dull film {i},bad|warm\n"),
        _ => format!("a fine film {i},good\n"),
    };
    let csv = |from: usize| format!("text,label\n{}", (from..from + 120).map(line).collect::<String>());
    folder.write("many.csv", csv(0));
    folder.write("validation.csv", csv(1000));
    let separator = ["--label-separator", "|"];
    folder.run(&[&["train", "many.csv", "--model", "linear", "--quiet"][..], &separator].concat()).succeeded();
    let more = ["--threshold-for", "f1", "--per-class", "--method", "none", "--json"];
    let found = folder.run(&[&CALIBRATE[..], &more, &separator].concat()).succeeded().json();
    assert_eq!(found["decision"]["thresholds"].as_array().unwrap().len(), 3);
    assert!(found["after"]["macro_f1"].as_f64() >= found["before"]["macro_f1"].as_f64());
    let answer = folder.run(&["predict", "decided.fenlei", "a fine warm film", "--json"]).succeeded().stdout;
    assert!(answer.contains("\"given\":true") && answer.contains("\"given\":false"), "{answer}");
    let eval = ["eval", "decided.fenlei", "validation.csv", "--intervals", "100"];
    let table = folder.run(&[&eval[..], &separator].concat()).succeeded().stdout;
    assert!(table.contains("ranking loss") && table.contains("threshold\n"), "{table}");
}

#[test]
fn two_models_side_by_side() {
    let folder = folder_with_model();
    folder.write("few.csv", noisy(24, 0));
    folder.run(&["train", "few.csv", "--model", "nb", "--quiet", "-o", "few.fenlei"]).succeeded();
    let compare = ["compare", "few.fenlei", "model.fenlei", "--data", "test.csv"];
    assert_snapshot!("compared", folder.transcript(&[&compare[..], &["--shown", "1"]].concat()));
    let found = folder.run(&[&compare[..], &["--json", "--intervals", "300"]].concat()).succeeded().json();
    assert_eq!((found["a"].as_str(), found["resamples"].as_u64()), (Some("few.fenlei"), Some(300)));
    assert_eq!(found["report_b"]["n_docs"].as_u64(), Some(120));
    assert_eq!(found["differences"][0]["figure"].as_str(), Some("accuracy"));
    assert!(found["mcnemar"]["p_value"].is_f64() && found["disagreements"].is_array());
    let same = folder.run(&["compare", "few.fenlei", "few.fenlei", "--data", "test.csv"]).succeeded().stdout;
    assert!(same.contains("McNemar's test: p = 1.000e0 (exact binomial): the difference may be luck"), "{same}");
}

#[test]
fn what_cannot_be_decided_is_refused_and_writes_nothing() {
    let folder = folder_with_model();
    folder.write("few.csv", noisy(20, 1000));
    let one_label: String =
        noisy(200, 1000).lines().filter(|line| !line.ends_with(",bad")).fold(String::new(), |mut csv, line| {
            csv.push_str(line);
            csv.push('\n');
            csv
        });
    folder.write("one-label.csv", one_label);
    let mut transcripts = String::new();
    for (data, more) in [
        ("few.csv", &[][..]),
        ("one-label.csv", &[][..]),
        ("train.csv", &[][..]),
        ("validation.csv", &["--threshold-for", "f2"][..]),
        ("validation.csv", &["--threshold-for", "f1", "--positive", "fine"][..]),
        ("validation.csv", &["--per-class"][..]),
        ("validation.csv", &["--abstain-for", "accuracy=2"][..]),
        ("validation.csv", &["--abstain-for", "0.9"][..]),
    ] {
        let args = [&["calibrate", "model.fenlei", "--data", data, "-o", "decided.fenlei"][..], more].concat();
        transcripts += &folder.transcript(&args);
        transcripts.push('\n');
    }
    for args in [
        &["eval", "model.fenlei", "test.csv", "--intervals", "5"][..],
        &["eval", "model.fenlei", "test.csv", "--seed", "5"],
        &["eval", "model.fenlei", "test.csv", "--threshold", "0.3"],
    ] {
        transcripts += &folder.transcript(args);
        transcripts.push('\n');
    }
    assert_snapshot!("decisions_refused", transcripts);
    assert!(!folder.path("decided.fenlei").exists());
}
