//! `fenlei train`: from labelled documents to a model file.

pub(crate) mod destination;
pub(crate) mod history;
pub(crate) mod sources;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use fenlei::artifact::{self, ModelInfo};
use fenlei::train::{
    EpochRecord, Event, FineTuningSpec, FrozenStorage, Plan, StopReason, Teacher, TrainOptions, Trained, train_with,
};
use serde::Serialize;

use crate::arguments::PlanArguments;
use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, duration, peak_memory_mb, print_json, size};
use crate::progress::TrainingProgress;
use history::HistoryFile;

/// Train a classifier on labelled documents and write it to one file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei train reviews.csv -o reviews.fenlei
  fenlei train aclImdb_v1.tar.gz --recipe appendix-c
  fenlei train reviews.csv --model nb-svm
  fenlei train train.tsv --validation dev.tsv --embeddings glove.txt.gz --set model.layers.0.dim=100
  fenlei train more.csv --from reviews.fenlei -o reviews-2.fenlei
  fenlei train reviews.csv --teacher ensemble.fenlei --unlabeled more.txt -o small.fenlei
  fenlei train reviews.csv --model encoder --pretrained DIR --set train.fine_tuning.lora.rank=8 --apart small.fenlei
  fenlei train reviews.csv --resume

Ctrl-C ends after the current step and keeps the best model so far; --resume goes on from there.")]
pub(crate) struct TrainArguments {
    /// The documents: CSV, TSV, JSON lines, fastText, Parquet, a folder a class, also packed; of several parts the
    /// training part
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Documents to validate with, instead of holding back a share of PATH
    #[arg(long, value_name = "PATH")]
    validation: Option<PathBuf>,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL", default_value = "model.fenlei")]
    output: PathBuf,
    /// Also write what was learned beside the frozen layers of --pretrained to a file of its own, which `fenlei merge` puts
    /// together with them again
    #[arg(long, value_name = "FILE")]
    apart: Option<PathBuf>,
    /// Train this model further: its pipeline, labels, layers and weights are kept, [train] is the plan's
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    /// Learn from the answers of this model (an ensemble, a larger model) beside the labels: distillation
    #[arg(long, value_name = "MODEL")]
    teacher: Option<PathBuf>,
    /// Documents without labels to learn from by the teacher's answers alone; of several parts the unlabelled one
    #[arg(long, visible_alias = "unlabelled", value_name = "PATH", requires = "teacher")]
    unlabeled: Option<PathBuf>,
    /// How much the teacher counts for a labelled document beside its label, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "teacher")]
    teacher_weight: f64,
    /// Soften the teacher's probabilities (above 1) or sharpen them (below)
    #[arg(long, value_name = "T", default_value_t = 1.0, requires = "teacher")]
    teacher_temperature: f64,
    /// Keep the teacher's answers in this folder as they come: a training that is broken off and later ones find them again
    #[arg(long, value_name = "DIR", requires = "teacher")]
    teacher_cache: Option<PathBuf>,
    /// Go on with a training that was interrupted
    #[arg(long)]
    resume: bool,
    /// Where the state of the training is kept until it ends [default: MODEL.checkpoint]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write one JSON line an epoch to this file
    #[arg(long, value_name = "FILE.jsonl")]
    history: Option<PathBuf>,
    /// Print one JSON object with the figures of the training on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    plan: PlanArguments,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    /// Of the whole training, validation included, reading not.
    seconds: f64,
    epochs: usize,
    docs_per_second: Option<f64>,
    validation: &'a Option<fenlei::metrics::Report>,
    peak_memory_mb: Option<f64>,
    model: String,
    model_bytes: u64,
    n_train: usize,
    n_validation: u64,
    n_labels: usize,
    reason: StopReason,
    seed: u64,
}

pub(crate) fn run(args: &TrainArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    let from = args.from.as_deref().map(artifact::load).transpose()?.map(|(classifier, _)| classifier);
    let plan = match &from {
        Some(classifier) => args.plan.load_further(classifier)?,
        None => args.plan.load()?,
    };
    let checkpoint = match &args.checkpoint {
        Some(path) => path.clone(),
        None => {
            let mut name = args.output.clone().into_os_string();
            name.push(".checkpoint");
            name.into()
        }
    };
    destination::check(&args.output)?;
    args.apart.as_deref().map_or(Ok(()), destination::check)?;
    let base = base_name(args, &plan)?;
    destination::check_folder(&checkpoint)?;
    if checkpoint.exists() && !args.resume {
        voice.warn(format_args!(
            "{} holds an unfinished training, which this one replaces; --resume would go on with it",
            checkpoint.display()
        ));
    }
    if args.resume && !checkpoint.exists() {
        voice.note(format_args!("there is no {} to go on from, so this starts anew", checkpoint.display()));
    }
    let mut history =
        args.history.as_ref().map(|path| HistoryFile::<EpochRecord>::open(path, args.resume)).transpose()?;

    let stop = Stop::on_ctrl_c();
    let (documents, validation) = sources::read(&args.path, args.validation.as_deref(), &args.read, voice)?;
    let teacher = args.teacher.as_deref().map(artifact::load).transpose()?.map(|(classifier, _)| classifier);
    let further =
        args.unlabeled.as_deref().map(|path| sources::read_unlabelled(path, &args.read, voice)).transpose()?;
    let teacher = teacher.as_ref().map(|classifier| Teacher {
        classifier,
        unlabelled: further.as_ref(),
        weight: args.teacher_weight,
        temperature: args.teacher_temperature,
        cache: args.teacher_cache.as_deref(),
    });
    stop.check()?;
    if from.is_none() {
        voice.note(format_args!("{}", plan.pipeline));
    }
    if let Some(augment) = &plan.train.augment {
        voice.note(format_args!("augmentation of what is learned from: {augment}"));
    }

    let clock = Instant::now();
    let mut progress = TrainingProgress::new(args.quiet);
    let mut history_error = None;
    let mut on_event = |event: Event<'_>| {
        progress.show(&event);
        if let (Event::Epoch(record), Some(history), None) = (&event, &mut history, &history_error) {
            history_error = history.append(record).err();
        }
    };
    let options = TrainOptions {
        validation: validation.as_ref(),
        from,
        teacher,
        checkpoint: Some(checkpoint.clone()),
        resume: args.resume,
        stop: Some(stop.flag()),
        on_event: Some(&mut on_event),
    };
    let mut trained = train_with(&plan, &documents, options)?;
    let seconds = clock.elapsed().as_secs_f64();

    let info = model_info(&plan, &trained)?;
    if let (Some(apart), Some(base)) = (&args.apart, &base) {
        let rounded = plan.train.fine_tuning.as_ref().map(|spec| spec.frozen_storage) == Some(FrozenStorage::Bf16);
        artifact::save_apart(apart, &trained.classifier, &info, base, rounded)?;
    }
    trained.classifier.merge()?;
    artifact::save(&args.output, &trained.classifier, &info)?;
    if trained.reason != StopReason::Interrupted && checkpoint.exists() {
        std::fs::remove_file(&checkpoint).with_context(|| format!("cannot remove {}", checkpoint.display()))?;
    }
    tell(args, voice, &trained, seconds)?;
    if args.json {
        print_json(&summary(args, &plan, &trained, seconds))?;
    }
    // The model is safe by now.
    history_error.map_or(Ok(()), Err)?;
    Ok(())
}

