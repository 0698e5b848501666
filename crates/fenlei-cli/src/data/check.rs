//! `fenlei data check`: what may be wrong with labelled documents.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::audit::{LabelErrors, Slice, SliceBy, Suspect, UnknownWords, label_errors, slices, unknown_words};
use fenlei::data::{self, Dataset, Part, ReadOptions, Split, Target};
use fenlei::eval::{CrossValidated, CvOptions, cross_validate};
use fenlei::metrics::Report;
use fenlei::storage::write_atomically;
use serde::Serialize;
use serde_json::json;

use super::ReadArgs;
use crate::arguments::PlanArguments;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, grouped, print_json, shortened};

/// Characters of a text that a list shows.
const TEXT_SHOWN: usize = 90;

/// Find what may be wrong: labels, near-duplicates, leaks between parts, unknown words, slices that do worse
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei data check reviews.csv
  fenlei data check reviews.csv --suspects suspects.jsonl
  fenlei data check train.csv --against test.csv
  fenlei data check posts.csv --column source --model nb-svm
  fenlei data check aclImdb_v1.tar.gz --json

Every document is predicted by a model that has not seen it; where it is sure of another label, the label is suspected
(confident learning). See docs/data-problems.md.")]
pub(super) struct CheckArgs {
    /// The documents; of several parts the training part is checked, and the others are compared with it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Other documents (a test set) that must not repeat those of PATH
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    /// Folds by which documents are predicted
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// From which Jaccard similarity on two documents are near-duplicates, from 0.1 to 1
    #[arg(long, value_name = "S", default_value_t = 0.8)]
    similarity: f64,
    /// Also slice by this column; may be repeated
    #[arg(long, value_name = "COLUMN")]
    column: Vec<String>,
    /// Write the suspected labels to this file, a JSON object a line, surest first
    #[arg(long, value_name = "FILE.jsonl")]
    suspects: Option<PathBuf>,
    /// Show N of each kind of problem
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,
    /// Print one JSON object with everything that was found
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

/// A pair of documents that are nearly the same, each counted from 1.
#[derive(Serialize)]
struct Near {
    document: usize,
    like: usize,
    same_labels: bool,
}

/// What another part has to do with the one that is checked.
#[derive(Serialize)]
struct Other {
    name: String,
    n_docs: usize,
    /// Its documents that are nearly the same as one of the checked part.
    leaks: Vec<Near>,
    unknown_words: UnknownWords,
}

/// Everything that was found.
#[derive(Serialize)]
struct Findings {
    n_docs: usize,
    labels: Vec<String>,
    out_of_fold: Report,
    /// The estimated share of wrong labels.
    label_noise: f64,
    suspects: Vec<serde_json::Value>,
    near_duplicates: Vec<Near>,
    parts: Vec<Other>,
    slices: Vec<Slice>,
}

pub(super) fn run(args: &CheckArgs) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    if !(0.1..=1.0).contains(&args.similarity) {
        let problem = format!("found {}, expected a similarity from 0.1 to 1", args.similarity);
        return Err(fenlei::Error::config("--similarity", problem, "0.8 is usual").into());
    }
    let mut plan = args.plan.clone();
    if plan.recipe.is_none() && plan.model.is_none() && plan.config.is_none() {
        // Quick to train, and sure of itself for good reasons.
        plan.model = Some("linear".to_owned());
    }
    let plan = plan.load()?;
    let stop = Stop::on_ctrl_c();
    let (documents, others) = read(args, voice)?;
    stop.check()?;
    voice.note(format_args!("predicting each document by a model that has not seen it, in {} folds", args.folds));
    let cv = CvOptions { folds: args.folds, stop: Some(stop.flag()), ..CvOptions::default() };
    let measured = cross_validate(std::slice::from_ref(&plan), &documents, &args.path, &cv)?;
    let (n_labels, multi_label) = (documents.labels.len(), documents.multi_label);
    let errors = label_errors(&documents.targets, &measured.probabilities, n_labels, multi_label)?;
    stop.check()?;
    let near = data::near_duplicates(&documents.texts, args.similarity);
    let near_duplicates = near.into_iter().map(|(a, b)| pair(&documents, a, &documents, b)).collect();
    let pipeline = plan.pipeline.fit(&documents.texts)?;
    let mut parts = Vec::new();
    for (name, other) in &others {
        stop.check()?;
        let leaks = data::near_duplicates_of(&documents.texts, &other.texts, args.similarity);
        parts.push(Other {
            name: name.clone(),
            n_docs: other.len(),
            leaks: leaks.into_iter().map(|(a, b)| pair(other, a, &documents, b)).collect(),
            unknown_words: unknown_words(&pipeline, &other.texts)?,
        });
    }
    let is_right = is_right(&documents, &measured);
    let by = [SliceBy::Length, SliceBy::Language, SliceBy::Label].into_iter();
    let by = by.chain(args.column.iter().map(|column| SliceBy::Column(column)));
    let found = Findings {
        n_docs: documents.len(),
        labels: documents.labels.clone(),
        label_noise: errors.noise,
        suspects: errors.suspects.iter().map(|suspect| described(&documents, suspect)).collect(),
        near_duplicates,
        parts,
        slices: by.flat_map(|by| slices(&documents, &is_right, by)).collect(),
        out_of_fold: measured.pooled,
    };
    if let Some(path) = &args.suspects {
        write_suspects(path, &found)?;
        voice.note(format_args!("wrote {} to {}", counted(found.suspects.len(), "suspect"), path.display()));
    }
    if args.json {
        return print_json(&found);
    }
    voice.result(told(&found, &documents, &errors, &others, args.show))?;
    Ok(())
}

