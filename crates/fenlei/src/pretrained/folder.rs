//! A folder of the transformers library, which appears whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

use super::masked::Tensors;
use crate::{Error, Result};

/// Whether a folder can be made there: there is nothing yet, or an empty folder.
///
/// # Errors
/// When there is something, or no folder to make it in.
pub(crate) fn is_free(dir: &Path) -> Result<()> {
    let refuse = |problem: String, help: &str| Err(Error::config(dir.display().to_string(), problem, help));
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            refuse("the folder is there already and not empty".to_owned(), "remove it, or choose another name")
        }
        Err(_) if dir.exists() => refuse("there is a file of this name".to_owned(), "choose another name"),
        Err(_) => {
            let parent = parent(dir);
            match parent.is_dir() && dir.file_name().is_some() {
                true => Ok(()),
                false => refuse(
                    format!("{} is not a folder that exists", parent.display()),
                    "create it first, or choose another path",
                ),
            }
        }
    }
}

fn parent(dir: &Path) -> PathBuf {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Writes files into a new folder beside `dir`, which then takes its name. Tells their bytes.
pub(super) fn write(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<u64> {
    is_free(dir)?;
    let failed = |error| Error::io("write", dir, error);
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}-");
    builder.prefix(&prefix);
    // As readable as any folder that the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let staged = builder.tempdir_in(parent(dir)).map_err(failed)?;
    let mut n_bytes = 0;
    for (name, bytes) in files {
        let mut file = File::create(staged.path().join(name)).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        n_bytes += bytes.len() as u64;
    }
    fs::rename(staged.path(), dir).map_err(failed)?;
    // It has another name now, so that there is nothing to remove.
    let _ = staged.keep();
    Ok(n_bytes)
}

/// The content of a safetensors file with these tensors as `f32`.
pub(super) fn safetensors(tensors: &Tensors) -> Result<Vec<u8>> {
    let bug = |problem: String| Error::train(problem, "this is a bug, please report it");
    let bytes: Vec<Vec<u8>> =
        tensors.values().map(|(_, numbers)| numbers.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, (shape, _)), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        view.map(|view| (name.as_str(), view)).map_err(|error| bug(format!("the tensor {name:?}: {error}")))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let kind = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    serialize(views, Some(kind)).map_err(|error| bug(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_and_nothing_is_written_over() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("模型");
        let files = [("a".to_owned(), b"12".to_vec()), ("b".to_owned(), b"345".to_vec())];
        assert_eq!(write(&dir, &files).unwrap(), 5);
        assert_eq!(fs::read(dir.join("b")).unwrap(), b"345");
        let error = write(&dir, &files).unwrap_err().to_string();
        assert!(error.contains("not empty") && error.contains("help"), "{error}");
        fs::create_dir(place.path().join("empty")).unwrap();
        write(&place.path().join("empty"), &files).unwrap();
        let error = write(&place.path().join("no/such"), &files).unwrap_err().to_string();
        assert!(error.contains("create it first"), "{error}");
        let error = is_free(&dir.join("a")).unwrap_err().to_string();
        assert!(error.contains("a file of this name"), "{error}");
        // A file that cannot be made leaves nothing behind.
        let bad = [("a".to_owned(), b"12".to_vec()), ("no/b".to_owned(), b"345".to_vec())];
        write(&place.path().join("torn"), &bad).unwrap_err();
        let mut names: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["empty", "模型"]);
    }
}
