//! `fenlei ensemble`: several models as one file.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use fenlei::Error;
use fenlei::artifact::{self, ModelInfo};
use fenlei::data::{self, ReadOptions, Split};
use fenlei::ensemble::{EnsembleOptions, Ensembled, Step, Voting, join, train_ensemble};
use fenlei::metrics::Report;
use fenlei::train::Plan;
use serde::Serialize;

use crate::arguments::PlanArguments;
use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, duration, print_json, size};
use crate::train::destination;

/// Train or join several models that answer as one, in one file that every command takes
#[derive(Debug, Args)]
pub(crate) struct EnsembleArguments {
    #[command(subcommand)]
    command: EnsembleCommand,
}

#[derive(Debug, Subcommand)]
enum EnsembleCommand {
    Train(TrainMembers),
    Join(JoinMembers),
}

/// Train members on the same documents and put them together
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei ensemble train reviews.csv --member cnn --member nb-svm --member bag -o best.fenlei
  fenlei ensemble train reviews.csv --member cnn --member nb-svm --vote stacking
  fenlei ensemble train reviews.csv --member \"cnn train.epochs=5\" --seeds 5
  fenlei ensemble train reviews.csv --member linear --bagging 10")]
struct TrainMembers {
    /// The documents, as `fenlei train` reads them; of several parts the training part
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// A member: a recipe or the file of one, and settings over it, as "cnn train.epochs=5"
    #[arg(long = "member", value_name = "RECIPE [KEY=VALUE…]", required = true)]
    members: Vec<String>,
    /// How the answers of the members become one
    #[arg(long, value_name = "WAY", default_value = "soft")]
    vote: Vote,
    /// Train each member with N seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    seeds: u32,
    /// Train each member N times, each on as many documents drawn with replacement
    #[arg(long, value_name = "N", conflicts_with = "seeds", value_parser = clap::value_parser!(u32).range(2..=256))]
    bagging: Option<u32>,
    /// Folds by which members are judged and weights are fitted; 0 leaves them out where nothing is fitted
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    folds: usize,
    /// Where random numbers start; the same seed gives the same model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    read: ReadArgs,
}

/// Put trained models together
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei ensemble join cnn.fenlei svm.fenlei -o both.fenlei
  fenlei ensemble join cnn.fenlei svm.fenlei bag.fenlei --vote weighted --data validation.csv -o all.fenlei")]
struct JoinMembers {
    /// The models, of the same labels
    #[arg(value_name = "MODEL", required = true, num_args = 2..)]
    models: Vec<PathBuf>,
    /// How the answers of the members become one
    #[arg(long, value_name = "WAY", default_value = "soft")]
    vote: Vote,
    /// Labelled documents that no member has learned from, to fit weights on and to judge; of several parts the
    /// validation part
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Args)]
struct OutputArguments {
    /// Where to write the ensemble
    #[arg(short, long, value_name = "MODEL", default_value = "ensemble.fenlei")]
    output: PathBuf,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// The ways of putting answers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vote {
    /// The mean of the probabilities
    Soft,
    /// The share of votes
    Hard,
    /// The mean of the probabilities, by weights fitted on documents that no member has seen
    Weighted,
    /// A logistic regression over the probabilities for documents that no member has seen
    Stacking,
}

