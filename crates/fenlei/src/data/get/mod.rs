//! Fetching named data sets: download, check, unpack, put in place.
//!
//! Invariant: a folder appears whole and checked, or not at all. What was downloaded of an interrupted fetch stays
//! in `NAME.part` beside it and is gone on with the next time.

mod catalog;
mod download;
mod hub;
mod unpack;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use catalog::{KNOWN_SETS, KnownSet};
pub use hub::{HUB_PREFIX, HubName, HubOptions, get_model, hub_folder};

use super::columns::edit_distance;
use crate::{Error, Result};

/// What a fetch is doing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// The folder is there already; nothing is fetched.
    AlreadyThere,
    /// Bytes have arrived.
    Downloading {
        /// How many so far.
        done: u64,
        /// How many there will be, if the server said so.
        total: Option<u64>,
    },
    /// A try failed; the next follows after a pause.
    Retrying {
        /// What went wrong.
        reason: String,
        /// How long the pause is.
        wait: Duration,
    },
    /// The file is compared with what is known of it.
    Verifying,
    /// Files are being unpacked.
    Unpacking {
        /// How many so far.
        files: u64,
    },
    /// Something that the user should know.
    Note(String),
}

/// How to fetch.
#[derive(Debug, Clone)]
pub struct GetOptions<'a> {
    /// Another address or a file, instead of the official address.
    pub from: Option<&'a str>,
    /// The SHA-256 that the file must have, in hexadecimal digits.
    pub sha256: Option<&'a str>,
    /// How often a failed transfer is tried again.
    pub n_retries: u32,
    /// The first pause before a retry; each further one is twice as long.
    pub backoff: Duration,
}

impl Default for GetOptions<'_> {
    fn default() -> Self {
        Self { from: None, sha256: None, n_retries: 5, backoff: Duration::from_millis(500) }
    }
}

/// Fetches the set `name` into the folder `dest/name` and returns that folder.
///
/// A folder that is already there is returned as it is. A name that is not known needs `options.from`. `cancel` is
/// looked at while bytes arrive.
///
/// # Errors
/// [`Error::Download`] if the address does not deliver what it should, [`Error::Interrupted`] after `cancel`,
/// [`Error::Config`] for an unknown name, [`Error::Data`] for an archive that cannot be unpacked safely.
pub fn get(
    name: &str,
    dest: &Path,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<PathBuf> {
    let known = KNOWN_SETS.iter().find(|set| set.name == name);
    let unnamed;
    let set = match (known, options.from) {
        (Some(set), _) => set,
        (None, Some(_)) => {
            unnamed = KnownSet { name: "", title: "", url: "", licence: "", bytes: None, sha256: None };
            &unnamed
        }
        (None, None) => return Err(unknown_set(name)),
    };
    let harmless = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(harmless) {
        let problem = format!("found {name:?}, expected letters, digits, '-', '_' and '.'");
        return Err(Error::config("name", problem, "choose a simple name for the folder"));
    }
    install(name, set, dest, options, on_progress, cancel)
}

fn unknown_set(name: &str) -> Error {
    let nearest = KNOWN_SETS.iter().map(|set| set.name).min_by_key(|known| edit_distance(known, name)).unwrap_or("");
    let names: Vec<&str> = KNOWN_SETS.iter().map(|set| set.name).collect();
    let problem = format!("found {name:?}, expected one of {}", names.join(", "));
    Error::config("name", problem, format!("did you mean {nearest:?}? Other sets need --from with their address"))
}

fn install(
    name: &str,
    set: &KnownSet,
    dest: &Path,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<PathBuf> {
    let folder = dest.join(name);
    if folder.is_dir() {
        on_progress(Progress::AlreadyThere);
        return Ok(folder);
    }
    fs::create_dir_all(dest).map_err(|error| Error::io("create", dest, error))?;
    let address = options.from.unwrap_or(set.url);
    let is_url = address.starts_with("http://") || address.starts_with("https://");
    let part = dest.join(format!("{name}.part"));
    let file = if is_url {
        let resumable = options.sha256.is_some() || (options.from.is_none() && set.sha256.is_some());
        download::download(address, &part, resumable, options, on_progress, cancel)?;
        part.clone()
    } else {
        PathBuf::from(address.strip_prefix("file://").unwrap_or(address))
    };
    on_progress(Progress::Verifying);
    if let Err(error) = verify(&file, address, set, options, on_progress, cancel) {
        // A wrong file would only be gone on with the next time.
        if is_url && !matches!(error, Error::Interrupted) {
            download::discard(&part);
        }
        return Err(error);
    }
    let staged = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(dest)
        .map_err(|error| Error::io("create", dest, error))?;
    let content = staged.path().join("content");
    fs::create_dir(&content).map_err(|error| Error::io("create", &content, error))?;
    let file_name = address.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or(name);
    unpack::unpack(&file, file_name, &content, on_progress, cancel)?;
    fs::rename(&content, &folder).map_err(|error| Error::io("create", &folder, error))?;
    if is_url {
        download::discard(&part);
    }
    Ok(folder)
}

/// Compares a file with what was asked for or is known of it.
fn verify(
    file: &Path,
    address: &str,
    set: &KnownSet,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<()> {
    let wrong =
        |problem: String, help: &str| Error::Download { url: address.to_owned(), problem, help: help.to_owned() };
    let failed = |error| Error::io("read", file, error);
    let bytes = fs::metadata(file).map_err(failed)?.len();
    let official = options.from.is_none();
    if options.sha256.is_none() {
        match (set.bytes, set.sha256) {
            (Some(expected), _) if bytes != expected && official => {
                let problem = format!("found {bytes} bytes, expected {expected}");
                return Err(wrong(problem, "try again later, or give another address with --from"));
            }
            (Some(expected), _) if bytes != expected => {
                let note =
                    format!("{address} has {bytes} bytes, the official file {expected}: not checked any further");
                on_progress(Progress::Note(note));
                return Ok(());
            }
            (_, None) => {
                on_progress(Progress::Note(format!("nothing to check {address} against; --sha256 gives its hash")));
                return Ok(());
            }
            _ => {}
        }
    }
    let Some(expected) = options.sha256.or(set.sha256) else { return Ok(()) };
    if expected.len() != 64 || !expected.chars().all(|c| c.is_ascii_hexdigit()) {
        let problem = format!("found {expected:?}, expected 64 hexadecimal digits");
        return Err(Error::config("sha256", problem, "`sha256sum FILE` prints it"));
    }
    let found = hash(file, cancel)?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    if official || options.sha256.is_some() {
        let help = "the file is not the one it should be: nothing was installed; try again, or ask where it came from";
        return Err(wrong(format!("found SHA-256 {found}, expected {expected}"), help));
    }
    on_progress(Progress::Note(format!("{address} is not the official file (its SHA-256 is {found})")));
    Ok(())
}

fn hash(file: &Path, cancel: &AtomicBool) -> Result<String> {
    let failed = |error| Error::io("read", file, error);
    let mut reader = File::open(file).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match reader.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Copies until the end, unless cancelled or above `limit` bytes; returns how many were copied.
fn copy(reader: &mut dyn Read, writer: &mut dyn Write, limit: u64, cancel: &AtomicBool) -> std::io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = reader.read(&mut buffer)?;
        copied += n as u64;
        if copied > limit {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        if n == 0 {
            return Ok(copied);
        }
        writer.write_all(&buffer[..n])?;
    }
}

#[cfg(test)]
mod tests;
