//! A name says what is inside: no drawers for odds and ends.

use super::Finding;
use super::tree::Tree;

/// Names that could hold anything.
const EMPTY_WORDS: [&str; 11] =
    ["base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils", "utility", "utilities"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if let Some(word) = empty_word(&file.path) {
            let found = format!("the name `{word}` says nothing about what is inside");
            findings.push(Finding::error(&file.path, 0, found, "name it after the one idea it holds"));
        }
    }
    findings
}

/// A folder or a file named by an empty word, or a Rust file with one as a part of its name.
fn empty_word(path: &str) -> Option<&str> {
    let stem = |part: &str| part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let is_rust = path.ends_with(".rs");
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    folders.split('/').find(|folder| EMPTY_WORDS.contains(&stem(folder).as_str())).or_else(|| {
        let stem = stem(name);
        let empty = if is_rust {
            stem.split(['_', '-']).any(|word| EMPTY_WORDS.contains(&word))
        } else {
            EMPTY_WORDS.contains(&stem.as_str())
        };
        empty.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_empty_words_as_files_folders_and_parts_of_rust_files() {
        for path in ["src/utils.rs", "src/common/mod.rs", "tests/test_helper.rs", "scripts/misc.py", "a/Manager.rs"] {
            assert_eq!(check(&Tree::of(&[(path, "")])).len(), 1, "{path}");
        }
    }

    #[test]
    fn accepts_names_that_merely_contain_the_letters() {
        for path in ["src/base64.rs", "src/database.rs", "testdata/bert-base.json", "src/uncommon.rs", "LICENSE-MIT"] {
            assert!(check(&Tree::of(&[(path, "")])).is_empty(), "{path}");
        }
    }
}
