//! Whether a model can be written where the user wants it, asked before hours of training rather than after.

use std::path::{Path, PathBuf};

use fenlei::artifact::Container;
use fenlei::{Error, Result};

/// Refuses a path that cannot be written, and a file that is something else than a model.
pub(crate) fn check(path: &Path) -> Result<()> {
    if path.is_dir() {
        let problem = format!("{} is a folder, expected a file", path.display());
        return Err(Error::config("--output", problem, "name a file in it, as model.fenlei"));
    }
    // What is no regular file (a pipe, /dev/stdout) cannot be lost.
    if path.is_file()
        && let Err(error) = Container::open(path)
    {
        let first_line = error.to_string().lines().next().unwrap_or_default().to_owned();
        let problem = format!("it exists and is not a whole fenlei model, so it is not overwritten ({first_line})");
        return Err(Error::artifact(path, problem, "choose another name with -o, or remove that file"));
    }
    check_folder(path)
}

/// Refuses a path in whose folder no file can be made.
pub(crate) fn check_folder(path: &Path) -> Result<()> {
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        let problem = format!("{} is not a folder that exists", folder.display());
        return Err(Error::config(path.display().to_string(), problem, "create it first, or choose another path"));
    }
    // Nothing stays behind: the file has no name, or loses it at once.
    tempfile::tempfile_in(&folder).map(drop).map_err(|error| Error::io("write", path, error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_are_fine_and_foreign_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("new.fenlei")).unwrap();
        let foreign = folder.path().join("thesis.txt");
        std::fs::write(&foreign, "years of work").unwrap();
        let error = check(&foreign).unwrap_err().to_string();
        assert!(error.contains("not overwritten") && error.contains("-o"), "{error}");
        assert!(check(folder.path()).unwrap_err().is_wrong_use());
        let error = check(&folder.path().join("no/such/folder/m.fenlei")).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("create it first"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
