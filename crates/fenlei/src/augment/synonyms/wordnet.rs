//! English synonyms from the database files of WordNet (Fellbaum 1998), in the format that its manual calls wndb(5WN).
//!
//! Of each part of speech a word has the meaning that is used most and that has another word: `index.noun` lists the
//! meanings of a word in the order of their use. All meanings together would make a `film` a `coating`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Synonyms;
use crate::{Error, Result};

const PARTS_OF_SPEECH: [&str; 4] = ["noun", "verb", "adj", "adv"];

/// Where archives and packages have the files, below the folder that is named.
const INNER_FOLDERS: [&str; 5] = ["", "dict", "package/dict", "WordNet-3.0/dict", "usr/share/wordnet"];

const HELP: &str = "name the folder with index.noun and data.noun; `fenlei data get wordnet` makes one";

/// The folder with the files at or below `folder`; `None` if there are none.
pub(in crate::augment) fn find_folder(folder: &Path) -> Option<PathBuf> {
    let candidates = INNER_FOLDERS.iter().map(|inner| folder.join(inner));
    candidates
        .into_iter()
        .find(|folder| PARTS_OF_SPEECH.iter().any(|pos| folder.join(format!("index.{pos}")).is_file()))
}

pub(super) fn read(folder: &Path, synonyms: &mut Synonyms) -> Result<()> {
    let Some(folder) = find_folder(folder) else {
        let problem = match folder.is_dir() {
            true => "there is no index.noun, index.verb, index.adj or index.adv in this folder",
            false => "there is no such folder",
        };
        return Err(Error::data(folder, None, problem, HELP));
    };
    let n_before = synonyms.groups.len();
    for pos in PARTS_OF_SPEECH {
        let index = folder.join(format!("index.{pos}"));
        if index.is_file() {
            let meanings = read_meanings(&folder.join(format!("data.{pos}")), synonyms)?;
            read_index(&index, &meanings, synonyms)?;
        }
    }
    if synonyms.groups.len() == n_before {
        return Err(super::no_synonyms(&folder, HELP));
    }
    Ok(())
}

/// The lines that are no part of the licence at the beginning, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.starts_with("  ")).map(|(i, line)| (i + 1, line))
}

fn text_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn damaged(path: &Path, line_number: usize, line: &str, expected: &str) -> Error {
    let problem = format!("found {:?}, expected {expected}", crate::data::shortened(line, 60));
    Error::data(path, Some(line_number as u64), problem, "the file is damaged; fetch WordNet again")
}

/// The group of each meaning by its place in the file; `None` for a meaning with one word.
fn read_meanings(path: &Path, synonyms: &mut Synonyms) -> Result<HashMap<u64, Option<u32>>> {
    let text = text_of(path)?;
    let mut meanings = HashMap::new();
    for (number, line) in lines(&text) {
        let Some((offset, words)) = meaning(line) else {
            return Err(damaged(
                path,
                number,
                line,
                "a place, a file number, a part of speech, and words with their count",
            ));
        };
        meanings.insert(offset, synonyms.add_group(words));
    }
    Ok(meanings)
}

/// `00001740 03 n 01 entity 0 …`: the place, then, behind the type, the number of words in hexadecimal and each word with
/// a number of its own.
fn meaning(line: &str) -> Option<(u64, Vec<Box<str>>)> {
    let mut fields = line.split(' ');
    let offset = fields.next()?.parse().ok()?;
    let (_file, _type) = (fields.next()?, fields.next()?);
    let n_words = usize::from_str_radix(fields.next()?, 16).ok().filter(|n| *n > 0)?;
    let mut words = Vec::with_capacity(n_words);
    for _ in 0..n_words {
        let word = fields.next().filter(|word| !word.is_empty())?;
        u8::from_str_radix(fields.next()?, 16).ok()?;
        // Adjectives may say behind their name where they stand: `galore(ip)`.
        let bare = word.split_once('(').map_or(word, |(bare, _)| bare);
        words.push(bare.replace('_', " ").into());
    }
    // A line that was cut off in its words would have lost what follows them: the number of pointers.
    fields.next()?.parse::<u32>().ok()?;
    Some((offset, words))
}

