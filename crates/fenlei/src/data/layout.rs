//! What the files of a folder or an archive are, from their names alone: splits, classes, or strays.

use std::collections::BTreeMap;

use super::guess::extension;
use super::{Format, Ignored, Split, listed};

/// What a folder holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// Its parts: one without a split, or one for each split.
    pub(crate) parts: Vec<LayoutPart>,
    /// The file with the names of the classes.
    pub(crate) class_names: Option<usize>,
    /// What belongs to no part.
    pub(crate) ignored: Vec<Ignored>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct LayoutPart {
    pub(crate) split: Option<Split>,
    pub(crate) plan: Plan,
}

/// How to read a part; numbers are indices into the list of files.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// Each file is a document of a class (`None`: without a label).
    Documents(Vec<(usize, Option<String>)>),
    /// Each line of a file is a document of a class.
    Lines(Vec<(usize, String)>),
    /// One file with texts and labels.
    File(usize),
}

/// Why a folder cannot be understood.
#[derive(Debug, PartialEq)]
pub(crate) struct Unclear {
    pub(crate) problem: String,
    pub(crate) help: String,
}

fn unclear<T>(problem: impl Into<String>, help: impl Into<String>) -> Result<T, Unclear> {
    Err(Unclear { problem: problem.into(), help: help.into() })
}

/// A file under consideration: its index and what is left of its path.
type Entry<'a> = (usize, &'a [&'a str]);

/// Understands sorted relative paths with `/` between their parts.
pub(crate) fn layout(files: &[&str], format: Option<Format>) -> Result<Layout, Unclear> {
    let paths: Vec<Vec<&str>> = files.iter().map(|file| file.split('/').collect()).collect();
    let hidden = |path: &[&str]| path.iter().any(|part| part.starts_with('.') || *part == "__MACOSX");
    let mut entries: Vec<Entry> =
        paths.iter().enumerate().filter(|(_, path)| !hidden(path)).map(|(i, path)| (i, path.as_slice())).collect();
    let mut found = Layout { parts: Vec::new(), class_names: None, ignored: Vec::new() };
    enter_single_folder(&mut entries, format, &mut found);
    let (folders, loose) = level(&entries);
    if folders.is_empty() && loose.is_empty() {
        return unclear("found no files, expected documents", "check the path");
    }
    let splits: Option<Vec<Split>> = folders.keys().map(|name| split_of_folder(name)).collect();
    match splits.filter(|splits| !splits.is_empty()) {
        Some(splits) => {
            stray(&mut found, &loose, "", "beside the splits");
            for (name, split) in folders.keys().zip(splits) {
                if found.parts.iter().any(|part| part.split == Some(split)) {
                    let problem = format!("found several {split} parts: {}", listed(&names(&folders)));
                    return unclear(problem, "give the path of one of these folders");
                }
                read_part(&folders[name], Some(split), name, format, &mut found)?;
            }
        }
        None if format != Some(Format::Folders) && split_files(&folders, &loose, &mut found)? => {}
        None => read_part(&entries, None, "", format, &mut found)?,
    }
    found.parts.sort_by_key(|part| part.split);
    Ok(found)
}

/// Archives and downloads often wrap everything in one folder.
fn enter_single_folder(entries: &mut Vec<Entry>, format: Option<Format>, found: &mut Layout) {
    loop {
        let (folders, loose) = level(entries);
        let data_beside = loose.iter().any(|(_, path)| !is_about(path[0]));
        let Some((name, inside)) = folders.iter().next().filter(|_| folders.len() == 1 && !data_beside) else { return };
        let has_folders = inside.iter().any(|(_, path)| path.len() > 1);
        if split_of_folder(name).is_some() || (format == Some(Format::Folders) && !has_folders) {
            return;
        }
        stray(found, &loose, "", "beside the data");
        *entries = inside.clone();
    }
}

/// One level of a folder: its folders by name, with what they hold, and its own files.
fn level<'a>(entries: &[Entry<'a>]) -> (BTreeMap<&'a str, Vec<Entry<'a>>>, Vec<Entry<'a>>) {
    let mut folders: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    let mut loose = Vec::new();
    for &(i, path) in entries {
        match path {
            [folder, rest @ ..] if !rest.is_empty() => folders.entry(folder).or_default().push((i, rest)),
            _ => loose.push((i, path)),
        }
    }
    (folders, loose)
}

