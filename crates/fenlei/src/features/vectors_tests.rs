use std::fs;
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const GLOVE: &str = "the 0.5 -1.25 3e-2\n电影 1 2 3\nat name@domain.com 7 8 9\nThe 4 5 6\nthe 9 9 9\n";
const WORD2VEC: &str = "2 3\nthe 0.5 -1.25 3e-2\n电影 1 2 3\n";
/// fastText ends its lines with a space.
const FASTTEXT: &str = "2 3\nthe 0.5 -1.25 0.03 \n电影 1 2 3 \n";

fn binary(vectors: &[(&[u8], [f32; 3])], line_end: &str) -> Vec<u8> {
    let mut file = format!("{} 3\n", vectors.len()).into_bytes();
    for (word, vector) in vectors {
        file.extend_from_slice(word);
        file.push(b' ');
        vector.iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
        file.extend_from_slice(line_end.as_bytes());
    }
    file
}

fn example_binary(line_end: &str) -> Vec<u8> {
    binary(&[(b"the", [0.5, -1.25, 3e-2]), (b"\xffbroken", [8.0; 3]), ("电影".as_bytes(), [1.0, 2.0, 3.0])], line_end)
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn load(content: impl AsRef<[u8]>, words: &[&str]) -> Result<WordVectors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    fs::write(&path, content).unwrap();
    WordVectors::load_for(&path, words.iter().map(|word| (*word, 1)))
}

fn problem(content: impl AsRef<[u8]>, words: &[&str]) -> String {
    load(content, words).unwrap_err().to_string()
}

#[test]
fn every_format_is_recognised_plain_and_compressed() {
    for (content, format) in [
        (GLOVE.as_bytes().to_vec(), VectorFormat::Text),
        (GLOVE.replace('\n', "\r\n").into_bytes(), VectorFormat::Text),
        (format!("\u{feff}{}", GLOVE.trim_end()).into_bytes(), VectorFormat::Text),
        (GLOVE.replace(' ', "\t").replace("at\t", "at ").into_bytes(), VectorFormat::Text),
        (WORD2VEC.as_bytes().to_vec(), VectorFormat::TextWithHeader),
        (FASTTEXT.as_bytes().to_vec(), VectorFormat::TextWithHeader),
        (example_binary("\n"), VectorFormat::Binary),
        (example_binary(""), VectorFormat::Binary),
    ] {
        // Two gzip members in one file are one text, as pigz and bgzip write it.
        let (front, back) = content.split_at(content.len() / 2);
        for form in [
            content.clone(),
            gzipped(&content),
            [gzipped(front), gzipped(back)].concat(),
            zstd::encode_all(&content[..], 3).unwrap(),
        ] {
            let vectors = load(form, &["电影", "nothing", "the"]).unwrap();
            assert_eq!((vectors.format, vectors.dim, vectors.n_words()), (format, 3, 3));
            let found: Vec<_> = vectors.iter().collect();
            assert_eq!(found, [Some(&[1.0, 2.0, 3.0][..]), None, Some(&[0.5, -1.25, 0.03])], "{format:?}");
        }
    }
}

#[test]
fn a_word_takes_its_own_vector_else_that_of_its_lower_case() {
    let vectors = load(GLOVE, &["The", "THE", "the", "at name@domain.com"]).unwrap();
    assert_eq!(vectors.get(0), Some(&[4.0, 5.0, 6.0][..]));
    assert_eq!(vectors.get(1), Some(&[0.5, -1.25, 0.03][..]));
    assert_eq!(vectors.get(2), Some(&[0.5, -1.25, 0.03][..]));
    assert_eq!(vectors.get(3), Some(&[7.0, 8.0, 9.0][..]));
    assert_eq!(vectors.get(4), None);
    assert_eq!((vectors.coverage.n_found, vectors.coverage.n_lower_cased), (4, 1));
    // The exact word wins wherever it stands, and a word that is asked for twice is found twice.
    let vectors = load("The 1 1\nthe 2 2\n", &["the", "The", "the"]).unwrap();
    assert_eq!(vectors.iter().map(|vector| vector.unwrap()[0]).collect::<Vec<_>>(), [2.0, 1.0, 2.0]);
}

