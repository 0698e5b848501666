//! `fenlei embed eval`: how well vectors agree with people.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::embed::{Analogies, Neighbours, SimilarityList};
use fenlei::features::VectorTable;
use serde_json::json;

use super::DuplicatesName;

/// Compare vectors with similarity lists and analogies made by people
#[derive(Debug, Args)]
#[command(
    after_help = "A list has lines of two words and a score; analogies have lines of four words below lines `: section`.

Examples:
  fenlei embed eval imdb.vec wordsim353.tsv simlex999.txt
  fenlei embed eval imdb.vec questions-words.txt --json"
)]
pub(super) struct EvalArguments {
    /// The vectors: GloVe, word2vec or fastText .vec, also packed
    #[arg(value_name = "VECTORS")]
    vectors: PathBuf,
    /// Similarity lists, and files of analogies
    #[arg(value_name = "LIST", required = true)]
    lists: Vec<PathBuf>,
    /// What becomes of a second vector of a word
    #[arg(long, value_name = "CHOICE", default_value = "refuse")]
    duplicates: DuplicatesName,
    /// Print JSON, one object a list and line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EvalArguments) -> Result<()> {
    let (table, _) = VectorTable::read(&args.vectors, args.duplicates.into())?;
    let vectors = Neighbours::new(&table);
    let mut out = io::stdout().lock();
    for list in &args.lists {
        if Analogies::is_one(list)? {
            let report = Analogies::read(list)?.evaluate(&vectors);
            if args.json {
                let section = |s: &fenlei::embed::SectionReport| json!({ "section": s.name, "n_right": s.n_right, "n_covered": s.n_covered, "n_questions": s.n_questions });
                let sections: Vec<_> = report.sections.iter().map(section).collect();
                writeln!(out, "{}", json!({ "list": list, "sections": sections }))?;
                continue;
            }
            writeln!(out, "{}", list.display())?;
            for section in &report.sections {
                let figures = answered(section.n_right, section.n_covered, section.n_questions);
                writeln!(out, "  {:<32} {figures}", section.name)?;
            }
            let (n_right, n_covered, n_questions) = report.totals();
            writeln!(out, "  {:<32} {}", "all", answered(n_right, n_covered, n_questions))?;
            continue;
        }
        let report = SimilarityList::read(list)?.evaluate(&vectors);
        if args.json {
            let report = json!({
                "list": list, "spearman": report.correlation,
                "n_covered": report.n_covered, "n_pairs": report.n_pairs,
            });
            writeln!(out, "{report}")?;
            continue;
        }
        let correlation = report.correlation.map_or_else(|| "–".to_owned(), |r| format!("{r:.4}"));
        let (covered, pairs) = (report.n_covered, report.n_pairs);
        writeln!(out, "{}: rank correlation {correlation} (Spearman) over {covered} of {pairs} pairs", list.display())?;
    }
    Ok(out.flush()?)
}

fn answered(n_right: usize, n_covered: usize, n_questions: usize) -> String {
    let share = if n_covered == 0 { "–".to_owned() } else { format!("{:.4}", n_right as f64 / n_covered as f64) };
    format!("{share} right, over {n_covered} of {n_questions} questions")
}