impl From<Vote> for Voting {
    fn from(vote: Vote) -> Self {
        match vote {
            Vote::Soft => Self::Soft,
            Vote::Hard => Self::Hard,
            Vote::Weighted => Self::Weighted,
            Vote::Stacking => Self::Stacking,
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    /// Reading not included.
    seconds: f64,
    model: String,
    model_bytes: u64,
    members: &'a [String],
    /// Empty for a stacking model.
    weights: &'a [f32],
    /// Reports of the members on documents that they have not seen; empty where there were none.
    reports: &'a [Report],
    report: &'a Option<Report>,
}

pub(crate) fn run(args: &EnsembleArguments) -> Result<()> {
    match &args.command {
        EnsembleCommand::Train(args) => run_train(args),
        EnsembleCommand::Join(args) => run_join(args),
    }
}

fn run_train(args: &TrainMembers) -> Result<()> {
    let voice = Voice { quiet: args.output.quiet, json: args.output.json };
    destination::check(&args.output.output)?;
    let (names, plans) = members(args)?;
    let stop = Stop::on_ctrl_c();
    let (documents, findings) = data::read(&args.path, &ReadOptions::from(&args.read))?;
    voice.note(&findings);
    stop.check()?;
    let n = plans.len();
    let on_member = |i: usize, step: Step| {
        let doing = match step {
            Step::CrossValidate => "out-of-fold probabilities",
            Step::Train => "training",
        };
        voice.note(format_args!("member {} of {n}, {}: {doing}", i + 1, names[i]));
    };
    let options = EnsembleOptions {
        voting: args.vote.into(),
        folds: args.folds,
        bagging: args.bagging.is_some(),
        stop: Some(stop.flag()),
        on_member: Some(&on_member),
    };
    let clock = Instant::now();
    let ensembled = train_ensemble(&plans, &documents, &args.path, &options)?;
    let info = ModelInfo { data_fingerprint: documents.fingerprint(), n_train: documents.len(), ..info(&ensembled)? };
    finish(&args.output, voice, &names, &ensembled, &info, clock.elapsed().as_secs_f64())
}

/// The members by name, and their plans.
fn members(args: &TrainMembers) -> Result<(Vec<String>, Vec<Plan>)> {
    let (mut names, mut plans) = (Vec::new(), Vec::new());
    for member in &args.members {
        let mut parts = member.split_whitespace();
        let Some(recipe) = parts.next() else {
            let problem = "found nothing, expected a recipe";
            return Err(Error::config("--member", problem, "`fenlei config list` shows them").into());
        };
        let arguments = PlanArguments {
            recipe: Some(recipe.to_owned()),
            set: parts.map(str::to_owned).collect(),
            seed: args.seed,
            ..PlanArguments::default()
        };
        let plan = arguments.load()?;
        for time in 0..args.bagging.unwrap_or(args.seeds) {
            let seed = plan.seed.wrapping_add(u64::from(time));
            names.push(if time == 0 { member.clone() } else { format!("{member} (seed {seed})") });
            plans.push(Plan { seed, ..plan.clone() });
        }
    }
    Ok((names, plans))
}

fn run_join(args: &JoinMembers) -> Result<()> {
    let voice = Voice { quiet: args.output.quiet, json: args.output.json };
    destination::check(&args.output.output)?;
    let mut classifiers = Vec::with_capacity(args.models.len());
    let mut n_train = 0;
    for path in &args.models {
        let (classifier, info) = artifact::load(path)?;
        n_train = n_train.max(info.n_train);
        classifiers.push(classifier);
    }
    let held_out = match &args.data {
        Some(path) => {
            let mut options = ReadOptions::from(&args.read);
            if options.split.is_none() && data::splits(path)?.contains(&Split::Validation) {
                options.split = Some(Split::Validation);
            }
            let (documents, findings) = data::read(path, &options)?;
            voice.note(&findings);
            Some(documents)
        }
        None => None,
    };
    let names: Vec<String> = args.models.iter().map(|path| path.display().to_string()).collect();
    let clock = Instant::now();
    let held_out = held_out.as_ref().zip(args.data.as_deref());
    let ensembled = join(classifiers, args.vote.into(), held_out)?;
    let info = ModelInfo { n_train, ..info(&ensembled)? };
    finish(&args.output, voice, &names, &ensembled, &info, clock.elapsed().as_secs_f64())
}

fn info(ensembled: &Ensembled) -> Result<ModelInfo> {
    Ok(ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::json!({ "model": serde_json::to_value(ensembled.classifier.model().spec())? }),
        validation: serde_json::to_value(&ensembled.report)?,
        ..ModelInfo::default()
    })
}

fn finish(
    args: &OutputArguments,
    voice: Voice,
    names: &[String],
    ensembled: &Ensembled,
    info: &ModelInfo,
    seconds: f64,
) -> Result<()> {
    artifact::save(&args.output, &ensembled.classifier, info)?;
    let bytes = std::fs::metadata(&args.output).map_err(|error| Error::io("read", &args.output, error))?.len();
    if args.json {
        return print_json(&Summary {
            seconds,
            model: args.output.display().to_string(),
            model_bytes: bytes,
            members: names,
            weights: &ensembled.weights,
            reports: &ensembled.members,
            report: &ensembled.report,
        });
    }
    voice.result(table(names, ensembled))?;
    let (count, took) = (counted(names.len(), "member"), duration(seconds));
    voice.result(format_args!("{} ({}): {count} in {took}", args.output.display(), size(bytes)))?;
    Ok(())
}

/// A line a member, with its weight and its figures on documents that it has not seen.
fn table(names: &[String], ensembled: &Ensembled) -> String {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(12, 60);
    let figures = |report: Option<&Report>| {
        report.map_or_else(String::new, |r| format!("  {:.4}    {:.4}    {:.4}", r.accuracy, r.macro_f1, r.log_loss))
    };
    let heading = if ensembled.report.is_some() { "  accuracy  macro F1  log loss" } else { "" };
    let mut lines = vec![format!("{:width$}  weight{heading}", "")];
    for (i, name) in names.iter().enumerate() {
        let weight = ensembled.weights.get(i).map_or_else(|| "–".to_owned(), |weight| format!("{weight:.3}"));
        lines.push(format!("{name:width$}  {weight:>6}{}", figures(ensembled.members.get(i))));
    }
    lines.push(format!("{:width$}  {:>6}{}", "all together", "", figures(ensembled.report.as_ref())));
    lines.join("\n")
}
