//! Where models come from: files that were named, and a folder that is looked at again and again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::{Registry, ServedModel, Stamp, is_name, name_of_file};
use crate::log::{Level, Log};

/// The ending of model files.
const ENDING: &str = "fenlei";

/// A file that should be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub name: String,
    /// `None`: each new content of the file is the next version, and the one before it goes.
    pub version: Option<u64>,
    pub path: PathBuf,
}

/// All files that are looked at, again and again.
pub(crate) struct Sources {
    named: Vec<Source>,
    folder: Option<PathBuf>,
    /// What was last seen of each path, and under which name and version it is served, if it could be.
    seen: BTreeMap<PathBuf, Seen>,
}

struct Seen {
    stamp: Option<Stamp>,
    name: String,
    served: Option<u64>,
}

impl Sources {
    pub fn new(named: Vec<Source>, folder: Option<PathBuf>) -> Self {
        Self { named, folder, seen: BTreeMap::new() }
    }

    /// Loads what is new or changed, drops what is gone from the folder; the first error, if there was one.
    pub fn look(&mut self, registry: &Registry, log: &Log) -> fenlei::Result<Vec<Arc<ServedModel>>> {
        let mut sources = self.named.clone();
        sources.extend(self.folder.iter().flat_map(|folder| in_folder(folder)));
        let mut loaded = Vec::new();
        let mut refused = None;
        for source in &sources {
            let stamp = Stamp::of(&source.path);
            let before = self.seen.get(&source.path);
            // A file that went away for a moment is about to be written again.
            if before.is_some_and(|seen| seen.stamp == stamp || stamp.is_none()) {
                continue;
            }
            let served = before.and_then(|seen| seen.served);
            let version = source.version.unwrap_or_else(|| served.map_or(1, |version| version + 1));
            let now_served = match registry.load(&source.name, version, &source.path) {
                Ok(model) => {
                    let particulars = json!({ "model": source.name, "version": version, "path": source.path });
                    log.event(Level::Info, "model_loaded", particulars);
                    if let Some(old) = served.filter(|&old| old != version) {
                        registry.unload(&source.name, old);
                    }
                    loaded.push(model);
                    Some(version)
                }
                Err(error) => {
                    let particulars = json!({ "model": source.name, "path": source.path, "error": error.to_string() });
                    log.event(Level::Error, "model_refused", particulars);
                    refused.get_or_insert(error);
                    served
                }
            };
            let seen = Seen { stamp, name: source.name.clone(), served: now_served };
            self.seen.insert(source.path.clone(), seen);
        }
        let is_source = |path: &PathBuf| sources.iter().any(|source| source.path == *path);
        self.seen.retain(|path, seen| {
            let stays = is_source(path);
            if let (false, Some(version)) = (stays, seen.served) {
                registry.unload(&seen.name, version);
                log.event(Level::Info, "model_dropped", json!({ "model": seen.name, "version": version }));
            }
            stays
        });
        match refused {
            Some(error) if loaded.is_empty() => Err(error),
            _ => Ok(loaded),
        }
    }
}

/// `NAME.fenlei` and `NAME/VERSION.fenlei`, in order.
fn in_folder(folder: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            for file in entries(&path).into_iter().filter(|file| is_model(file) && is_name(&name)) {
                let version = file.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                if let Some(version) = version {
                    sources.push(Source { name: name.clone(), version: Some(version), path: file });
                }
            }
        } else if is_model(&path) {
            sources.push(Source { name: name_of_file(&path), version: None, path });
        }
    }
    sources
}

fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING) && path.is_file()
}

/// What is in a folder, in order; nothing of one that cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = read.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    paths
}
