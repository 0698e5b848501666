//! Reading: a path → the parts that it holds → documents.

pub(crate) mod delimited;
mod documents;
pub(super) mod fasttext;
mod json_lines;
mod label_first;
mod parquet;
mod text;
pub(super) mod warc;

use std::fs;
use std::path::Path;

use super::collect::ClassNames;
use super::crawl::is_crawl_source;
use super::findings::Findings;
use super::layout::{self, Layout, LayoutPart, Plan, is_class_names};
use super::source::Source;
use super::tree::{Tree, is_tar};
use super::{Dataset, Format, ReadOptions, Split, guess};
use crate::{Error, Result};
use text::TextFile;

/// One part of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which part, if the data says.
    pub split: Option<Split>,
    /// Its documents.
    pub dataset: Dataset,
    /// What was found.
    pub findings: Findings,
}

/// Reads labelled documents from a file, a folder or a tar archive, finding out what they are.
///
/// Of data with several parts the one in `options.split` is read, by default the training part. A path that does not
/// exist but begins the names of files with splits (`sst/stsa.binary`) stands for these files.
///
/// # Errors
/// [`Error::Io`] if something cannot be read, [`Error::Data`] if it cannot be understood, [`Error::Config`] if the
/// options contradict themselves. One class only is not an error.
pub fn read(path: &Path, options: &ReadOptions) -> Result<(Dataset, Findings)> {
    let wanted = options.split.unwrap_or(Split::Train);
    let mut parts = read_parts(path, options, Some(wanted))?;
    match parts.pop() {
        Some(part) => Ok((part.dataset, part.findings)),
        None => Err(Error::data(path, None, "found no documents, expected at least one", "check the path")),
    }
}

/// Reads every labelled part, in the order train, validation, test; an archive is passed over once.
///
/// The parts have labels of their own; [`Dataset::relabel`] brings them to those of the training part.
///
/// # Errors
/// As [`read`].
pub fn read_all(path: &Path, options: &ReadOptions) -> Result<Vec<Part>> {
    read_parts(path, options, None)
}

/// Which parts a path holds, in the order of [`Split::ALL`]; empty if it is not divided.
///
/// # Errors
/// As [`read`].
pub fn splits(path: &Path) -> Result<Vec<Split>> {
    let options = ReadOptions::default();
    // No contents are wanted, so an archive's are not kept.
    Ok(match open(path, Some(&[]))? {
        Opened::Tree(tree) => splits_of(&understand(path, &tree, &options)?),
        Opened::File(_) => Vec::new(),
    })
}

/// Reads labelled documents from bytes: those of a file or of a tar archive.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], options: &ReadOptions) -> Result<(Dataset, Findings)> {
    let path = Path::new("<bytes>");
    let source = Source::in_memory(path, bytes);
    if !is_warc(&source, options)? && is_tar(&source.head(512)?.1) {
        let tree = Tree::of_archive(&source, None)?;
        let parts = read_tree(path, tree, options, Some(options.split.unwrap_or(Split::Train)))?;
        let part = parts.into_iter().next().ok_or_else(|| no_documents(path))?;
        return Ok((part.dataset, part.findings));
    }
    read_file(&source, options, None)
}

fn no_documents(path: &Path) -> Error {
    Error::data(path, None, "found no documents, expected at least one", "check the path")
}

enum Opened<'a> {
    Tree(Tree),
    File(Source<'a>),
}

/// Finds out whether a path is a folder, an archive, a group of files, or a file.
fn open<'a>(path: &Path, wanted: Option<&[Split]>) -> Result<Opened<'a>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Tree::of_folder(path).map(Opened::Tree),
        Ok(_) => {
            let source = Source::on_disk(path);
            // A damaged archive of the web can still be read, though its head cannot.
            if !is_crawl_source(&source)? && is_tar(&source.head(512)?.1) {
                return Tree::of_archive(&source, wanted).map(Opened::Tree);
            }
            Ok(Opened::File(source))
        }
        Err(error) => match Tree::of_group(path) {
            Some(tree) => Ok(Opened::Tree(tree)),
            None => Err(Error::io("read", path, error)),
        },
    }
}

