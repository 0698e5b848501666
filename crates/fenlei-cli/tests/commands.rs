//! What the commands do when all is well.

mod program;

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use program::{Folder, reviews, signal, train_args};
use serde_json::Value;

#[test]
fn from_documents_to_predictions() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(80));
    folder.write("test.csv", "text,label\na clever film with warm acting,good\na dull film with cold acting,bad\n");
    let trained = folder.train(&["train.csv", "--epochs", "12"]).succeeded();
    assert!(trained.stdout.contains("wrote model.fenlei ("), "{}", trained.stdout);
    assert!(trained.stdout.contains("accuracy"), "{}", trained.stdout);
    assert!(trained.stderr.contains("train.csv: comma-separated columns"), "{}", trained.stderr);
    assert!(trained.stderr.contains("epoch 12/12"), "{}", trained.stderr);
    assert!(trained.stderr.contains("fenlei predict model.fenlei"), "{}", trained.stderr);
    assert_eq!(folder.names(), ["model.fenlei", "test.csv", "train.csv"], "the checkpoint goes when training ends");

    let report = folder.run(&["eval", "model.fenlei", "test.csv", "--json"]).succeeded().json();
    assert_eq!((report["n_docs"].as_u64(), report["accuracy"].as_f64()), (Some(2), Some(1.0)));
    let table = folder.run(&["eval", "model.fenlei", "test.csv", "--errors", "3"]).succeeded().stdout;
    assert!(table.contains("accuracy") && table.contains("No errors."), "{table}");

    let answer = folder.run(&["predict", "model.fenlei", "a lovely film"]).succeeded();
    let (label, probability) = answer.stdout.trim_end().split_once('\t').unwrap();
    assert_eq!(label, "good");
    assert!(probability.parse::<f32>().unwrap() > 0.5);
    assert!(answer.stderr.is_empty(), "{}", answer.stderr);
}

#[test]
fn json_has_the_figures_of_a_training_and_nothing_else_on_standard_output() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(80));
    let ran = folder.train(&["train.csv", "--epochs", "3", "--json", "--seed", "5"]).succeeded();
    assert_eq!(ran.stdout.lines().count(), 1);
    let found = ran.json();
    assert_eq!((found["epochs"].as_u64(), found["seed"].as_u64()), (Some(3), Some(5)));
    assert_eq!((found["n_train"].as_u64(), found["n_validation"].as_u64()), (Some(72), Some(8)));
    assert_eq!((found["reason"].as_str(), found["model"].as_str()), (Some("last-epoch"), Some("model.fenlei")));
    for figure in ["accuracy", "macro_f1", "log_loss"] {
        assert!(found["validation"][figure].is_f64(), "{found}");
    }
    assert!(found["seconds"].as_f64().unwrap() > 0.0 && found["docs_per_second"].as_f64().unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        assert!(found["peak_memory_mb"].as_f64().unwrap() > 1.0);
    }
    let quiet = folder.train(&["train.csv", "--epochs", "1", "--quiet"]).succeeded();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn the_number_of_threads_never_shows_in_the_model() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(120));
    for threads in ["1", "2", "3"] {
        folder.train(&["train.csv", "--epochs", "3", "--threads", threads, "-o", threads]).succeeded();
    }
    assert!(folder.read("1") == folder.read("2") && folder.read("1") == folder.read("3"));
}

#[test]
#[cfg(unix)]
fn ctrl_c_keeps_a_model_and_a_resumed_training_gives_the_same_bytes_as_an_undisturbed_one() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(600));
    let epochs = ["train.csv", "--epochs", "40", "--history", "history.jsonl"];
    let mut child = folder.spawn(&train_args(&epochs));
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no epoch came");
    }
    signal(&child, "INT");
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains("interrupted: the best model so far is kept"), "{said}");
    assert_eq!(folder.names(), ["history.jsonl", "model.fenlei", "model.fenlei.checkpoint", "train.csv"]);
    folder.run(&["predict", "model.fenlei", "a lovely film"]).succeeded();

    folder.train(&[&epochs[..], &["--resume"]].concat()).succeeded();
    assert_eq!(folder.names(), ["history.jsonl", "model.fenlei", "train.csv"]);
    folder.train(&["train.csv", "--epochs", "40", "-o", "undisturbed.fenlei"]).succeeded();
    assert!(folder.read("model.fenlei") == folder.read("undisturbed.fenlei"));
    let history = String::from_utf8(folder.read("history.jsonl")).unwrap();
    let epochs: Vec<u64> =
        history.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, (1..=40).collect::<Vec<_>>());
}