/// The labelled documents to check, and the other parts by name.
fn read(args: &CheckArgs, voice: Voice) -> Result<(Dataset, Vec<(String, Dataset)>)> {
    let options = ReadOptions { columns: args.column.clone(), ..ReadOptions::from(&args.read) };
    let mut parts = match options.split {
        Some(_) => {
            let (dataset, findings) = data::read(&args.path, &options)?;
            vec![Part { split: findings.split, dataset, findings }]
        }
        None => data::read_all(&args.path, &options)?,
    };
    let first = parts.iter().position(|part| part.split == Some(Split::Train)).unwrap_or(0);
    let own = parts.remove(first);
    voice.note(&own.findings);
    let name = |part: &Part| part.split.map_or_else(|| "another part".to_owned(), |split| format!("the {split} part"));
    let mut others: Vec<(String, Dataset)> = parts.into_iter().map(|part| (name(&part), part.dataset)).collect();
    for path in &args.against {
        let options = ReadOptions { missing_label: data::MissingLabel::Keep, columns: Vec::new(), ..options.clone() };
        let has_test = options.split.is_none() && data::splits(path)?.contains(&Split::Test);
        let split = if has_test { Some(Split::Test) } else { options.split };
        let (dataset, findings) = data::read(path, &ReadOptions { split, ..options })?;
        voice.note(&findings);
        others.push((path.display().to_string(), dataset));
    }
    let documents = own.dataset;
    let labelled: Vec<usize> = (0..documents.len()).filter(|&i| documents.targets[i] != Target::Unlabelled).collect();
    if labelled.len() == documents.len() {
        return Ok((documents, others));
    }
    voice.warn(format_args!("{} without a label left out", counted(documents.len() - labelled.len(), "document")));
    Ok((documents.subset(&labelled), others))
}

fn pair(documents: &Dataset, a: usize, known: &Dataset, b: usize) -> Near {
    let names = |documents: &Dataset, i: usize| -> Vec<String> {
        documents.targets[i].as_slice().iter().map(|&label| documents.labels[label as usize].clone()).collect()
    };
    Near { document: a + 1, like: b + 1, same_labels: names(documents, a) == names(known, b) }
}

/// For each document whether its out-of-fold prediction is right.
fn is_right(documents: &Dataset, measured: &CrossValidated) -> Vec<bool> {
    let n_labels = documents.labels.len();
    let rows = measured.probabilities.chunks_exact(n_labels).zip(&documents.targets);
    rows.map(|(row, target)| {
        if let Some(threshold) = measured.pooled.threshold {
            return (0..).zip(row).all(|(label, &p)| (p >= threshold) == target.as_slice().contains(&label));
        }
        let best = (1..n_labels).fold(0, |best, label| if row[label] > row[best] { label } else { best });
        target.as_slice() == [best as u32]
    })
    .collect()
}

