//! One file a document, or one file a class with a document a line.

use std::fs;
use std::io::Read;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8};
use rayon::prelude::*;

use super::json_lines::Stop;
use super::text::{TextFile, encoding_name};
use crate::data::collect::Collector;
use crate::data::compression::decompressed;
use crate::data::decode::{decode_bytes, for_each_line};
use crate::data::encoding::{self, Evidence};
use crate::data::tree::{Tree, TreeFile};
use crate::data::{Compression, Dataset, Findings, Format, ReadOptions, Split};
use crate::{Error, Result};

/// How many bytes of legacy text are enough to name its encoding.
const ENOUGH: usize = 1 << 23;

/// A document as far as it can be decoded on its own.
enum Document {
    Text(String, &'static Encoding, u64),
    /// Neither marked nor UTF-8: one file is too little to tell, all such files together decide.
    Legacy(Vec<u8>),
}

/// Reads documents in parallel; their order is that of `files`, which is sorted by path.
pub(super) fn read_documents(
    path: &Path,
    tree: &mut Tree,
    files: &[(usize, Option<String>)],
    options: &ReadOptions,
) -> Result<(Dataset, Findings)> {
    let asked = options.encoding.as_deref().map(encoding::by_label).transpose()?;
    let taken: Vec<TreeFile> = files.iter().map(|(i, _)| tree.files[*i].take()).collect();
    let documents: Vec<Document> =
        taken.into_par_iter().map(|file| read_document(file, asked)).collect::<Result<_>>()?;
    let legacy = shared_encoding(&documents);
    let decoded: Vec<(String, &'static Encoding, u64)> = documents
        .into_par_iter()
        .map(|document| match document {
            Document::Text(text, encoding, malformed) => (text, encoding, malformed),
            Document::Legacy(bytes) => {
                let (text, malformed) = decode_bytes(bytes, legacy);
                (text, legacy, malformed)
            }
        })
        .collect();
    let mut findings = Findings::new(path.to_owned(), Format::Folders);
    findings.compression = tree.compression;
    findings.files = files.len() as u64;
    let mut collector = Collector::new(options);
    for ((_, label), (text, encoding, malformed)) in files.iter().zip(decoded) {
        findings.note_encoding(encoding_name(encoding), 1);
        findings.malformed += malformed;
        match label {
            Some(label) => collector.push_field(text, label, 0),
            None => collector.push_missing(text, 0),
        }
    }
    let dataset = collector.finish(path, None, &mut findings)?;
    Ok((dataset, findings))
}

fn read_document(mut file: TreeFile, asked: Option<&'static Encoding>) -> Result<Document> {
    let bytes = match file.bytes.take() {
        Some(bytes) => bytes,
        None => fs::read(&file.path).map_err(|error| Error::io("read", &file.path, error))?,
    };
    let bytes = if Compression::of_magic(&bytes) == Compression::None {
        bytes
    } else {
        let mut plain = Vec::new();
        let (_, mut reader) = decompressed(&bytes[..]).map_err(|error| file.source().failed(error))?;
        reader.read_to_end(&mut plain).map_err(|error| file.source().failed(error))?;
        plain
    };
    let head = &bytes[..bytes.len().min(encoding::HEAD)];
    let encoding = match asked.or_else(|| encoding::of_mark(head)) {
        Some(encoding) => encoding,
        None if std::str::from_utf8(&bytes).is_ok() => UTF_8,
        None => return Ok(Document::Legacy(bytes)),
    };
    let (text, malformed) = decode_bytes(bytes, encoding);
    Ok(Document::Text(text, encoding, malformed))
}

fn shared_encoding(documents: &[Document]) -> &'static Encoding {
    let mut evidence = Evidence::new();
    let mut fed = 0;
    for document in documents {
        if let Document::Legacy(bytes) = document
            && fed < ENOUGH
        {
            evidence.feed(bytes);
            // Without a line end two documents could join into one character.
            evidence.feed(b"\n");
            fed += bytes.len();
        }
    }
    evidence.decide()
}

/// Reads files of which each holds the documents of one class, one a line.
pub(super) fn read_lines(
    path: &Path,
    tree: &Tree,
    files: &[(usize, String)],
    options: &ReadOptions,
) -> Result<(Dataset, Findings)> {
    let mut findings = Findings::new(path.to_owned(), Format::Files);
    let mut collector = Collector::new(options);
    let mut blank = 0;
    for (i, label) in files {
        let source = tree.files[*i].source();
        let mut file = TextFile::open(&source, options)?;
        let texts = file.parse(|file, reader| {
            let mut texts = Vec::new();
            let read = for_each_line(reader, |_, line| {
                texts.push(line.to_owned());
                Ok::<(), Stop>(())
            });
            read.or_else(|stop| stop.into_result(file))?;
            Ok(texts)
        })?;
        for (line, text) in texts.into_iter().enumerate() {
            if text.trim().is_empty() {
                blank += 1;
            } else if options.split == Some(Split::Unlabelled) {
                collector.push_missing(text, line as u64 + 1);
            } else {
                collector.push_field(text, label, line as u64 + 1);
            }
        }
        file.note(&mut findings);
    }
    findings.files = files.len() as u64;
    findings.compression = if tree.archive { tree.compression } else { findings.compression };
    findings.ignore("blank lines", blank);
    if collector.n_rows() < 2 * files.len() && files.len() > 2 && options.format.is_none() {
        let problem = format!(
            "found {} files with {} lines in all and no folders of classes: which label does a text have?",
            files.len(),
            collector.n_rows()
        );
        let help = "put the files of each class into a folder of its own and give the folder above, \
                    or pass --format files (a file a class) or --format folders (one class only)";
        return Err(Error::data(path, None, problem, help));
    }
    let dataset = collector.finish(path, None, &mut findings)?;
    Ok((dataset, findings))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::data::{Format, ReadOptions, Split, read, read_all, splits};

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn documents_come_in_the_order_of_their_paths() {
        let files: [(&str, &[u8]); 5] = [
            ("train/pos/b.txt", b"good\nfilm"),
            ("train/pos/a.txt", b"fine"),
            ("train/neg/z.txt", b"bad\0"),
            ("train/unsup/u.txt", b"who knows"),
            ("test/neg/q.txt", b"dull"),
        ];
        let folder = folder(&files);
        let (data, found) = read(folder.path(), &ReadOptions::default()).unwrap();
        assert_eq!(data.texts, ["bad\0", "fine", "good\nfilm"]);
        assert_eq!(data.labels, ["neg", "pos"]);
        assert_eq!(data.label_counts(), [1, 2]);
        assert_eq!((found.split, found.texts_with_nul, found.files), (Some(Split::Train), 1, 3));
        assert!(found.to_string().contains("unsup"), "{found}");
        assert_eq!(splits(folder.path()).unwrap(), [Split::Train, Split::Test, Split::Unlabelled]);
        let of = |split| ReadOptions { split: Some(split), ..Default::default() };
        assert_eq!(read(folder.path(), &of(Split::Test)).unwrap().0.texts, ["dull"]);
        assert_eq!(read(folder.path(), &of(Split::Unlabelled)).unwrap().0.texts, ["who knows"]);
        let error = read(folder.path(), &of(Split::Validation)).unwrap_err().to_string();
        assert!(error.contains("train, test, unlabelled"), "{error}");
        assert_eq!(read_all(folder.path(), &ReadOptions::default()).unwrap().len(), 2);
    }

    #[test]
    fn few_bytes_a_file_still_tell_the_encoding_of_all() {
        let lines = ["这部电影很好看", "演员的表演非常出色", "剧情拖沓", "浪费时间", "不推荐"];
        let encoded: Vec<Vec<u8>> = lines.iter().map(|line| encoding_rs::GB18030.encode(line).0.into_owned()).collect();
        let names: Vec<String> = (0..lines.len()).map(|i| format!("{}/{i}.txt", ["a", "b"][i % 2])).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(encoded.iter().map(Vec::as_slice)).collect();
        let folder = folder(&files);
        let (data, found) = read(folder.path(), &ReadOptions::default()).unwrap();
        assert_eq!(data.texts, [lines[0], lines[2], lines[4], lines[1], lines[3]]);
        assert_eq!(found.encodings, [("GB18030".to_owned(), 5)]);
    }

    #[test]
    fn a_file_a_class_gives_a_document_a_line() {
        let folder = folder(&[("x.neg", b"bad \n\nworse"), ("x.pos", b"caf\xe9 cr\xe8me, na\xefve d\xe9j\xe0 vu\n")]);
        let (data, found) = read(folder.path(), &ReadOptions::default()).unwrap();
        assert_eq!(data.texts, ["bad ", "worse", "café crème, naïve déjà vu"]);
        assert_eq!(data.label_counts(), [2, 1]);
        assert_eq!((found.format, found.ignored[0].count), (Format::Files, 1));
        assert_eq!(found.encodings.len(), 2);
    }

    #[test]
    fn documents_without_classes_are_an_error_that_says_what_to_do() {
        let folder = folder(&[("1.txt", b"one"), ("2.txt", b"two"), ("3.txt", b"three")]);
        let error = read(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("folder of its own"), "{error}");
    }
}