#[test]
#[cfg(unix)]
fn a_second_ctrl_c_ends_at_once() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(600));
    // Steps that take long enough to be caught in one.
    let args = [
        "train",
        "train.csv",
        "--epochs",
        "1000",
        "--set",
        "train.batch_size=600",
        "--set",
        "model.layers.2.branches.0.0.filters=2000",
    ];
    let mut child = folder.spawn(&args);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("parameters") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0);
    }
    signal(&child, "INT");
    signal(&child, "INT");
    let status = child.wait().unwrap();
    // The step may just have ended in between; then the training ended well.
    assert!(matches!(status.code(), Some(130 | 0)), "{status}");
}

#[test]
fn the_parts_of_divided_data_are_used_for_what_they_are() {
    let folder = Folder::new();
    folder.write("data/train.csv", reviews(60));
    folder.write("data/dev.csv", reviews(20));
    folder.write("data/test.csv", reviews(10));
    let trained = folder.train(&["data", "--epochs", "1", "--json"]).succeeded();
    assert!(trained.stderr.contains("the validation part of the same data"), "{}", trained.stderr);
    let found = trained.json();
    assert_eq!((found["n_train"].as_u64(), found["n_validation"].as_u64()), (Some(60), Some(20)));
    let n_docs = |args: &[&str]| folder.run(args).succeeded().json()["n_docs"].as_u64();
    assert_eq!(n_docs(&["eval", "model.fenlei", "data", "--json"]), Some(10));
    assert_eq!(n_docs(&["eval", "model.fenlei", "data", "--json", "--split", "dev"]), Some(20));
    let given =
        folder.train(&["data/train.csv", "--validation", "data/test.csv", "--epochs", "1", "--json"]).succeeded();
    assert_eq!(given.json()["n_validation"], 10);
}

#[test]
fn a_model_can_be_trained_further() {
    let folder = Folder::with_model();
    folder.write("more.csv", "text,label\nsplendid,good\ndreadful,bad\nsplendid film,good\ndreadful film,bad\n");
    let args =
        ["more.csv", "--from", "model.fenlei", "--validation", "reviews.csv", "--epochs", "1", "-o", "further.fenlei"];
    folder.train(&args).succeeded();
    let describe = |name| folder.run(&["inspect", name, "--json"]).succeeded().json();
    let (old, new) = (describe("model.fenlei"), describe("further.fenlei"));
    assert_eq!((&old["vocab_size"], &old["labels"]), (&new["vocab_size"], &new["labels"]));
    assert_ne!(folder.read("model.fenlei"), folder.read("further.fenlei"));

    folder.write("vectors.txt", "splendid 1 2 3 4 5 6 7 8\n");
    for asked in [["--recipe", "kim-2014"], ["--embeddings", "vectors.txt"], ["--set", "model.layers.0.dim=9"]] {
        let args = ["train", "more.csv", "--from", "model.fenlei", asked[0], asked[1], "-o", "other.fenlei"];
        let refused = folder.run(&args).ended(2);
        assert!(refused.stderr.contains("a classifier that is trained further keeps its"), "{}", refused.stderr);
    }
}

#[test]
fn validation_documents_that_no_prediction_could_be_right_for_are_counted() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(20));
    folder.write("dev.csv", "text,label\na lovely film,good\na dull film,bad\nso-so,mixed\nmeh,mixed\nodd,strange\n");
    let said = folder.train(&["reviews.csv", "--validation", "dev.csv", "--epochs", "1"]).succeeded().stderr;
    let line = "warning: 3 validation documents left out, with labels that the model lacks: mixed, strange";
    assert!(said.contains(line), "{said}");
}

