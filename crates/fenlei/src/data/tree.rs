//! The files of a folder or of a tar archive, in the order of their paths.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::layout::{split_of_file, split_of_folder};
use super::source::Source;
use super::{Compression, Split};
use crate::{Error, Result};

/// How deep folders may stand in each other.
const DEEPEST: usize = 32;

/// The files of a folder or an archive.
pub(crate) struct Tree {
    /// Sorted by `name`.
    pub(crate) files: Vec<TreeFile>,
    pub(crate) compression: Compression,
    pub(crate) archive: bool,
    /// Whether the contents of other splits were left out.
    pub(crate) partial: bool,
}

pub(crate) struct TreeFile {
    /// The path within the tree, with `/` between its parts.
    pub(crate) name: String,
    /// Where it is on disk, or what to call it in messages.
    pub(crate) path: PathBuf,
    /// Its bytes, if it came out of an archive.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl TreeFile {
    /// The file with its bytes, which it gives away.
    pub(crate) fn take(&mut self) -> Self {
        Self { name: self.name.clone(), path: self.path.clone(), bytes: self.bytes.take() }
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { path: self.path.clone(), bytes: self.bytes.as_deref() }
    }
}

impl Tree {
    /// The files below a folder. Links to files are followed, links to folders are not (they may form a loop).
    pub(crate) fn of_folder(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        walk(root, "", 0, &mut files)?;
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { files, compression: Compression::None, archive: false, partial: false })
    }

    /// The files of a folder whose names begin with a prefix and a dot: one data set of several in a folder.
    pub(crate) fn of_group(prefix: &Path) -> Option<Self> {
        let parent = prefix.parent()?;
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let name = prefix.file_name()?.to_string_lossy().into_owned();
        let mut files = Vec::new();
        for entry in fs::read_dir(parent).ok()?.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let belongs = file.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['.', '-', '_']));
            if belongs && entry.path().is_file() {
                files.push(TreeFile { name: file, path: entry.path(), bytes: None });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let all_splits = files.iter().all(|file| split_of_file(&file.name).is_some());
        (!files.is_empty() && all_splits).then_some(Self {
            files,
            compression: Compression::None,
            archive: false,
            partial: false,
        })
    }

    /// The files of a tar archive in one pass. With `wanted`, files that by their path belong to other splits are
    /// listed without their contents.
    pub(crate) fn of_archive(source: &Source<'_>, wanted: Option<&[Split]>) -> Result<Self> {
        let (compression, reader) = source.open()?;
        let mut archive = tar::Archive::new(reader);
        let mut files = Vec::new();
        let mut partial = false;
        let failed = |error| source.failed(error);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let path = source.path.join(&name);
            if wanted.is_some_and(|wanted| belongs_elsewhere(&name, wanted)) {
                partial = true;
                files.push(TreeFile { name, path, bytes: None });
                continue;
            }
            // The size in the header may lie: room is made for no more than a reasonable part of it at once.
            let size = entry.size();
            let mut bytes = Vec::with_capacity(size.min(1 << 20) as usize);
            entry.read_to_end(&mut bytes).map_err(failed)?;
            if (bytes.len() as u64) < size {
                return Err(source.failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
            files.push(TreeFile { name, path, bytes: Some(bytes) });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { files, compression, archive: true, partial })
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }
}

/// Whether a path names a split, but none that is wanted. The last split in the path counts (`train/unsup/`).
fn belongs_elsewhere(name: &str, wanted: &[Split]) -> bool {
    let mut parts: Vec<&str> = name.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let of_folders = parts.iter().rev().find_map(|part| split_of_folder(part));
    // In the folder of a split the names of files say nothing: every review may be called "test".
    let split = of_folders.or_else(|| split_of_file(file).map(|(split, _)| split));
    split.is_some_and(|split| !wanted.contains(&split))
}

/// Whether these are the first bytes of a tar archive: the header's sum of its own bytes is right.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let Ok(field) = std::str::from_utf8(&header[148..156]) else { return false };
    let Ok(expected) = u32::from_str_radix(field.trim_matches(['\0', ' ']), 8) else { return false };
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = header[148..156].iter().map(|&byte| u32::from(byte)).sum();
    sum - own + 8 * u32::from(b' ') == expected
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<TreeFile>) -> Result<()> {
    let failed = |error| Error::io("read", folder, error);
    if depth > DEEPEST {
        let help = "give the path of the folder that holds the classes";
        return Err(Error::data(folder, None, format!("found folders more than {DEEPEST} deep"), help));
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), depth + 1, files)?;
        } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
            files.push(TreeFile { name, path: entry.path(), bytes: None });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_archive_is_listed_whole_but_only_wanted_contents_are_kept() {
        let bytes = tarball(&[("d/train/pos/b.txt", "b"), ("d/test/pos/a.txt", "a"), ("d/train/unsup/u.txt", "u")]);
        assert!(is_tar(&bytes) && !is_tar(&bytes[1..]));
        let tree = Tree::of_archive(&Source::in_memory("x.tar", &bytes), Some(&[Split::Train])).unwrap();
        assert_eq!(tree.names(), ["d/test/pos/a.txt", "d/train/pos/b.txt", "d/train/unsup/u.txt"]);
        let kept: Vec<bool> = tree.files.iter().map(|file| file.bytes.is_some()).collect();
        assert_eq!(kept, [false, true, false]);
        assert!(tree.partial);
    }

    #[test]
    fn a_cut_off_archive_is_an_error() {
        let bytes = tarball(&[("pos/a.txt", &"a".repeat(2000))]);
        assert!(Tree::of_archive(&Source::in_memory("x.tar", &bytes[..1000]), None).is_err());
    }
}
