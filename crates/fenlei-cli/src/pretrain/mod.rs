//! `fenlei pretrain`: from documents without labels to an encoder.

mod progress;
mod sources;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fenlei::pretrain::{
    NewEncoderSpec, PretrainEvent, PretrainOptions, PretrainRecord, PretrainSpec, PretrainedEncoder, VocabularyKind,
    check_destination, pretrain,
};
use fenlei::train::StopReason;
use fenlei_nn::spec::Precision;
use serde::Serialize;

use crate::data::ReadArgs;
use crate::data::get::fetch_pretrained;
use crate::interrupt::Stop;
use crate::output::{Voice, duration, peak_memory_mb, print_json, size};
use crate::train::destination;
use crate::train::history::{HistoryFile, Placed};
use progress::PretrainProgress;

/// Train an encoder on documents without labels: hidden words are to be found again (masked-language modelling)
#[derive(Debug, Args)]
#[command(
    after_help = "Of divided data the training part and the unlabelled part are read, unless --split says otherwise. DIR becomes a
folder of the transformers library, which --pretrained and Python read.

Examples:
  fenlei pretrain news.csv -o news-encoder
  fenlei pretrain corpus.txt -o small --layers 2 --width 128 --vocabulary bpe --epochs 10
  fenlei pretrain aclImdb_v1.tar.gz --split unlabelled --pretrained all-MiniLM-L6-v2 -o imdb-encoder --lr 0.0001
  fenlei train reviews.csv --model encoder --pretrained imdb-encoder

Ctrl-C ends after the current step; --resume goes on from there."
)]
pub(crate) struct PretrainArguments {
    /// Documents, as `fenlei train` reads them, labels or not; of a .txt file every line
    #[arg(value_name = "CORPUS", required = true)]
    inputs: Vec<PathBuf>,
    /// Where to write the folder
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Go on from this encoder: a folder of the transformers library, or hf:OWNER/NAME (BERT or RoBERTa)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["layers", "width", "heads", "feed_forward", "positions",
        "vocabulary", "vocabulary_size", "min_frequency", "cased"])]
    pretrained: Option<PathBuf>,
    #[command(flatten)]
    new: NewArguments,
    #[command(flatten)]
    training: TrainingArguments,
    /// Every line of CORPUS is a document
    #[arg(long)]
    lines: bool,
    /// Go on with a training that was interrupted
    #[arg(long)]
    resume: bool,
    /// Where the state of the training is kept until it ends [default: DIR.checkpoint]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write one JSON line an evaluation to this file
    #[arg(long, value_name = "FILE.jsonl")]
    history: Option<PathBuf>,
    /// Print one JSON object with the figures of the training on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// What a new encoder is like.
#[derive(Debug, Args)]
#[command(next_help_heading = "New encoder")]
struct NewArguments {
    /// Blocks
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().layers)]
    layers: usize,
    /// Numbers in a state
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().width)]
    width: usize,
    /// Heads of attention; they divide the width
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().heads)]
    heads: usize,
    /// Units of the feed-forward parts [default: 4 times the width]
    #[arg(long, value_name = "N")]
    feed_forward: Option<usize>,
    /// Positions, for longer documents later
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().max_positions)]
    positions: usize,
    /// How words are cut into tokens
    #[arg(long, value_name = "KIND", default_value = "wordpiece")]
    vocabulary: VocabularyName,
    /// Tokens that are learned from the corpus, at most
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().vocabulary_size)]
    vocabulary_size: usize,
    /// Pieces found less often are not put together
    #[arg(long, value_name = "N", default_value_t = NewEncoderSpec::default().min_frequency)]
    min_frequency: u64,
    /// Keep upper case and accents
    #[arg(long)]
    cased: bool,
}

