//! The outer form of a `.fenlei` file: header, manifest, tensors, checks.
//!
//! ```text
//! header, 64 bytes │ manifest (JSON) │ zeros up to a multiple of 64 │ safetensors buffer │ end
//! ```
//!
//! What the manifest says is the business of the caller; here it is bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::header::{COPY_AGAIN, FORMAT_VERSION, HEADER_LEN, Header, Refusal, check_crc};
use super::tensors::{self, Entry, TensorData, TensorView};
use crate::storage::write_atomically;
use crate::{Error, Result};

/// Saves a manifest and tensors as one file, which appears whole or not at all. The same content gives the same
/// bytes, in whatever order the tensors come.
///
/// # Errors
/// [`Error::Artifact`] when two tensors have one name, or one has not the bytes of its shape; [`Error::Io`] when
/// writing fails, and then an old file is as it was.
pub fn save(path: &Path, manifest_json: &[u8], tensors: &[TensorData]) -> Result<()> {
    let (head, ordered) = tensors::lay_out(tensors)
        .map_err(|problem| Error::artifact(path, problem, "this is a fault of the program that saves: report it"))?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head);
    ordered.iter().for_each(|tensor| crc.update(&tensor.bytes));
    let header = Header {
        version: FORMAT_VERSION,
        manifest_len: manifest_json.len() as u64,
        tensors_len: (head.len() + ordered.iter().map(|tensor| tensor.bytes.len()).sum::<usize>()) as u64,
        manifest_crc: crc32fast::hash(manifest_json),
        tensors_crc: crc.finalize(),
    };
    let padding = (HEADER_LEN + manifest_json.len()).next_multiple_of(HEADER_LEN) - HEADER_LEN - manifest_json.len();
    write_atomically(path, |file| {
        file.write_all(&header.to_bytes())?;
        file.write_all(manifest_json)?;
        file.write_all(&[0; HEADER_LEN][..padding])?;
        file.write_all(&head)?;
        ordered.iter().try_for_each(|tensor| file.write_all(&tensor.bytes))
    })
}

/// A loaded `.fenlei` file: every length and checksum is right, and no tensor lies outside of it.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    bytes: Bytes,
    manifest: Range<usize>,
    tensors_start: usize,
    tensors: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Container {
    /// Opens a file; the tensors stay on the disk, mapped into memory.
    ///
    /// The file must not be changed in place while it is open. fenlei never does: [`save`] puts a new file in its
    /// place and leaves the mapped one alone.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Artifact`] when it is a folder, empty, no fenlei model (and
    /// what it looks like instead), truncated, corrupt, or of a newer format version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |(problem, help): Refusal| Error::artifact(path, problem, help);
        let cannot_read = |error| Error::io("read", path, error);
        let kind = fs::metadata(path).map_err(cannot_read)?;
        if kind.is_dir() {
            return Err(refuse(("this is a folder, expected a file".into(), folder_advice(path))));
        }
        if !kind.is_file() {
            return Err(refuse((
                "this is a pipe or a device, expected a file".into(),
                "save the model to a file first, then give that",
            )));
        }
        let file = File::open(path).map_err(cannot_read)?;
        if file.metadata().map_err(cannot_read)?.len() == 0 {
            // An empty file cannot be mapped.
            return Self::check(path, Bytes::Owned(Vec::new())).map_err(refuse);
        }
        // SAFETY: the map is only read, and any bytes are valid for a `[u8]`. A program that changes the file in place
        // meanwhile breaks the documented contract of this function; ours replace files instead.
        let map = unsafe { Mmap::map(&file) }.map_err(cannot_read)?;
        Self::check(path, Bytes::Mapped(map)).map_err(refuse)
    }

    /// Reads a model that is in memory already.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let path = Path::new("model in memory");
        Self::check(path, Bytes::Owned(bytes)).map_err(|(problem, help)| Error::artifact(path, problem, help))
    }

    fn check(path: &Path, bytes: Bytes) -> Result<Self, Refusal> {
        let file = bytes.as_ref();
        let header = Header::of_file(file)?;
        // The header's lengths fit the file, so they fit `usize`, and these slices exist.
        let position = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok()).unwrap_or(file.len());
        let manifest = HEADER_LEN..position(header.manifest_len.checked_add(HEADER_LEN as u64));
        let tensors_start = position(header.tensors_start());
        let block = &file[tensors_start..];
        check_crc("manifest", &file[manifest.clone()], header.manifest_crc)?;
        check_crc("tensors", block, header.tensors_crc)?;
        if file[manifest.end..tensors_start].iter().any(|&byte| byte != 0) {
            return Err(("corrupt: the gap behind its manifest is not zero".into(), COPY_AGAIN));
        }
        let tensors =
            tensors::find(block).map_err(|problem| (format!("corrupt: its tensors: {problem}"), COPY_AGAIN))?;
        Ok(Self { path: path.to_owned(), manifest, tensors_start, tensors, bytes })
    }

    /// The manifest, as it was saved.
    pub fn manifest(&self) -> &[u8] {
        &self.bytes.as_ref()[self.manifest.clone()]
    }

    /// Where the model came from, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// One tensor.
    ///
    /// # Errors
    /// [`Error::Artifact`] when there is none of that name.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        let (name, entry) = self
            .tensors
            .get_key_value(name)
            .ok_or_else(|| self.mismatch(format!("there is no tensor {name:?} among its {}", self.tensors.len())))?;
        let block = &self.bytes.as_ref()[self.tensors_start..];
        Ok(TensorView { name, dtype: entry.dtype, shape: &entry.shape, data: &block[entry.bytes.clone()] })
    }

    /// One tensor of floats that must have this shape, which is checked before memory is taken.
    ///
    /// # Errors
    /// [`Error::Artifact`] when there is none of that name, of another shape or of integers.
    pub fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            return Err(self.mismatch(format!("its tensor {name:?} has shape {:?}, expected {shape:?}", tensor.shape)));
        }
        tensor.to_f32()
    }

    fn mismatch(&self, problem: String) -> Error {
        Error::artifact(&self.path, problem, "its parts do not fit together: train or save the model again")
    }
}

fn folder_advice(path: &Path) -> &'static str {
    if path.join("saved_model.pb").exists() {
        return "this is a TensorFlow model: give a .fenlei file, as `fenlei train` writes";
    }
    if path.join("config.json").exists() {
        return "this may be a pretrained model: give a .fenlei file, as `fenlei train` writes";
    }
    "give the .fenlei file itself"
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