#[test]
fn coverage_counts_words_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.vec");
    fs::write(&path, WORD2VEC).unwrap();
    let vectors = WordVectors::load_for(&path, [("the", 70), ("电影", 20), ("rare", 4), ("rarer", 6)]).unwrap();
    assert_eq!((vectors.coverage.of_words(), vectors.coverage.of_tokens()), (0.5, 0.9));
    let none = WordVectors::load_for(&path, []).unwrap();
    assert_eq!((none.coverage.of_words(), none.coverage.of_tokens(), none.dim), (0.0, 0.0, 3));
}

#[test]
fn the_spread_is_that_of_the_vectors_found() {
    let vectors = load("a 1 3\nb 100 100\nc 5 7\n", &["a", "c"]).unwrap();
    assert!((vectors.standard_deviation() - 5f64.sqrt()).abs() < 1e-12);
    // Not -0.0, which a sum of nothing is.
    assert_eq!(load("a 1 3\n", &[]).unwrap().standard_deviation().to_bits(), 0);
}

#[test]
fn damaged_text_is_refused_with_its_line() {
    for (content, expected) in [
        ("", "the file is empty"),
        ("\n\n", "there are no vectors"),
        ("the 1 2 3\nof 1 2\n", ":2: 2 numbers behind the word, expected 3 as in the first line"),
        ("the 1 2 3\nof 1 2 3 4\n", ":2: 4 numbers behind the word, expected 3"),
        ("1 3\nthe 1 2\n", ":2: 2 numbers behind the word, expected 3 as in the header"),
        ("the 1 2 3\nof 1 NaN 3\n", ":2: the vector of \"of\" has the number NaN"),
        ("the 1 2 3\nof 1 inf 3\n", ":2: the vector of \"of\" has the number inf"),
        ("the 1 2 3\nof 1 x 3\n", ":2: \"x\" behind the word \"of\", expected a number"),
        ("a good film indeed\n", ":1: \"good\" behind the word \"a\", expected a number"),
        ("word\n", ":1: a word without numbers"),
        ("3 3\nthe 1 2 3\nof 1 2 3\n", "truncated: it holds 2 vectors, its first line announces 3"),
        ("5 0\nthe\n", ":1: vectors of 0 numbers"),
        ("5 18446744073709551615\nthe 1\n", ":1: vectors of 18446744073709551615 numbers"),
    ] {
        let problem = problem(content, &["of"]);
        assert!(problem.contains(expected), "{problem}, expected {expected}");
    }
    // What the vocabulary does not need may hold anything of the right length.
    assert!(load("the 1 2 3\nof 1 NaN 3\n", &["the"]).is_ok());
    let endless = "x".repeat(5 << 20);
    assert!(problem(endless, &[]).contains(":1: a line of more than"));
}

#[test]
fn damaged_binary_files_are_refused() {
    let file = example_binary("\n");
    for cut in [file.len() - 2, file.len() - 15] {
        let problem = problem(&file[..cut], &["the"]);
        assert!(problem.contains("truncated: it holds 2 vectors, its first line announces 3"), "{problem}");
    }
    let not_a_number = binary(&[(b"of", [1.0; 3]), (b"the", [f32::NAN, 0.0, 0.0])], "");
    assert!(problem(&not_a_number, &["the"]).contains(":2: the vector of \"the\" has the number NaN"));
    assert!(load(&not_a_number, &["of"]).is_ok());
    let long_word = binary(&[(b"of", [1.0; 3]), (&[200; 5000], [0.5; 3])], "");
    assert!(problem(long_word, &[]).contains(":2: a word of more than 4096 bytes"));
    // A header that lies about the number takes no memory for it.
    let liar = [b"18446744073709551615 65536\na ".to_vec(), vec![200; 100]].concat();
    assert!(problem(liar, &["a"]).contains("truncated: it holds 0 vectors"));
}

