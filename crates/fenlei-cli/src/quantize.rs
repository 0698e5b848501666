//! `fenlei quantize`: a model with weights of 8 bits, and what that changes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::artifact;
use fenlei::classifier::Classifier;
use fenlei::data::{Dataset, ReadOptions};
use fenlei::eval::compare;
use serde::Serialize;

use crate::calibrate::read_validation_part;
use crate::data::ReadArgs;
use crate::output::{Voice, counted, print_json, size};
use crate::train::destination;

/// Make a model with a Transformer smaller and faster: weights of 8 bits
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei quantize reviews.fenlei -o small.fenlei
  fenlei quantize reviews.fenlei -o small.fenlei --data validation.csv    Also tell what it costs

Weights and the table of tokens get 8 bits and a scale for each output; what they are multiplied with is rounded while a
text is read. Other models score with 16-bit integers already, and are refused.")]
pub(crate) struct QuantizeArguments {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where to write the smaller one
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Documents to compare both on; of several parts the validation part, unless --split names another
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Output {
    model: String,
    bytes_before: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
}

/// Both models on the same documents.
#[derive(Debug, Serialize)]
struct Compared {
    n_docs: usize,
    accuracy_before: f64,
    accuracy: f64,
    /// Share of documents with the same most probable label.
    same: f64,
    /// The largest change of a probability.
    largest_change: f32,
}

pub(crate) fn run(args: &QuantizeArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    destination::check(&args.output)?;
    let (mut classifier, info) = artifact::load(&args.model)?;
    let documents = match &args.data {
        Some(path) => {
            let (documents, findings) = read_validation_part(path, &ReadOptions::from(&args.read))?;
            voice.note(&findings);
            Some((path.as_path(), documents))
        }
        None => None,
    };
    let measured = |classifier: &Classifier| {
        documents.as_ref().map(|(path, documents)| Measured::of(classifier, documents, path)).transpose()
    };
    let before = measured(&classifier)?;
    classifier.quantize()?;
    artifact::save(&args.output, &classifier, &info)?;
    let after = measured(&classifier)?;
    let n_bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let output = Output {
        model: args.output.display().to_string(),
        bytes_before: n_bytes(&args.model),
        bytes: n_bytes(&args.output),
        compared: before.zip(after).map(|(before, after)| before.compare(&after)),
    };
    if args.json {
        return print_json(&output);
    }
    voice.result(format_args!(
        "model: {} ({}, before {})",
        output.model,
        size(output.bytes),
        size(output.bytes_before)
    ))?;
    if let Some(compared) = &output.compared {
        let n_docs = counted(compared.n_docs as u64, "document");
        voice.result(format_args!(
            "{n_docs}: accuracy {:.4}, before {:.4}; {:.2} % have the same label; probabilities changed by {:.3} at most",
            compared.accuracy,
            compared.accuracy_before,
            100.0 * compared.same,
            compared.largest_change
        ))?;
    }
    Ok(())
}

/// What a model answers.
struct Measured {
    accuracy: f64,
    probabilities: Vec<Vec<f32>>,
}

impl Measured {
    fn of(classifier: &Classifier, documents: &Dataset, path: &Path) -> Result<Self> {
        let compared = compare(classifier, documents, path)?;
        let rows = compared.probabilities().chunks(classifier.labels().len());
        Ok(Self { accuracy: compared.report.accuracy, probabilities: rows.map(<[f32]>::to_vec).collect() })
    }

    fn compare(&self, after: &Self) -> Compared {
        let rows = || self.probabilities.iter().zip(&after.probabilities);
        let best = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(label, _)| label);
        let n_same = rows().filter(|(a, b)| best(a) == best(b)).count();
        let changes = rows().flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
        Compared {
            n_docs: self.probabilities.len(),
            accuracy_before: self.accuracy,
            accuracy: after.accuracy,
            same: n_same as f64 / self.probabilities.len().max(1) as f64,
            largest_change: changes.fold(0.0, f32::max),
        }
    }
}
