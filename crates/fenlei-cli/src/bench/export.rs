//! Documents in the formats that the scripts of `benches/peers` read.
//!
//! Token ids, for the networks: `NAME.ids.u32`, `NAME.starts.u64`, `NAME.labels.u32`, little-endian, and `meta.json`.
//! Id 0 is padding there, so that every id is one more than ours: 1 is the unknown token.
//! Texts, for fastText: `train.txt` (in random order, since fastText reads a file from its beginning to its end) and `test.txt` with `__label__x text` a line, and `test.texts.txt` without labels.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use fenlei::data::Dataset;
use fenlei::text::{EncodedTexts, TextPipeline};
use fenlei_nn::rng;
use serde::{Deserialize, Serialize};

/// Of the order of the texts.
const SEED_ORDER: u64 = 1;

/// The head of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Documents to learn from.
    pub n_train: usize,
    /// Documents to test on.
    pub n_test: usize,
    /// Ids are below this: the tokens of the vocabulary, the unknown one included, and padding.
    pub vocab: usize,
}

/// Writes the token ids of both parts into a folder.
pub(super) fn write_ids(folder: &Path, pipeline: &TextPipeline, train: &Dataset, test: &Dataset) -> Result<Meta> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, documents) in [("train", train), ("test", test)] {
        let encoded = pipeline.encode_batch(&documents.texts);
        let starts = encoded.starts.iter().map(|&start| start as u64);
        write_numbers(&folder.join(format!("{name}.ids.u32")), exported_ids(&encoded).map(u32::to_le_bytes))?;
        write_numbers(&folder.join(format!("{name}.starts.u64")), starts.map(u64::to_le_bytes))?;
        let labels = single_labels(documents)?;
        write_numbers(&folder.join(format!("{name}.labels.u32")), labels.into_iter().map(u32::to_le_bytes))?;
    }
    let meta = Meta { n_train: train.len(), n_test: test.len(), vocab: pipeline.vocab().len() + 1 };
    write_file(&folder.join("meta.json"), &serde_json::to_vec(&meta)?)?;
    Ok(meta)
}

/// Whether the ids of a part are those in the folder: what is trained here is then what the others train on.
pub(super) fn ids_agree(folder: &Path, name: &str, encoded: &EncodedTexts) -> Result<bool> {
    let file = folder.join(format!("{name}.ids.u32"));
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes.len() == 4 * encoded.ids.len()
        && exported_ids(encoded).zip(bytes.chunks(4)).all(|(id, b)| id.to_le_bytes() == b))
}

fn exported_ids(encoded: &EncodedTexts) -> impl Iterator<Item = u32> {
    encoded.ids.iter().map(|id| id + 1)
}

/// The one label of each document.
pub(super) fn single_labels(documents: &Dataset) -> Result<Vec<u32>> {
    let labels: Vec<u32> = documents.targets.iter().flat_map(|target| target.as_slice()).copied().collect();
    ensure!(labels.len() == documents.len(), "every document must have one label");
    Ok(labels)
}

/// Writes the texts of both parts into a folder, a document a line.
pub(super) fn write_texts(folder: &Path, train: &Dataset, test: &Dataset) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut order: Vec<usize> = (0..train.len()).collect();
    rng::shuffle(&mut order, SEED_ORDER);
    write_lines(&folder.join("train.txt"), &train.subset(&order), true)?;
    write_lines(&folder.join("test.txt"), test, true)?;
    write_lines(&folder.join("test.texts.txt"), test, false)
}

/// Writes documents as lines with their labels, as fastText reads them.
pub(super) fn write_labelled(path: &Path, documents: &Dataset) -> Result<()> {
    write_lines(path, documents, true)
}

fn write_lines(path: &Path, documents: &Dataset, labelled: bool) -> Result<()> {
    let mut lines = Vec::new();
    for (text, label) in documents.texts.iter().zip(single_labels(documents)?) {
        if labelled {
            lines.extend_from_slice(format!("__label__{} ", documents.labels[label as usize]).as_bytes());
        }
        // The others end a line at a line feed only; a reader of ours could end it at any of these.
        lines.extend_from_slice(text.replace(['\n', '\r', '\u{b}', '\u{c}', '\u{85}'], " ").as_bytes());
        lines.push(b'\n');
    }
    write_file(path, &lines)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn write_numbers<const N: usize>(path: &Path, numbers: impl Iterator<Item = [u8; N]>) -> Result<()> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        for number in numbers {
            file.write_all(&number)?;
        }
        file.flush()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use fenlei::text::PipelineSpec;

    use super::*;
    use crate::bench::labelled;

    fn reviews() -> Dataset {
        labelled([("good film good", "pos"), ("bad\nfilm", "neg")])
    }

    #[test]
    fn ids_are_one_more_than_ours_and_documents_stand_in_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = PipelineSpec::default();
        spec.vocab.min_count = 2;
        let pipeline = spec.fit(&reviews().texts).unwrap();
        let test = labelled([("film unseen", "neg")]);
        let meta = write_ids(folder.path(), &pipeline, &reviews(), &test).unwrap();
        assert_eq!(meta, Meta { n_train: 2, n_test: 1, vocab: 4 });
        let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let u32s = |name: &str| -> Vec<u32> {
            bytes(name).chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let starts: Vec<u64> =
            bytes("train.starts.u64").chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(starts, [0, 3, 5]);
        let film = pipeline.vocab().id("film").unwrap() + 1;
        let good = pipeline.vocab().id("good").unwrap() + 1;
        assert_eq!(u32s("train.ids.u32"), [good, film, good, 1, film]);
        assert_eq!(u32s("test.ids.u32"), [film, 1]);
        assert_eq!(u32s("train.labels.u32"), [1, 0]);
        assert!(ids_agree(folder.path(), "train", &pipeline.encode_batch(&reviews().texts)).unwrap());
        assert!(!ids_agree(folder.path(), "train", &pipeline.encode_batch(&test.texts)).unwrap());
        assert!(bytes("meta.json").starts_with(b"{\"n_train\":2,"));
    }

    #[test]
    fn a_document_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        write_texts(folder.path(), &reviews(), &reviews()).unwrap();
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(text("train.txt"), "__label__pos good film good\n__label__neg bad film\n");
        assert_eq!(text("test.texts.txt"), "good film good\nbad film\n");
    }
}