#[test]
fn damaged_compression_and_other_files_are_told() {
    let compressed = gzipped(&GLOVE.repeat(1000).into_bytes());
    let problem_of_cut = problem(&compressed[..compressed.len() / 2], &["the"]);
    assert!(problem_of_cut.contains("truncated or damaged"), "{problem_of_cut}");
    let compressed = zstd::encode_all(GLOVE.as_bytes(), 3).unwrap();
    assert!(problem(&compressed[..compressed.len() - 3], &["the"]).contains("truncated or damaged"));
    assert!(problem(gzipped(b""), &[]).contains("empty inside"));
    assert!(problem(b"\xba\x16\x4f\x2f\x0c\0\0\0", &[]).contains("give its .vec file"));
    let folder = tempfile::tempdir().unwrap();
    let problem = |path: &Path| WordVectors::load_for(path, []).unwrap_err().to_string();
    assert!(problem(folder.path()).contains("this is a folder"));
    assert!(problem(&folder.path().join("missing")).contains("cannot read"));
}

proptest! {
    #[test]
    fn any_bytes_end_in_vectors_or_an_error(
        header in prop_oneof![Just(""), Just("2 3\n"), Just("9 1\n"), Just("the 1 2 3\n"), Just("2 3\nthe 1 2 3\n")],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[a电 0-9.e\n\t-]{0,200}".prop_map(String::into_bytes),
        ],
    ) {
        let content = [header.as_bytes(), &body].concat();
        if let Ok(vectors) = load(content, &["the", "a", "电", ""]) {
            for vector in vectors.iter().flatten() {
                prop_assert_eq!(vector.len(), vectors.dim);
                prop_assert!(vector.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn text_and_binary_files_give_the_same_vectors(
        vectors in prop::collection::btree_map("[a-z电影]{1,6}", prop::array::uniform3(-1e6f32..1e6), 1..20),
    ) {
        let text: String = vectors.iter().map(|(word, [a, b, c])| format!("{word} {a} {b} {c}\n")).collect();
        let entries: Vec<_> = vectors.iter().map(|(word, vector)| (word.as_bytes(), *vector)).collect();
        let words: Vec<_> = vectors.keys().map(String::as_str).collect();
        let from_text = load(text, &words).unwrap();
        let from_binary = load(binary(&entries, "\n"), &words).unwrap();
        prop_assert_eq!(from_text.coverage.of_words(), 1.0);
        for (word_idx, vector) in vectors.values().enumerate() {
            prop_assert_eq!(from_text.get(word_idx), Some(&vector[..]));
            prop_assert_eq!(from_binary.get(word_idx), Some(&vector[..]));
        }
    }
}

/// The folder of real data sets, unless this machine does not have it; automatic tests must have it.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn real_data() -> Option<PathBuf> {
    let beside_the_project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FENLEI_DATA").map_or(beside_the_project, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "FENLEI_DATA must name the data sets, {} is missing", folder.display());
    eprintln!("SKIPPED: there are no data sets in {}; set FENLEI_DATA", folder.display());
    None
}

#[test]
fn reads_the_glove_vectors_of_60_000_words() {
    let Some(data) = real_data() else { return };
    let path = data.join("glove/glove.6B.100d.top60k.txt.gz");
    let words = [("the", 50), ("Movie", 30), ("电影", 20)];
    let vectors = WordVectors::load_for(&path, words).unwrap();
    assert_eq!((vectors.format, vectors.dim), (VectorFormat::Text, 100));
    assert_eq!(vectors.get(0).unwrap()[..3], [-0.038194, -0.24487, 0.72812]);
    assert_eq!(vectors.get(1).unwrap()[..3], [0.38251, 0.14821, 0.60601]);
    assert_eq!(vectors.get(2), None);
    let expected = Coverage { n_words: 3, n_found: 2, n_lower_cased: 1, n_tokens: 100, n_tokens_found: 80 };
    assert_eq!(vectors.coverage, expected);
}
