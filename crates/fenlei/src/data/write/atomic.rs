//! A file appears whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::{Error, Result};

/// Runs `fill` on a temporary file beside `path` and puts it in place if all went well. Whatever fails, nothing is
/// left behind and a file that was there is untouched.
pub(crate) fn write_atomically<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<T>) -> Result<T> {
    let failed = |error| Error::io("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fenlei-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a newly created file gets, less the umask; a temporary file would be the owner's alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(1 << 18, file.as_file_mut());
    let result = fill(&mut writer)?;
    writer.flush().map_err(failed)?;
    drop(writer);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The new name is on disk only when the folder is.
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let write = |text: &'static str, fails: bool| {
            write_atomically(&path, |writer| {
                writer.write_all(text.as_bytes()).unwrap();
                let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
                if fails { Err(Error::io("write", &path, full)) } else { Ok(()) }
            })
        };
        assert!(write("half", true).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        write("whole", false).unwrap();
        assert!(write("half", true).unwrap_err().to_string().contains("free some space"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(&folder.path().join("no/x"), |_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::Io { action: "write", .. }));
    }
}
