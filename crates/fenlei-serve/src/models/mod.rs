//! The models that are served, by name and version.
//!
//! Invariants: a request meets one version and keeps it until it is answered, whatever is loaded or dropped meanwhile;
//! a version that cannot be loaded never takes the place of one that works.

mod folder;
mod name;
mod served;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rayon::ThreadPool;

use crate::error::{ApiError, ApiResult, Code};
pub(crate) use folder::{Source, Sources};
pub(crate) use name::{check_name, is_name, name_of_file};
pub(crate) use served::{N_CONFIDENCES, ServedModel, Stamp};

/// All models.
pub(crate) struct Registry {
    shelf: RwLock<Shelf>,
    pool: ThreadPool,
}

#[derive(Default)]
struct Shelf {
    models: BTreeMap<String, Versions>,
    /// The name that is meant where none is named.
    first: Option<String>,
}

/// The versions of a model.
#[derive(Default)]
struct Versions {
    by_number: BTreeMap<u64, Arc<ServedModel>>,
    traffic: Traffic,
}

/// Which versions get requests that name none; without it the highest one.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Traffic {
    /// The version that answers; `None` for the highest.
    pub stable: Option<u64>,
    /// A version that answers some of the requests.
    pub canary: Option<u64>,
    /// How many of them, from 0 to 1.
    pub share: f64,
    /// A version that is asked too, whose answers are only compared.
    pub shadow: Option<u64>,
}

/// Who answers a request.
pub(crate) struct Chosen {
    pub model: Arc<ServedModel>,
    /// Who is asked too.
    pub shadow: Option<Arc<ServedModel>>,
}

impl Registry {
    pub fn new(pool: ThreadPool) -> Self {
        Self { shelf: RwLock::default(), pool }
    }

    /// From now on models are loaded with the lowest priority, in the time that requests leave. Where the system does not
    /// allow it, loading competes with them as before.
    pub fn load_behind_requests(&self) {
        #[cfg(target_os = "linux")]
        self.pool.broadcast(|_| {
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
        });
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file and puts it in its place, for all requests from then on. What is there before stays there when the
    /// file is refused.
    pub fn load(&self, name: &str, version: u64, path: &Path) -> fenlei::Result<Arc<ServedModel>> {
        let model = Arc::new(ServedModel::load(name, version, path, &self.pool)?);
        let mut shelf = self.write();
        shelf.first.get_or_insert_with(|| name.to_owned());
        let versions = shelf.models.entry(name.to_owned()).or_default();
        let before = versions.by_number.insert(version, Arc::clone(&model));
        drop(shelf);
        // Outside of the lock: it may be large.
        drop(before);
        Ok(model)
    }

    /// Takes a version away; requests that it has begun with are still answered.
    pub fn unload(&self, name: &str, version: u64) -> bool {
        let mut shelf = self.write();
        let Some(versions) = shelf.models.get_mut(name) else { return false };
        let gone = versions.by_number.remove(&version);
        if versions.by_number.is_empty() {
            shelf.models.remove(name);
        }
        drop(shelf);
        gone.is_some()
    }

    /// Changes who gets the requests of a model.
    pub fn direct(&self, name: &str, traffic: Traffic) -> ApiResult<()> {
        if !(0.0..=1.0).contains(&traffic.share) {
            let message = format!("share: found {}, expected a number from 0 to 1", traffic.share);
            return Err(ApiError::bad_request(message, "0.05 sends one request in twenty"));
        }
        let mut shelf = self.write();
        let Some(versions) = shelf.models.get_mut(name) else { return Err(unknown(name, None, &shelf)) };
        for version in [traffic.stable, traffic.canary, traffic.shadow].into_iter().flatten() {
            if !versions.by_number.contains_key(&version) {
                return Err(unknown(name, Some(version), &shelf));
            }
        }
        versions.traffic = traffic;
        Ok(())
    }

    /// Who answers a request. `chance` is a number from 0 to 1 that belongs to the request.
    pub fn choose(&self, name: Option<&str>, version: Option<u64>, chance: f64) -> ApiResult<Chosen> {
        let shelf = self.read();
        let name = match name.or(shelf.first.as_deref()) {
            Some(name) => name,
            None => {
                let help = "name a model file when you start the server, or put one into its folder";
                return Err(ApiError::new(Code::NotReady, "no model is loaded", help).retry_after(2));
            }
        };
        let Some(versions) = shelf.models.get(name) else {
            check_name(name)?;
            return Err(unknown(name, None, &shelf));
        };
        let find = |version| versions.by_number.get(&version).map(Arc::clone);
        if let Some(version) = version {
            let model = find(version).ok_or_else(|| unknown(name, Some(version), &shelf))?;
            return Ok(Chosen { model, shadow: None });
        }
        let Traffic { stable, canary, share, shadow } = versions.traffic;
        let highest = || versions.by_number.values().next_back().map(Arc::clone);
        let canary = canary.filter(|_| chance < share).and_then(find);
        let model = canary.or_else(|| stable.and_then(find)).or_else(highest);
        let model = model.ok_or_else(|| unknown(name, None, &shelf))?;
        let shadow = shadow.filter(|&version| version != model.version).and_then(find);
        Ok(Chosen { model, shadow })
    }

    /// Every version of every model, in order.
    pub fn all(&self) -> Vec<Arc<ServedModel>> {
        self.read().models.values().flat_map(|versions| versions.by_number.values()).map(Arc::clone).collect()
    }

    /// Who gets the requests of a model.
    pub fn traffic(&self, name: &str) -> Option<Traffic> {
        self.read().models.get(name).map(|versions| versions.traffic)
    }

    /// The model that is meant where none is named.
    pub fn first(&self) -> Option<String> {
        self.read().first.clone()
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.read().models.is_empty()
    }
}

fn unknown(name: &str, version: Option<u64>, shelf: &Shelf) -> ApiError {
    let (message, names): (String, Vec<String>) = match (version, shelf.models.get(name)) {
        (Some(version), Some(versions)) => (
            format!("the model {name:?} has no version {version}"),
            versions.by_number.keys().map(ToString::to_string).collect(),
        ),
        _ => (format!("there is no model {name:?}"), shelf.models.keys().cloned().collect()),
    };
    ApiError::new(Code::UnknownModel, message, format!("there are {}", names.join(", ")))
}
