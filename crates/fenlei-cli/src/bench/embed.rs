//! `fenlei bench embed`: word vectors beside gensim and fastText, from the same words with the same settings.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use fenlei::data::{self, ReadOptions, Split};
use fenlei::embed::{Neighbours, SimilarityList};
use fenlei::features::{Duplicates, VectorTable};
use fenlei::text::{PipelineSpec, Punctuation};
use fenlei_nn::rng;
use serde::Serialize;
use serde_json::Value;

use super::peers::PlaceArgs;
use super::peers::child::Runner;
use super::table::{Table, figure, figure_or_dash, median};
use super::{IMDB, data_dir, trial_warning};
use crate::output::{Voice, grouped};

/// Of the order of the documents.
const SEED_ORDER: u64 = 1;

/// Similarity lists that come with gensim.
const LISTS: [&str; 2] = ["wordsim353.tsv", "simlex999.txt"];

/// What our pipeline must not do to words that are cut already.
const AS_THEY_ARE: [&str; 7] = [
    "pipeline.clean.html=never",
    "pipeline.clean.nfkc=false",
    "pipeline.clean.strip_invisible=false",
    "pipeline.clean.lowercase=false",
    "pipeline.clean.simplify=false",
    "pipeline.segment.mode=words",
    "pipeline.segment.punctuation=drop",
];

/// Measure word vectors beside gensim and fastText on the same words
#[derive(Debug, Args)]
#[command(after_help = "The words are those of the 75,000 training and unlabelled IMDb reviews, in random order.

Examples:
  fenlei bench embed --threads 2
  fenlei bench embed --only skip-gram --epochs 5 --runs 3
  fenlei bench embed --sample 2000     A trial")]
pub(super) struct EmbedArgs {
    /// Only these comparisons
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Kind>,
    /// Passes over the documents
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// How many times each program runs, with seeds from 1 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    #[command(flatten)]
    place: PlaceArgs,
    /// The folder of similarity lists [default: the test data of gensim]
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only N documents, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Skip-gram with 5 negatives, against gensim and fastText without n-grams
    SkipGram,
    /// The same with character n-grams, against fastText
    Subwords,
    /// CBOW with 5 negatives, against gensim and fastText without n-grams
    Cbow,
    /// GloVe, which the others do not have
    Glove,
}

impl Kind {
    fn peers(self) -> &'static [&'static str] {
        match self {
            Self::SkipGram | Self::Cbow => &["gensim", "fasttext"],
            Self::Subwords => &["fasttext"],
            Self::Glove => &[],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SkipGram => "skip-gram",
            Self::Subwords => "subwords",
            Self::Cbow => "cbow",
            Self::Glove => "glove",
        }
    }
}

/// What one program measured, once or several times.
#[derive(Debug, Clone, Default, Serialize)]
struct Measured {
    program: String,
    read_seconds: Vec<f64>,
    train_seconds: Vec<f64>,
    peak_mb: f64,
    n_words: u64,
    /// For each list the rank correlations.
    correlations: [Vec<f64>; LISTS.len()],
    n_covered: [usize; LISTS.len()],
    failure: Option<String>,
}

