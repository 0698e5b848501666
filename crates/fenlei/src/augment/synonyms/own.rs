//! A file of synonyms of the user's own: a group a line, words separated by tabs or commas.

use std::path::Path;

use super::{Synonyms, no_synonyms};
use crate::augment::read_lines;
use crate::{Error, Result};

const HELP: &str = "write a group of words with one meaning a line, separated by tabs or commas: film, movie, picture";

pub(super) fn read(path: &Path, synonyms: &mut Synonyms) -> Result<()> {
    let mut n_groups = 0;
    for (i, line) in read_lines(path)?.iter().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let words = line.split(['\t', ',', '，', '、']).map(|word| word.trim().into()).collect();
        if !synonyms.add_mutual_group(words) {
            let problem = format!("found {:?}, expected two different words or more", crate::data::shortened(line, 60));
            return Err(Error::data(path, Some(i as u64 + 1), problem, HELP));
        }
        n_groups += 1;
    }
    if n_groups == 0 { Err(no_synonyms(path, HELP)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Synonyms> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut synonyms = Synonyms::default();
        read(file.path(), &mut synonyms).map(|()| synonyms)
    }

    #[test]
    fn both_languages_and_phrases_stand_in_it() {
        let synonyms = read_text("# mine\nfilm, motion picture\n\n电影，影片、片子\n").unwrap();
        assert_eq!(synonyms.of("Film"), ["motion picture"]);
        assert_eq!(synonyms.of("影片"), ["电影", "片子"]);
    }

    #[test]
    fn empty_files_and_lone_words_are_refused() {
        for (text, expected) in
            [("", "no group of two words"), ("\n# a, b\n", "no group"), ("a, b\nfilm\n", ":2: found \"film\"")]
        {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("help: "), "{error}");
        }
    }
}
