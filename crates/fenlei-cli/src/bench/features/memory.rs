//! Peak memory while features are learned and written, for more and more documents with the same features.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::bench::peers::Runner;
use crate::bench::table::{Table, figure_or_dash};

/// How many times the documents stand in the file.
const TIMES: [usize; 3] = [1, 4, 16];

/// What a run took.
#[derive(Debug, Serialize)]
pub(super) struct Peak {
    times: usize,
    input_mb: f64,
    features: u64,
    seconds: f64,
    peak_mb: Option<f64>,
}

/// Runs `fenlei data vectorize` on the training texts, once for each number of times that they stand in the file.
pub(super) fn measure(runner: &Runner, texts: &Path) -> Result<Vec<Peak>> {
    runner.voice.note("memory:");
    let once = fs::read(texts.join("train.txt")).context("the texts were not written")?;
    let (input, output, report) = (texts.join("times.txt"), texts.join("times.svm"), texts.join("times.json"));
    let mut peaks = Vec::new();
    for times in TIMES {
        let mut file = File::create(&input)?;
        (0..times).try_for_each(|_| file.write_all(&once))?;
        // So that documents alone do not make a feature frequent enough.
        let min_df = format!("model.features.min_df={}", 2 * times);
        let args = ["data".as_ref(), "vectorize".as_ref(), input.as_os_str(), output.as_os_str()];
        let how = ["--model", "linear", "--json", "--quiet", "--set", &min_df].map(OsStr::new);
        let command = runner.own_command(&[&args[..], &how].concat())?;
        runner.timed_into("fenlei data vectorize", command, &report).map_err(anyhow::Error::msg)?;
        let found: Value = serde_json::from_slice(&fs::read(&report)?)?;
        peaks.push(Peak {
            times,
            input_mb: (once.len() * times) as f64 / 1e6,
            features: found["features"].as_u64().context("no number of features was printed")?,
            seconds: found["seconds"].as_f64().context("no seconds were printed")?,
            peak_mb: found["peak_memory_mb"].as_f64(),
        });
        fs::remove_file(&input)?;
        fs::remove_file(&output)?;
    }
    Ok(peaks)
}

/// One row a run.
pub(super) fn table(peaks: &[Peak]) -> Table {
    let mut table = Table::new(&["documents", "input MB", "features", "seconds", "peak MB"]);
    for peak in peaks {
        table.row([
            format!("IMDb × {}", peak.times),
            format!("{:.0}", peak.input_mb),
            peak.features.to_string(),
            figure_or_dash(Some(peak.seconds)),
            figure_or_dash(peak.peak_mb),
        ]);
    }
    table
}