/// Reads one part (`Some`) or all labelled ones (`None`).
fn read_parts(path: &Path, options: &ReadOptions, wanted: Option<Split>) -> Result<Vec<Part>> {
    let labelled = [Split::Train, Split::Validation, Split::Test];
    let contents = match &wanted {
        Some(split) => std::slice::from_ref(split),
        None => &labelled,
    };
    match open(path, Some(contents))? {
        Opened::File(source) => {
            let class_names = class_names_beside(path);
            let (dataset, mut findings) = read_file(&source, options, class_names.as_ref())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            findings.split = layout::split_of_file(&name).map(|(split, _)| split);
            Ok(vec![Part { split: findings.split, dataset, findings }])
        }
        Opened::Tree(tree) => {
            // What was left out by its path may be wanted after all: the only split there is, or a class called "test".
            let lacking = tree.partial && {
                let layout = understand(path, &tree, options)?;
                chosen(path, &layout, options, wanted)?.iter().any(|part| lacks_contents(part, &tree))
            };
            let tree = if lacking { Tree::of_archive(&Source::on_disk(path), None)? } else { tree };
            read_tree(path, tree, options, wanted)
        }
    }
}

fn lacks_contents(part: &LayoutPart, tree: &Tree) -> bool {
    let missing = |i: &usize| tree.files[*i].bytes.is_none();
    match &part.plan {
        Plan::Documents(files) => files.iter().any(|(i, _)| missing(i)),
        Plan::Lines(files) => files.iter().any(|(i, _)| missing(i)),
        Plan::File(i) => missing(i),
    }
}

fn understand(path: &Path, tree: &Tree, options: &ReadOptions) -> Result<Layout> {
    layout::layout(&tree.names(), options.format)
        .map_err(|unclear| Error::data(path, None, unclear.problem, unclear.help))
}

fn splits_of(layout: &Layout) -> Vec<Split> {
    layout.parts.iter().filter_map(|part| part.split).collect()
}

fn chosen<'l>(
    path: &Path,
    layout: &'l Layout,
    options: &ReadOptions,
    wanted: Option<Split>,
) -> Result<Vec<&'l LayoutPart>> {
    let Some(wanted) = wanted else {
        return Ok(layout.parts.iter().filter(|part| part.split != Some(Split::Unlabelled)).collect());
    };
    if let Some(part) = layout.parts.iter().find(|part| part.split == Some(wanted)) {
        return Ok(vec![part]);
    }
    // Undivided data is read as a whole unless a part of it was asked for; so is the only part there is.
    let labelled: Vec<&LayoutPart> = layout.parts.iter().filter(|part| part.split != Some(Split::Unlabelled)).collect();
    match labelled.as_slice() {
        [part] if options.split.is_none() || (part.split.is_none() && wanted == Split::Train) => Ok(vec![part]),
        _ => {
            let names: Vec<&str> = splits_of(layout).into_iter().map(Split::name).collect();
            let there =
                if names.is_empty() { "it is not divided".into() } else { format!("there are: {}", names.join(", ")) };
            let problem = format!("found no {wanted} part; {there}");
            Err(Error::data(path, None, problem, "choose one with --split, or make parts with `fenlei data split`"))
        }
    }
}

fn read_tree(path: &Path, mut tree: Tree, options: &ReadOptions, wanted: Option<Split>) -> Result<Vec<Part>> {
    let layout = understand(path, &tree, options)?;
    let class_names = layout.class_names.map(|i| &tree.files[i]);
    let class_names = class_names.map(|file| read_class_names(&file.source())).transpose()?;
    let splits = splits_of(&layout);
    let mut parts = Vec::new();
    for part in chosen(path, &layout, options, wanted)? {
        let options = &ReadOptions { split: part.split, ..options.clone() };
        let (dataset, mut findings) = match &part.plan {
            Plan::File(i) => {
                let (dataset, mut findings) = read_file(&tree.files[*i].source(), options, class_names.as_ref())?;
                if tree.archive {
                    findings.compression = tree.compression;
                }
                (dataset, findings)
            }
            Plan::Documents(files) => documents::read_documents(path, &mut tree, files, options)?,
            Plan::Lines(files) => documents::read_lines(path, &tree, files, options)?,
        };
        findings.archive = tree.archive;
        findings.split = part.split;
        findings.splits.clone_from(&splits);
        for ignored in &layout.ignored {
            findings.ignore(ignored.what.clone(), ignored.count);
        }
        parts.push(Part { split: part.split, dataset, findings });
    }
    Ok(parts)
}

