//! Models from a hub of Hugging Face's kind: one request for the list of files, one for each file that is needed.
//!
//! The folder is that of Hugging Face's own cache, `models--OWNER--NAME/snapshots/COMMIT`, so that what was fetched by
//! either is there for both. Everything works from it without a network.
//!
//! Invariant: a file appears whole or not at all, `config.json` last. What is there is not asked for again.

mod cache;
mod listing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use cache::HubOptions;

use super::download::{self, Remote};
use super::{GetOptions, Progress, hash};
use crate::{Error, Result};
use cache::Cached;
use listing::{Listing, RemoteFile, wanted};

/// What a name of a model on a hub begins with.
pub const HUB_PREFIX: &str = "hf:";

/// A list of files that is larger is none.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// A model on a hub: `hf:OWNER/NAME`, or `hf:NAME` for the oldest ones, with `@REVISION` for a branch, a tag or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    repository: String,
    revision: String,
}

impl HubName {
    /// Whether a path is such a name.
    pub fn is_one(path: &Path) -> bool {
        path.to_str().is_some_and(|path| path.starts_with(HUB_PREFIX))
    }

    /// Takes a name apart.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(name: &str) -> Result<Self> {
        let refuse = || {
            let problem = format!("found {name:?}, expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION");
            Error::config("name", problem, "the page of the model shows its owner and name at the top")
        };
        let rest = name.strip_prefix(HUB_PREFIX).ok_or_else(refuse)?;
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let harmless = |part: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty()
                && part.chars().all(fine)
                && !part.starts_with('.')
                && !part.contains("..")
                && part.len() <= 96
        };
        let parts: Vec<&str> = repository.split('/').collect();
        let is_name = parts.len() <= 2 && parts.iter().all(|part| harmless(part) && !part.contains("--"));
        let is_revision = revision.split('/').all(harmless);
        match is_name && is_revision {
            true => Ok(Self { repository: repository.to_owned(), revision: revision.to_owned() }),
            false => Err(refuse()),
        }
    }
}

impl std::fmt::Display for HubName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{HUB_PREFIX}{}", self.repository)?;
        match self.revision.as_str() {
            "main" => Ok(()),
            revision => write!(f, "@{revision}"),
        }
    }
}

/// The folder of a model that was fetched; a path that is no name of a model on a hub is its own. Nothing is fetched.
///
/// # Errors
/// When the name is none, or the model was not fetched yet.
pub fn hub_folder(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.to_str().filter(|_| HubName::is_one(path)) else { return Ok(path.to_owned()) };
    let name = HubName::parse(name)?;
    let cached = Cached::new(&name, &HubOptions::from_env()?);
    cached.snapshot().ok_or_else(|| {
        let problem = format!("{name} was not fetched yet, expected it in {}", cached.folder().display());
        Error::config("pretrained", problem, format!("run `fenlei data get {name}` where there is a network"))
    })
}

