//! `fenlei demo`: everything at work, on texts that come with the program, or on IMDb.

mod bundled;
mod imdb;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use fenlei::artifact;
use fenlei::classifier::Classifier;
use fenlei::data::Dataset;
use fenlei::train::{Event, Plan, TrainOptions, Trained, train_with};

use crate::interrupt::Stop;
use crate::output::{Voice, shortened, size};
use crate::progress::TrainingProgress;
use crate::train::{destination, model_info};

/// See training, measuring and predicting at work
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei demo                                 Reviews and messages in English and Chinese, under a minute
  fenlei demo imdb --data aclImdb_v1.tar.gz   Chapter 8 of the article: 25,000 film reviews, a few minutes")]
pub(crate) struct DemoArguments {
    #[command(subcommand)]
    which: Option<DemoCommands>,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL", default_value = "demo.fenlei")]
    output: PathBuf,
}

#[derive(Debug, Subcommand)]
enum DemoCommands {
    Imdb(imdb::ImdbArguments),
}

/// People watch a demonstration.
const VOICE: Voice = Voice { quiet: false, json: false };

pub(crate) fn run(args: &DemoArguments) -> Result<()> {
    match &args.which {
        None => bundled::run(&args.output),
        Some(DemoCommands::Imdb(args)) => imdb::run(args),
    }
}

/// Trains, shows how, and keeps the model.
fn train_and_keep(plan: &Plan, documents: &Dataset, output: &std::path::Path) -> Result<Trained> {
    let stop = Stop::on_ctrl_c();
    let mut progress = TrainingProgress::new(VOICE.quiet);
    let mut on_event = |event: Event<'_>| progress.show(&event);
    let options = TrainOptions { stop: Some(stop.flag()), on_event: Some(&mut on_event), ..TrainOptions::default() };
    let trained = train_with(plan, documents, options)?;
    artifact::save(output, &trained.classifier, &model_info(plan, &trained)?)?;
    let bytes = std::fs::metadata(output).map(|file| file.len()).unwrap_or(0);
    VOICE.note(format_args!("wrote {} ({})", output.display(), size(bytes)));
    Ok(trained)
}

/// Shows the prediction of each text on a line.
fn show_predictions(classifier: &Classifier, texts: &[&str]) -> Result<()> {
    let predictions = classifier.predict_batch(texts);
    for (i, text) in texts.iter().enumerate() {
        if let Some(&(label, probability)) = predictions.ranked(i).first() {
            VOICE.result(format_args!(
                "  {:<10} {probability:.3}  {}",
                classifier.labels()[label],
                shortened(text, 90)
            ))?;
        }
    }
    Ok(())
}

/// Refuses to write over something that is no model, before anything is trained.
fn check_destination(output: &std::path::Path) -> fenlei::Result<()> {
    destination::check(output)
}
