//! `fenlei explain --global`: the n-grams that decide for each label.

use std::fmt::Write;

use anyhow::Result;
use fenlei::classifier::Classifier;
use fenlei::data::{MissingLabel, ReadOptions};
use fenlei::explain::{ClassNgrams, Evidence, deciding_ngrams, label_named};
use serde::Serialize;

use super::{ExplainArguments, NGRAMS_OF_A_LABEL};
use crate::evaluate::read_test_part;
use crate::output::{Voice, counted, print_json, shortened};

/// Labels that are shown without being asked for, at most.
const LABELS_SHOWN: usize = 50;

#[derive(Serialize)]
struct Output<'a> {
    labels: &'a [ClassNgrams],
}

pub(super) fn run(args: &ExplainArguments, classifier: &Classifier) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let label = args.label.as_deref().map(|name| label_named(classifier, name)).transpose()?;
    let texts = match &args.data {
        Some(path) => {
            // What decides is asked of the model; the documents' labels have no say.
            let options = ReadOptions { missing_label: MissingLabel::Keep, ..ReadOptions::from(&args.read) };
            let (documents, findings) = read_test_part(path, &options)?;
            voice.note(&findings);
            Some(documents.texts)
        }
        None => None,
    };
    let n = args.top.unwrap_or(NGRAMS_OF_A_LABEL) as usize;
    let mut classes = deciding_ngrams(classifier, texts.as_deref(), n)?;
    if let Some(label) = label {
        classes = vec![classes.swap_remove(label)];
    }
    if args.json {
        return print_json(&Output { labels: &classes });
    }
    let n_hidden = classes.len().saturating_sub(LABELS_SHOWN);
    classes.truncate(LABELS_SHOWN);
    voice.result(listed(&classes))?;
    if n_hidden > 0 {
        voice.note(format_args!("{} more; --label shows one, --json all", counted(n_hidden, "label")));
    }
    Ok(())
}

fn listed(classes: &[ClassNgrams]) -> String {
    let mut out = String::new();
    for (i, class) in classes.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let evidence = match class.evidence {
            Evidence::Weights => "weight in the model".to_owned(),
            Evidence::Documents => format!("sum over {} given this label", counted(class.n_docs, "document")),
        };
        let _ = write!(out, "{} ({evidence})", shortened(&class.label, 100));
        for ngram in &class.ngrams {
            let _ = write!(out, "\n  {:+10.4}  {}", ngram.weight, shortened(&ngram.text, 100));
            if ngram.n_docs > 0 {
                let _ = write!(out, "  ({})", counted(ngram.n_docs, "document"));
            }
        }
        if class.ngrams.is_empty() {
            out.push_str("\n  no n-gram speaks for it");
        }
        if i + 1 < classes.len() {
            out.push('\n');
        }
    }
    out
}
