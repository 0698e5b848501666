//! The public data sets in their original layouts: how many documents, which labels, which encodings.

use std::path::PathBuf;

use crate::data::{Compression, Dataset, Findings, Format, ReadOptions, Split, read, read_all, splits, stats};

/// The folder of data sets: `FENLEI_DATA`, else `../shared/data` beside the project.
///
/// Without it the tests are skipped loudly, but never on CI.
#[expect(clippy::print_stderr, reason = "a skipped test must be heard")]
fn data_folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FENLEI_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no data sets at {}: set FENLEI_DATA", folder.display());
    eprintln!("SKIPPED: no data sets at {}; FENLEI_DATA names their folder", folder.display());
    None
}

fn of(split: Split) -> ReadOptions {
    ReadOptions { split: Some(split), ..Default::default() }
}

fn read_set(name: &str, options: &ReadOptions) -> Option<(Dataset, Findings)> {
    let path = data_folder()?.join(name);
    Some(read(&path, options).unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn sizes(name: &str) -> Option<Vec<(Option<Split>, usize)>> {
    let parts = read_all(&data_folder()?.join(name), &ReadOptions::default()).unwrap();
    Some(parts.iter().map(|part| (part.split, part.dataset.len())).collect())
}

#[test]
fn mr_and_subj_have_a_file_a_class_in_windows_1252() {
    for (name, labels, counts, files) in
        [("mr", ["neg", "pos"], [5331, 5331], 2), ("subj", ["objective", "subjective"], [5000, 5000], 1)]
    {
        let Some((data, found)) = read_set(name, &ReadOptions::default()) else { return };
        assert_eq!(
            (data.labels.as_slice(), data.label_counts().as_slice()),
            (&labels.map(str::to_owned)[..], &counts[..])
        );
        assert!(found.encodings.contains(&("windows-1252".to_owned(), files)), "{name}: {:?}", found.encodings);
        assert_eq!((found.malformed, found.format), (0, Format::Files));
    }
}

#[test]
fn sst_asks_which_of_its_two_sets() {
    let Some(folder) = data_folder() else { return };
    let error = read(&folder.join("sst"), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("stsa.binary") && error.contains("stsa.fine"), "{error}");
    let all = [Split::Train, Split::Validation, Split::Test].map(Some);
    assert_eq!(sizes("sst/stsa.binary").unwrap(), all.into_iter().zip([6920, 872, 1821]).collect::<Vec<_>>());
    assert_eq!(sizes("sst/stsa.fine").unwrap(), all.into_iter().zip([8544, 1101, 2210]).collect::<Vec<_>>());
    let (data, found) = read_set("sst/stsa.fine.train", &ReadOptions::default()).unwrap();
    assert_eq!(data.labels, ["0", "1", "2", "3", "4"]);
    assert_eq!((found.format, found.split), (Format::LabelFirst, Some(Split::Train)));
}

#[test]
fn trec_has_fine_and_coarse_labels() {
    let coarse = ReadOptions { label_until: Some(':'), ..Default::default() };
    let Some((data, found)) = read_set("trec", &coarse) else { return };
    assert_eq!(data.len(), 5452);
    assert_eq!(data.labels, ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]);
    assert_eq!(found.encodings, [("windows-1252".to_owned(), 1)]);
    assert_eq!(data.texts[0], "How did serfdom develop in and then leave Russia ?");
    let (test, _) = read_set("trec", &ReadOptions { split: Some(Split::Test), ..coarse }).unwrap();
    assert_eq!(test.len(), 500);
    let (fine, _) = read_set("trec", &ReadOptions::default()).unwrap();
    assert_eq!(fine.labels.len(), 50);
}

#[test]
fn thucnews_gets_its_names_from_class_txt() {
    let Some((data, found)) = read_set("thucnews-titles", &ReadOptions::default()) else { return };
    assert_eq!((data.len(), data.labels.len()), (33_590, 10));
    assert_eq!(found.class_names.as_deref(), Some("class.txt"));
    assert_eq!(data.labels[data.targets[0].as_slice()[0] as usize], "education");
    assert_eq!(data.texts[0], "中华女子学院：本科层次仅1专业招男生");
    let (test, found) = read_set("thucnews-titles/test.txt", &ReadOptions::default()).unwrap();
    assert_eq!((test.len(), test.labels == data.labels), (10_000, true));
    assert_eq!((found.split, found.has_header), (Some(Split::Test), Some(false)));
    assert_eq!(read_set("thucnews-titles", &of(Split::Validation)).unwrap().0.len(), 10_000);
}

#[test]
fn tnews_and_sms_spam_are_tab_separated_without_header() {
    let Some((data, found)) = read_set("tnews", &ReadOptions::default()) else { return };
    assert_eq!((data.len(), data.labels.len()), (53_360, 15));
    assert_eq!(found.label_column.as_deref(), Some("2"));
    assert_eq!(read_set("tnews", &of(Split::Validation)).unwrap().0.len(), 10_000);
    for name in ["sms-spam", "sms-spam/SMSSpamCollection"] {
        let (data, found) = read_set(name, &ReadOptions::default()).unwrap();
        assert_eq!(
            (data.labels.as_slice(), data.label_counts()),
            (&["ham".to_owned(), "spam".to_owned()][..], vec![4827, 747])
        );
        assert_eq!((found.has_header, found.malformed), (Some(false), 0));
    }
}

#[test]
fn imdb_is_read_straight_from_its_archive() {
    let Some(folder) = data_folder() else { return };
    let path = folder.join("aclImdb_v1.tar.gz");
    let (train, found) = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(
        (train.labels.as_slice(), train.label_counts()),
        (&["neg".to_owned(), "pos".to_owned()][..], vec![12_500; 2])
    );
    assert_eq!((found.format, found.compression, found.archive), (Format::Folders, Compression::Gzip, true));
    assert!(found.ignored.iter().any(|i| i.count == 50_000 && i.what.contains("unsup")), "{:?}", found.ignored);
    assert_eq!(splits(&path).unwrap(), [Split::Train, Split::Test, Split::Unlabelled]);
    assert_eq!(read(&path, &of(Split::Test)).unwrap().0.len(), 25_000);
    let (unlabelled, _) = read(&path, &of(Split::Unlabelled)).unwrap();
    assert_eq!((unlabelled.len(), unlabelled.labels.len()), (50_000, 0));
    let sum = stats(&train, &[]);
    assert_eq!((sum.documents, sum.imbalance), (25_000, 1.0));
    assert!(sum.words.mean > 200.0 && sum.words.mean < 260.0);
    assert_eq!(sum.languages[0].name, "English");
}
