//! Other programs as child processes, and what they measured of themselves.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::output::Voice;

/// Lines of a failed program's errors that are shown.
const TAIL_LINES: usize = 20;

/// What a program measured; the keys are described in `benches/peers/README.md`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::bench) struct Figures {
    pub version: String,
    pub epoch_seconds: Vec<f64>,
    pub score_seconds: Vec<f64>,
    pub docs_train: usize,
    pub docs_test: usize,
    pub test_accuracy: f64,
    /// In MB of 2^20 bytes, as the scripts count.
    pub peak_mb: f64,
    /// fastText: seconds of its program as a whole process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub program_seconds: Vec<f64>,
    /// fastText: seconds of each training.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub train_seconds: Vec<f64>,
    /// fastText: of its model file, in MB of 2^20 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_mb: Option<f64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What came of a program: its figures, or the last line of its errors.
pub(in crate::bench) type Outcome = std::result::Result<Figures, String>;

/// Runs programs, one after the other.
#[derive(Debug)]
pub(in crate::bench) struct Runner {
    /// The Python of the virtual environment, or why there is none.
    pub python: std::result::Result<PathBuf, String>,
    /// The folder of the scripts.
    pub scripts: PathBuf,
    /// Where results are written.
    pub results: PathBuf,
    pub n_threads: usize,
    pub voice: Voice,
}

impl Runner {
    /// Runs a script and reads the figures that it writes. `name` tells runs apart.
    pub fn script(&self, name: &str, script: &str, args: &[&OsStr]) -> Outcome {
        let python = self.python.clone()?;
        let mut command = Command::new(python);
        command.arg(self.scripts.join(script)).args(args).stdin(Stdio::null());
        command.arg("--threads").arg(self.n_threads.to_string());
        self.figures_of(name, command)
    }

    /// Runs this program and reads the figures that it writes.
    pub fn own(&self, name: &str, args: &[&OsStr]) -> Outcome {
        let command = self.own_command(args).map_err(|error| format!("{error:#}"))?;
        self.figures_of(name, command)
    }

    /// This program with arguments.
    pub fn own_command(&self, args: &[&OsStr]) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("cannot find the program itself")?);
        command.arg("--threads").arg(self.n_threads.to_string()).args(args).stdin(Stdio::null());
        Ok(command)
    }

    fn figures_of(&self, name: &str, mut command: Command) -> Outcome {
        let out = self.results.join(format!("{name}.json"));
        // What an earlier run left must not be taken for this one's.
        let _ = fs::remove_file(&out);
        command.arg("--out").arg(&out).stdout(Stdio::null());
        let seconds = self.timed(name, command)?;
        self.voice.note(format_args!("  {name}: {seconds:.1} s in all"));
        let text = fs::read(&out).map_err(|error| format!("{} was not written: {error}", out.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{} cannot be understood: {error}", out.display()))
    }

    /// Runs a command with its output in a file; the seconds from its start to its end.
    pub fn timed_into(&self, name: &str, mut command: Command, out: &Path) -> std::result::Result<f64, String> {
        let file = File::create(out).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
        command.stdout(file);
        self.timed(name, command)
    }

    /// Runs a command; the seconds from its start to its end, or the last line of its errors, which are shown.
    pub fn timed(&self, name: &str, mut command: Command) -> std::result::Result<f64, String> {
        let clock = Instant::now();
        let ended = command.stderr(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
        let seconds = clock.elapsed().as_secs_f64();
        let output = ended.map_err(|error| format!("cannot run {}: {error}", command.get_program().display()))?;
        if output.status.success() {
            return Ok(seconds);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
        self.voice.warn(format_args!("{name} failed ({}); the end of its errors:", output.status));
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            self.voice.note(format_args!("    {line}"));
        }
        Err(lines.last().map_or_else(|| format!("{} without a word", output.status), |line| line.trim().to_owned()))
    }
}
