//! `fenlei explain`: which words made a model answer as it did.

mod global;
mod terminal;
mod texts;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::classifier::Classifier;
use fenlei::explain::{ExplainOptions, Explanation, explain, label_named};
use fenlei::report::{Language, explanations_page};
use fenlei::storage::write_atomically;
use fenlei::{Error, artifact};

use crate::data::ReadArgs;
use crate::output::{Voice, print_json};
use terminal::{Colour, Paint};

/// Texts that are explained at a time.
const TEXTS_AT_A_TIME: usize = 512;

/// N-grams that are listed for each text, if not told otherwise.
const NGRAMS_SHOWN: u32 = 10;

/// N-grams that are listed for each label, if not told otherwise.
const NGRAMS_OF_A_LABEL: u32 = 20;

/// Show which words made a model answer as it did
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei explain reviews.fenlei \"A quiet, clever film, if a little long\"
  fenlei explain reviews.fenlei lines.txt --label bad --json > why.jsonl
  fenlei explain reviews.fenlei lines.txt --html why.html
  fenlei explain linear.fenlei --global                      The n-grams that decide, from the weights
  fenlei explain reviews.fenlei --global --data test.csv     The same of a net, from documents

Output: the label, its probability, the text with its words coloured by what they speak for, and the n-grams that weigh
most. With --json an object a text, with the place of every word in bytes and in characters. docs/explanations.md says
what the weights are.")]
pub(crate) struct ExplainArguments {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// A text, or files that are read line by line (also packed), or - for standard input (the default)
    #[arg(value_name = "TEXT|FILE", conflicts_with = "global")]
    inputs: Vec<String>,
    /// Take every argument as a text, whatever it looks like
    #[arg(long, conflicts_with = "global")]
    text: bool,
    /// Explain the probability of this label rather than of the most probable one
    #[arg(long, value_name = "L")]
    label: Option<String>,
    /// List the N n-grams that weigh most [default: 10, with --global 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    top: Option<u32>,
    /// Print a JSON object a text, or one object with --global
    #[arg(long)]
    json: bool,
    /// Write a page with the coloured texts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "global"])]
    html: Option<PathBuf>,
    /// The language of the page: en, zh
    #[arg(long, value_name = "LANGUAGE", default_value = "en", requires = "html")]
    lang: Language,
    /// When to use colours: auto, always, never; auto heeds NO_COLOR
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// Show the n-grams that decide for each label
    #[arg(long)]
    global: bool,
    /// The documents to find them in, for models that do not tell by themselves; of several parts the test part
    #[arg(long, value_name = "PATH", requires = "global")]
    data: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &ExplainArguments) -> Result<()> {
    if args.global {
        let (classifier, _) = artifact::load(&args.model)?;
        return global::run(args, &classifier);
    }
    let inputs = crate::predict::resolve_inputs(&args.inputs, args.text)?;
    let (classifier, _) = artifact::load(&args.model)?;
    let label = args.label.as_deref().map(|name| label_named(&classifier, name)).transpose()?;
    let n_ngrams = args.top.unwrap_or(NGRAMS_SHOWN) as usize;
    let options = ExplainOptions { label, n_ngrams, ..ExplainOptions::default() };
    if let Some(path) = &args.html {
        return write_page(args, &classifier, &options, inputs, path);
    }
    let paint = Paint::new(args.color);
    texts::for_each_chunk(inputs, args.read.encoding.as_deref(), TEXTS_AT_A_TIME, &mut |texts| {
        let explanations = explain(&classifier, texts, &options)?;
        if args.json {
            return explanations.iter().try_for_each(print_json);
        }
        let mut out = io::stdout().lock();
        for (text, explanation) in texts.iter().zip(&explanations) {
            out.write_all(terminal::shown(text, explanation, paint).as_bytes())?;
        }
        Ok(out.flush()?)
    })
}

fn write_page(
    args: &ExplainArguments,
    classifier: &Classifier,
    options: &ExplainOptions,
    inputs: Vec<crate::predict::Input>,
    path: &Path,
) -> Result<()> {
    let (mut all, mut explanations): (Vec<String>, Vec<Explanation>) = (Vec::new(), Vec::new());
    texts::for_each_chunk(inputs, args.read.encoding.as_deref(), TEXTS_AT_A_TIME, &mut |texts| {
        explanations.extend(explain(classifier, texts, options)?);
        all.extend_from_slice(texts);
        Ok(())
    })?;
    if all.is_empty() {
        let help = "give a text, or a file with lines";
        return Err(Error::config("--html", "there is no text to explain", help).into());
    }
    let shown: Vec<&str> = all.iter().map(String::as_str).collect();
    let page = explanations_page(&shown, &explanations, &args.model.display().to_string(), args.lang)?;
    write_atomically(path, |file| file.write_all(page.as_bytes()))?;
    Voice { quiet: false, json: false }.note(format_args!("wrote {}", path.display()));
    Ok(())
}
