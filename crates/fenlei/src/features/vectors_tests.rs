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

fn table(content: impl AsRef<[u8]>, duplicates: Duplicates) -> Result<VectorTable> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    fs::write(&path, content).unwrap();
    VectorTable::read(&path, duplicates).map(|(table, _)| table)
}

fn problem_of_table(content: impl AsRef<[u8]>) -> String {
    table(content, Duplicates::Refuse).unwrap_err().to_string()
}

#[test]
fn a_whole_file_is_read_in_its_order() {
    let read = table(FASTTEXT, Duplicates::Refuse).unwrap();
    assert_eq!((read.words(), read.dim(), read.len()), (&["the".to_owned(), "电影".to_owned()][..], 3, 2));
    assert_eq!((read.place("电影"), read.place("x")), (Some(1), None));
    assert_eq!((read.vector(1), read.vector(2)), (Some(&[1.0, 2.0, 3.0][..]), None));
}

#[test]
fn bad_files_are_refused_with_their_line() {
    for (content, expected) in [
        ("1 2\nthe 1 2\nof 1 2\n", ":1: its first line announces 1 vectors, it holds 2 or more"),
        ("3 2\nthe 1 2\nof 1 2\n", "truncated: it holds 2 vectors, its first line announces 3"),
        ("the 1 2\nof 1\n", ":2: 1 numbers behind the word, expected 2"),
        ("the 1 2\nof 1 NaN\n", ":2: the vector of \"of\" has the number NaN"),
        ("the 1 2\nof 1 2\nthe 3 4\n", ":3: the word \"the\" stood on line 1 before"),
    ] {
        let problem = problem_of_table(content);
        assert!(problem.contains(expected) && problem.contains("help: "), "{problem}, expected {expected}");
    }
    let kept = table("the 1 2\nof 1 2\nthe 3 4\n", Duplicates::KeepFirst).unwrap();
    assert_eq!((kept.len(), kept.vector(0)), (2, Some(&[1.0, 2.0][..])));
    let twice = binary(&[(b"of", [1.0; 3]), (b"of", [0.5; 3])], "\n");
    assert!(problem_of_table(twice).contains(":2: the word \"of\" stood on line 1 before"));
    let mut more = binary(&[(b"of", [1.0; 3]), (b"the", [200.5; 3])], "\n");
    more[0] = b'1';
    assert!(problem_of_table(more).contains(":1: its first line announces 1 vectors, it holds 2 or more"));
}

#[test]
fn another_encoding_is_named() {
    let gb18030 = b"film 1 2\n\xb5\xe7\xd3\xb0 3 4\n\xba\xc3 5 6\n";
    let found = problem_of_table(gb18030);
    assert!(found.contains(":2: the word ") && found.contains("is not UTF-8"), "{found}");
    assert!(found.contains("iconv -f GB18030"), "{found}");
    // A vocabulary would find nothing in such a file; a few broken words are no reason to refuse one.
    let found = problem(gb18030, &["电影"]);
    assert!(found.contains(":2: 2 words are not UTF-8, this is the first"), "{found}");
    assert!(load(b"\xb5\xe7 1 2\n\xe7\x94\xb5 3 4\n", &["电"]).is_ok());
    let utf16: Vec<u8> = "\u{feff}film 1 2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(problem_of_table(&utf16).contains("this is UTF-16, expected UTF-8"));
    assert!(problem(&utf16, &["film"]).contains("this is UTF-16"));
}

fn every_form() -> Vec<(FileForm, &'static str)> {
    use VectorFormat::{Binary, Text, TextWithHeader};
    let mut forms = Vec::new();
    for (format, name) in [(Text, "x.txt"), (Text, "x.glove"), (TextWithHeader, "x.vec"), (Binary, "x.bin")] {
        for (packing, end) in [(Packing::Plain, ""), (Packing::Gzip, ".gz"), (Packing::Zstd, ".zst")] {
            let name: &'static str = Box::leak(format!("{name}{end}").into_boxed_str());
            forms.push((FileForm { format, packing }, name));
        }
    }
    forms
}

#[test]
fn names_say_which_format_is_written() {
    for (form, name) in every_form() {
        assert_eq!(FileForm::of_path(Path::new(name)), (Some(form.format), form.packing), "{name}");
    }
    assert_eq!(FileForm::of_path(Path::new("vectors")), (None, Packing::Plain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_format_gives_the_same_numbers_back(
        vectors in prop::collection::btree_map(
            "[a-z电影<>🎬.]{1,6}",
            prop::array::uniform3(any::<f32>().prop_filter("finite", |value| value.is_finite())),
            1..20,
        ),
    ) {
        let (words, values): (Vec<String>, Vec<[f32; 3]>) = vectors.into_iter().unzip();
        let table = VectorTable::new(3, words, values.concat()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (form, name) in every_form() {
            let path = folder.path().join(name);
            table.write(&path, form).unwrap();
            let (read, format) = VectorTable::read(&path, Duplicates::Refuse).unwrap();
            prop_assert_eq!(format, form.format);
            prop_assert_eq!(read.words(), table.words());
            let bits = |table: &VectorTable| -> Vec<u32> { table.iter().flat_map(|(_, v)| v.iter().map(|x| x.to_bits())).collect() };
            prop_assert_eq!(bits(&read), bits(&table));
        }
    }
}

#[test]
fn words_that_would_not_come_back_are_refused() {
    let write = |word: &str, format: VectorFormat| {
        let words = vec!["first".to_owned(), word.to_owned()];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let written = VectorTable::new(2, words, vec![1.0; 4])
            .and_then(|table| table.write(&path, FileForm { format, packing: Packing::Plain }));
        let n_files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(n_files, usize::from(written.is_ok()), "nothing is left behind");
        written.map_err(|error| error.to_string())
    };
    assert!(write("at name@domain.com", VectorFormat::Text).is_ok());
    for (word, format, expected) in [
        ("two words", VectorFormat::Binary, "has a space"),
        ("two\nlines", VectorFormat::Text, "white space that would not come back"),
        ("end ", VectorFormat::TextWithHeader, "white space that would not come back"),
        ("number 5", VectorFormat::Text, "ends with a space and a number"),
        ("", VectorFormat::Text, "is empty"),
    ] {
        let problem = write(word, format).unwrap_err();
        assert!(problem.contains(expected) && problem.contains(":2: "), "{problem}");
    }
    let first = VectorTable::new(2, vec!["two words".into()], vec![1.0; 2]).unwrap();
    let form = FileForm { format: VectorFormat::Text, packing: Packing::Plain };
    let folder = tempfile::tempdir().unwrap();
    assert!(first.write(&folder.path().join("x"), form).unwrap_err().to_string().contains("would stand first"));
}

#[test]
fn tables_are_checked() {
    let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (names, values, expected) in [
        (&["a", "a"][..], vec![1.0; 4], "stands twice"),
        (&["a"], vec![1.0, f32::NAN], "has the number NaN"),
        (&["a"], vec![1.0; 3], "found 3 numbers for 1 words of 2"),
    ] {
        let error = VectorTable::new(2, words(names), values).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let table = VectorTable::new(1, vec!["a".into()], vec![1.0]).unwrap();
    let form = FileForm { format: VectorFormat::Text, packing: Packing::Plain };
    let error = table.write(Path::new("/dev/full"), form).unwrap_err();
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull), "{error}");
}