#[test]
fn a_model_tells_what_is_in_it() {
    let folder = Folder::with_model();
    let described = folder.run(&["inspect", "model.fenlei"]).succeeded().stdout;
    for part in
        ["2 labels (one a document): bad, good", "embedding: dim 8", "pipeline: clean(", "trained on 54 documents"]
    {
        assert!(described.contains(part), "no {part:?} in {described}");
    }
    let json = folder.run(&["inspect", "model.fenlei", "--json"]).succeeded().json();
    assert_eq!(json["plan"]["train"]["epochs"], 8);
    assert!(json["parameters"].as_array().unwrap().len() >= 5);
    folder.write("text", folder.read("model.fenlei"));
    let clash = folder.run(&["inspect", "text"]).succeeded().stdout;
    assert!(clash.starts_with("./text: "), "{clash}");
}

#[test]
fn a_text_is_followed_through_every_step() {
    let folder = Folder::with_model();
    assert_snapshot!("inspect_text", folder.transcript(&["inspect", "text", "A <b>nice</b> day, 今天很好!"]));
    let args = ["inspect", "text", "今天天气很好", "--set", "pipeline.segment.mode=jieba", "--json"];
    let stages = folder.run(&args).succeeded().json();
    let tokens: Vec<&str> = stages["tokens"].as_array().unwrap().iter().map(|t| t["text"].as_str().unwrap()).collect();
    assert_eq!(tokens, ["今天天气", "很", "好"]);
    let steps =
        ["pipeline.segment.mode=jieba", "pipeline.tag_tokens=true", "pipeline.stem=en", "pipeline.pinyin.mode=add"];
    let sets = steps.iter().flat_map(|step| ["--set", step]);
    let every: Vec<&str> = ["inspect", "text", "New actors, 银行 dancing."].into_iter().chain(sets).collect();
    let only = ["--set", "pipeline.keep_pos=['NOUN', 'ADJ', 'PROPN']", "--set", "pipeline.stop_words.languages=['en']"];
    assert_snapshot!("inspect_text_steps", folder.transcript(&[&every[..], &only].concat()));
    let json = folder.run(&[&every[..], &only, &["--json"]].concat()).succeeded().json();
    assert_eq!(json["tokens"][1]["tag"], "NOUN");
    assert_eq!(json["stemmed"][0]["text"], "actor");
    assert_eq!(json["pinyin"][2]["text"], "yinhang");
    let from_stdin = folder.run_with_input(&["inspect", "text", "-", "--json"], b"").succeeded().json();
    assert_eq!(from_stdin["finished"], serde_json::json!([]));
    let with_model = folder.run(&["inspect", "text", "model.fenlei", "a lovely zebra"]).succeeded().stdout;
    assert!(with_model.contains("1 of 3 unknown"), "{with_model}");
}

#[test]
fn every_model_reads_tagged_stems_and_phrases() {
    let folder = Folder::new();
    folder.write("reviews.csv", reviews(80));
    folder.write("lines.txt", "lovely films with clever acting\n看 awful films\n");
    let steps = ["tag_tokens=true", "stem=en", "phrases.passes=1", "phrases.threshold=1", "pinyin.mode=replace"];
    let sets: Vec<String> = steps.iter().map(|step| format!("pipeline.{step}")).collect();
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    for model in ["cnn", "linear", "nb-svm"] {
        let args = ["reviews.csv", "--model", model, "-o", "model.fenlei"];
        match model {
            "cnn" => folder.train(&[&args[..], &sets].concat()).succeeded(),
            _ => folder.run(&[&["train"], &args[..], &sets].concat()).succeeded(),
        };
        let described = folder.run(&["inspect", "text", "model.fenlei", "good films, 看"]).succeeded().stdout;
        for line in ["tagged    good/ADJ | films/NOUN | ,/PUNCT | 看/VERB\n", "stemmed   good | film | , | 看\n"] {
            assert!(described.contains(line), "{described}");
        }
        assert!(described.contains("kan/VERB"), "{described}");
        let from_file = folder.run(&["predict", "model.fenlei", "lines.txt"]).succeeded().stdout;
        let alone = folder.run(&["predict", "model.fenlei", "看 awful films"]).succeeded().stdout;
        assert_eq!(from_file.lines().nth(1), alone.lines().next(), "{model}");
    }
}

