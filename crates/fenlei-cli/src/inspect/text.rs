//! `fenlei inspect text`: every step of the pipeline for one text.

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use fenlei::artifact;
use fenlei::text::{Stages, TextPipeline, Token, UNKNOWN_ID, Unknown};
use serde::Serialize;

use crate::arguments::PlanArguments;
use crate::output::counted;

/// Print what each step of a pipeline makes of a text, with byte offsets in the original
#[derive(Debug, Args)]
#[command(after_help = "Without a model, the pipeline is that of the configuration; there is no vocabulary then, so \
    every token counts as known.

Examples:
  fenlei inspect text reviews.fenlei \"A <b>fine</b> film\"
  fenlei inspect text \"今天天气很好\" --set pipeline.segment.mode=jieba
  fenlei inspect text \"A fine film\" --set pipeline.tag_tokens=true --set pipeline.stem=en
  fenlei inspect text \"银行的人很好\" --set pipeline.pinyin.mode=add
  fenlei inspect text --config plan.toml - < document.txt")]
pub(super) struct TextArguments {
    /// The model, if any, and the text (- for standard input)
    #[arg(value_name = "[MODEL] TEXT", required = true, num_args = 1..=2)]
    inputs: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plan: PlanArguments,
}

#[derive(Serialize)]
struct Output<'a> {
    text: &'a str,
    #[serde(flatten)]
    stages: Stages,
}

pub(super) fn run(args: &TextArguments) -> Result<()> {
    let (model, text) = match args.inputs.as_slice() {
        [model, text] => (Some(model), text),
        [text] => (None, text),
        _ => anyhow::bail!("expected a text, or a model and a text"),
    };
    let text = if text == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned()
    } else {
        text.clone()
    };
    let pipeline = match model {
        Some(model) => artifact::load(Path::new(model))?.0.pipeline().clone(),
        None => {
            let mut spec = args.plan.load()?.pipeline;
            // The only text there is gives the vocabulary.
            spec.vocab.min_count = 1;
            spec.fit(&[text.as_str()])?
        }
    };
    let stages = pipeline.stages(&text);
    if args.json {
        return crate::output::print_json(&Output { text: &text, stages });
    }
    let mut out = io::stdout().lock();
    write_stages(&mut out, &text, &stages, &pipeline, model.is_some())?;
    Ok(out.flush()?)
}

fn write_stages(
    out: &mut impl Write,
    text: &str,
    stages: &Stages,
    pipeline: &TextPipeline,
    has_vocabulary: bool,
) -> io::Result<()> {
    writeln!(out, "pipeline: {}\n", pipeline.spec())?;
    writeln!(out, "original  {text:?}")?;
    writeln!(out, "cleaned   {:?}", stages.cleaned)?;
    writeln!(out, "tokens    {}", joined(&stages.tokens))?;
    if stages.tokens.iter().any(|token| token.tag.is_some()) {
        let tagged: Vec<String> = stages.tokens.iter().map(tagged).collect();
        writeln!(out, "tagged    {}", tagged.join(" | "))?;
    }
    let changes = [
        ("filtered", Some(&stages.filtered)),
        ("stemmed", stages.stemmed.as_ref()),
        ("joined", stages.joined.as_ref()),
        ("pinyin", stages.pinyin.as_ref()),
        ("finished", Some(&stages.finished)),
    ];
    let mut before = &stages.tokens;
    for (name, after) in changes {
        if let Some(after) = after.filter(|after| joined(after) != joined(before)) {
            writeln!(out, "{name:<10}{}", joined(after))?;
            before = after;
        }
    }
    let n_unknown = stages.finished.iter().filter(|token| token.id == UNKNOWN_ID).count();
    let kept = counted(stages.ids.len(), "token");
    match has_vocabulary {
        true => writeln!(out, "kept      {kept}; {n_unknown} of {} unknown\n", stages.finished.len())?,
        false => writeln!(out, "kept      {kept}\n")?,
    }
    if stages.ids.is_empty() {
        return writeln!(out, "no tokens are left");
    }
    let header = if has_vocabulary { "      id  " } else { "" };
    writeln!(out, "{header}   bytes  token  from")?;
    for (&id, &(start, end)) in stages.ids.iter().zip(&stages.offsets) {
        let token = match pipeline.vocab().token(id) {
            Some(token) if has_vocabulary || id != UNKNOWN_ID => token,
            _ => "",
        };
        let from = text.get(start as usize..end as usize).unwrap_or_default();
        if has_vocabulary {
            write!(out, "{id:>8}  ")?;
        }
        writeln!(out, "{:>8}  {token}  {from:?}", format!("{start}-{end}"))?;
    }
    if pipeline.spec().vocab.unknown == Unknown::Drop && n_unknown > 0 {
        writeln!(out, "\nunknown tokens are left out (pipeline.vocab.unknown = \"drop\")")?;
    }
    Ok(())
}

/// The token with its part of speech.
fn tagged(token: &Token) -> String {
    token.tag.map_or_else(|| token.text.clone(), |tag| format!("{}/{tag}", token.text))
}

fn joined(tokens: &[Token]) -> String {
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    words.join(" | ")
}
