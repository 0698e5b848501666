//! What a `config.json` of the transformers library says, with the names that its families use for the same thing.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::weights::read_limited;
use crate::{Error, Result};

/// A larger configuration is none.
const MAX_BYTES: u64 = 16 << 20;

/// The largest size of anything, as everywhere in a net.
const MAX_SIZE: u64 = 1 << 20;

/// A `config.json`.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
    values: Map<String, Value>,
}

impl Config {
    /// Reads the configuration of a model in a folder.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("config.json");
        if !dir.is_dir() {
            let problem = format!("there is no folder {}", dir.display());
            let help = "give the folder of a model of the transformers library: config.json, weights and tokenizer";
            return Err(Error::config("pretrained", problem, help));
        }
        if !path.is_file() {
            let problem = format!("there is no config.json in {}", dir.display());
            let help = "give the folder of a model of the transformers library: config.json, weights and tokenizer";
            return Err(Error::config("pretrained", problem, help));
        }
        let values = serde_json::from_slice(&read_limited(&path, MAX_BYTES)?).map_err(|e| {
            Error::data(&path, None, format!("this is not a configuration of a model: {e}"), super::FETCH_AGAIN)
        })?;
        Ok(Self { path, values })
    }

    /// A configuration that is made here, for the file `path`.
    pub fn made(path: PathBuf, values: Map<String, Value>) -> Self {
        Self { path, values }
    }

    /// All it says.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error about a key.
    pub fn refuse(&self, key: &str, problem: impl std::fmt::Display, help: &str) -> Error {
        Error::data(&self.path, None, format!("{key}: {problem}"), help)
    }

    /// The value of the first of these keys that is there and not null.
    fn get(&self, keys: &[&str]) -> Option<(String, &Value)> {
        keys.iter().find_map(|key| Some(((*key).to_owned(), self.values.get(*key)?))).filter(|(_, v)| !v.is_null())
    }

    /// A size that must be there, under the first of these names.
    pub fn size(&self, keys: &[&str]) -> Result<usize> {
        match self.size_if_any(keys)? {
            Some(size) => Ok(size),
            None => Err(self.refuse(keys[0], "the key is missing", super::FETCH_AGAIN)),
        }
    }

    /// A size.
    pub fn size_or(&self, keys: &[&str], otherwise: usize) -> Result<usize> {
        Ok(self.size_if_any(keys)?.unwrap_or(otherwise))
    }

    /// A size, where there is one.
    pub fn size_if_any(&self, keys: &[&str]) -> Result<Option<usize>> {
        let Some((key, value)) = self.get(keys) else { return Ok(None) };
        match value.as_u64() {
            Some(size @ 1..=MAX_SIZE) => Ok(Some(size as usize)),
            _ => Err(self.refuse(&key, format!("found {value}, expected 1 to {MAX_SIZE}"), super::FETCH_AGAIN)),
        }
    }

    /// A number from 0 up that is no size.
    pub fn count_or(&self, key: &str, otherwise: usize) -> Result<usize> {
        let Some((key, value)) = self.get(&[key]) else { return Ok(otherwise) };
        match value.as_u64() {
            Some(n @ 0..=MAX_SIZE) => Ok(n as usize),
            _ => Err(self.refuse(&key, format!("found {value}, expected 0 to {MAX_SIZE}"), super::FETCH_AGAIN)),
        }
    }

    /// A number.
    pub fn number(&self, keys: &[&str]) -> Result<Option<f64>> {
        let Some((key, value)) = self.get(keys) else { return Ok(None) };
        match value.as_f64() {
            Some(x) if x.is_finite() => Ok(Some(x)),
            _ => Err(self.refuse(&key, format!("found {value}, expected a number"), super::FETCH_AGAIN)),
        }
    }

    /// A share of numbers to leave out.
    pub fn dropout(&self, keys: &[&str], otherwise: f64) -> Result<f64> {
        let rate = self.number(keys)?.unwrap_or(otherwise);
        match (0.0..1.0).contains(&rate) {
            true => Ok(rate),
            false => Err(self.refuse(keys[0], format!("found {rate}, expected 0 to below 1"), super::FETCH_AGAIN)),
        }
    }

    /// A word.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    /// The base of rotary positions: an own key, or one among the parameters of later versions, where `layers` tells the
    /// kind of layers that it is for. Scaled positions are refused.
    pub fn rotary_base(&self, key: &str, layers: &str, otherwise: f64) -> Result<f64> {
        for table in ["rope_scaling", "rope_parameters"] {
            let Some(Value::Object(found)) = self.values.get(table) else { continue };
            let found = match found.get(layers) {
                Some(Value::Object(of_layers)) => of_layers,
                _ => found,
            };
            let kind = found.get("rope_type").or_else(|| found.get("type")).and_then(Value::as_str);
            if let Some(kind) = kind.filter(|kind| *kind != "default") {
                let help = "choose a model whose positions are not stretched";
                return Err(self.refuse(table, format!("positions of the type {kind:?} are not known here"), help));
            }
            if let Some(base) = found.get("rope_theta").and_then(Value::as_f64).filter(|base| *base > 0.0) {
                return Ok(base);
            }
        }
        match self.number(&[key])? {
            Some(base) if base <= 0.0 => {
                Err(self.refuse(key, format!("found {base}, expected above 0"), super::FETCH_AGAIN))
            }
            base => Ok(base.unwrap_or(otherwise)),
        }
    }

    /// Refuses a value that changes what the model computes in a way that is not known here.
    pub fn expect(&self, key: &str, expected: &Value) -> Result<()> {
        match self.get(&[key]) {
            Some((key, found)) if found != expected => {
                let help = "choose a model without it; fenlei would not compute what this one does";
                Err(self.refuse(&key, format!("found {found}, expected {expected}"), help))
            }
            _ => Ok(()),
        }
    }
}
