//! Writing a file whole or not at all.
//!
//! Invariant: whatever happens while writing (a full disk, an error, a panic, a power cut), the path holds either its
//! old content, byte for byte, or the complete new content. Nothing half written is ever visible under that name, and
//! no temporary file stays behind: an error or a panic removes it at once, and one that a killed process left is
//! removed by the next write to the same path.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, Result};

/// Bytes gathered before the system is asked to write.
const BUFFER_SIZE: usize = 256 * 1024;

/// The end of the name of every temporary file, so that a left-over one can be told from the user's own files.
const TEMPORARY_SUFFIX: &str = ".fenlei-tmp";

/// A temporary file younger than this may belong to a writer that has not locked it yet.
const YOUNGEST_LEFTOVER: Duration = Duration::from_secs(60);

/// Writes a file through `write` so that it appears whole or not at all.
///
/// The bytes go through a buffer to a temporary file in the same folder, which is flushed to the disk, then renamed
/// over `path`, then the folder is flushed. A symbolic link is followed, and the permissions of an existing file are
/// kept. A path that exists but is no regular file (a pipe, `/dev/stdout`) is written directly, since renaming over a
/// device would replace the device.
///
/// # Errors
/// [`Error::Io`] with `path` when the folder does not exist or cannot be written, when the disk is full, or when
/// `write` itself fails; the old file is then untouched.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    write_or_keep(path, write).map_err(|(action, source)| Error::io(action, path, source))
}

