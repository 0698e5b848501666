//! The files that the rules look at.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The tracked files and those about to be, sorted by path.
#[derive(Debug, Default)]
pub struct Tree {
    /// The files.
    pub files: Vec<File>,
}

/// One file of the project.
#[derive(Debug)]
pub struct File {
    /// Relative to the project root, with `/` between folders.
    pub path: String,
    /// The size on disk.
    pub n_bytes: u64,
    /// The content, where it is UTF-8 without NUL.
    pub text: Option<String>,
}

impl File {
    /// What follows the last dot of the name; empty without one.
    pub fn extension(&self) -> &str {
        let name = self.name();
        name.rsplit_once('.').map_or("", |(stem, extension)| if stem.is_empty() { "" } else { extension })
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the file is data for tests, where any bytes may be meant: fixtures, golden files, snapshots.
    pub fn is_test_data(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "testdata" | "snapshots" | "golden"))
    }
}

impl Tree {
    /// Reads what git tracks in `root` or would add; links and deleted files are left out.
    pub fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("cannot run git")?;
        ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
        let mut files = Vec::new();
        for path in output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            let path = std::str::from_utf8(path).context("a file name that is not UTF-8")?;
            let full = root.join(path);
            if full.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                let bytes = std::fs::read(&full).with_context(|| format!("cannot read {path}"))?;
                files.push(File::new(path, bytes));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Whether `path` is a file, or a folder that has one; the empty path is the project root.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The text files whose name ends in `.extension`: path and content.
    pub fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |file| file.extension() == extension)
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// A tree of made-up files.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text.as_bytes().to_vec())).collect() }
    }
}

impl File {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        let n_bytes = bytes.len() as u64;
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        Self { path: path.to_owned(), n_bytes, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_names_extensions_and_test_data() {
        let file = |path: &str| File::new(path, Vec::new());
        assert_eq!(file("a/b.tar.gz").extension(), "gz");
        assert_eq!(file(".ci/run").extension(), "");
        assert_eq!(file(".gitignore").extension(), "");
        assert_eq!(file("a/b.rs").name(), "b.rs");
        assert!(file("crates/x/testdata/a.tsv").is_test_data());
        assert!(!file("crates/x/src/testdata.rs").is_test_data());
    }

    #[test]
    fn bytes_that_are_not_text_have_no_text() {
        assert_eq!(File::new("a", vec![0xff, 0xfe]).text, None);
        assert_eq!(File::new("a", b"a\0b".to_vec()).text, None);
        assert_eq!(File::new("a", b"ab".to_vec()).text.as_deref(), Some("ab"));
    }

    #[test]
    fn finds_files_and_folders() {
        let tree = Tree::of(&[("docs/a.md", ""), ("test", "")]);
        assert!(tree.has("docs") && tree.has("docs/a.md") && tree.has("test") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/b.md"));
    }
}
