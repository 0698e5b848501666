//! The weights of a pretrained model: tensors by name, in one file or several.
//!
//! Invariant: no file makes this panic, run code, or take memory that it does not have itself.

mod pickle;
mod safetensors_file;
mod torch_file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use serde::Deserialize;

use crate::{Error, Result};

pub(super) const FETCH_AGAIN: &str = "fetch the model again; the file is damaged, or is something else";

/// Files that hold all weights, and those that list several, by preference.
const WHOLE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
const LISTS: [&str; 2] = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];

/// A list of files that is larger than this is none.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// The type of stored numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    F64,
    F32,
    F16,
    BF16,
    /// Anything else, which is no weight; with its name and its bytes a number.
    Other(String, usize),
}

impl Numbers {
    fn n_bytes(&self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(_, n_bytes) => *n_bytes,
        }
    }
}

/// Where a tensor lies. What it says was checked against the size of its file.
#[derive(Debug, Clone, PartialEq)]
struct Tensor {
    file: usize,
    /// The first byte in the file.
    start: u64,
    numbers: Numbers,
    shape: Vec<usize>,
    /// Numbers between two neighbours along each axis; `None` where they lie one after the other.
    strides: Option<Vec<usize>>,
}

/// Tensors by name.
#[derive(Debug)]
pub(super) struct Weights {
    files: Vec<(PathBuf, File)>,
    tensors: BTreeMap<String, Tensor>,
    n_bytes: u64,
}

#[derive(Deserialize)]
struct FileList {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Finds the weights in a folder. Numbers stay on the disk until they are asked for.
    ///
    /// # Errors
    /// When there are none, or a file is not what its name says.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut weights = Self { files: Vec::new(), tensors: BTreeMap::new(), n_bytes: 0 };
        for (whole, list) in WHOLE.into_iter().zip(LISTS) {
            if dir.join(whole).is_file() {
                weights.add(dir.join(whole))?;
                return Ok(weights);
            }
            if dir.join(list).is_file() {
                weights.add_listed(&dir.join(list))?;
                return Ok(weights);
            }
        }
        let problem = format!("there are no weights, expected {} or {}", WHOLE.join(" or "), LISTS.join(" or "));
        Err(Error::data(dir, None, problem, "give the folder of a model of the transformers library with its weights"))
    }

    fn add_listed(&mut self, path: &Path) -> Result<()> {
        let refuse = |problem: String| Error::data(path, None, problem, FETCH_AGAIN);
        let text = read_limited(path, MAX_LIST_BYTES)?;
        let list: FileList =
            serde_json::from_slice(&text).map_err(|e| refuse(format!("not a list of weights: {e}")))?;
        let names: BTreeSet<&String> = list.weight_map.values().collect();
        for name in names {
            let is_plain = Path::new(name).file_name().is_some_and(|file| file == name.as_str());
            if !is_plain {
                return Err(refuse(format!("{name:?} is not the name of a file in the same folder")));
            }
            self.add(path.with_file_name(name))?;
        }
        match list.weight_map.keys().find(|name| !self.tensors.contains_key(*name)) {
            Some(missing) => Err(refuse(format!("the tensor {missing:?} is not in the file that it names"))),
            None => Ok(()),
        }
    }

    fn add(&mut self, path: PathBuf) -> Result<()> {
        let cannot_read = |error| Error::io("read", &path, error);
        let file = File::open(&path).map_err(cannot_read)?;
        let n_bytes = file.metadata().map_err(cannot_read)?.len();
        let is_torch = path.extension().is_some_and(|extension| extension == "bin");
        let number = self.files.len();
        let found = match is_torch {
            true => torch_file::find(&file, n_bytes, number),
            false => safetensors_file::find(&file, n_bytes, number),
        };
        let refuse = |problem: String| Error::data(&path, None, problem, FETCH_AGAIN);
        for (name, tensor) in found.map_err(|problem| refuse(problem.0))? {
            if self.tensors.contains_key(&name) {
                return Err(refuse(format!("the tensor {name:?} stands twice")));
            }
            self.tensors.insert(name, tensor);
        }
        self.n_bytes = self.n_bytes.saturating_add(n_bytes);
        self.files.push((path, file));
        Ok(())
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Of all files together.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// A tensor that must have this shape, which is checked before memory is taken.
    ///
    /// # Errors
    /// When it is missing, of another shape, of integers, or holds what is not a finite number.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(tensor) = self.tensors.get(name) else {
            let near = self.files.first().map(|(path, _)| path.as_path()).unwrap_or(Path::new("."));
            let problem = format!("the tensor {name:?} is missing among its {}", self.tensors.len());
            return Err(Error::data(near, None, problem, "take weights that belong to the config.json beside them"));
        };
        let (path, file) = &self.files[tensor.file];
        let refuse = |problem: String, help: &str| Error::data(path, None, problem, help);
        if tensor.shape != shape {
            let problem = format!("the tensor {name:?} has shape {:?}, expected {shape:?}", tensor.shape);
            return Err(refuse(problem, "take weights that belong to the config.json beside them"));
        }
        let numbers = tensor.read(file).map_err(|error| match error {
            ReadError::Io(error) => Error::io("read", path, error),
            ReadError::Type(found) => {
                let problem = format!("the numbers of the tensor {name:?} are {found}, expected F32, F16, BF16 or F64");
                refuse(problem, "save the weights as floating-point numbers: quantised ones cannot be trained further")
            }
        })?;
        match numbers.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(refuse(format!("number {at} of the tensor {name:?} is {}", numbers[at]), FETCH_AGAIN)),
            None => Ok(numbers),
        }
    }
}