#[test]
fn classical_models_go_the_same_way_as_nets() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(80));
    folder.write("test.csv", "text,label\na clever film with warm acting,good\na dull film with cold acting,bad\n");
    for model in ["linear", "nb", "nb-svm"] {
        let trained = folder.run(&["train", "train.csv", "--model", model, "-o", "model.fenlei"]).succeeded();
        assert!(trained.stderr.contains("solved (") && !trained.stderr.contains("epoch"), "{}", trained.stderr);
        assert!(trained.stdout.contains("accuracy"), "{}", trained.stdout);
        assert_eq!(folder.names(), ["model.fenlei", "test.csv", "train.csv"]);
        let report = folder.run(&["eval", "model.fenlei", "test.csv", "--json"]).succeeded().json();
        assert_eq!((report["n_docs"].as_u64(), report["accuracy"].as_f64()), (Some(2), Some(1.0)), "{model}");
        let answer = folder.run(&["predict", "model.fenlei", "a lovely film"]).succeeded().stdout;
        assert!(answer.starts_with("good\t"), "{model}: {answer}");
        let described = folder.run(&["inspect", "model.fenlei"]).succeeded().stdout;
        assert!(described.contains("what speaks most for each label"), "{described}");
        let json = folder.run(&["inspect", "model.fenlei", "--json"]).succeeded().json();
        let names = json["strongest"][0]["features"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap());
        let bad = ["dull", "awful", "boring", "cold", "poor"];
        assert!(names.clone().any(|name| bad.iter().any(|word| name.contains(word))), "{model}: {json}");
    }
    let refused = folder.run(&["train", "train.csv", "--model", "nb", "--epochs", "3"]).ended(2).stderr;
    assert!(refused.contains("--epochs: this model is solved"), "{refused}");
    let rare = ["train", "train.csv", "--model", "linear", "--set", "model.features.min_df=999"];
    let refused = folder.run(&rare).ended(1).stderr;
    assert!(
        refused.contains("no feature is left") && refused.contains("help: lower model.features.min_df"),
        "{refused}"
    );
}

#[test]
fn a_printed_configuration_runs_as_the_same() {
    let folder = Folder::new();
    assert_snapshot!("config_list", folder.transcript(&["config", "list"]));
    for fenlei::config::Recipe { name: recipe, .. } in fenlei::config::RECIPES {
        let mut show = vec!["config", "show", "--recipe", recipe, "--seed", "3"];
        let encoder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fenlei/testdata/pretrained/bert");
        if recipe.starts_with("encoder") {
            show.extend(["--pretrained", encoder, "--set", "pipeline.truncate.max_tokens=40"]);
        }
        let shown = folder.run(&show).succeeded().stdout;
        folder.write("plan.toml", &shown);
        assert_eq!(folder.run(&["config", "show", "--config", "plan.toml"]).succeeded().stdout, shown, "{recipe}");
    }
    assert_snapshot!(
        "config_show",
        folder.transcript(&["config", "show", "--model", "cnn", "--set", "train.epochs=3"])
    );
}

#[test]
fn the_demonstration_keeps_a_model_that_knows_both_languages() {
    let folder = Folder::new();
    let clock = Instant::now();
    let shown = folder.run(&["demo"]).succeeded();
    assert!(clock.elapsed() < Duration::from_secs(60), "{:?}", clock.elapsed());
    let accuracy = |language: &str| {
        let line = shown.stdout.lines().find(|line| line.trim_start().starts_with(language)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    assert!(accuracy("English") > 0.55 && accuracy("Chinese") > 0.55, "{}", shown.stdout);
    let input = "Can I pay with a credit card?\n请问几点关门？\n";
    let answers = folder.run_with_input(&["predict", "demo.fenlei"], input.as_bytes()).succeeded().stdout;
    assert!(answers.lines().all(|line| line.starts_with("question\t")), "{answers}");
}

#[test]
fn imdb_that_is_missing_is_told_how_to_get() {
    let missing = Folder::new().run(&["demo", "imdb"]).ended(2);
    assert!(missing.stderr.contains("fenlei data get imdb"), "{}", missing.stderr);
}
