//! How documents are labelled, and where the page is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fenlei::classifier::Classifier;

use crate::documents::ReadAs;

/// What to label and how.
#[derive(Debug)]
pub struct Options {
    /// The file of documents. It is never changed.
    pub data: PathBuf,
    /// How to read it.
    pub read_as: ReadAs,
    /// The database of decisions; `None`: beside the file, [`database_of`].
    pub db: Option<PathBuf>,
    /// Labels to choose from, before those of the file and of the model.
    pub labels: Vec<String>,
    /// A model that suggests labels.
    pub model: Option<Classifier>,
    /// What annotators should know.
    pub guidelines: Option<String>,
    /// How many annotators label each document.
    pub votes: usize,
    /// Whether documents that the file labels are shown like others.
    pub relabel: bool,
    /// Whether decisions about another state of the file hold for texts that are still there.
    pub accept_changes: bool,
    /// The language of the page; `None`: that of the browser.
    pub language: Option<&'static str>,
    /// How long to wait for a database that another program holds.
    pub wait: Duration,
    /// Threads that learn; 0 for one a core.
    pub threads: usize,
}

impl Options {
    /// The usual way to label a file.
    pub fn of(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            read_as: ReadAs::default(),
            db: None,
            labels: Vec::new(),
            model: None,
            guidelines: None,
            votes: 1,
            relabel: false,
            accept_changes: false,
            language: None,
            wait: Duration::from_secs(5),
            threads: 0,
        }
    }
}

/// Where the decisions about a file are kept: beside it, as `FILE.labels.db`.
pub fn database_of(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".labels.db");
    data.with_file_name(name)
}

/// Where the page is and who may see it.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Bearer tokens; addresses of other machines need one.
    pub tokens: Vec<String>,
    /// Names under which the page is reached, beside those of this machine.
    pub hosts: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), tokens: Vec::new(), hosts: Vec::new() }
    }
}
