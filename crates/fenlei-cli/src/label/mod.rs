//! `fenlei label`: a page to label documents with, and its results as a file.

mod export;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use fenlei::report::Language;
use fenlei::{Error, artifact};
use fenlei_label::{LabelFormat, Labelling, Listen, Options, ReadAs, Server, database_of};

use crate::interrupt::Stop;

/// A token for everybody who knows it.
const TOKEN_VARIABLE: &str = "FENLEI_TOKEN";
/// How often is looked whether the program is asked to end.
const LOOK: Duration = Duration::from_millis(50);
/// Larger guidelines belong elsewhere.
const GUIDELINES: u64 = 1 << 20;

/// Label documents on a page: by keyboard, with suggestions, for several annotators
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  fenlei label reviews.jsonl --labels good,bad
  fenlei label reviews.csv --model reviews.fenlei --guidelines guidelines.md
  fenlei label news.jsonl --multi-label --votes 2
  fenlei label export reviews.jsonl -o labelled.jsonl

Every decision goes at once into a database beside the file, FILE.labels.db; the file itself is never changed. Ctrl-C ends
the page; the same command goes on where you were. See docs/labelling.md.")]
pub(crate) struct LabelArguments {
    #[command(subcommand)]
    command: Option<LabelCommands>,
    #[command(flatten)]
    data: DataArguments,
    /// A model that suggests labels, until what is learned from yours is better
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Labels to choose from, with commas between; those of the file and of the model are there too
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    labels: Vec<String>,
    /// What annotators should know, as text or Markdown, beside the documents
    #[arg(long, value_name = "FILE")]
    guidelines: Option<PathBuf>,
    /// Annotators for each document; with 2 or more their agreement is measured
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    votes: u32,
    /// Show documents that the file labels like all others
    #[arg(long)]
    relabel: bool,
    /// The language of the page: en, zh [default: that of the browser]
    #[arg(long, value_name = "LANGUAGE")]
    lang: Option<Language>,
    /// The address to listen at; others than this machine need a token in the variable FENLEI_TOKEN
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen at; 0 takes any that is free
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Names under which the page is reached, beside those of this machine
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum LabelCommands {
    Export(export::ExportArguments),
}

/// The file and its database.
#[derive(Debug, Args)]
struct DataArguments {
    /// The documents: JSON lines, CSV, TSV, fastText, doccano or Label Studio
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// The database of decisions [default: FILE.labels.db]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// How FILE is laid out: jsonl, csv, tsv, fasttext, doccano, label-studio [default: found out]
    #[arg(long, value_name = "LAYOUT")]
    format: Option<LabelFormat>,
    /// The field of the text
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// The field of the label
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// Let a document have any number of labels; columns of tables hold them with | between
    #[arg(long)]
    multi_label: bool,
    /// Go on although FILE has changed: texts that are still there keep their labels
    #[arg(long)]
    accept_changes: bool,
}

impl DataArguments {
    fn options(&self) -> Options {
        let read_as = ReadAs {
            format: self.format,
            text_column: self.text_column.clone(),
            label_column: self.label_column.clone(),
            multi_label: self.multi_label,
        };
        // Clap sees to it that there is a file.
        let file = self.file.clone().unwrap_or_default();
        Options { read_as, db: self.db.clone(), accept_changes: self.accept_changes, ..Options::of(file) }
    }
}

pub(crate) fn run(args: &LabelArguments, n_threads: Option<usize>) -> Result<()> {
    if let Some(LabelCommands::Export(args)) = &args.command {
        return export::run(args);
    }
    let model = args.model.as_deref().map(artifact::load).transpose()?.map(|(model, _)| model);
    let options = args.data.options();
    let multi_label = options.read_as.multi_label || model.as_ref().is_some_and(|model| model.decision().multi_label);
    let options = Options {
        read_as: ReadAs { multi_label, ..options.read_as },
        labels: args.labels.iter().map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect(),
        model,
        guidelines: args.guidelines.as_deref().map(guidelines).transpose()?,
        votes: args.votes as usize,
        relabel: args.relabel,
        language: args.lang.map(|language| if language == Language::Zh { "zh" } else { "en" }),
        threads: n_threads.unwrap_or(0),
        ..options
    };
    let listen = Listen {
        address: SocketAddr::new(args.host, args.port),
        tokens: env::var(TOKEN_VARIABLE).ok().into_iter().collect(),
        hosts: args.allow_host.clone(),
    };
    let labelling = Arc::new(Labelling::open(options)?);
    let server = Server::start(Arc::clone(&labelling), &listen)?;
    tell(&labelling, &server, !listen.tokens.is_empty());
    let stop = Stop::on_ctrl_c();
    while !stop.is_raised() {
        thread::sleep(LOOK);
    }
    drop(server);
    Ok(())
}

fn tell(labelling: &Labelling, server: &Server, with_token: bool) {
    let (n_docs, n_labelled) = labelling.counts();
    let end = if with_token { "#token=…" } else { "" };
    // A closed standard error must not end the page.
    let _ = writeln!(
        io::stderr(),
        "{n_labelled} of {n_docs} documents labelled; decisions are kept in {}\nlabel at http://{}/{end} (Ctrl-C ends)",
        labelling.database().display(),
        server.address(),
    );
}

fn guidelines(path: &Path) -> fenlei::Result<String> {
    let size = fs::metadata(path).map_err(|error| Error::io("read", path, error))?.len();
    if size > GUIDELINES {
        let problem = format!("found {size} bytes, expected up to {GUIDELINES}");
        return Err(Error::data(path, None, problem, "shorten the guidelines"));
    }
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        Error::data(path, Some(line as u64), "found bytes that are no UTF-8", "write the guidelines in UTF-8")
    })
}