/// How to train.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
struct TrainingArguments {
    /// Tokens of a sequence; longer documents are cut into several
    #[arg(long, value_name = "N", default_value_t = PretrainSpec::default().max_tokens)]
    max_tokens: usize,
    /// Passes over the corpus
    #[arg(long, value_name = "N", default_value_t = PretrainSpec::default().epochs)]
    epochs: u32,
    /// So many steps, whatever passes that makes
    #[arg(long, value_name = "N", conflicts_with = "epochs")]
    steps: Option<u64>,
    /// Tokens of a step
    #[arg(long, value_name = "N", default_value_t = PretrainSpec::default().tokens_per_step)]
    tokens_per_step: usize,
    /// Tokens that pass through the net at once; a step of more is made in parts
    #[arg(long, value_name = "N", default_value_t = PretrainSpec::default().max_tokens_at_once)]
    max_tokens_at_once: usize,
    /// The learning rate at its highest [default: 0.0005, with --pretrained 0.0001]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// The share of the steps over which the rate rises before it falls to zero
    #[arg(long, value_name = "SHARE", default_value_t = PretrainSpec::default().warmup)]
    warmup: f64,
    /// How much matrices shrink
    #[arg(long, value_name = "RATE", default_value_t = PretrainSpec::default().weight_decay)]
    weight_decay: f64,
    /// Dropout in the encoder [default: 0.1, or that of config.json]
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f64>,
    /// The share of tokens that are hidden; of them 80 in 100 become the mask and 10 another token
    #[arg(long, value_name = "SHARE", default_value_t = PretrainSpec::default().mask_rate)]
    mask_rate: f64,
    /// Hide words whole (the default): Chinese ones as jieba cuts them, others with all their pieces
    #[arg(long, overrides_with = "single_tokens")]
    whole_word: bool,
    /// Hide tokens one by one
    #[arg(long)]
    single_tokens: bool,
    /// The share of documents that perplexity is measured on, at most 1,000 of them; 0 for none
    #[arg(long, value_name = "SHARE", default_value_t = PretrainSpec::default().held_out)]
    held_out: f64,
    /// Measure after so many steps too, and keep the state
    #[arg(long, value_name = "STEPS")]
    evaluate_every: Option<u64>,
    /// Compute blocks a second time instead of keeping what is in them: less memory, a third more time
    #[arg(long)]
    recompute: bool,
    /// Multiply numbers of 16 bits where the processor can
    #[arg(long)]
    bf16: bool,
    /// Where random numbers start; the same seed gives the same encoder
    #[arg(long, value_name = "N", default_value_t = PretrainSpec::default().seed)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VocabularyName {
    /// Pieces of words, as BERT's
    Wordpiece,
    /// Pairs of bytes, as RoBERTa's: no text is unknown
    Bpe,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    output: String,
    output_bytes: Option<u64>,
    reason: StopReason,
    steps: u64,
    history: &'a [PretrainRecord],
    perplexity_before: Option<f64>,
    perplexity: Option<f64>,
    tokens_per_second: f64,
    seconds: f64,
    peak_memory_mb: Option<f64>,
    fingerprint: &'a str,
    seed: u64,
}

impl Placed for PretrainRecord {
    fn place(&self) -> u64 {
        self.step
    }
}

pub(crate) fn run(args: &PretrainArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    let spec = args.spec();
    spec.check()?;
    check_destination(&args.output)?;
    args.pretrained.as_deref().map_or(Ok(()), fetch_pretrained)?;
    let checkpoint = args.checkpoint.clone().unwrap_or_else(|| {
        let mut name = args.output.clone().into_os_string();
        name.push(".checkpoint");
        name.into()
    });
    destination::check_folder(&checkpoint)?;
    if checkpoint.exists() && !args.resume {
        let checkpoint = checkpoint.display();
        voice.warn(format_args!("{checkpoint} holds an unfinished training, which this one replaces; see --resume"));
    }
    if args.resume && !checkpoint.exists() {
        voice.note(format_args!("there is no {} to go on from, so this starts anew", checkpoint.display()));
    }
    let mut history =
        args.history.as_ref().map(|path| HistoryFile::<PretrainRecord>::open(path, args.resume)).transpose()?;
    let stop = Stop::on_ctrl_c();
    let texts = sources::read(&args.inputs, args.lines, &args.read, voice, &stop)?;

    let clock = Instant::now();
    let mut progress = PretrainProgress::new(args.quiet);
    let mut history_error = None;
    let mut on_event = |event: PretrainEvent<'_>| {
        progress.show(&event);
        if let (PretrainEvent::Record(record), Some(history), None) = (&event, &mut history, &history_error) {
            history_error = history.append(record).err();
        }
    };
    let options = PretrainOptions {
        checkpoint: Some(checkpoint.clone()),
        resume: args.resume,
        stop: Some(stop.flag()),
        on_event: Some(&mut on_event),
    };
    let encoder = pretrain(&spec, &texts, options)?;
    let seconds = clock.elapsed().as_secs_f64();
    let is_over = encoder.reason != StopReason::Interrupted;
    let n_bytes = is_over.then(|| encoder.save(&args.output)).transpose()?;
    if is_over && checkpoint.exists() {
        std::fs::remove_file(&checkpoint).with_context(|| format!("cannot remove {}", checkpoint.display()))?;
    }
    tell(args, voice, &encoder, n_bytes, &checkpoint, seconds)?;
    if args.json {
        print_json(&summary(args, &encoder, n_bytes, seconds))?;
    }
    history_error.map_or(Ok(()), Err)
}