/// Leads each word to the first of its meanings that has another word.
fn read_index(path: &Path, meanings: &HashMap<u64, Option<u32>>, synonyms: &mut Synonyms) -> Result<()> {
    let text = text_of(path)?;
    for (number, line) in lines(&text) {
        let Some((word, offsets)) = entry(line) else {
            return Err(damaged(
                path,
                number,
                line,
                "a word, a part of speech, counts, and the places of its meanings",
            ));
        };
        let mut group = None;
        for offset in offsets {
            let Some(found) = meanings.get(&offset) else {
                let expected = format!("places that are in the data file, which has none at {offset}");
                return Err(damaged(path, number, line, &expected));
            };
            group = group.or(*found);
        }
        if let Some(group) = group {
            let word = word.replace('_', " ").into_boxed_str();
            synonyms.by_word.entry(word).or_default().push(group);
        }
    }
    Ok(())
}

/// `division n 12 8 @ ~ … 12 5 08213205 …`: the word, its part of speech, how many meanings, how many signs and these,
/// two numbers, and the places of the meanings.
fn entry(line: &str) -> Option<(&str, Vec<u64>)> {
    let mut fields = line.trim_end().split(' ');
    let word = fields.next().filter(|word| !word.is_empty())?;
    let _type = fields.next()?;
    let n_meanings: usize = fields.next()?.parse().ok()?;
    let n_signs: usize = fields.next()?.parse().ok()?;
    let rest: Vec<&str> = fields.skip(n_signs).collect();
    let offsets = rest.get(2..).filter(|offsets| offsets.len() == n_meanings && n_meanings > 0)?;
    Some((word, offsets.iter().map(|offset| offset.parse().ok()).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "  1 A licence.  \nfilm n 2 1 @ 2 1 00000020 00000090  \nmotion_picture n 1 1 @ 1 0 00000090  \nmovie n 1 0 1 0 00000090  \n";
    const DATA: &str = "  1 A licence.  \n00000020 04 n 01 film 0 001 @ 00000090 n 0000 | a thin layer  \n00000090 04 n 03 movie 0 film 0 motion_picture 0 000 | moving pictures  \n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn read_files(files: &[(&str, &str)]) -> Result<Synonyms> {
        let mut synonyms = Synonyms::default();
        read(folder(files).path(), &mut synonyms).map(|()| synonyms)
    }

    #[test]
    fn a_word_has_the_first_meaning_that_has_another_word() {
        for place in ["", "dict/"] {
            let (index, data) = (format!("{place}index.noun"), format!("{place}data.noun"));
            let adjective = "galore a 1 0 1 0 00000010  \n";
            let adjectives = "00000010 00 s 02 galore(ip) 0 aplenty(p) a 000 | in plenty  \n";
            let files = [(&*index, INDEX), (&*data, DATA)];
            let (index, data) = (format!("{place}index.adj"), format!("{place}data.adj"));
            let synonyms = read_files(&[files[0], files[1], (&index, adjective), (&data, adjectives)]).unwrap();
            assert_eq!(synonyms.of("film"), ["movie", "motion picture"]);
            assert_eq!(synonyms.of("Movie"), ["film", "motion picture"]);
            assert_eq!(synonyms.of("galore"), ["aplenty"]);
            assert!(!synonyms.knows("layer"));
        }
    }

    #[test]
    fn folders_without_the_files_and_damaged_lines_are_refused() {
        let no_such = read(Path::new("no/such/folder"), &mut Synonyms::default()).unwrap_err().to_string();
        assert!(no_such.contains("there is no such folder"), "{no_such}");
        for (index, data, expected) in [
            ("", "", "no index.noun"),
            (INDEX, "", "cannot read"),
            (&INDEX.replace("n 2 1 @ 2 1", "n 3 1 @ 2 1"), DATA, "index.noun:2: found \"film n 3"),
            (&INDEX.replace("00000020", "00000021"), DATA, "has none at 21"),
            (INDEX, &DATA.replace(" 03 movie", " 0x movie"), "data.noun:3: found \"00000090"),
            (INDEX, &DATA.replace(" 000 | moving pictures  ", ""), "data.noun:3: found"),
            ("movie n 1 0 1 0 00000020  \n", "00000020 04 n 01 movie 0 000 | alone  \n", "no group of two words"),
        ] {
            let files = [("index.noun", index), ("data.noun", data)];
            let files: Vec<_> = files.into_iter().filter(|(_, text)| !text.is_empty()).collect();
            let error = read_files(&files).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("help: "), "{expected}: {error}");
        }
    }
}