/// Fetches a model into the cache and returns its folder. With `refresh` the hub is asked whether there is a newer one; a hub
/// that cannot be reached is no error if the model is there.
///
/// # Errors
/// [`Error::Download`] if the hub does not deliver, [`Error::Interrupted`] after `cancel`, [`Error::Io`] if the cache cannot be
/// written, [`Error::Data`] if the model has no configuration or no weights.
pub fn get_model(
    name: &HubName,
    hub: &HubOptions,
    options: &GetOptions<'_>,
    refresh: bool,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<PathBuf> {
    let cached = Cached::new(name, hub);
    let there = cached.snapshot();
    if let Some(folder) = there.clone().filter(|_| hub.offline || !refresh) {
        on_progress(Progress::AlreadyThere);
        return Ok(folder);
    }
    if hub.offline {
        let problem = "it is not in the cache, and HF_HUB_OFFLINE forbids to fetch it".to_owned();
        let help = format!("unset HF_HUB_OFFLINE, or copy the model to {}", cached.folder().display());
        return Err(Error::Download { url: name.to_string(), problem, help });
    }
    let listed = list(name, hub, &cached, options, on_progress, cancel);
    let listing = match (listed, there) {
        (Ok(listing), _) => listing,
        (Err(Error::Download { problem, .. }), Some(folder)) => {
            on_progress(Progress::Note(format!("the hub was not asked for a newer one: {problem}")));
            on_progress(Progress::AlreadyThere);
            return Ok(folder);
        }
        (Err(error), _) => return Err(error),
    };
    let snapshot = cached.snapshot_of(&listing.sha);
    let mut files = wanted(&listing);
    if !files.iter().any(|file| file.rfilename == "config.json") {
        return Err(not_a_model(name, "config.json"));
    }
    // Lists of shards come before the shards, which they name.
    let mut at = 0;
    while at < files.len() {
        let file = files[at].clone();
        fetch(name, hub, &cached, &listing.sha, &file, options, on_progress, cancel)?;
        let path = snapshot.join(&file.rfilename);
        if file.rfilename.ends_with(".index.json") {
            for shard in listing::shards(&path, &listing)? {
                files.insert(at + 1, shard);
            }
        }
        at += 1;
    }
    if !files.iter().any(|file| file.rfilename.starts_with("model") || file.rfilename.starts_with("pytorch_model")) {
        return Err(not_a_model(name, "model.safetensors and no pytorch_model.bin"));
    }
    cached.remember(&listing.sha)?;
    Ok(snapshot)
}

fn not_a_model(name: &HubName, missing: &str) -> Error {
    let help = "choose a model of the transformers library with its weights in PyTorch's or safetensors' form";
    Error::Download { url: name.to_string(), problem: format!("it has no {missing}"), help: help.to_owned() }
}

/// The list of the files of a model.
fn list(
    name: &HubName,
    hub: &HubOptions,
    cached: &Cached,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<Listing> {
    let url = format!("{}/api/models/{}/revision/{}?blobs=true", hub.endpoint, name.repository, name.revision);
    let part = cached.part("list")?;
    download::discard(&part);
    // The list is short: what it brings of itself is of no interest.
    let mut quiet = |event: Progress| {
        if !matches!(event, Progress::Downloading { .. }) {
            on_progress(event);
        }
    };
    let remote = Remote { url: &url, token: hub.token.as_deref() };
    download::download(remote, &part, false, options, &mut quiet, cancel).map_err(|error| explain(error, name))?;
    let size = fs::metadata(&part).map(|file| file.len()).unwrap_or(0);
    let bytes = if size <= MAX_LIST_BYTES { fs::read(&part).unwrap_or_default() } else { Vec::new() };
    download::discard(&part);
    Listing::parse(&bytes).map_err(|problem| {
        let help = "check HF_ENDPOINT; try again later";
        Error::Download { url, problem, help: help.to_owned() }
    })
}

/// Fetches a file into the snapshot, unless it is there.
#[expect(clippy::too_many_arguments, reason = "a file of a model of a hub, and how to fetch it")]
fn fetch(
    name: &HubName,
    hub: &HubOptions,
    cached: &Cached,
    sha: &str,
    file: &RemoteFile,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<()> {
    let path = cached.snapshot_of(sha).join(&file.rfilename);
    if path.is_file() {
        return Ok(());
    }
    let url = format!("{}/{}/resolve/{sha}/{}", hub.endpoint, name.repository, file.rfilename);
    let part = cached.part(&format!("{sha}-{}", file.rfilename))?;
    let known = file.lfs.as_ref().map(|lfs| lfs.sha256.as_str());
    on_progress(Progress::Note(format!("fetching {}", file.rfilename)));
    let remote = Remote { url: &url, token: hub.token.as_deref() };
    download::download(remote, &part, known.is_some(), options, on_progress, cancel)
        .map_err(|error| explain(error, name))?;
    on_progress(Progress::Verifying);
    if let Err(problem) = verify(&part, file, known, cancel)? {
        download::discard(&part);
        let help = "the file is not the one it should be: try again later";
        return Err(Error::Download { url, problem, help: help.to_owned() });
    }
    let folder = cached.snapshot_of(sha);
    fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
    fs::rename(&part, &path).map_err(|error| Error::io("create", &path, error))?;
    download::discard(&part);
    Ok(())
}

/// What is wrong with a file that arrived, if anything is.
fn verify(part: &Path, file: &RemoteFile, known: Option<&str>, cancel: &AtomicBool) -> Result<Result<(), String>> {
    let found = fs::metadata(part).map_err(|error| Error::io("read", part, error))?.len();
    if let Some(expected) = file.size.filter(|&expected| expected != found) {
        return Ok(Err(format!("found {found} bytes, expected {expected}")));
    }
    let Some(known) = known else { return Ok(Ok(())) };
    let found = hash(part, cancel)?;
    Ok(match found.eq_ignore_ascii_case(known) {
        true => Ok(()),
        false => Err(format!("found SHA-256 {found}, expected {known}")),
    })
}

/// What an answer of a hub means.
fn explain(error: Error, name: &HubName) -> Error {
    let Error::Download { url, problem, help } = error else { return error };
    let help = if problem.contains("(HTTP 401)") || problem.contains("(HTTP 403)") {
        format!(
            "check the name; if {name} is private or asks to agree to its terms, do so on its page and put an access \
             token into HF_TOKEN"
        )
    } else if problem.contains("(HTTP 404)") {
        format!("there is no such model or revision: check the name {name}")
    } else if problem.contains("cannot reach") {
        "check the connection and HF_ENDPOINT, or fetch the files elsewhere and pass their folder".to_owned()
    } else {
        help
    };
    Error::Download { url, problem, help }
}

#[cfg(test)]
mod tests;