fn names(folders: &BTreeMap<&str, Vec<Entry>>) -> Vec<String> {
    folders.keys().map(|name| (*name).to_owned()).collect()
}

/// Reads a folder that holds one part: folders of classes, files of classes, or one file.
fn read_part(
    entries: &[Entry],
    split: Option<Split>,
    place: &str,
    format: Option<Format>,
    found: &mut Layout,
) -> Result<(), Unclear> {
    let (folders, loose) = level(entries);
    let lines_asked = format == Some(Format::Files) && !loose.is_empty();
    if folders.is_empty() || lines_asked {
        let plan = plan_of_files(&loose, place, format, found)?;
        let plan = match (split, plan) {
            (Some(Split::Unlabelled), Plan::Lines(files)) => {
                Plan::Documents(files.into_iter().map(|(i, _)| (i, None)).collect())
            }
            (_, plan) => plan,
        };
        found.parts.push(LayoutPart { split, plan });
        return Ok(());
    }
    stray(found, &loose, place, "beside the classes");
    let mut documents = Vec::new();
    let mut without_label = Vec::new();
    for (name, inside) in &folders {
        if Split::of_word(name) == Some(Split::Unlabelled) || split == Some(Split::Unlabelled) {
            without_label.extend(inside.iter().map(|&(i, _)| (i, None)));
            if split != Some(Split::Unlabelled) {
                let what = format!("files in {}{name} (not a class; --split unlabelled reads them)", prefix(place));
                found.ignored.push(Ignored { what, count: inside.len() as u64 });
            }
        } else {
            documents.extend(inside.iter().map(|&(i, _)| (i, Some((*name).to_owned()))));
        }
    }
    documents.sort();
    without_label.sort();
    if !documents.is_empty() {
        found.parts.push(LayoutPart { split, plan: Plan::Documents(documents) });
    }
    if !without_label.is_empty() {
        found.parts.push(LayoutPart { split: Some(Split::Unlabelled), plan: Plan::Documents(without_label) });
    }
    Ok(())
}

fn prefix(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("{place}/") }
}

/// Files without folders: one file of data, or one file a class.
fn plan_of_files(loose: &[Entry], place: &str, format: Option<Format>, found: &mut Layout) -> Result<Plan, Unclear> {
    let (about, data): (Vec<Entry>, Vec<Entry>) = loose.iter().partition(|(_, path)| is_about(path[0]));
    stray(found, &about, place, "beside the data");
    let file_names: Vec<&str> = data.iter().map(|(_, path)| path[0]).collect();
    match (data.as_slice(), format) {
        ([], _) => unclear("found no file of data", "check the path, or name the file"),
        ([(i, _)], format) if format != Some(Format::Files) => Ok(Plan::File(*i)),
        (_, Some(format)) if format != Format::Files => {
            unclear(format!("found several files: {}", listed(&file_names)), "give the path of one of them")
        }
        (_, format) => {
            let holds_labels = |name: &&str| {
                let path = std::path::Path::new(name);
                matches!(
                    extension(path).as_str(),
                    "csv" | "tsv" | "tab" | "jsonl" | "ndjson" | "json" | "parquet" | "warc" | "wet"
                )
            };
            if format.is_none() && file_names.iter().any(holds_labels) {
                let help = "give the path of one of them, or --format files if each holds the lines of one class";
                return unclear(format!("found several files: {}", listed(&file_names)), help);
            }
            let labels = labels_of_names(&file_names);
            Ok(Plan::Lines(data.iter().zip(labels).map(|(&(i, _), label)| (i, label)).collect()))
        }
    }
}

/// The label in each file name: what is left without the dotted parts that all begin or end with
/// (`rt-polarity.neg` → `neg`, `pos.txt` → `pos`, `plot.tok.gt9.5000` → `plot`).
fn labels_of_names(file_names: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = file_names.iter().map(|name| without_compression(name).split('.').collect()).collect();
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    let alone = parts.len() == 1;
    let same = |at: &dyn Fn(&Vec<&str>) -> String| parts.iter().all(|name| at(name) == at(&parts[0]));
    let mut start = 0;
    while !alone && start + 1 < shortest && same(&|name| name[start].to_owned()) {
        start += 1;
    }
    let mut end = 0;
    while start + end + 1 < shortest && (!alone || end == 0) && same(&|name| name[name.len() - 1 - end].to_owned()) {
        end += 1;
    }
    parts.iter().map(|name| name[start..name.len() - end].join(".")).collect()
}

