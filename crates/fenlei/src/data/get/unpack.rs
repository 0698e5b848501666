//! Unpacking without trust: nothing outside the folder, no links, no bombs.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{Progress, copy};
use crate::data::source::Source;
use crate::data::tree::is_tar;
use crate::{Error, Result};

const MOST_FILES: u64 = 2_000_000;
const LONGEST_PATH: usize = 1024;
/// What a small archive may hold in any case.
const ROOM: u64 = 1 << 26;
/// How many times its size an archive may hold. Text compresses three to thirty times.
const BLOW_UP: u64 = 200;

/// Unpacks a zip or tar archive (also compressed) into the empty folder `into`; any other file is copied there as
/// `file_name`.
pub(super) fn unpack(
    file: &Path,
    file_name: &str,
    into: &Path,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<()> {
    let size = fs::metadata(file).map_err(|error| Error::io("read", file, error))?.len();
    let room_left = size.saturating_mul(BLOW_UP).max(ROOM);
    let mut unpacking = Unpacking { file, into, room_left, n_files: 0, on_progress, cancel };
    let source = Source::on_disk(file);
    let (_, head, _) = source.head(512)?;
    if head.starts_with(b"PK\x03\x04") {
        return unpacking.zip();
    }
    if is_tar(&head) {
        return unpacking.tar(source.open()?.1);
    }
    // A single compressed file is stored as it is: reading decompresses it.
    let mut plain = File::open(file).map_err(|error| Error::io("read", file, error))?;
    unpacking.entry(file_name, &mut plain)
}

struct Unpacking<'a> {
    file: &'a Path,
    into: &'a Path,
    room_left: u64,
    n_files: u64,
    on_progress: &'a mut dyn FnMut(Progress),
    cancel: &'a AtomicBool,
}

impl Unpacking<'_> {
    fn tar(&mut self, reader: impl Read) -> Result<()> {
        let packed = self.file;
        let damaged = |error| Source::on_disk(packed).failed(error);
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_file() {
                self.entry(&name, &mut entry)?;
            } else if kind.is_dir() {
                self.inside(&name)?;
            } else if kind.is_symlink() || kind.is_hard_link() {
                return Err(self.refused(&name, "a link"));
            } else if !kind.is_pax_global_extensions() {
                return Err(self.refused(&name, "a device or another special file"));
            }
        }
        Ok(())
    }

    fn zip(&mut self) -> Result<()> {
        let file = File::open(self.file).map_err(|error| Error::io("read", self.file, error))?;
        let packed = self.file;
        let damaged = |error: zip::result::ZipError| {
            Error::data(packed, None, format!("the zip archive is damaged: {error}"), "fetch it again")
        };
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
        for i in 0..archive.len() {
            let mut entry = archive.by_index(i).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            if entry.is_symlink() {
                return Err(self.refused(&name, "a link"));
            }
            if entry.is_dir() {
                self.inside(&name)?;
            } else {
                self.entry(&name, &mut entry)?;
            }
        }
        Ok(())
    }

    /// Writes one file.
    fn entry(&mut self, name: &str, reader: &mut dyn Read) -> Result<()> {
        let path = self.inside(name)?;
        self.n_files += 1;
        if self.n_files > MOST_FILES {
            return Err(self.refused(name, "more files than any data set has"));
        }
        if self.n_files % 64 == 1 {
            (self.on_progress)(Progress::Unpacking { files: self.n_files });
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        }
        let mut file = File::create_new(&path).map_err(|error| Error::io("create", &path, error))?;
        match copy(reader, &mut file, self.room_left, self.cancel) {
            Ok(n) => self.room_left -= n,
            Err(error) => {
                return Err(match error.kind() {
                    std::io::ErrorKind::Interrupted => Error::Interrupted,
                    std::io::ErrorKind::FileTooLarge => self.refused(name, "far more than its size lets expect"),
                    std::io::ErrorKind::StorageFull => Error::io("write", &path, error),
                    _ => Source::on_disk(self.file).failed(error),
                });
            }
        }
        Ok(())
    }

    /// Where an entry goes, if that is inside the folder.
    fn inside(&self, name: &str) -> Result<PathBuf> {
        let mut path = PathBuf::new();
        // A backslash parts folders on some systems: a name must mean the same on all.
        let foreign = name.contains(['\\', '\0']) || name.len() > LONGEST_PATH;
        for component in Path::new(name).components() {
            match component {
                Component::Normal(part) if !foreign => path.push(part),
                Component::CurDir => {}
                _ => return Err(self.refused(name, "a path that leads out of the folder or is not a path")),
            }
        }
        Ok(self.into.join(path))
    }

    fn refused(&self, name: &str, what: &str) -> Error {
        let problem = format!("the archive holds {what}: {:?}", crate::data::shortened(name, 80));
        Error::data(self.file, None, problem, "nothing was installed; do not trust this archive")
    }
}
