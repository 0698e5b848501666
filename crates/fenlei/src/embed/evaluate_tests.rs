use std::fs;

use super::*;
use crate::features::VectorTable;

fn file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn table() -> VectorTable {
    let words = ["man", "king", "woman", "queen", "猫"].map(str::to_owned).to_vec();
    VectorTable::new(2, words, vec![1.0, 0.0, 1.0, 2.0, 0.9, 0.1, 1.1, 2.0, -1.0, 0.0]).unwrap()
}

#[test]
fn ranks_are_correlated_as_spearman_did() {
    assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), Some(1.0));
    assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
    // Ranks 1.5, 1.5, 3, 4 and 1, 2, 3.5, 3.5: 4 / √(4.5 · 4.5).
    let found = spearman(&[5.0, 5.0, 6.0, 9.0], &[1.0, 2.0, 7.0, 7.0]).unwrap();
    assert!((found - 4.0 / 4.5).abs() < 1e-12, "{found}");
    assert_eq!((spearman(&[1.0], &[1.0]), spearman(&[1.0, 1.0], &[1.0, 2.0])), (None, None));
}

#[test]
fn a_list_is_read_whatever_separates_its_fields_and_says_what_it_covers() {
    for content in [
        "# a remark\nword1\tword2\tscore\nman\twoman\t9\nking\tQueen\t8\tx\nman\t猫\t1\nman\tdog\t3\n",
        "man woman 9\nking Queen 8\n\nman 猫 1\nman dog 3\n",
        "\u{feff}man,woman,9\r\nking,Queen,8\r\nman,猫,1\r\nman,dog,3\r\n",
    ] {
        let (_folder, path) = file(content);
        assert!(!Analogies::is_one(&path).unwrap());
        let list = SimilarityList::read(&path).unwrap();
        assert_eq!(list.pairs.len(), 4);
        let table = table();
        let report = list.evaluate(&Neighbours::new(&table));
        assert_eq!((report.n_covered, report.n_pairs), (3, 4));
        // The cosines 0.994, 0.997 and -1 have the ranks 2, 3, 1; the scores 3, 2, 1.
        assert!((report.correlation.unwrap() - 0.5).abs() < 1e-12);
    }
}

#[test]
fn analogies_are_answered_by_section() {
    let (_folder, path) = file(": family\nman king woman queen\nman king woman dog\n: other\nking man queen man\n");
    assert!(Analogies::is_one(&path).unwrap());
    let table = table();
    let report = Analogies::read(&path).unwrap().evaluate(&Neighbours::new(&table));
    let family = SectionReport { name: "family".into(), n_right: 1, n_covered: 1, n_questions: 2 };
    assert_eq!(report.sections[0], family);
    assert_eq!(report.totals(), (1, 2, 3));
}

#[test]
fn bad_lists_are_refused_with_their_line() {
    for (content, expected) in [
        ("", "found no pairs"),
        ("word1 word2 score\n", "found no pairs"),
        ("a b 1\na b\n", ":2: found \"a b\", expected two words and a score"),
        ("a b 1\na b x\n", ":2: found \"a b x\""),
        ("a b 1\na b NaN\n", ":2: found \"a b NaN\""),
    ] {
        let (_folder, path) = file(content);
        let error = SimilarityList::read(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let (_folder, path) = file(b"a b 1\n\xb5\xe7 b 1\n");
    assert!(SimilarityList::read(&path).unwrap_err().to_string().contains(":2: this line is not UTF-8"));
    for (content, expected) in
        [("a b c d\n", ":1: found a line in front of"), (": x\na b c\n", ":2: found 3 words, expected 4")]
    {
        let (_folder, path) = file(content);
        let error = Analogies::read(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing = SimilarityList::read("no/such/list").unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
}
