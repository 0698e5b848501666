//! The one error type of the library.
//!
//! Invariant: every message says what was found, what was expected, where, and what to do next.
//! The library never prints, never exits and never panics on input; callers decide what to do with these.

use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, by where it went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read, write or create something.
    #[error("cannot {action} {}: {source}{}", path.display(), io_advice(source))]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// Documents or labels that cannot be used as they are.
    #[error("{}{}: {problem}\n  help: {help}", path.display(), line_suffix(*line))]
    Data {
        /// The file or folder concerned.
        path: PathBuf,
        /// One-based line (or record) number, where there is one.
        line: Option<u64>,
        /// What was found and what was expected.
        problem: String,
        /// How to mend it.
        help: String,
    },
    /// A configuration value, key or combination that cannot be used.
    #[error("{place}: {problem}\n  help: {help}")]
    Config {
        /// Where: a file with its line, a dotted key, or a flag.
        place: String,
        /// What was found and what was expected.
        problem: String,
        /// How to mend it.
        help: String,
    },
    /// A model file that is foreign, corrupt, truncated or from another version.
    #[error("{}: {problem}\n  help: {help}", path.display())]
    Artifact {
        /// The model file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// How to mend it.
        help: String,
    },
    /// Training could not go on.
    #[error("training: {problem}\n  help: {help}")]
    Train {
        /// What was found and what was expected.
        problem: String,
        /// How to mend it.
        help: String,
    },
    /// A download that did not deliver what it should.
    #[error("{url}: {problem}\n  help: {help}")]
    Download {
        /// The address asked.
        url: String,
        /// What was found and what was expected.
        problem: String,
        /// How to mend it.
        help: String,
    },
    /// The user asked to stop (Ctrl-C) before there was a result to keep.
    #[error("interrupted before there was anything to keep")]
    Interrupted,
}

impl Error {
    /// An I/O error with the path and the attempted action.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// A data error; `line` is one-based.
    pub fn data(
        path: impl AsRef<Path>,
        line: Option<u64>,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::Data { path: path.as_ref().to_owned(), line, problem: problem.into(), help: help.into() }
    }

    /// A configuration error.
    pub fn config(place: impl Into<String>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Config { place: place.into(), problem: problem.into(), help: help.into() }
    }

    /// A model-file error.
    pub fn artifact(path: impl AsRef<Path>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Artifact { path: path.as_ref().to_owned(), problem: problem.into(), help: help.into() }
    }

    /// A training error.
    pub fn train(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Train { problem: problem.into(), help: help.into() }
    }

    /// Whether the caller asked for something impossible (exit code 2) rather than that something failed (1).
    pub fn is_wrong_use(&self) -> bool {
        matches!(self, Self::Config { .. })
    }
}

fn line_suffix(line: Option<u64>) -> String {
    line.map(|n| format!(":{n}")).unwrap_or_default()
}

fn io_advice(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::NotFound => "\n  help: check the path and the folder it is in",
        ErrorKind::PermissionDenied => "\n  help: check the owner and the permissions, or choose another folder",
        ErrorKind::StorageFull => "\n  help: free some space or write to another disk; the old file is untouched",
        _ => "",
    }
}
