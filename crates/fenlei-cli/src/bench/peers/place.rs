//! Where other programs are, and where everything is written that a comparison makes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{Runner, find_python};
use crate::bench::project_dir;
use crate::output::Voice;

/// The folders of a comparison with other programs.
#[derive(Debug, Args)]
pub(in crate::bench) struct PlaceArgs {
    /// The Python environment, which is made if it is not there [default: target/peers-venv of the project]
    #[arg(long, value_name = "DIR")]
    python: Option<PathBuf>,
    /// The folder of the scripts [default: benches/peers of the project]
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Where to write exported documents, models and results [default: target/peers of the project]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

impl PlaceArgs {
    /// Where everything is written.
    pub fn work(&self) -> PathBuf {
        self.work.clone().unwrap_or_else(|| project_dir().join("target/peers"))
    }

    /// What runs the programs; Python is looked for only where it `is_wanted`.
    ///
    /// # Errors
    /// When the scripts are missing or results cannot be written. A Python that is missing is told, and kept as the reason
    /// why other programs have no figures.
    pub fn runner(&self, voice: Voice, is_wanted: bool) -> Result<Runner> {
        let results = self.work().join("results");
        fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
        let scripts = self.scripts.clone().unwrap_or_else(|| project_dir().join("benches/peers"));
        if !scripts.is_dir() {
            bail!("there are no scripts at {} (help: name their folder with --scripts)", scripts.display());
        }
        let python = match is_wanted {
            true => find_python(self.python.as_deref(), &scripts, voice),
            false => Err("no other program was asked for".to_owned()),
        };
        if let (true, Err(failure)) = (is_wanted, &python) {
            voice.warn(format_args!("no other program can run: {failure}"));
        }
        Ok(Runner { python, scripts, results, n_threads: rayon::current_num_threads(), voice })
    }
}
