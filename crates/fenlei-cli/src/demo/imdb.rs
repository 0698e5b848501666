//! Chapter 8 of the article in full: train on IMDb, measure on its test part, predict two sentences.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::Error;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, ReadOptions, Split};

use super::VOICE;
use fenlei::eval::compare;

const ARCHIVE: &str = "aclImdb_v1.tar.gz";
const RECIPE: &str = "chapter-8";

const SENTENCES: [&str; 2] = [
    "A wonderful little film: the story moves, the actors shine, and I would gladly see it again.",
    "What a waste of two hours. The plot makes no sense and the jokes are painful.",
];

/// Chapter 8 of the article: 25,000 film reviews to learn from, 25,000 to test on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei data get imdb && fenlei demo imdb
  fenlei demo imdb --data aclImdb_v1.tar.gz")]
pub(super) struct ImdbArguments {
    /// The archive or the folder [default: $FENLEI_DATA/aclImdb_v1.tar.gz, else data/imdb]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL", default_value = "imdb.fenlei")]
    output: PathBuf,
}

pub(super) fn run(args: &ImdbArguments) -> Result<()> {
    super::check_destination(&args.output)?;
    let path = match &args.data {
        Some(path) => path.clone(),
        None => find()?,
    };
    let plan = load_plan(&PlanSource { recipe: Some(RECIPE.into()), ..PlanSource::default() })?;
    VOICE.note(format_args!("chapter 8 of the article, recipe {RECIPE}"));
    let parts = data::read_all(&path, &ReadOptions::default())?;
    let part = |split: Split| {
        let found = parts.iter().find(|part| part.split == Some(split));
        found.ok_or_else(|| {
            let help = format!("give the folder or archive of IMDb, as {ARCHIVE}");
            Error::data(&path, None, format!("found no {split} part, expected the one of IMDb"), help)
        })
    };
    let (train, test) = (part(Split::Train)?, part(Split::Test)?);
    VOICE.note(&train.findings);
    let trained = super::train_and_keep(&plan, &train.dataset, &args.output)?;
    VOICE.note(&test.findings);
    VOICE.result(format_args!("\ntest: {}", compare(&trained.classifier, &test.dataset, &path)?.report))?;
    VOICE.result("New sentences:")?;
    super::show_predictions(&trained.classifier, &SENTENCES)?;
    let model = args.output.display();
    VOICE.note(format_args!(
        "\nnext: fenlei train {} -o better.fenlei\n      fenlei predict {model} \"any review of yours\"",
        path.display()
    ));
    Ok(())
}

/// Where IMDb is on this machine.
fn find() -> fenlei::Result<PathBuf> {
    let named = env::var_os("FENLEI_DATA").map(|folder| Path::new(&folder).join(ARCHIVE));
    let places = [named, Some(Path::new("data").join("imdb")), Some(ARCHIVE.into())];
    let found = places.into_iter().flatten().find(|path| path.exists());
    found.ok_or_else(|| {
        let help = "fetch it with `fenlei data get imdb` (84 MB), or name it with --data PATH";
        Error::config("imdb", "the film reviews are not on this machine", help)
    })
}
