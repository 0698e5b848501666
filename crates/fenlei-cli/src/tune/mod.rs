//! `fenlei tune`: the best of many configurations, trained and written.

mod answer;
mod limits;
mod progress;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use fenlei::Error;
use fenlei::config::PlanSource;
use fenlei::train::Metric;
use fenlei::tune::{
    Pruner, Sampler, SearchSpec, Space, SpaceFile, State, Trial, Watch, best, best_of, page, plan_of, search,
};
use serde::Serialize;

use crate::arguments::PlanArguments;
use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, print_json};
use crate::train::{destination, sources};
use answer::Answering;
use progress::SearchProgress;

/// Trials, where neither a number nor a time is given.
const DEFAULT_TRIALS: u64 = 50;

/// Search for the best configuration, train it and write it
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  fenlei tune reviews.csv -o best.fenlei --minutes 5
  fenlei tune reviews.csv --trials 40 --study reviews.study.db        Once more goes on, in any number of processes
  fenlei tune reviews.csv --recipe linear --param \"model.c=log(0.1,100)\" --param \"model.features.word_ngrams=int(1,3)\"
  fenlei tune reviews.csv --space article-grid --recipe appendix-c    The grid of the article
  fenlei tune reviews.csv --minutes 5 --ensemble 5                    The five best answer together
  fenlei tune reviews.csv --max-model-size 2MB --max-latency-us 200
  fenlei tune show reviews.study.db --plot study.html

Ctrl-C ends the search and trains the best so far; Ctrl-C again ends at once. The same command goes on with the study."
)]
pub(crate) struct TuneArguments {
    #[command(subcommand)]
    command: Option<TuneCommands>,
    #[command(flatten)]
    search: SearchArguments,
}

#[derive(Debug, Subcommand)]
enum TuneCommands {
    Show(show::ShowArguments),
}

#[derive(Debug, Args)]
struct SearchArguments {
    /// The documents, as `fenlei train` takes them
    #[arg(value_name = "PATH", required = true)]
    path: Option<PathBuf>,
    /// Documents to measure every trial on, instead of holding back a share of PATH
    #[arg(long, value_name = "PATH", conflicts_with = "cv")]
    validation: Option<PathBuf>,
    /// Measure every trial by cross-validation with K folds
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..=100))]
    cv: Option<u32>,
    /// Where to write the model of the best trial
    #[arg(short, long, value_name = "MODEL", default_value = "model.fenlei")]
    output: PathBuf,
    /// Where the study is kept; one that is there goes on [default: MODEL.study.db]
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    /// What may be chosen: default, article-grid, or a file with a table [tune.space]
    #[arg(long, value_name = "NAME|FILE")]
    space: Option<String>,
    /// One more value to choose: KEY=log(a,b), uniform(a,b), int(a,b[,step]), int-log(a,b), choice(a,b,…)
    #[arg(long, value_name = "KEY=RANGE")]
    param: Vec<String>,
    /// How values are chosen: grid, random, tpe [default: tpe]
    #[arg(long, value_name = "NAME", value_parser = named::<Sampler>)]
    sampler: Option<Sampler>,
    /// When a trial ends early, by its figure after each epoch or fold: none, median, asha [default: median]
    #[arg(long, value_name = "NAME", value_parser = named::<Pruner>)]
    pruner: Option<Pruner>,
    /// What to make better: accuracy, macro-f1, log-loss [default: accuracy]
    #[arg(long, value_name = "NAME", value_parser = named::<Metric>)]
    metric: Option<Metric>,
    /// Trials of the study, at most [default: 50 where no time is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    trials: Option<u64>,
    /// Search for so many minutes
    #[arg(long, value_name = "M", value_parser = limits::minutes, conflicts_with = "timeout")]
    minutes: Option<Duration>,
    /// Search for so long, as 90s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = limits::time)]
    timeout: Option<Duration>,
    /// The model file must not be larger, as 500kB, 2MB
    #[arg(long, value_name = "SIZE", value_parser = limits::bytes)]
    max_model_size: Option<u64>,
    /// The median time of one document must not be longer, in microseconds
    #[arg(long, value_name = "US", value_parser = limits::positive)]
    max_latency_us: Option<f64>,
    /// Trials at a time; each gets its share of the threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Let the N best trials answer together, as an ensemble that votes softly
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=64),
        conflicts_with_all = ["max_model_size", "max_latency_us"],
    )]
    ensemble: u16,
    /// Write the configuration of the best trial to this file
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// Print one JSON object with the best trial on standard output
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
#[derive(Serialize)]
struct Summary<'a> {
    n_trials: usize,
    n_complete: usize,
    n_pruned: usize,
    n_failed: usize,
    best: &'a Trial,
    objective: String,
    study: String,
    model: String,
    model_bytes: u64,
    interrupted: bool,
}