fn without_compression(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

/// Files whose names say which split they are; false if there are none.
fn split_files(folders: &BTreeMap<&str, Vec<Entry>>, loose: &[Entry], found: &mut Layout) -> Result<bool, Unclear> {
    let mut groups: BTreeMap<String, Vec<(Split, usize)>> = BTreeMap::new();
    let mut rest = Vec::new();
    for &(i, path) in loose {
        match split_of_file(path[0]).filter(|_| !is_about(path[0])) {
            Some((split, group)) => groups.entry(group).or_default().push((split, i)),
            None => rest.push((i, path)),
        }
    }
    if groups.is_empty() || (!folders.is_empty() && groups.values().all(|group| group.len() < 2)) {
        return Ok(false);
    }
    if groups.len() > 1 {
        let describe = |(group, parts): (&String, &Vec<(Split, usize)>)| {
            let splits: Vec<&str> = parts.iter().map(|(split, _)| split.name()).collect();
            format!("{} ({})", if group.is_empty() { "unnamed" } else { group }, splits.join(", "))
        };
        let choices: Vec<String> = groups.iter().map(describe).collect();
        let help = "choose one: add its name to the path of the folder, or give the path of one file";
        return unclear(format!("found several data sets: {}", listed(&choices)), help);
    }
    stray(found, &rest, "", "beside the splits");
    for (split, i) in groups.into_values().flatten() {
        if found.parts.iter().any(|part| part.split == Some(split)) {
            let names: Vec<&str> = loose.iter().map(|(_, path)| path[0]).collect();
            return unclear(format!("found several {split} files: {}", listed(&names)), "give the path of one file");
        }
        found.parts.push(LayoutPart { split: Some(split), plan: Plan::File(i) });
    }
    for (name, inside) in folders {
        found
            .ignored
            .push(Ignored { what: format!("files in {name} (beside the splits)"), count: inside.len() as u64 });
    }
    Ok(true)
}

/// The split that a folder's name is or ends with (`test`, `20news-bydate-test`).
pub(crate) fn split_of_folder(name: &str) -> Option<Split> {
    Split::of_word(name).or_else(|| Split::of_word(name.rsplit(['-', '_', '.']).next()?))
}

/// The split in a file's name (`dev.txt`, `TREC.train`), and the name without it.
pub(crate) fn split_of_file(name: &str) -> Option<(Split, String)> {
    let parts: Vec<&str> = without_compression(name).split(['.', '-', '_']).collect();
    let at = parts.iter().rposition(|part| Split::of_word(part).is_some())?;
    let split = Split::of_word(parts[at])?;
    let mut others = parts;
    others.remove(at);
    Some((split, others.join(".")))
}

/// Whether a file is about the data rather than data: a licence, a description, the names of the classes.
fn is_about(name: &str) -> bool {
    const ABOUT: [&str; 7] = ["readme", "license", "licence", "notice", "changelog", "citation", "copying"];
    let lower = name.to_lowercase();
    let document = matches!(extension(std::path::Path::new(&lower)).as_str(), "md" | "rst" | "pdf" | "bib");
    document || is_class_names(&lower) || ABOUT.iter().any(|word| lower.contains(word))
}

/// Whether a file holds the names of classes that stand as numbers in the data.
pub(crate) fn is_class_names(name: &str) -> bool {
    let names =
        ["class.txt", "classes.txt", "class_names.txt", "labels.txt", "label.txt", "label_names.txt", "类别.txt"];
    names.contains(&name.to_lowercase().as_str())
}

fn stray(found: &mut Layout, entries: &[Entry], folder: &str, place: &str) {
    let class_names = entries.iter().find(|(_, path)| is_class_names(path[0]));
    if let Some((i, _)) = class_names {
        found.class_names = Some(*i);
    }
    let others: Vec<&str> = entries.iter().map(|(_, path)| path[0]).filter(|name| !is_class_names(name)).collect();
    if !others.is_empty() {
        let folder = if folder.is_empty() { String::new() } else { format!("in {folder} ") };
        let what = format!("files {folder}{place} ({})", listed(&others));
        found.ignored.push(Ignored { what, count: others.len() as u64 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(files: &[&str]) -> Vec<(Option<Split>, usize)> {
        let size = |plan: &Plan| match plan {
            Plan::Documents(files) => files.len(),
            Plan::Lines(files) => files.len(),
            Plan::File(_) => 1,
        };
        layout(files, None).unwrap().parts.iter().map(|part| (part.split, size(&part.plan))).collect()
    }

    #[test]
    fn a_folder_a_class_with_splits_strays_and_unlabelled_documents() {
        let files = [
            "aclImdb/README",
            "aclImdb/test/neg/0_2.txt",
            "aclImdb/test/pos/0_9.txt",
            "aclImdb/train/neg/0_1.txt",
            "aclImdb/train/pos/0_9.txt",
            "aclImdb/train/pos/1_9.txt",
            "aclImdb/train/unsup/0_0.txt",
            "aclImdb/train/urls_pos.txt",
        ];
        let expected = [(Some(Split::Train), 3), (Some(Split::Test), 2), (Some(Split::Unlabelled), 1)];
        assert_eq!(parts(&files), expected);
        let ignored = layout(&files, None).unwrap().ignored;
        assert!(ignored.iter().any(|i| i.what.contains("train/unsup") && i.count == 1), "{ignored:?}");
        assert!(ignored.iter().any(|i| i.what.contains("urls_pos.txt")), "{ignored:?}");
    }

    #[test]
    fn classes_may_be_called_like_splits_if_not_all_are() {
        let found = layout(&["car/1.txt", "plane/1.txt", "train/1.txt"], None).unwrap();
        let labels = |layout: &Layout| match &layout.parts[0].plan {
            Plan::Documents(files) => files.iter().map(|(_, label)| label.clone().unwrap()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(labels(&found), ["car", "plane", "train"]);
    }

    #[test]
    fn files_with_splits_in_their_names() {
        let expected = [(Some(Split::Train), 1), (Some(Split::Validation), 1), (Some(Split::Test), 1)];
        assert_eq!(parts(&["class.txt", "dev.txt", "test.txt", "train.txt"]), expected);
        assert_eq!(layout(&["class.txt", "dev.txt", "train.txt"], None).unwrap().class_names, Some(0));
        assert_eq!(parts(&["TREC.test", "TREC.train"]), [(Some(Split::Train), 1), (Some(Split::Test), 1)]);
        let error = layout(&["stsa.binary.dev", "stsa.binary.train", "stsa.fine.dev", "stsa.fine.train"], None);
        let problem = error.unwrap_err().problem;
        assert!(problem.contains("stsa.binary (validation, train)") && problem.contains("stsa.fine"), "{problem}");
    }

    #[test]
    fn a_file_a_class_takes_its_label_from_what_differs() {
        assert_eq!(labels_of_names(&["rt-polarity.neg", "rt-polarity.pos"]), ["neg", "pos"]);
        assert_eq!(labels_of_names(&["neg.txt", "pos.txt"]), ["neg", "pos"]);
        assert_eq!(labels_of_names(&["plot.tok.gt9.5000", "quote.tok.gt9.5000"]), ["plot", "quote"]);
        assert_eq!(labels_of_names(&["pos.txt.gz"]), ["pos"]);
        assert_eq!(labels_of_names(&["neg", "pos"]), ["neg", "pos"]);
        assert_eq!(parts(&["mr/rt-polarity.neg", "mr/rt-polarity.pos", "readme.txt"]), [(None, 2)]);
    }

    #[test]
    fn one_file_is_read_and_several_tables_are_a_question() {
        assert_eq!(layout(&["SMSSpamCollection", "readme"], None).unwrap().parts[0].plan, Plan::File(0));
        assert!(layout(&["a.csv", "b.csv"], None).unwrap_err().problem.contains("a.csv, b.csv"));
        assert!(layout(&["a.csv", "b.csv"], Some(Format::Files)).is_ok());
        assert!(layout(&[], None).is_err());
        assert_eq!(
            parts(&["train/pos.txt", "train/neg.txt", "test/data.csv"]),
            [(Some(Split::Train), 2), (Some(Split::Test), 1)]
        );
    }

    #[test]
    fn one_class_alone_needs_the_format() {
        let found = layout(&["pos/1.txt", "pos/2.txt"], Some(Format::Folders)).unwrap();
        assert_eq!(found.parts[0].plan, Plan::Documents(vec![(0, Some("pos".into())), (1, Some("pos".into()))]));
    }
}