/// The file of class names in the same folder as a file, if there is one that can be read.
fn class_names_beside(path: &Path) -> Option<ClassNames> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<_> = fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| path.file_name().is_some_and(|name| is_class_names(&name.to_string_lossy())));
    names.sort();
    read_class_names(&Source::on_disk(names.first()?)).ok()
}

fn read_class_names(source: &Source<'_>) -> Result<ClassNames> {
    const LARGEST: usize = 1 << 24;
    let (_, bytes, _) = source.head(LARGEST)?;
    let encoding = super::encoding::of_bytes(&bytes);
    let (text, _) = super::decode::decode_bytes(bytes, encoding);
    let file = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(ClassNames::parse(file, &text))
}

/// Reads one file that holds texts and labels.
fn read_file(
    source: &Source<'_>,
    options: &ReadOptions,
    class_names: Option<&ClassNames>,
) -> Result<(Dataset, Findings)> {
    if is_warc(source, options)? {
        return warc::read(source, options);
    }
    let (_, head, _) = source.head(4)?;
    let looks_like_parquet = head == b"PAR1" && options.format.is_none();
    if looks_like_parquet || options.format == Some(Format::Parquet) {
        return parquet::read(source, options, class_names);
    }
    refuse_binary(source, &head, options)?;
    let mut file = TextFile::open(source, options)?;
    let format = match options.format {
        Some(format) => format,
        None => guess::format(&source.path, file.sample(), file.sample_is_all(), options)?,
    };
    let mut findings = Findings::new(source.path.clone(), format);
    let collector = match format {
        Format::Csv | Format::Tsv => delimited::read(&mut file, options, &mut findings)?,
        Format::JsonLines => json_lines::read(&mut file, options, &mut findings)?,
        Format::FastText => fasttext::read(&mut file, options, &mut findings)?,
        Format::LabelFirst => label_first::read(&mut file, options, &mut findings)?,
        Format::Folders | Format::Files | Format::Parquet | Format::Warc => {
            let problem = format!("found a file, expected a folder or an archive in the format {format}");
            return Err(Error::data(&source.path, None, problem, "give the path of the folder, or another --format"));
        }
    };
    file.note(&mut findings);
    let dataset = collector.finish(&source.path, class_names, &mut findings)?;
    Ok((dataset, findings))
}

/// Whether a file is read as a web archive.
pub(super) fn is_warc(source: &Source<'_>, options: &ReadOptions) -> Result<bool> {
    match options.format {
        Some(format) => Ok(format == Format::Warc),
        None => is_crawl_source(source),
    }
}

fn refuse_binary(source: &Source<'_>, head: &[u8], options: &ReadOptions) -> Result<()> {
    let (what, help) = match head {
        b"PK\x03\x04" => ("a zip archive (or an office document)", "unpack it, or save the table as CSV"),
        b"%PDF" => ("a PDF document", "extract its text first"),
        [0xd0, 0xcf, 0x11, 0xe0] => ("an old office document", "save the table as CSV"),
        b"BZh9" => ("a bzip2 file", "decompress it with bunzip2, or use gzip or zstd"),
        [0xfd, b'7', b'z', b'X'] => ("an xz file", "decompress it with unxz, or use gzip or zstd"),
        _ => return Ok(()),
    };
    if options.format.is_some() {
        return Ok(());
    }
    Err(Error::data(&source.path, None, format!("found {what}, expected text, Parquet or a tar archive"), help))
}

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod real_sets;