/// What was tried, and why it failed.
type Failure = (&'static str, io::Error);

fn write_or_keep(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    // The file behind a symbolic link is replaced, not the link. A link to nothing keeps its own path.
    let destination = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&destination).ok();
    match &old {
        Some(old) if old.is_dir() => return Err(("write", io::ErrorKind::IsADirectory.into())),
        Some(old) if !old.is_file() => return write_through(&destination, write).map_err(|error| ("write", error)),
        Some(old) if old.permissions().readonly() => {
            return Err(("write", io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only")));
        }
        _ => {}
    }
    let folder = folder_of(&destination);
    if !folder.is_dir() {
        let problem = format!(
            "{} is not a folder that exists\n  help: create it first, or choose another path",
            folder.display()
        );
        return Err(("write", io::Error::new(io::ErrorKind::NotADirectory, problem)));
    }
    let prefix = temporary_prefix(&destination).map_err(|error| ("write", error))?;
    remove_leftovers(&folder, &prefix);

    let mut temporary = tempfile_builder(&prefix).tempfile_in(&folder).map_err(|error| ("create", error))?;
    if let Some(old) = old {
        temporary.as_file().set_permissions(old.permissions()).map_err(|error| ("write", error))?;
    }
    // Held until the rename, so that another writer sees that this file is not a left-over. A file system without
    // locks refuses; then nobody can take the lock of ours either, and nothing is ever swept there.
    let _ = temporary.as_file().try_lock();
    write_buffered(temporary.as_file_mut(), write).map_err(|error| ("write", error))?;
    temporary.as_file().sync_all().map_err(|error| ("write", error))?;
    temporary.persist(&destination).map_err(|refused| ("write", refused.error))?;
    sync_folder(&folder).map_err(|error| ("write", error))
}

fn write_through(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    write_buffered(&mut File::options().write(true).open(path)?, write)
}

fn write_buffered(file: &mut File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::with_capacity(BUFFER_SIZE, file);
    let outcome = write(&mut buffer).and_then(|()| buffer.flush());
    // Dropping the buffer would try to write what is left of it once more.
    let _ = buffer.into_parts();
    outcome
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `.name.`, in front of the random part of a temporary file's name.
fn temporary_prefix(path: &Path) -> io::Result<OsString> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name in the path"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    Ok(prefix)
}

fn tempfile_builder(prefix: &OsString) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(TEMPORARY_SUFFIX).rand_bytes(8);
    // Temporary files are private by default; a model file is as readable as any file that the user creates.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Removes what killed writers of the same file left: files of our naming that nobody holds the lock of.
/// Best effort: whatever cannot be read or removed stays.
fn remove_leftovers(folder: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
            && name.as_encoded_bytes().ends_with(TEMPORARY_SUFFIX.as_bytes());
        let abandoned = || -> io::Result<bool> {
            let metadata = entry.metadata()?;
            let age = metadata.modified()?.elapsed().unwrap_or_default();
            Ok(metadata.is_file() && age > YOUNGEST_LEFTOVER && File::open(entry.path())?.try_lock().is_ok())
        };
        if ours && abandoned().unwrap_or(false) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes the rename itself survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot flush a folder; the file itself is complete and in place. A folder may
        // also be writable without being readable.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}

/// Elsewhere a folder cannot be opened as a file, and the rename is journalled.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn writes_a_new_file_and_replaces_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("模型.bin");
        write_atomically(&path, |file| file.write_all(b"first")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let large = vec![7; 3 * BUFFER_SIZE + 1];
        write_atomically(&path, |file| large.chunks(1000).try_for_each(|chunk| file.write_all(chunk))).unwrap();
        assert_eq!(fs::read(&path).unwrap(), large);
        assert_eq!(names_in(folder.path()), ["模型.bin"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, "old").unwrap();
        let error = write_atomically(&path, |file| {
            file.write_all(&vec![0; 2 * BUFFER_SIZE])?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("cannot write") && error.contains("the old file is untouched"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    #[test]
    fn a_panic_while_writing_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, "old").unwrap();
        let outcome = std::panic::catch_unwind(|| write_atomically(&path, |_| panic!("the writer's own fault")));
        assert!(outcome.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    /// The kernel itself refuses to write on: the test runs again in a process with a limit on the size of files.
    #[cfg(unix)]
    #[test]
    fn a_refusal_by_the_system_in_mid_write_leaves_the_old_file_and_nothing_else() {
        const TARGET: &str = "FENLEI_TEST_LIMITED_WRITE_TO";
        if let Some(path) = std::env::var_os(TARGET) {
            let error = write_atomically(Path::new(&path), |file| file.write_all(&vec![1; 8 << 20])).unwrap_err();
            assert!(
                matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge),
                "{error}"
            );
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, "old").unwrap();
        let name = "storage::tests::a_refusal_by_the_system_in_mid_write_leaves_the_old_file_and_nothing_else";
        let output = std::process::Command::new("sh")
            .args(["-c", r#"trap "" XFSZ; ulimit -f 64; exec "$@""#, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(TARGET, &path)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_are_written_to_and_never_replaced() {
        write_atomically(Path::new("/dev/null"), |file| file.write_all(b"gone")).unwrap();
        let error = write_atomically(Path::new("/dev/full"), |file| file.write_all(b"x")).unwrap_err();
        assert!(matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
        for device in ["/dev/null", "/dev/full"] {
            assert!(!fs::metadata(device).unwrap().is_file());
        }
    }

    #[test]
    fn impossible_places_get_an_error_that_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        for (path, expected) in [
            (file.join("model"), "is not a folder that exists"),
            (folder.path().join("missing/model"), "is not a folder that exists"),
            (folder.path().to_owned(), "directory"),
            (PathBuf::new(), "no file name"),
        ] {
            let error = write_atomically(&path, |_| Ok(())).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(&*path.to_string_lossy()), "{error}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"kept");
        assert_eq!(names_in(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn keeps_permissions_and_follows_links() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("model"), folder.path().join("latest"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o660)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_atomically(&link, |file| file.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);

        let ordinary = folder.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        let fresh = folder.path().join("fresh");
        write_atomically(&fresh, |_| Ok(())).unwrap();
        assert_eq!(fs::metadata(&fresh).unwrap().permissions(), fs::metadata(&ordinary).unwrap().permissions());
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_a_living_writers_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let create = |name: &str| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
            file
        };
        drop(create(".model.dead0000.fenlei-tmp"));
        drop(create(".other.dead0000.fenlei-tmp"));
        drop(create(".model.mine"));
        let living = create(".model.living00.fenlei-tmp");
        living.lock().unwrap();
        File::create(folder.path().join(".model.young000.fenlei-tmp")).unwrap();
        write_atomically(&folder.path().join("model"), |_| Ok(())).unwrap();
        assert_eq!(
            names_in(folder.path()),
            [
                ".model.living00.fenlei-tmp",
                ".model.mine",
                ".model.young000.fenlei-tmp",
                ".other.dead0000.fenlei-tmp",
                "model"
            ]
        );
    }
}
