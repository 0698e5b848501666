//! `fenlei data`: list, get, stats, check, convert, split, vectorize.

mod check;
mod convert;
pub(crate) mod get;
mod read_args;
mod run;
mod select_args;
mod unmeasured;
mod vectorize;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use convert::format_for;
pub use read_args::ReadArgs;
pub use run::run;
pub(crate) use run::tell_written;
pub use select_args::SelectArgs;
pub(crate) use unmeasured::for_each_part;

/// Look at, fetch, convert and divide data sets.
#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
enum DataCommand {
    /// List the data sets that can be fetched by name
    List,
    /// Fetch a data set by name
    Get(GetArgs),
    /// Describe documents: labels, lengths, repeats, languages
    Stats(StatsArgs),
    /// Write documents in another format; crawled pages become documents to label
    Convert(ConvertArgs),
    /// Divide documents into parts that keep the shares of the labels
    Split(SplitArgs),
    Check(check::CheckArgs),
    Vectorize(vectorize::VectorizeArgs),
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The name of the set, as `fenlei data list` shows it; or a model on a hub, hf:OWNER/NAME or hf:OWNER/NAME@REVISION,
    /// which goes into the cache of Hugging Face's client (HF_HOME)
    name: String,
    /// The folder in which a folder NAME is made
    #[arg(long, value_name = "DIR", default_value = "data")]
    to: PathBuf,
    /// Fetch from this address, or take this file, instead of the official address
    #[arg(long, value_name = "URL|FILE")]
    from: Option<String>,
    /// The SHA-256 that the file must have
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

#[derive(Debug, Args)]
struct StatsArgs {
    /// Files, folders or archives; each is described, with every part it has
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON, one object a part and line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei data convert reviews.csv reviews.parquet
  fenlei data convert crawl.warc.gz pages.jsonl --language zh,en
  fenlei data convert pages.jsonl distinct.jsonl --missing-label keep --keep-column url --dedup near --similarity 0.7

Web archives (WARC, WET) give a document for each page, with the columns url, date, language and title. See
docs/crawled-text.md.")]
struct ConvertArgs {
    /// What to read: a file, a folder, an archive (tar, WARC, WET), or - for standard input
    input: PathBuf,
    /// Where to write (.csv, .tsv, .jsonl, .fasttext, .parquet; also with .gz or .zst), or - for standard output
    output: PathBuf,
    /// The format to write, if the name of OUTPUT does not say: csv, tsv, jsonl, fasttext, parquet
    #[arg(long, value_name = "FORMAT")]
    to: Option<fenlei::data::WriteFormat>,
    /// Keep this column beside text and label (url, date, author); may be repeated
    #[arg(long, value_name = "COLUMN")]
    keep_column: Vec<String>,
    /// Print what was read, dropped and written as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Args)]
struct SplitArgs {
    /// What to read: a file, a folder or an archive
    input: PathBuf,
    /// The share of each part: two give train and test, three train, validation and test
    #[arg(long, value_delimiter = ',', default_value = "0.8,0.1,0.1", value_name = "F,F,...")]
    fractions: Vec<f64>,
    /// The same seed gives the same parts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder for the parts
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// The format to write: csv, tsv, jsonl, fasttext, parquet
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    to: fenlei::data::WriteFormat,
    #[command(flatten)]
    read: ReadArgs,
}
