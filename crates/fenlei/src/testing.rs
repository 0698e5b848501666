//! Where tests find real data sets; no part of the public interface.
//!
//! Real corpora are not part of the repository. Tests that need one ask [`data_file`] for it and return when there
//! is none, so that a clone without data passes. What that means is said loudly, and is a failure where it must not
//! happen: with `FENLEI_REQUIRE_DATA` set, a missing file panics. Continuous integration sets it when the folder is
//! there.
//!
//! ```no_run
//! # fn reads_a_real_corpus() {
//! let Some(path) = fenlei::testing::data_file("sms-spam") else { return };
//! # let _ = path;
//! # }
//! ```

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder of data sets: `FENLEI_DATA`, or `shared/data` beside the project; `None` when it does not exist.
///
/// # Panics
///
/// When `FENLEI_REQUIRE_DATA` is set and there is no such folder.
pub fn data_dir() -> Option<PathBuf> {
    let dir = env::var_os("FENLEI_DATA").map(PathBuf::from).or_else(beside_the_project);
    let Some(dir) = dir else {
        return missing("no FENLEI_DATA, and no project around the current folder");
    };
    if dir.is_dir() { Some(dir) } else { missing(&format!("no folder {}", dir.display())) }
}

/// A file or folder in [`data_dir`]; `None` when it does not exist.
///
/// # Panics
///
/// When `FENLEI_REQUIRE_DATA` is set and it does not exist.
pub fn data_file(name: impl AsRef<Path>) -> Option<PathBuf> {
    let path = data_dir()?.join(name);
    if path.exists() { Some(path) } else { missing(&format!("no {}", path.display())) }
}

/// `../shared/data` as seen from the nearest folder at or above the current one that has a lock file: the project root.
fn beside_the_project() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file())?;
    Some(root.parent()?.join("shared/data"))
}

fn missing(what: &str) -> Option<PathBuf> {
    let required = env::var_os("FENLEI_REQUIRE_DATA").is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "FENLEI_REQUIRE_DATA is set, but there is {what}");
    // Not `eprintln!`, whose output the test runner keeps to itself when a test passes.
    let words =
        format!("SKIPPED, a test on real data: {what}. Set FENLEI_DATA to the folder of data sets to run it.\n");
    let _ = std::io::stderr().write_all(words.as_bytes());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_beside_the_project_from_any_of_its_folders() {
        let path = beside_the_project().expect("tests run inside of the project");
        assert!(path.ends_with("shared/data"));
        let root = path.parent().and_then(Path::parent).expect("two folders up");
        let here = env::current_dir().expect("a current folder");
        assert!(here.starts_with(root));
    }

    #[test]
    fn a_missing_file_is_none_or_a_failure_as_asked() {
        let found = std::panic::catch_unwind(|| data_file("missing-on-purpose-to-test-this-message"));
        let required = env::var_os("FENLEI_REQUIRE_DATA").is_some_and(|value| !value.is_empty() && value != "0");
        match found {
            Ok(found) => assert!(found.is_none() && !required),
            Err(_) => assert!(required),
        }
    }
}