/// What the pretrained model is called that `--apart` leaves out.
fn base_name(args: &TrainArguments, plan: &Plan) -> Result<Option<String>> {
    if args.apart.is_none() {
        return Ok(None);
    }
    match &plan.pretrained {
        Some(dir) if plan.train.fine_tuning.as_ref().is_some_and(FineTuningSpec::leaves_layers) => {
            let name = dir.file_name().unwrap_or(dir.as_os_str());
            Ok(Some(name.to_string_lossy().into_owned()))
        }
        _ => bail!(
            "--apart leaves out what stays as it is in a pretrained model, and nothing does (help: add --pretrained DIR and \
             --set train.fine_tuning.lora.rank=8, or --frozen)"
        ),
    }
}

/// What the model file tells about its training. Times are left out, so that equal trainings give equal files.
pub(crate) fn model_info(plan: &Plan, trained: &Trained) -> Result<ModelInfo> {
    // Pretrained vectors bring their own size, whatever the plan says.
    let plan = Plan { model: trained.classifier.model().spec(), ..plan.clone() };
    let timeless = |record: &EpochRecord| EpochRecord { seconds: 0.0, docs_per_second: 0.0, ..record.clone() };
    let history: Vec<EpochRecord> = trained.history.iter().map(timeless).collect();
    Ok(ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::to_value(&plan)?,
        history: serde_json::to_value(&history)?,
        validation: serde_json::to_value(&trained.validation)?,
        data_fingerprint: trained.fingerprint.clone(),
        n_train: trained.n_train,
        usual: Some(trained.usual.clone()),
        ..ModelInfo::default()
    })
}

fn tell(args: &TrainArguments, voice: Voice, trained: &Trained, seconds: f64) -> Result<()> {
    let epochs = match trained.history.len() {
        0 => String::new(),
        n => format!("{}, ", counted(n, "epoch")),
    };
    let best = trained.history.iter().rev().find(|record| record.best).map(|record| record.epoch);
    let kept = best.map(|epoch| format!("; the weights are those of epoch {epoch}")).unwrap_or_default();
    let ended = match trained.reason {
        StopReason::LastEpoch => "all epochs are done",
        StopReason::EarlyStopping => "stopped early, since validation got no better",
        StopReason::Solved => "solved",
        StopReason::IterationLimit => "stopped at model.max_iterations, before the weights were solved for",
        StopReason::Interrupted => "interrupted: the best model so far is kept, and --resume goes on from here",
    };
    voice.note(format_args!("{ended} ({epochs}{}{kept})", duration(seconds)));
    if let Some(report) = &trained.validation {
        voice.result(format_args!("\nvalidation: {report}"))?;
    }
    let bytes = std::fs::metadata(&args.output).map(|file| file.len()).unwrap_or(0);
    let model = args.output.display();
    voice.result(format_args!("wrote {model} ({})", size(bytes)))?;
    voice.note(format_args!("next: fenlei eval {model} TEST\n      fenlei predict {model} \"some text\""));
    Ok(())
}

fn summary<'a>(args: &TrainArguments, plan: &Plan, trained: &'a Trained, seconds: f64) -> Summary<'a> {
    let training: f64 = trained.history.iter().map(|record| record.seconds).sum();
    let docs: f64 = trained.history.iter().map(|record| record.seconds * record.docs_per_second).sum();
    Summary {
        seconds,
        epochs: trained.history.len(),
        docs_per_second: (training > 0.0).then(|| docs / training),
        validation: &trained.validation,
        peak_memory_mb: peak_memory_mb(),
        model: args.output.display().to_string(),
        model_bytes: std::fs::metadata(&args.output).map(|file| file.len()).unwrap_or(0),
        n_train: trained.n_train,
        n_validation: trained.validation.as_ref().map_or(0, |report| report.n_docs),
        n_labels: trained.classifier.labels().len(),
        reason: trained.reason,
        seed: plan.seed,
    }
}