pub(super) fn run(args: &EmbedArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    let runner = args.place.runner(voice, true)?;
    let folder = args.place.work().join("embed");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lists = match (&args.lists, &runner.python) {
        (Some(folder), _) => folder.clone(),
        (None, Ok(python)) => gensim_lists(python)?,
        (None, Err(_)) => bail!("there are no similarity lists without gensim (help: name their folder with --lists)"),
    };
    let lists = LISTS.map(|name| SimilarityList::read(lists.join(name)));
    let n_tokens = export(&data_dir(args.data.as_deref())?.join(IMDB), &folder.join("words.txt"), args.sample)?;
    voice.note(format_args!("exported {} words", grouped(n_tokens)));

    let all = [Kind::SkipGram, Kind::Subwords, Kind::Cbow];
    let kinds = if args.only.is_empty() { &all[..] } else { &args.only };
    let mut measured: Vec<(Kind, Vec<Measured>)> = Vec::new();
    for &kind in kinds {
        let mut programs: Vec<Measured> = std::iter::once("fenlei")
            .chain(kind.peers().iter().copied())
            .map(|name| Measured { program: name.to_owned(), ..Measured::default() })
            .collect();
        // Turn by turn, so that a busy while falls to all of them.
        for run in 1..=args.runs {
            for program in programs.iter_mut().filter(|program| program.failure.is_none()) {
                program.failure =
                    program.measure(kind, args.epochs, run, &runner, &folder, &lists).err().map(|e| format!("{e:#}"));
            }
        }
        measured.push((kind, programs));
    }
    voice.result(trial_warning(args.sample).trim_end())?;
    voice.result(format_args!("{}, {} threads, {} epochs", grouped(n_tokens), runner.n_threads, args.epochs))?;
    voice.result(table(&measured, n_tokens * u64::from(args.epochs)))?;
    if let Some(file) = &args.json {
        let all: Vec<Value> =
            measured.iter().map(|(kind, programs)| serde_json::json!({ "kind": kind, "programs": programs })).collect();
        let all = serde_json::json!({ "sample": args.sample, "epochs": args.epochs, "threads": runner.n_threads, "n_tokens": n_tokens, "measured": all });
        fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The folder of gensim's test data.
fn gensim_lists(python: &Path) -> Result<PathBuf> {
    let code = "import gensim, os; print(os.path.join(os.path.dirname(gensim.__file__), 'test', 'test_data'))";
    let output = Command::new(python).args(["-c", code]).output().context("cannot run Python")?;
    ensure!(output.status.success(), "gensim cannot be found (help: run benches/peers/setup.sh again)");
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Writes the words of all documents, a document a line, in random order; how many words there are.
fn export(imdb: &Path, file: &Path, sample: Option<usize>) -> Result<u64> {
    let mut texts = Vec::new();
    for split in [Split::Train, Split::Unlabelled] {
        let options = ReadOptions { split: Some(split), ..ReadOptions::default() };
        texts.extend(data::read(imdb, &options)?.0.texts);
    }
    rng::shuffle(&mut texts, SEED_ORDER);
    texts.truncate(sample.unwrap_or(usize::MAX));
    let mut spec = PipelineSpec::default();
    spec.segment.punctuation = Punctuation::Drop;
    spec.truncate.max_tokens = usize::MAX;
    (spec.vocab.min_count, spec.vocab.max_size) = (1, 10_000_000);
    let pipeline = spec.fit(&texts)?;
    let encoded = pipeline.encode_batch(&texts);
    let write = || {
        let mut out = BufWriter::new(File::create(file)?);
        for doc in (0..encoded.len()).filter_map(|i| encoded.get(i)) {
            for (i, &id) in doc.iter().enumerate() {
                out.write_all(if i == 0 { b"" } else { b" " })?;
                out.write_all(pipeline.vocab().token(id).unwrap_or_default().as_bytes())?;
            }
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    write().with_context(|| format!("cannot write {}", file.display()))?;
    Ok(encoded.ids.len() as u64)
}

impl Measured {
    fn measure(
        &mut self,
        kind: Kind,
        epochs: u32,
        run: u32,
        runner: &Runner,
        folder: &Path,
        lists: &[fenlei::Result<SimilarityList>; LISTS.len()],
    ) -> Result<()> {
        let name = format!("embed-{}-{}", kind.name(), self.program);
        let (seed, epochs) = (run.to_string(), epochs.to_string());
        let vectors = folder.join(format!("{name}.vec"));
        if self.program == "fenlei" {
            self.measure_own(kind, &epochs, &seed, runner, folder, &vectors, &name)?;
        } else {
            let mut args = vec![OsStr::new("--data"), folder.as_os_str()];
            args.extend(
                ["--peer", &self.program, "--name", &name, "--epochs", &epochs, "--seed", &seed].map(OsStr::new),
            );
            args.extend(
                match kind {
                    Kind::SkipGram => &[][..],
                    Kind::Subwords => &["--subwords"],
                    Kind::Cbow => &["--cbow", "--lr", "0.05"],
                    Kind::Glove => bail!("no other program has it"),
                }
                .iter()
                .map(OsStr::new),
            );
            let figures = runner.script(&name, "embed_peer.py", &args).map_err(anyhow::Error::msg)?;
            self.train_seconds.extend(figures.train_seconds);
            self.peak_mb = self.peak_mb.max(figures.peak_mb);
            self.read_seconds.extend(figures.rest.get("read_seconds").and_then(|v| v[0].as_f64()));
            self.n_words = figures.rest.get("n_words").and_then(Value::as_u64).unwrap_or(0);
        }
        let (table, _) = VectorTable::read(&vectors, Duplicates::KeepFirst)?;
        let neighbours = Neighbours::new(&table);
        for (i, list) in lists.iter().enumerate() {
            let Ok(list) = list else { continue };
            let report = list.evaluate(&neighbours);
            self.correlations[i].extend(report.correlation);
            self.n_covered[i] = report.n_covered;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what a run is made of")]
    fn measure_own(
        &mut self,
        kind: Kind,
        epochs: &str,
        seed: &str,
        runner: &Runner,
        folder: &Path,
        vectors: &Path,
        name: &str,
    ) -> Result<()> {
        let words = folder.join("words.txt");
        let mut args =
            vec![OsStr::new("embed"), OsStr::new("train"), words.as_os_str(), OsStr::new("-o"), vectors.as_os_str()];
        args.extend(["--lines", "--json", "--encoding", "utf-8", "--epochs", epochs, "--seed", seed].map(OsStr::new));
        args.extend(AS_THEY_ARE.iter().flat_map(|set| ["--set", *set]).map(OsStr::new));
        args.extend(
            match kind {
                Kind::SkipGram => &[][..],
                Kind::Subwords => &["--subwords", "3-6"],
                Kind::Cbow => &["--architecture", "cbow"],
                Kind::Glove => &["--method", "glove"],
            }
            .iter()
            .map(OsStr::new),
        );
        let out = runner.results.join(format!("{name}.json"));
        let seconds = runner.timed_into(name, runner.own_command(&args)?, &out).map_err(anyhow::Error::msg)?;
        runner.voice.note(format_args!("  {name}: {seconds:.1} s in all"));
        let found: Value = serde_json::from_slice(&fs::read(&out)?)?;
        let number = |key: &str| found[key].as_f64();
        self.read_seconds.extend(number("seconds_reading"));
        self.train_seconds.extend(number("seconds_training"));
        self.peak_mb = self.peak_mb.max(number("peak_memory_mb").unwrap_or(0.0) * 1e6 / f64::from(1 << 20));
        self.n_words = found["n_words"].as_u64().unwrap_or(0);
        Ok(())
    }
}

fn table(measured: &[(Kind, Vec<Measured>)], n_tokens: u64) -> Table {
    let head =
        ["kind", "program", "words/s", "train s", "read s", "peak MB", "vectors", "WordSim-353", "SimLex-999", ""];
    let mut table = Table::new(&head);
    for (kind, programs) in measured {
        for program in programs {
            let train = median(&program.train_seconds);
            let correlation = |i: usize| match median(&program.correlations[i]) {
                Some(r) => format!("{r:.4} ({})", program.n_covered[i]),
                None => "–".to_owned(),
            };
            table.row([
                kind.name().to_owned(),
                program.program.clone(),
                train.map_or_else(|| "–".to_owned(), |s| grouped((n_tokens as f64 / s) as u64)),
                figure_or_dash(train),
                figure_or_dash(median(&program.read_seconds)),
                figure(program.peak_mb),
                grouped(program.n_words),
                correlation(0),
                correlation(1),
                program.failure.as_ref().map(|failure| format!("failed: {failure}")).unwrap_or_default(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_speed_scores_and_failures() {
        let own = Measured {
            program: "fenlei".into(),
            train_seconds: vec![2.0, 4.0, 3.0],
            correlations: [vec![0.5, 0.7, 0.6], vec![]],
            n_covered: [300, 0],
            ..Measured::default()
        };
        let broken = Measured { program: "gensim".into(), failure: Some("no module".into()), ..Measured::default() };
        let table = table(&[(Kind::SkipGram, vec![own, broken])], 3_000_000).to_string();
        assert!(table.contains("| 1,000,000 |") && table.contains("0.6000 (300)"), "{table}");
        assert!(table.contains("failed: no module"), "{table}");
    }
}
