//! Bytes as a data set in every format, or in one that is guessed: documents with labels, or an error.
//!
//! Invariant: what is read is a valid data set, and reading it again gives the same.
#![no_main]

use fenlei::data::{Format, MissingLabel, ReadOptions, Target, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the options: the digits 0 to 8 a format, 9 a guess; h a web archive, which has no labels.
    let Some((&control, bytes)) = bytes.split_first() else { return };
    let options = ReadOptions {
        format: Format::ALL.get(usize::from(control & 0x0f)).copied(),
        missing_label: MissingLabel::ALL[usize::from(control >> 4 & 0x03) % MissingLabel::ALL.len()],
        has_header: match control >> 6 {
            0 => None,
            1 => Some(true),
            2 => Some(false),
            _ => None,
        },
        label_separator: (control >> 6 == 3).then_some('|'),
        ..ReadOptions::default()
    };
    match read_bytes(bytes, &options) {
        Ok((dataset, findings)) => {
            assert_eq!(dataset.texts.len(), dataset.targets.len());
            for target in &dataset.targets {
                assert!(target.as_slice().iter().all(|&label| (label as usize) < dataset.labels.len()));
                assert!(target.as_slice().windows(2).all(|pair| pair[0] < pair[1]), "labels are ascending");
                assert!(
                    matches!(target, Target::Unlabelled) || matches!(target, Target::Many(_)) == dataset.multi_label
                );
            }
            let mut labels = dataset.labels.clone();
            labels.sort();
            labels.dedup();
            assert_eq!(labels.len(), dataset.labels.len(), "labels are distinct");
            let again = read_bytes(bytes, &options).expect("the same bytes again");
            assert!(again == (dataset, findings), "the same bytes give the same data set");
        }
        Err(error) => assert!(error.to_string().contains("help: "), "no help in: {error}"),
    }
});
