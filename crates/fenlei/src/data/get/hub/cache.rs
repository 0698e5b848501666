//! Where models are kept, and what the environment says about the hub.

use std::fs;
use std::path::{Path, PathBuf};

use super::HubName;
use crate::storage::write_atomically;
use crate::{Error, Result};

/// The hub, and the cache of what was fetched from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubOptions {
    /// The address of the hub, without a slash at its end.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// An access token, for models that are not public.
    pub token: Option<String>,
    /// Whether nothing may be fetched.
    pub offline: bool,
}

impl HubOptions {
    /// What the variables of Hugging Face's own client say: `HF_ENDPOINT`; `HF_HUB_CACHE`, or `HF_HOME` with the folder `hub`, or
    /// `huggingface/hub` in the user's cache; `HF_TOKEN`, or the file `token` in `HF_HOME`; `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// When no folder for a cache is known.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As [`from_env`](Self::from_env), with variables from elsewhere.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
            let user =
                || variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| Path::new(&home).join(".cache"));
            variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(user).map(|cache| cache.join("huggingface"))
        });
        let cache = variable("HF_HUB_CACHE").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join("hub")));
        let Some(cache) = cache else {
            let problem = "there is no folder for a cache: HF_HUB_CACHE, HF_HOME and HOME are not set";
            return Err(Error::config("HF_HOME", problem, "set HF_HOME to a folder"));
        };
        let of_file = || {
            let text = fs::read_to_string(home.as_ref()?.join("token")).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        };
        let offline = variable("HF_HUB_OFFLINE").map(|value| value.to_lowercase());
        Ok(Self {
            endpoint: variable("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".to_owned())
                .trim_end_matches('/')
                .to_owned(),
            cache,
            token: variable("HF_TOKEN").or_else(of_file),
            offline: offline.is_some_and(|value| matches!(value.as_str(), "1" | "on" | "yes" | "true")),
        })
    }
}

/// The folder of one model in the cache.
#[derive(Debug)]
pub(super) struct Cached {
    folder: PathBuf,
    revision: String,
}

impl Cached {
    pub fn new(name: &HubName, hub: &HubOptions) -> Self {
        let folder = hub.cache.join(format!("models--{}", name.repository.replace('/', "--")));
        Self { folder, revision: name.revision.clone() }
    }

    /// Where everything about the model is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a commit.
    pub fn snapshot_of(&self, sha: &str) -> PathBuf {
        self.folder.join("snapshots").join(sha)
    }

    /// The folder of the revision that is asked for, if it was fetched.
    pub fn snapshot(&self) -> Option<PathBuf> {
        let named = fs::read_to_string(self.reference()).ok();
        let sha = named.as_deref().map_or(self.revision.as_str(), str::trim);
        let is_plain = !sha.is_empty() && sha.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let snapshot = is_plain.then(|| self.snapshot_of(sha))?;
        snapshot.join("config.json").is_file().then_some(snapshot)
    }

    /// Notes which commit the revision is.
    pub fn remember(&self, sha: &str) -> Result<()> {
        let reference = self.reference();
        if sha == self.revision {
            return Ok(());
        }
        if let Some(folder) = reference.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        }
        write_atomically(&reference, |file| file.write_all(sha.as_bytes()))
    }

    fn reference(&self) -> PathBuf {
        self.folder.join("refs").join(&self.revision)
    }

    /// Where a file arrives before it has its place.
    pub fn part(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("fenlei-parts");
        fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
        Ok(folder.join(format!("{name}.part")))
    }
}
