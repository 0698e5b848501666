//! Which files a model has, and which of them are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::{Error, Result};

/// Weights in one file, by preference, and the lists of those in several.
const WEIGHTS: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

/// Files of a tokenizer.
const TOKENIZER: [&str; 6] =
    ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt"];

/// What a hub tells about a revision.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    /// Its commit.
    pub sha: String,
    siblings: Vec<RemoteFile>,
}

/// A file of a revision.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RemoteFile {
    pub rfilename: String,
    /// Its bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// What is known of a large file.
    #[serde(default)]
    pub lfs: Option<LargeFile>,
}

/// What is known of a large file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LargeFile {
    pub sha256: String,
}

impl Listing {
    /// Takes an answer apart; what is wrong with it, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let listing: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("the answer is no list of files: {error}"))?;
        let is_commit = !listing.sha.is_empty() && listing.sha.len() <= 64;
        match is_commit && listing.sha.chars().all(|c| c.is_ascii_alphanumeric()) {
            true => Ok(listing),
            false => Err(format!("the answer names a commit {:?}, which is none", listing.sha)),
        }
    }

    fn file(&self, name: &str) -> Option<RemoteFile> {
        self.siblings.iter().find(|file| file.rfilename == name).cloned()
    }
}

/// The files of a model that are needed: its tokenizer, its weights or the list of them, its configuration at the end.
pub(super) fn wanted(listing: &Listing) -> Vec<RemoteFile> {
    let mut files: Vec<RemoteFile> = TOKENIZER.into_iter().filter_map(|name| listing.file(name)).collect();
    files.extend(WEIGHTS.into_iter().find_map(|name| listing.file(name)));
    files.extend(listing.file("config.json"));
    files
}

/// The files of weights that a list names.
pub(super) fn shards(path: &Path, listing: &Listing) -> Result<Vec<RemoteFile>> {
    #[derive(Deserialize)]
    struct List {
        weight_map: BTreeMap<String, String>,
    }
    let refuse = |problem: String| Error::data(path, None, problem, "remove the file, and fetch the model again");
    let text = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let list: List =
        serde_json::from_slice(&text).map_err(|error| refuse(format!("not a list of weights: {error}")))?;
    let names: BTreeSet<String> = list.weight_map.into_values().collect();
    let shard = |name: &String| {
        let is_plain = Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        let file = listing.file(name).filter(|_| is_plain);
        file.ok_or_else(|| refuse(format!("it names {name:?}, which the hub does not have")))
    };
    names.iter().map(shard).collect()
}