fn described(documents: &Dataset, suspect: &Suspect) -> serde_json::Value {
    let name = |label: Option<u32>| label.map(|label| documents.labels[label as usize].as_str());
    json!({
        "document": suspect.document + 1,
        "given": name(suspect.given),
        "suggested": name(suspect.suggested),
        "score": suspect.score,
        "text": documents.texts[suspect.document],
    })
}

fn write_suspects(path: &Path, found: &Findings) -> fenlei::Result<()> {
    write_atomically(path, |file| found.suspects.iter().try_for_each(|suspect| writeln!(file, "{suspect}")))
}

fn told(
    found: &Findings,
    documents: &Dataset,
    errors: &LabelErrors,
    others: &[(String, Dataset)],
    show: usize,
) -> String {
    let mut out = String::new();
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let n = found.suspects.len();
    let _ = writeln!(
        out,
        "labels: {} of {} suspected ({:.1} %); about {:.1} % of all labels are estimated to be wrong",
        grouped(n),
        grouped(found.n_docs),
        percent(n, found.n_docs),
        100.0 * found.label_noise
    );
    let name = |label: Option<u32>| label.map_or("none", |label| documents.labels[label as usize].as_str());
    for suspect in errors.suspects.iter().take(show) {
        let _ = writeln!(
            out,
            "  document {}: {} rather than {} ({:.4} for what is given)\n    {}",
            grouped(suspect.document + 1),
            name(suspect.suggested),
            name(suspect.given),
            suspect.score,
            shortened(&documents.texts[suspect.document], TEXT_SHOWN)
        );
    }
    let conflicts = found.near_duplicates.iter().filter(|near| !near.same_labels).count();
    let _ = writeln!(
        out,
        "\nnear-duplicates: {} ({:.1} %), {} of them with another label",
        counted(found.near_duplicates.len(), "document"),
        percent(found.near_duplicates.len(), found.n_docs),
        grouped(conflicts)
    );
    // Those with another label first: one of the two is wrong.
    let (same, other): (Vec<_>, Vec<_>) = found.near_duplicates.iter().partition(|near| near.same_labels);
    for near in other.into_iter().chain(same).take(show) {
        let labels = if near.same_labels { "" } else { ", with another label" };
        let text = shortened(&documents.texts[near.document - 1], TEXT_SHOWN);
        let _ =
            writeln!(out, "  document {} is like {}{labels}\n    {text}", grouped(near.document), grouped(near.like));
    }
    for (part, (_, dataset)) in found.parts.iter().zip(others) {
        let UnknownWords { share, mostly_unknown, frequent, .. } = &part.unknown_words;
        let _ = writeln!(
            out,
            "\n{}: {} ({:.1} %) stand nearly the same in the checked documents",
            part.name,
            counted(part.leaks.len(), "document"),
            percent(part.leaks.len(), part.n_docs)
        );
        for near in part.leaks.iter().take(show) {
            let text = shortened(&dataset.texts[near.document - 1], TEXT_SHOWN);
            let _ = writeln!(out, "  document {} is like {}\n    {text}", grouped(near.document), grouped(near.like));
        }
        let words: Vec<String> = frequent.iter().take(show).map(|(word, n)| format!("{word} ({n})")).collect();
        let _ = writeln!(
            out,
            "  {:.1} % of its words are unknown, in {:.1} % of its documents most of them: {}",
            100.0 * share,
            100.0 * mostly_unknown,
            words.join(", ")
        );
    }
    let _ = writeln!(out, "\nout-of-fold accuracy {:.4}, by slice:", found.out_of_fold.accuracy);
    for slice in &found.slices {
        let (low, high) = slice.interval;
        let worse = if high < found.out_of_fold.accuracy { "  worse" } else { "" };
        let name = format!("{} {}", slice.by, shortened(&slice.name, 28));
        let (n, accuracy) = (grouped(slice.n_docs), slice.accuracy);
        let _ = writeln!(out, "  {name:<38}{n:>9}  {accuracy:.4}  [{low:.4}, {high:.4}]{worse}");
    }
    out.trim_end().to_owned()
}