pub(crate) fn run(args: &TuneArguments) -> Result<()> {
    match &args.command {
        Some(TuneCommands::Show(args)) => show::run(args),
        None => run_search(&args.search),
    }
}

fn run_search(args: &SearchArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    // The parser asks for it unless there is a subcommand.
    let path = args.path.as_deref().unwrap_or_else(|| std::path::Path::new(""));
    let study = match &args.study {
        Some(path) => path.clone(),
        None => {
            let mut name = args.output.clone().into_os_string();
            name.push(".study.db");
            name.into()
        }
    };
    let spec = search_spec(args)?;
    // Before documents are read, which may take long.
    spec.space.check(&spec.base)?;
    destination::check(&args.output)?;
    destination::check_folder(&study)?;
    args.write_config.as_deref().map(destination::check_folder).transpose()?;

    let stop = Stop::on_ctrl_c();
    let (documents, validation) = sources::read(path, args.validation.as_deref(), &args.read, voice)?;
    let validation = validation.filter(|_| spec.folds.is_none());
    stop.check()?;
    if study.exists() {
        voice.note(format_args!("going on with the study {}", study.display()));
    }
    let progress = SearchProgress::new(voice, &spec);
    let watch = Watch { stop: stop.flag(), on_event: &|event| progress.show(event) };
    let trials = search(&study, &documents, validation.as_ref(), &spec, watch)?;
    let interrupted = stop.is_raised();
    let Some(best) = best(&trials) else { return Err(nothing_found(&trials, interrupted).into()) };
    voice.note(format_args!("{}", progress::ended(&trials, best, spec.metric)));

    let plan = plan_of(&spec.base, &best.values)?;
    if let Some(path) = &args.write_config {
        std::fs::write(path, plan.to_toml()?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let answering = Answering { output: &args.output, voice, documents: &documents, validation: validation.as_ref() };
    let members = best_of(&trials, usize::from(args.ensemble));
    match members.as_slice() {
        [_] => answering.train(&plan)?,
        _ => answering.train_together(&members, &spec.base)?,
    }
    if args.json {
        let count = |state: State| trials.iter().filter(|trial| trial.state == state).count();
        print_json(&Summary {
            n_trials: trials.len(),
            n_complete: count(State::Complete),
            n_pruned: count(State::Pruned),
            n_failed: count(State::Failed),
            best,
            objective: fenlei::tune::Study::open(&study)?.objective()?,
            study: study.display().to_string(),
            model: args.output.display().to_string(),
            model_bytes: std::fs::metadata(&args.output).map(|file| file.len()).unwrap_or(0),
            interrupted,
        })?;
    }
    Ok(())
}

/// What to search for: flags over what the space says.
fn search_spec(args: &SearchArguments) -> Result<SearchSpec> {
    let mut base = args.plan.source();
    let config_has_space = args.plan.config.as_deref().is_some_and(has_space);
    let file = match &args.space {
        Some(name) => Some(SpaceFile::find(name)?),
        None if config_has_space => {
            let config = args.plan.config.as_deref().unwrap_or_else(|| std::path::Path::new(""));
            Some(SpaceFile::find(&config.display().to_string())?)
        }
        None if args.param.is_empty() => {
            check_default_fits(args)?;
            Some(SpaceFile::find("default")?)
        }
        None => None,
    };
    let mut parameters = file.as_ref().map(|file| file.space.parameters.clone()).unwrap_or_default();
    for raw in &args.param {
        let parameter = Space::parse_parameter(raw)?;
        parameters.retain(|other| other.key != parameter.key);
        parameters.push(parameter);
    }
    let metric = args.metric.or(file.as_ref().and_then(|file| file.metric)).unwrap_or_default();
    // What is searched for is what early stopping looks at, unless a setting says otherwise.
    base.set.insert(0, format!("train.early_stopping.metric={}", metric_name(metric)));
    let time = args.minutes.or(args.timeout);
    let sampler = args.sampler.or(file.as_ref().and_then(|file| file.sampler)).unwrap_or_default();
    let most = args.trials.or(file.as_ref().and_then(|file| file.trials));
    Ok(SearchSpec {
        base,
        space: Space { parameters },
        first: file.as_ref().map(|file| file.first.clone()).unwrap_or_default(),
        sampler,
        pruner: args.pruner.or(file.as_ref().and_then(|file| file.pruner)).unwrap_or_default(),
        metric,
        folds: args
            .cv
            .map(|k| k as usize)
            .or(file.as_ref().and_then(|file| file.cv))
            .filter(|_| args.validation.is_none()),
        limits: fenlei::tune::Limits { bytes: args.max_model_size, latency_us: args.max_latency_us },
        most_trials: most.or((time.is_none() && sampler != Sampler::Grid).then_some(DEFAULT_TRIALS)),
        time,
        jobs: usize::from(args.jobs),
    })
}

/// The default space chooses recipes, over which settings of one model make no sense.
fn check_default_fits(args: &SearchArguments) -> fenlei::Result<()> {
    let PlanSource { recipe, config, .. } = args.plan.source();
    if recipe.is_none() && config.is_none() {
        return Ok(());
    }
    let problem = "the default space chooses the recipe itself, so none can be given with it";
    let help = "say what to choose with --param or --space, or leave the recipe and the configuration out";
    Err(Error::config("--recipe, --model, --config", problem, help))
}

fn has_space(config: &std::path::Path) -> bool {
    std::fs::read_to_string(config).is_ok_and(|text| text.contains("[tune"))
}

fn nothing_found(trials: &[Trial], interrupted: bool) -> Error {
    if interrupted {
        return Error::Interrupted;
    }
    if trials.iter().any(|trial| trial.state == State::Infeasible) {
        let message = trials.iter().find_map(|t| t.message.clone().filter(|_| t.state == State::Infeasible));
        let problem = format!("no model kept to the limits; the first had {}", message.unwrap_or_default());
        return Error::train(problem, "raise --max-model-size or --max-latency-us, or search in a smaller space");
    }
    match trials.iter().find(|trial| trial.state == State::Failed) {
        Some(failed) => {
            let problem = format!(
                "no trial ran to its end; trial {} failed: {}",
                failed.number,
                failed.message.clone().unwrap_or_default()
            );
            Error::train(problem, "mend the space or the documents, and name another study")
        }
        None => {
            let problem = format!("no trial ran to its end in the time ({} begun)", counted(trials.len(), "trial"));
            Error::train(problem, "give more time with --minutes; the same command goes on with the study")
        }
    }
}

pub(super) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroF1 => "macro-f1",
        Metric::LogLoss => "log-loss",
    }
}

/// A word of a closed list, as configurations write it.
fn named<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|error| error.to_string())
}

/// Writes the page of a study.
fn write_page(path: &std::path::Path, trials: &[Trial], objective: &str) -> Result<()> {
    std::fs::write(path, page(trials, objective)).with_context(|| format!("cannot write {}", path.display()))
}
