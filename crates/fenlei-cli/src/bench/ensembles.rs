//! `fenlei bench ensembles`: ensembles beside their members, and a network taught by one.
//!
//! Invariant: weights and stacking models are fitted on a part of the training documents that no member learned from; the
//! test part is predicted once by each model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use fenlei::artifact::{self, ModelInfo};
use fenlei::classifier::Classifier;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, Dataset, ReadOptions, Split};
use fenlei::ensemble::{Voting, join};
use fenlei::eval::compare;
use fenlei::train::{Plan, Teacher, TrainOptions, train_with};
use serde::Serialize;

use super::table::Table;
use super::{IMDB, data_dir, sampled, trial_warning};
use crate::output::{Voice, print_json};

/// Measure ensembles beside their members, and a network that learns from one
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench ensembles
  fenlei bench ensembles --only mr --member cnn --member nb-svm
  fenlei bench ensembles --only imdb --student cnn        Also distil into this recipe, with the unlabelled reviews")]
pub(super) struct EnsemblesArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = CASES.map(|case| case.0))]
    only: Vec<String>,
    /// The recipes of the members
    #[arg(long = "member", value_name = "NAME|FILE", default_values = ["cnn", "nb-svm", "bag", "linear"])]
    members: Vec<String>,
    /// Teach a net of this recipe by the mean of the members, on the unlabelled part where there is one
    #[arg(long, value_name = "NAME|FILE")]
    student: Option<String>,
    /// Where random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only about N documents of each part, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Print the figures as one JSON list on standard output
    #[arg(long)]
    json: bool,
}

/// Data sets by name, place, and whether they are divided as they are published; else a tenth is set aside to test.
const CASES: [(&str, &str, bool); 2] = [("mr", "mr", false), ("imdb", IMDB, true)];

/// The share of the training documents by which weights are fitted.
const HELD_OUT: f64 = 0.1;

#[derive(Debug, Serialize)]
struct Row {
    data: &'static str,
    model: String,
    accuracy: f64,
    macro_f1: f64,
    log_loss: f64,
    /// Of the training; 0 for what is only put together.
    seconds: f64,
}

/// A data set in parts.
struct Parts {
    learn: Dataset,
    held_out: Dataset,
    test: Dataset,
    unlabelled: Option<Dataset>,
}

pub(super) fn run(args: &EnsemblesArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    if args.members.len() < 2 {
        bail!("found one member, expected at least two (help: give --member once for each)");
    }
    let folder = data_dir(args.data.as_deref())?;
    let mut rows = Vec::new();
    for (name, place, has_parts) in CASES {
        if args.only.is_empty() || args.only.iter().any(|only| only == name) {
            let parts = read(&folder.join(place), has_parts, args)?;
            measure(name, &parts, args, &mut |row| {
                voice.note(format_args!("{name}, {}: {:.4}", row.model, row.accuracy));
                rows.push(row);
            })?;
        }
    }
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    Ok(())
}

fn read(path: &Path, has_parts: bool, args: &EnsemblesArgs) -> Result<Parts> {
    let part = |split| -> Result<Dataset> {
        sampled(data::read(path, &ReadOptions { split: Some(split), ..ReadOptions::default() })?.0, args.sample)
    };
    let (train, test, unlabelled) = if has_parts {
        let unlabelled = args.student.is_some().then(|| part(Split::Unlabelled)).transpose()?;
        (part(Split::Train)?, part(Split::Test)?, unlabelled)
    } else {
        let all = sampled(data::read(path, &ReadOptions::default())?.0, args.sample)?;
        let (train, test) = data::stratified_split(&all, HELD_OUT, args.seed)?;
        (all.subset(&train), all.subset(&test), None)
    };
    let (learn, held_out) = data::stratified_split(&train, HELD_OUT, args.seed)?;
    Ok(Parts { learn: train.subset(&learn), held_out: train.subset(&held_out), test, unlabelled })
}

fn measure(name: &'static str, parts: &Parts, args: &EnsemblesArgs, tell: &mut dyn FnMut(Row)) -> Result<()> {
    let path = Path::new(name);
    let mut score = |model: String, classifier: &Classifier, seconds: f64| -> Result<()> {
        let report = compare(classifier, &parts.test, path)?.report;
        let (accuracy, macro_f1, log_loss) = (report.accuracy, report.macro_f1, report.log_loss);
        tell(Row { data: name, model, accuracy, macro_f1, log_loss, seconds });
        Ok(())
    };
    // A classifier goes into one ensemble; files give it to each.
    let files = tempfile::tempdir()?;
    let file = |i: usize| files.path().join(format!("{i}.fenlei"));
    for (i, recipe) in args.members.iter().enumerate() {
        let (classifier, seconds) = trained(recipe, parts, args, None)?;
        score(recipe.clone(), &classifier, seconds)?;
        artifact::save(&file(i), &classifier, &ModelInfo::default())?;
    }
    let joined = |voting| -> Result<Classifier> {
        let members = (0..args.members.len()).map(|i| Ok(artifact::load(&file(i))?.0)).collect::<Result<Vec<_>>>()?;
        Ok(join(members, voting, Some((&parts.held_out, path)))?.classifier)
    };
    for voting in [Voting::Soft, Voting::Hard, Voting::Weighted, Voting::Stacking] {
        let name = serde_json::to_value(voting)?;
        score(format!("all, {}", name.as_str().unwrap_or_default()), &joined(voting)?, 0.0)?;
    }
    if let Some(student) = &args.student {
        let (alone, seconds) = trained(student, parts, args, None)?;
        score(format!("{student} alone"), &alone, seconds)?;
        let classifier = joined(Voting::Soft)?;
        let unlabelled = parts.unlabelled.as_ref();
        let teacher = Teacher { classifier: &classifier, unlabelled, weight: 0.5, temperature: 1.0, cache: None };
        let (taught, seconds) = trained(student, parts, args, Some(teacher))?;
        score(format!("{student} taught by all"), &taught, seconds)?;
    }
    Ok(())
}

/// A model that validates with the documents held out, where it needs to.
fn trained(
    recipe: &str,
    parts: &Parts,
    args: &EnsemblesArgs,
    teacher: Option<Teacher<'_>>,
) -> Result<(Classifier, f64)> {
    let source = PlanSource { recipe: Some(recipe.to_owned()), seed: Some(args.seed), ..PlanSource::default() };
    let plan: Plan = load_plan(&source)?;
    let clock = Instant::now();
    let options = TrainOptions { validation: Some(&parts.held_out), teacher, ..TrainOptions::default() };
    let trained = train_with(&plan, &parts.learn, options)?;
    Ok((trained.classifier, clock.elapsed().as_secs_f64()))
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&["data", "model", "accuracy", "macro F1", "log loss", "train s"]);
    for row in rows {
        table.row([
            row.data.to_owned(),
            row.model.clone(),
            format!("{:.4}", row.accuracy),
            format!("{:.4}", row.macro_f1),
            format!("{:.4}", row.log_loss),
            if row.seconds > 0.0 { format!("{:.1}", row.seconds) } else { String::new() },
        ]);
    }
    table.to_string()
}
