//! `fenlei data vectorize`: what it writes, and what it refuses.

mod program;

use program::{Folder, reviews};

const LINES: &str = "__label__good a fine film\n__label__bad a dull film\n__label__good fine\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("train.txt", LINES);
    folder
}

const ALL: [&str; 2] = ["--set", "model.features.min_df=1"];

#[test]
fn features_of_several_files_stand_in_the_same_columns() {
    let folder = folder();
    folder.write("test.txt", "__label__bad dull, dull film\n\n__label__good unseen\n");
    let args =
        ["data", "vectorize", "train.txt", "train.svm", "--also", "test.txt", "test.svm", "--names", "names.txt"];
    let counts =
        ["--set", "model.features.tf=count", "--set", "model.features.idf=none", "--set", "model.features.norm=none"];
    let ran = folder.run(&[&args[..], &ALL, &counts].concat()).succeeded();
    assert!(ran.stderr.contains("train.svm: wrote 3 documents"), "{}", ran.stderr);
    let text = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    assert_eq!(text("names.txt"), "a\nfilm\nfine\ndull\na fine\na dull\nfine film\ndull film\n");
    assert_eq!(text("train.svm"), "1 1:1 2:1 3:1 5:1 7:1\n0 1:1 2:1 4:1 6:1 8:1\n1 3:1\n");
    assert_eq!(text("test.svm"), "0 2:1 4:2 8:1\n0\n1\n");
    let json = folder.run(&[&args[..4], &["--json"], &ALL].concat()).succeeded().json();
    assert_eq!((json["features"].as_u64(), json["written"][0]["documents"].as_u64()), (Some(8), Some(3)));
}

#[test]
fn a_trained_model_lends_its_features() {
    let folder = Folder::new();
    folder.write("train.csv", reviews(60));
    folder.run(&["train", "train.csv", "--model", "linear", "-o", "m.fenlei"]).succeeded();
    folder.write("new.txt", "a clever film\n");
    folder.run(&["data", "vectorize", "new.txt", "new.svm", "--with", "m.fenlei"]).succeeded();
    assert!(folder.read("new.svm").starts_with(b"0 "));
    folder.write("other.txt", "__label__unheard a clever film\n");
    let refused = folder.run(&["data", "vectorize", "other.txt", "other.svm", "--with", "m.fenlei"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("found the label \"unheard\", expected one of"), "{}", refused.stderr);
    assert!(!folder.path("other.svm").exists());
}

#[test]
fn what_cannot_be_done_is_refused_and_nothing_is_written() {
    let folder = folder();
    folder.write("empty.txt", "");
    folder.write("wordless.txt", "\n <br> \n");
    for (args, code, part) in [
        (&["missing.txt"][..], 1, "missing.txt"),
        (&["empty.txt"], 1, "no words are left"),
        (&["wordless.txt"], 1, "no words are left"),
        (&["train.txt", "--model", "cnn"], 2, "has no features"),
        (&["train.txt", "--set", "model.features.select={by='chi2',keep=2}"], 2, "in memory"),
    ] {
        let ran = folder.run(&[&["data", "vectorize", args[0], "out.svm"], &args[1..]].concat());
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part) && ran.stderr.contains("help: "), "{args:?}: {}", ran.stderr);
        assert!(!folder.path("out.svm").exists());
    }
}
