//! `fenlei train --apart`, `merge` and `quantize`: models that take less, and what is refused.

mod program;

use program::Folder;

const ENCODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fenlei/testdata/pretrained/bert");

const LORA: &str = "train.fine_tuning.lora={ rank = 2 }";

/// Trains a tiny encoder on the reviews of the small data.
fn train<'a>(folder: &Folder, more: &[&'a str]) -> program::Ran {
    folder.write("reviews.csv", program::reviews(24));
    let set = ["--set", "pipeline.truncate.max_tokens=24", "--set", "train.optimizer.lr=0.01", "--epochs", "2"];
    let fixed: [&'a str; 7] = ["train", "reviews.csv", "--quiet", "--model", "encoder", "--pretrained", ENCODER];
    folder.run(&[&fixed[..], &set, more].concat())
}

#[test]
fn what_was_learned_apart_is_merged_to_the_same_file() {
    let folder = Folder::new();
    train(&folder, &["--set", LORA, "-o", "whole.fenlei", "--apart", "apart.fenlei"]).succeeded();
    let merge = ["merge", "apart.fenlei", "--pretrained", ENCODER, "-o", "again.fenlei"];
    let said = folder.run(&merge).succeeded().stdout;
    assert!(said.starts_with("model: again.fenlei ("), "{said}");
    assert!(folder.read("whole.fenlei") == folder.read("again.fenlei"));
    let alone = folder.run(&["predict", "apart.fenlei", "good"]).ended(1).stderr;
    assert!(alone.contains("fenlei merge apart.fenlei --pretrained DIR"), "{alone}");
    let whole = folder.run(&["merge", "whole.fenlei", "--pretrained", ENCODER, "-o", "x.fenlei"]).ended(1).stderr;
    assert!(whole.contains("whole.fenlei") && whole.contains("needs nothing beside it"), "{whole}");
    assert!(!folder.path("x.fenlei").exists());
    let nothing = train(&folder, &["-o", "x.fenlei", "--apart", "y.fenlei"]).ended(1).stderr;
    assert!(nothing.contains("train.fine_tuning.lora.rank=8"), "{nothing}");
    assert!(!folder.path("x.fenlei").exists(), "refused before anything is learned");
}

#[test]
fn a_model_of_8_bits_is_smaller_and_told_beside_the_other() {
    let folder = Folder::new();
    train(&folder, &["-o", "model.fenlei"]).succeeded();
    let quantize = ["quantize", "model.fenlei", "-o", "small.fenlei", "--data", "reviews.csv"];
    let told = folder.run(&[&quantize[..], &["--json"]].concat()).succeeded().json();
    assert_eq!(told["compared"]["n_docs"], 24);
    assert!(told["compared"]["largest_change"].as_f64().unwrap() < 0.1, "{told}");
    let table = folder.run(&quantize).succeeded().stdout;
    assert!(table.contains("24 documents: accuracy ") && table.contains("before"), "{table}");
    folder.run(&["eval", "small.fenlei", "reviews.csv"]).succeeded();
    let further = folder.run(&["train", "reviews.csv", "--from", "small.fenlei", "-o", "x.fenlei"]).ended(1).stderr;
    assert!(further.contains("8-bit"), "{further}");
    folder.run(&["train", "reviews.csv", "--model", "nb", "--quiet", "-o", "nb.fenlei"]).succeeded();
    let other = folder.run(&["quantize", "nb.fenlei", "-o", "x.fenlei"]).ended(2).stderr;
    assert!(other.contains("no weights that are worth 8-bit integers"), "{other}");
    assert!(!folder.path("x.fenlei").exists());
}
