//! `fenlei embed nn` and `fenlei embed analogy`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::Error;
use fenlei::embed::{Neighbour, Neighbours};
use fenlei::features::VectorTable;
use serde_json::json;

use super::DuplicatesName;

/// Print the words whose vectors are nearest to that of a word, by the cosine
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei embed nn imdb.vec wonderful
  fenlei embed nn glove.6B.100d.txt.gz 'film' movie -n 20 --json")]
pub(super) struct NeighbourArguments {
    /// The vectors: GloVe, word2vec or fastText .vec, also packed
    #[arg(value_name = "VECTORS")]
    vectors: PathBuf,
    /// The words
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,
    /// How many neighbours of each
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    n: usize,
    /// What becomes of a second vector of a word
    #[arg(long, value_name = "CHOICE", default_value = "refuse")]
    duplicates: DuplicatesName,
    /// Print JSON, one object a word and line
    #[arg(long)]
    json: bool,
}

/// Print the words that are to C as B is to A
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei embed analogy imdb.vec man king woman")]
pub(super) struct AnalogyArguments {
    /// The vectors: GloVe, word2vec or fastText .vec, also packed
    #[arg(value_name = "VECTORS")]
    vectors: PathBuf,
    /// The word that B belongs to
    a: String,
    /// What belongs to A
    b: String,
    /// The word that the answer belongs to
    c: String,
    /// How many answers
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    n: usize,
    /// What becomes of a second vector of a word
    #[arg(long, value_name = "CHOICE", default_value = "refuse")]
    duplicates: DuplicatesName,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn neighbours(args: &NeighbourArguments) -> Result<()> {
    let (table, _) = VectorTable::read(&args.vectors, args.duplicates.into())?;
    let vectors = Neighbours::new(&table);
    let places = places(&args.vectors, &vectors, args.words.iter())?;
    let mut out = io::stdout().lock();
    for (i, (word, place)) in args.words.iter().zip(places).enumerate() {
        let found = vectors.nearest(vectors.unit(place), &[place], args.n);
        if args.json {
            writeln!(out, "{}", json!({ "word": word, "neighbours": listed(&found) }))?;
            continue;
        }
        if args.words.len() > 1 {
            writeln!(out, "{}{word}", if i > 0 { "\n" } else { "" })?;
        }
        write(&mut out, &found)?;
    }
    Ok(out.flush()?)
}

pub(super) fn analogy(args: &AnalogyArguments) -> Result<()> {
    let (table, _) = VectorTable::read(&args.vectors, args.duplicates.into())?;
    let vectors = Neighbours::new(&table);
    let places = places(&args.vectors, &vectors, [&args.a, &args.b, &args.c].into_iter())?;
    let found = vectors.analogy([places[0], places[1], places[2]], args.n);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "a": args.a, "b": args.b, "c": args.c, "answers": listed(&found) }))?;
    } else {
        write(&mut out, &found)?;
    }
    Ok(out.flush()?)
}

fn places<'a>(
    path: &Path,
    vectors: &Neighbours<'_>,
    words: impl Iterator<Item = &'a String>,
) -> fenlei::Result<Vec<usize>> {
    let place = |word: &String| {
        vectors.place(word).ok_or_else(|| {
            let help = "words are written as the pipeline cut them; rare ones have no vector";
            Error::data(path, None, format!("there is no vector of {word:?}"), help)
        })
    };
    words.map(place).collect()
}

fn write(out: &mut impl Write, found: &[Neighbour]) -> io::Result<()> {
    found.iter().try_for_each(|Neighbour { word, similarity }| writeln!(out, "{similarity:.4}\t{word}"))
}

fn listed(found: &[Neighbour]) -> Vec<serde_json::Value> {
    found.iter().map(|Neighbour { word, similarity }| json!({ "word": word, "similarity": similarity })).collect()
}
