//! `fenlei augment`: a data set with changed copies of its documents.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use fenlei::Error;
use fenlei::augment::{AugmentSpec, Augmenter, Balance, ExtendOptions, Extended, Kind, extend};
use fenlei::data::{self, Dataset, ReadOptions, Split, WriteFormat};
use serde_json::json;

use crate::data::{ReadArgs, format_for, tell_written};
use crate::output::{Voice, counted, grouped, print_json};

/// The rates of a command that names none: those of `docs/augmentation.md` that need no further file.
const USUAL_RATES: [(Kind, f64); 2] = [(Kind::Swap, 0.1), (Kind::Delete, 0.1)];

/// Add changed copies of documents to a data set, to learn from more wordings
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei augment train.csv --out more.csv
  fenlei augment train.csv --out more.csv --n 4 --rate synonym=0.1,insert=0.1,swap=0.1,delete=0.1
  fenlei augment 训练.jsonl --out more.jsonl --rate same_sound=0.05,synonym=0.1 --cilin cilin.txt
  fenlei augment train.tsv --out - --to tsv --only-new --rate keyboard=0.1 --protect not,never

Kinds of change, each with the share of words that it has: synonym, insert, swap, delete, same_sound, look_alike,
keyboard, drop, double, transpose, punctuation, fill. docs/augmentation.md shows each.
Augment only what is learned from. In training, [train.augment] does the same with another draw every epoch.")]
pub(crate) struct AugmentArguments {
    /// The documents, of several parts the training part; - for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Where to write (.csv, .tsv, .jsonl, .fasttext, .parquet; also with .gz or .zst), or - for standard output
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// The format to write, if the name of FILE does not say: csv, tsv, jsonl, fasttext, parquet
    #[arg(long, value_name = "FORMAT")]
    to: Option<WriteFormat>,
    /// Changed copies of each document
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n: u32,
    /// Kinds of change and the shares of words that they have [default: swap=0.1,delete=0.1]
    #[arg(long, value_name = "KIND=SHARE", value_delimiter = ',')]
    rate: Vec<String>,
    /// Where random numbers start; the same seed gives the same file
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write the copies alone, without their originals
    #[arg(long)]
    only_new: bool,
    /// Give documents of rare labels more copies, until all labels have equally many documents
    #[arg(long)]
    balance: bool,
    /// The folder of WordNet's files [default: data/wordnet or /usr/share/wordnet, if no other synonyms are given]
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// Chinese synonyms in the format of 同义词词林
    #[arg(long, value_name = "FILE")]
    cilin: Option<PathBuf>,
    /// Synonyms of your own: a group a line, words separated by tabs or commas
    #[arg(long, value_name = "FILE")]
    synonyms: Option<PathBuf>,
    /// Words that are never changed
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    protect: Vec<String>,
    /// A file of such words, one a line
    #[arg(long, value_name = "FILE")]
    protect_file: Option<PathBuf>,
    /// Print one JSON object with what was changed on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &AugmentArguments) -> Result<()> {
    let to_stdout = is_stdio(&args.out);
    if args.json && to_stdout {
        return Err(
            Error::config("--json", "the data set goes to standard output already", "write it to a file").into()
        );
    }
    let voice = Voice { quiet: args.quiet, json: args.json || to_stdout };
    let format = format_for(&args.out, args.to)?;
    let spec = spec(args)?;
    let augmenter = Augmenter::new(&spec)?;
    let documents = read(args, voice)?;
    let options = ExtendOptions {
        copies: args.n as usize,
        seed: args.seed,
        only_new: args.only_new,
        balance: if args.balance { Balance::Labels } else { Balance::None },
    };
    let extended = extend(&augmenter, &documents, &options)?;
    let written = if to_stdout {
        data::write_to(&extended.documents, io::stdout(), format, &args.out)?
    } else {
        data::write(&extended.documents, &args.out, format)?
    };
    if !args.quiet {
        tell_written(&args.out, &written)?;
    }
    tell(&spec, documents.len(), &extended, voice)?;
    if args.json {
        let changes = Kind::ALL.map(|kind| (kind.name().to_owned(), extended.changes.of(kind).into()));
        print_json(&json!({
            "documents": documents.len(),
            "copies": extended.n_copies,
            "unchanged_copies": extended.n_unchanged,
            "written": written.rows,
            "changed_words": serde_json::Map::from_iter(changes),
        }))?;
    }
    Ok(())
}

fn is_stdio(path: &Path) -> bool {
    path == Path::new("-")
}

fn spec(args: &AugmentArguments) -> Result<AugmentSpec> {
    let mut spec = AugmentSpec {
        wordnet: args.wordnet.clone(),
        cilin: args.cilin.clone(),
        synonyms: args.synonyms.clone(),
        protect: args.protect.clone(),
        protect_file: args.protect_file.clone(),
        ..AugmentSpec::default()
    };
    for given in &args.rate {
        let (kind, share) = given.split_once('=').unwrap_or((given, ""));
        let kind: Kind = kind.parse().map_err(|error| match error {
            Error::Config { problem, help, .. } => Error::config("--rate", problem, help),
            other => other,
        })?;
        *spec.rate_mut(kind) = share.trim().parse().map_err(|_| {
            let problem = format!("found {given:?}, expected a kind and a share such as {kind}=0.1");
            Error::config("--rate", problem, "shares are numbers from 0 to 1")
        })?;
    }
    if args.rate.is_empty() {
        USUAL_RATES.into_iter().for_each(|(kind, rate)| *spec.rate_mut(kind) = rate);
    }
    spec.check("--rate")?;
    Ok(spec)
}

fn read(args: &AugmentArguments, voice: Voice) -> Result<Dataset> {
    let options = ReadOptions::from(&args.read);
    if let Some(split @ (Split::Validation | Split::Test)) = options.split {
        let problem =
            format!("documents of the {split} part must stay as they are, or they would measure something else");
        return Err(Error::config("--split", problem, "augment the training part").into());
    }
    let mut parts = Vec::with_capacity(args.inputs.len());
    for input in &args.inputs {
        let (part, findings) = if is_stdio(input) {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
            data::read_bytes(&bytes, &options)?
        } else {
            data::read(input, &options)?
        };
        voice.note(findings);
        parts.push(part);
    }
    Ok(Dataset::joined(parts)?)
}

fn tell(spec: &AugmentSpec, n_documents: usize, extended: &Extended, voice: Voice) -> Result<()> {
    let copies = if extended.n_copies == 1 { "copy" } else { "copies" };
    let documents = counted(n_documents, "document");
    voice.note(format_args!("{} {copies} of {documents}: {spec}", grouped(extended.n_copies)));
    for kind in Kind::ALL.into_iter().filter(|&kind| spec.rate(kind) > 0.0) {
        let n = extended.changes.of(kind);
        voice.note(format_args!("  {:<12}{} changed", kind.name(), counted(n, "word")));
        if n == 0 {
            voice.warn(format_args!("{kind} found nothing to change{}", hint(kind)));
        }
    }
    if extended.n_unchanged > 0 {
        voice.note(format_args!("  {} came out as their originals", grouped(extended.n_unchanged)));
    }
    Ok(())
}

fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Synonym | Kind::Insert => {
            "; WordNet is for English, --cilin for Chinese, --synonyms for any language; stop words stay"
        }
        Kind::SameSound => ", which is for Chinese",
        Kind::Keyboard => ", which is for letters and digits",
        _ => "",
    }
}