enum ReadError {
    Io(io::Error),
    Type(String),
}

impl Tensor {
    /// How many numbers of the file it spans; `None` where that is beyond any file.
    fn span(shape: &[usize], strides: Option<&[usize]>) -> Option<usize> {
        if shape.contains(&0) {
            return Some(0);
        }
        match strides {
            None => shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)),
            Some(strides) => shape
                .iter()
                .zip(strides)
                .try_fold(1usize, |last, (&d, &stride)| last.checked_add((d - 1).checked_mul(stride)?)),
        }
    }

    fn read(&self, mut file: &File) -> Result<Vec<f32>, ReadError> {
        if let Numbers::Other(name, _) = &self.numbers {
            return Err(ReadError::Type(name.clone()));
        }
        let size = self.numbers.n_bytes();
        let span = Self::span(&self.shape, self.strides.as_deref()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; span.saturating_mul(size)];
        file.seek(SeekFrom::Start(self.start)).map_err(ReadError::Io)?;
        file.read_exact(&mut bytes).map_err(ReadError::Io)?;
        let stored = numbers(&self.numbers, &bytes);
        let Some(strides) = &self.strides else { return Ok(stored) };
        let n: usize = self.shape.iter().product();
        let mut index = vec![0; self.shape.len()];
        let mut gathered = Vec::with_capacity(n);
        for _ in 0..n {
            gathered.push(stored[index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>()]);
            for (i, &d) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < d {
                    break;
                }
                *i = 0;
            }
        }
        Ok(gathered)
    }
}

fn numbers(kind: &Numbers, bytes: &[u8]) -> Vec<f32> {
    fn each<const SIZE: usize>(bytes: &[u8], of: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|&bytes| of(bytes)).collect()
    }
    match kind {
        Numbers::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        Numbers::F32 => each(bytes, f32::from_le_bytes),
        Numbers::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Numbers::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Numbers::Other(..) => Vec::new(),
    }
}

/// What is wrong with a file of weights.
#[derive(Debug)]
struct Damage(String);

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

fn damage<T>(problem: impl Into<String>) -> Result<T, Damage> {
    Err(Damage(problem.into()))
}

/// A whole file, unless it is larger than any of its kind.
pub(super) fn read_limited(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let cannot_read = |error| Error::io("read", path, error);
    let n_bytes = fs::metadata(path).map_err(cannot_read)?.len();
    if n_bytes > max_bytes {
        let problem = format!("the file has {n_bytes} bytes, expected at most {max_bytes}");
        return Err(Error::data(path, None, problem, FETCH_AGAIN));
    }
    fs::read(path).map_err(cannot_read)
}

#[cfg(test)]
mod tests;
