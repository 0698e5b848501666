//! `fenlei embed train`: from documents to a file of word vectors.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fenlei::Error;
use fenlei::config::{PlanSource, load_plan};
use fenlei::embed::{
    Architecture, Corpus, CorpusBuilder, CorpusSpec, Embedding, GloveSpec, Hooks, Objective, SubwordSpec, Word2VecSpec,
    train_glove, train_word2vec,
};
use fenlei::features::{FileForm, VectorFormat};
use serde::Serialize;

use super::progress::EmbedProgress;
use super::{FormatName, sources};
use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, duration, grouped, peak_memory_mb, print_json, size};
use crate::train::destination;

/// Learn word vectors from documents; labels play no part
#[derive(Debug, Args)]
#[command(
    after_help = "Of divided data the training part and the unlabelled part are read, unless --split says otherwise.

Examples:
  fenlei embed train aclImdb_v1.tar.gz -o imdb.vec
  fenlei embed train news.csv -o news.bin --set pipeline.segment.chinese=jieba
  fenlei embed train --lines corpus.txt.zst -o corpus.vec.gz --architecture cbow --dim 300
  fenlei embed train reviews.csv -o reviews.vec --subwords 3-6
  fenlei embed train reviews.csv -o reviews.txt --method glove --memory-mb 500
  fenlei train reviews.csv --embeddings reviews.vec --set model.layers.0.dim=100"
)]
pub(super) struct TrainArguments {
    /// Documents, as `fenlei train` reads them; - for lines on standard input
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// Where to write: .vec (word2vec text), .bin (word2vec binary), .txt (GloVe), each also with .gz or .zst
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// The format, if the name of FILE does not say
    #[arg(long, value_name = "FORMAT")]
    to: Option<FormatName>,
    /// How vectors are learned
    #[arg(long, value_name = "METHOD", default_value = "word2vec")]
    method: Method,
    /// word2vec: tell a word from each word near it, or from their mean
    #[arg(long, value_name = "NAME", default_value = "skip-gram")]
    architecture: ArchitectureName,
    /// word2vec: words drawn to tell the right one from
    #[arg(long, value_name = "N", default_value_t = 5)]
    negatives: usize,
    /// word2vec: hierarchical softmax in place of drawn words
    #[arg(long, conflicts_with = "negatives")]
    hierarchical: bool,
    /// word2vec: words are also bags of their n-grams of so many characters, as 3-6
    #[arg(long, value_name = "MIN-MAX", value_parser = lengths)]
    subwords: Option<(usize, usize)>,
    /// word2vec: n-grams share so many rows by their hash
    #[arg(long, value_name = "N", default_value_t = SubwordSpec::default().buckets, requires = "subwords")]
    buckets: u32,
    /// word2vec: words with a larger share of the text are skipped now and then; 0 skips none
    #[arg(long, value_name = "SHARE", default_value_t = 1e-4)]
    sample: f64,
    /// Numbers in a vector
    #[arg(long, value_name = "N", default_value_t = 100)]
    dim: usize,
    /// Words to each side that count as near [default: 5; glove: 10]
    #[arg(long, value_name = "N")]
    window: Option<usize>,
    /// Rarer words get no vector
    #[arg(long, value_name = "N", default_value_t = 5)]
    min_count: u64,
    /// At most so many words, the most frequent ones
    #[arg(long, value_name = "N", default_value_t = CorpusSpec::default().max_words)]
    max_words: usize,
    /// Passes over the documents [default: 5; glove: 25]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The first step size [default: 0.025; cbow and glove: 0.05]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// glove: pairs of words that met as often as this weigh 1, rarer ones less
    #[arg(long, value_name = "X", default_value_t = 100.0)]
    x_max: f64,
    /// glove: the power by which the weight of rarer pairs falls
    #[arg(long, value_name = "X", default_value_t = 0.75)]
    alpha: f64,
    /// glove: megabytes that counted pairs may take; more of them go to disk
    #[arg(long, value_name = "N", default_value_t = 1024)]
    memory_mb: u64,
    /// Where random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// word2vec: one thread takes the steps, so that the same seed gives the same bytes; glove always does
    #[arg(long)]
    deterministic: bool,
    /// Every line of INPUT is a document, without a label
    #[arg(long)]
    lines: bool,
    /// Print one JSON object with the figures of the training on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// A recipe, whose pipeline cuts the texts
    #[arg(long, value_name = "NAME|FILE", help_heading = "Pipeline")]
    recipe: Option<String>,
    /// A configuration file, whose pipeline cuts the texts
    #[arg(long, value_name = "FILE", help_heading = "Pipeline")]
    config: Option<PathBuf>,
    /// One setting of the pipeline, as pipeline.segment.chinese=jieba
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Pipeline")]
    set: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Words are told from words near them
    Word2vec,
    /// Products of vectors are made the logarithms of how often words meet
    Glove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchitectureName {
    SkipGram,
    Cbow,
}

/// `3-6`, or `3` for one length.
fn lengths(value: &str) -> Result<(usize, usize), String> {
    let (min, max) = value.split_once('-').unwrap_or((value, value));
    match (min.trim().parse(), max.trim().parse()) {
        (Ok(min), Ok(max)) if 0 < min && min <= max => Ok((min, max)),
        _ => Err(format!("found {value:?}, expected two numbers of characters, as 3-6")),
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    n_words: usize,
    n_tokens: u64,
    n_left_out: u64,
    dim: usize,
    seconds_reading: f64,
    seconds_training: f64,
    /// Of all epochs together; with word2vec.
    tokens_per_second: Option<f64>,
    peak_memory_mb: Option<f64>,
    output: String,
    output_bytes: u64,
    seed: u64,
}

pub(super) fn run(args: &TrainArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    let form = form_of(&args.output, args.to)?;
    if args.output.is_dir() {
        return Err(Error::config("--output", "this is a folder, expected a file", "name a file in it").into());
    }
    destination::check_folder(&args.output)?;
    args.check()?;
    let source = PlanSource {
        recipe: args.recipe.clone(),
        config: args.config.clone(),
        set: args.set.clone(),
        ..PlanSource::default()
    };
    let pipeline = load_plan(&source)?.pipeline;
    let stop = Stop::on_ctrl_c();

    let clock = Instant::now();
    let mut builder = CorpusBuilder::new(&pipeline)?;
    for input in &args.inputs {
        sources::add(&mut builder, input, args.lines, &args.read, voice, &stop)?;
    }
    let corpus = builder.build(&CorpusSpec { min_count: args.min_count, max_words: args.max_words })?;
    let seconds_reading = clock.elapsed().as_secs_f64();
    voice.note(format_args!(
        "{} in {}; {} are left out, since they stand fewer than {} times ({})",
        counted(corpus.n_tokens(), "word"),
        counted(corpus.n_docs(), "document"),
        grouped(corpus.n_left_out()),
        args.min_count,
        duration(seconds_reading),
    ));
    voice.note(format_args!("{} get a vector", counted(corpus.words().len(), "word")));

    let clock = Instant::now();
    let progress = EmbedProgress::new(args.quiet);
    let on_progress = |now| progress.show(now);
    let hooks = Hooks { on_progress: Some(&on_progress), stop: Some(stop.flag()) };
    let trained = args.train(&corpus, hooks);
    progress.end();
    let trained = trained?;
    let seconds_training = clock.elapsed().as_secs_f64();
    trained.vectors.write(&args.output, form)?;

    let n_steps = corpus.n_tokens() * args.word2vec().epochs as u64;
    let rate = (args.method == Method::Word2vec).then(|| n_steps as f64 / seconds_training.max(1e-9));
    let output_bytes = std::fs::metadata(&args.output).map(|file| file.len()).unwrap_or(0);
    let per_second = rate.map(|rate| format!(", {} words a second", grouped(rate as u64))).unwrap_or_default();
    voice.note(format_args!("trained in {}{per_second}", duration(seconds_training)));
    let output = args.output.display();
    voice.result(format_args!("wrote {output} ({})", size(output_bytes)))?;
    let word = corpus.words().get(corpus.words().len() / 20).map_or("word", String::as_str);
    voice.note(format_args!("next: fenlei embed nn {output} {word}"));
    if args.json {
        print_json(&Summary {
            n_words: corpus.words().len(),
            n_tokens: corpus.n_tokens(),
            n_left_out: corpus.n_left_out(),
            dim: args.dim,
            seconds_reading,
            seconds_training,
            tokens_per_second: rate,
            peak_memory_mb: peak_memory_mb(),
            output: output.to_string(),
            output_bytes,
            seed: args.seed,
        })?;
    }
    Ok(())
}

/// The form that a name and a flag ask for.
pub(super) fn form_of(path: &std::path::Path, to: Option<FormatName>) -> Result<FileForm> {
    let (format, packing) = FileForm::of_path(path);
    match to.map(VectorFormat::from).or(format) {
        Some(format) => Ok(FileForm { format, packing }),
        None => {
            let problem = "the name does not say which format to write";
            let help = "end it with .vec, .bin or .txt, or pass --to FORMAT";
            Err(Error::config(path.display().to_string(), problem, help).into())
        }
    }
}

impl TrainArguments {
    /// Before anything is read.
    fn check(&self) -> fenlei::Result<()> {
        match self.method {
            Method::Word2vec => self.word2vec().check(),
            Method::Glove if self.subwords.is_some() || self.hierarchical => {
                Err(Error::config("--method", "glove has no sub-words and no softmax", "use word2vec for them"))
            }
            Method::Glove => self.glove().check(),
        }
    }

    fn train(&self, corpus: &Corpus, hooks: Hooks<'_>) -> Result<Embedding> {
        match self.method {
            Method::Word2vec => Ok(train_word2vec(corpus, &self.word2vec(), hooks)?),
            Method::Glove => Ok(train_glove(corpus, &self.glove(), hooks)?),
        }
    }

    fn word2vec(&self) -> Word2VecSpec {
        let (architecture, usual_lr) = match self.architecture {
            ArchitectureName::SkipGram => (Architecture::SkipGram, 0.025),
            ArchitectureName::Cbow => (Architecture::Cbow, 0.05),
        };
        let objective = match self.hierarchical {
            true => Objective::HierarchicalSoftmax,
            false => Objective::NegativeSampling(self.negatives),
        };
        let subwords =
            self.subwords.map(|(min_chars, max_chars)| SubwordSpec { min_chars, max_chars, buckets: self.buckets });
        Word2VecSpec {
            architecture,
            objective,
            dim: self.dim,
            window: self.window.unwrap_or(5),
            epochs: self.epochs.unwrap_or(5),
            lr: self.lr.unwrap_or(usual_lr),
            sample: self.sample,
            subwords,
            seed: self.seed,
            deterministic: self.deterministic,
        }
    }

    fn glove(&self) -> GloveSpec {
        GloveSpec {
            dim: self.dim,
            window: self.window.unwrap_or(10),
            epochs: self.epochs.unwrap_or(25),
            lr: self.lr.unwrap_or(0.05),
            x_max: self.x_max,
            alpha: self.alpha,
            memory_mb: self.memory_mb,
            seed: self.seed,
        }
    }
}