fn tell(
    args: &PretrainArguments,
    voice: Voice,
    encoder: &PretrainedEncoder,
    n_bytes: Option<u64>,
    checkpoint: &std::path::Path,
    seconds: f64,
) -> Result<()> {
    let Some(n_bytes) = n_bytes else {
        let checkpoint = checkpoint.display();
        voice.note(format_args!("interrupted: the state is kept in {checkpoint}, and --resume goes on from there"));
        return Ok(());
    };
    let perplexities =
        [encoder.history.first(), encoder.history.last()].map(|record| Some(record?.held_out?.perplexity));
    if let [Some(before), Some(now)] = perplexities {
        voice.result(format_args!("perplexity of held-out documents: {before:.2} before, {now:.2} now"))?;
    }
    let output = args.output.display();
    voice.result(format_args!("wrote {output} ({}) in {}", size(n_bytes), duration(seconds)))?;
    voice.note(format_args!("next: fenlei train DOCUMENTS --model encoder --pretrained {output}"));
    Ok(())
}

fn summary<'a>(
    args: &PretrainArguments,
    encoder: &'a PretrainedEncoder,
    output_bytes: Option<u64>,
    seconds: f64,
) -> Summary<'a> {
    let history = encoder.history.as_slice();
    let training: f64 = history.iter().map(|record| record.seconds).sum();
    let tokens: f64 = history.iter().map(|record| record.seconds * record.tokens_per_second).sum();
    let perplexity = |record: Option<&PretrainRecord>| Some(record?.held_out?.perplexity);
    Summary {
        output: args.output.display().to_string(),
        output_bytes,
        reason: encoder.reason,
        steps: history.last().map_or(0, |record| record.step),
        perplexity_before: perplexity(history.first()),
        perplexity: perplexity(history.last()),
        tokens_per_second: tokens / training.max(1e-9),
        history,
        seconds,
        peak_memory_mb: peak_memory_mb(),
        fingerprint: &encoder.fingerprint,
        seed: args.training.seed,
    }
}

impl PretrainArguments {
    fn spec(&self) -> PretrainSpec {
        let Self { new, training, .. } = self;
        let usual = PretrainSpec::default();
        let usual_lr = if self.pretrained.is_some() { 1e-4 } else { usual.lr };
        PretrainSpec {
            from: self.pretrained.clone(),
            new: NewEncoderSpec {
                layers: new.layers,
                width: new.width,
                heads: new.heads,
                feed_forward: new.feed_forward,
                max_positions: new.positions,
                vocabulary: match new.vocabulary {
                    VocabularyName::Wordpiece => VocabularyKind::Wordpiece,
                    VocabularyName::Bpe => VocabularyKind::Bpe,
                },
                vocabulary_size: new.vocabulary_size,
                min_frequency: new.min_frequency,
                lowercase: !new.cased,
            },
            max_tokens: training.max_tokens,
            epochs: training.epochs,
            steps: training.steps,
            tokens_per_step: training.tokens_per_step,
            max_tokens_at_once: training.max_tokens_at_once,
            lr: training.lr.unwrap_or(usual_lr),
            warmup: training.warmup,
            weight_decay: training.weight_decay,
            mask_rate: training.mask_rate,
            whole_words: training.whole_word || !training.single_tokens,
            held_out: training.held_out,
            evaluate_every: training.evaluate_every,
            dropout: training.dropout,
            recompute: training.recompute,
            precision: if training.bf16 { Precision::Bf16 } else { Precision::F32 },
            seed: training.seed,
            clip_norm: usual.clip_norm,
        }
    }
}
