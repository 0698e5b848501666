//! Words of the same meaning: from WordNet, from 词林, from a file of the user's own.

mod cilin;
mod own;
mod wordnet;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;

use super::AugmentSpec;
use crate::{Error, Result};

pub(super) use wordnet::find_folder;

/// Where the files of WordNet usually are: what `fenlei data get wordnet` makes, and the package of Debian.
const USUAL_FOLDERS: [&str; 2] = ["data/wordnet", "/usr/share/wordnet"];

/// Groups of words with one meaning.
///
/// Invariant: a group has at least two words; a word that leads to a group stands in it.
#[derive(Debug, Default)]
pub(super) struct Synonyms {
    groups: Vec<Vec<Box<str>>>,
    /// The groups of each word, in lower case.
    by_word: HashMap<Box<str>, Vec<u32>, FixedState>,
}

impl Synonyms {
    /// Everything that the specification names; where it names nothing, WordNet from where it usually is.
    pub fn load(spec: &AugmentSpec) -> Result<Self> {
        let mut synonyms = Self::default();
        let wordnet = match &spec.wordnet {
            Some(folder) => Some(folder.clone()),
            None if spec.cilin.is_some() || spec.synonyms.is_some() => None,
            None => Some(usual_folder(&USUAL_FOLDERS.map(PathBuf::from))?),
        };
        if let Some(folder) = wordnet {
            wordnet::read(&folder, &mut synonyms)?;
        }
        if let Some(path) = &spec.cilin {
            cilin::read(path, &mut synonyms)?;
        }
        if let Some(path) = &spec.synonyms {
            own::read(path, &mut synonyms)?;
        }
        Ok(synonyms)
    }

    /// Adds a group; its number, unless it has less than two different words.
    fn add_group(&mut self, words: Vec<Box<str>>) -> Option<u32> {
        let mut group: Vec<Box<str>> = Vec::with_capacity(words.len());
        for word in words {
            if !word.is_empty() && !group.contains(&word) {
                group.push(word);
            }
        }
        if group.len() < 2 {
            return None;
        }
        self.groups.push(group);
        u32::try_from(self.groups.len() - 1).ok()
    }

    /// Adds a group that each of its words leads to.
    fn add_mutual_group(&mut self, words: Vec<Box<str>>) -> bool {
        let Some(number) = self.add_group(words) else { return false };
        let group = &self.groups[number as usize];
        for word in group {
            self.by_word.entry(word.to_lowercase().into()).or_default().push(number);
        }
        true
    }

    /// Whether `word` has a synonym.
    pub fn knows(&self, word: &str) -> bool {
        self.groups_of(word).is_some()
    }

    fn groups_of(&self, word: &str) -> Option<&Vec<u32>> {
        // Most words of a text are in lower case already.
        if word.bytes().all(|b| b.is_ascii_lowercase()) {
            return self.by_word.get(word);
        }
        self.by_word.get(word.to_lowercase().as_str())
    }

    /// The words that have a meaning of `word`, other than itself, each as often as it has one.
    pub fn of(&self, word: &str) -> Vec<&str> {
        // Most are ASCII, where nothing has to be made to compare without case.
        let is_other = |other: &&str| match word.is_ascii() && other.is_ascii() {
            true => !other.eq_ignore_ascii_case(word),
            false => other.to_lowercase() != word.to_lowercase(),
        };
        let groups = self.groups_of(word).map_or(&[][..], Vec::as_slice);
        let words = groups.iter().flat_map(|&group| &self.groups[group as usize]);
        words.map(|word| &**word).filter(is_other).collect()
    }

    /// A number that is another one for other synonyms.
    pub fn fingerprint(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        for group in &self.groups {
            for word in group {
                crc.update(word.as_bytes());
                crc.update(b"\0");
            }
            crc.update(b"\n");
        }
        crc.finalize()
    }
}

fn usual_folder(usual: &[PathBuf]) -> Result<PathBuf> {
    usual.iter().find(|folder| find_folder(folder).is_some()).cloned().ok_or_else(|| {
        let looked = usual.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and ");
        Error::config(
            "synonyms",
            format!("synonyms are asked for, but no file of them is named, and WordNet is not in {looked}"),
            "run `fenlei data get wordnet`, or name a folder of WordNet (wordnet), a file in the format of 词林 (cilin) \
             or a file of your own (synonyms)",
        )
    })
}

/// A file of synonyms from which nothing can be learned.
fn no_synonyms(path: &Path, help: &str) -> Error {
    Error::data(path, None, "found no group of two words or more, so there is no synonym in it", help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(words: &[&str]) -> Vec<Box<str>> {
        words.iter().map(|word| (*word).into()).collect()
    }

    #[test]
    fn a_word_leads_to_the_others_of_its_groups_in_any_case() {
        let mut synonyms = Synonyms::default();
        assert!(synonyms.add_mutual_group(group(&["film", "movie", "film"])));
        assert!(synonyms.add_mutual_group(group(&["film", "coat"])));
        assert!(!synonyms.add_mutual_group(group(&["alone", "alone"])));
        assert_eq!(synonyms.of("FILM"), ["movie", "coat"]);
        assert_eq!(synonyms.of("movie"), ["film"]);
        assert!(synonyms.of("alone").is_empty() && !synonyms.knows("alone") && synonyms.knows("Coat"));
        let before = synonyms.fingerprint();
        synonyms.add_mutual_group(group(&["a", "b"]));
        assert_ne!(before, synonyms.fingerprint());
    }

    #[test]
    fn where_there_is_no_wordnet_the_error_says_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = usual_folder(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("fenlei data get wordnet"), "{error}");
    }
}
